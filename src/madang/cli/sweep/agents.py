"""Agents at work: each trial is a process of its own, around which `madang run` records what happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from madang.cli import output
from madang.cli.sweep.trial import TRIAL
from madang.domain.sweeping.sweeps import Order
from madang.domain.sweeping.views import SweepView
from madang.errors import InvalidInput
from madang.ports.sweeps import SweepApi
from madang.workspace.agent_loop import AgentLoop


class TrialProcess:
    """A trial that runs (`agent_loop.Carried`)."""

    def __init__(self, sweep: SweepView, order: Order) -> None:
        trial = order.trial
        assert trial is not None
        told = {
            "sweep": sweep.id, "project": sweep.project, "command": sweep.command, "program": sweep.program,
            "number": trial.number, "run": trial.run, "name": trial.name, "params": order.params,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "madang.cli.sweep.trial"],
            env={**os.environ, TRIAL: json.dumps(told)},
            process_group=0,  # Ctrl-C is for the agent, which ends it in order
        )
        self._was_asked = False

    def wait(self, seconds: float) -> str:
        """See `Carried.wait`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return ""
        return "finished" if code == 0 else "killed" if code < 0 or code > 128 else "failed"

    def stop(self) -> None:
        """See `Carried.stop`."""
        try:
            if self._was_asked:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.terminate()
        except ProcessLookupError:
            return
        self._was_asked = True


def serve(api: SweepApi, sweeps: Sequence[SweepView], count: int | None) -> bool:
    """Be an agent until there is no more to do; False when it gave up.

    Raises:
        InvalidInput: a sweep names no program: it is for functions.
    """
    for sweep in sweeps:
        if not sweep.program and "${program}" in sweep.command:
            raise InvalidInput(
                f"The sweep {sweep.id} names no program.",
                hint="Add `program: train.py`, or carry it out by madang.agent(sweep, function).",
            )
    loop = AgentLoop(api, sweeps, _carry_out, output.note, count)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return loop.run()
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _carry_out(sweep: SweepView, order: Order) -> TrialProcess:
    assert order.trial is not None
    shown = ", ".join(f"{name}={value}" for name, value in order.trial.params.items())
    output.note(f"Trial {order.trial.number}: {shown}")
    return TrialProcess(sweep, order)


def serve_by_processes(sweep: SweepView, agents: int, count: int | None) -> bool:
    """Have several agents at once, each a process; False when one of them gave up."""
    words = [sys.executable, "-m", "madang", "agent", f"{sweep.project}/{sweep.id}"]
    if count is not None:
        words += ["--count", str(count)]
    children = [subprocess.Popen(words) for _ in range(agents)]
    try:
        codes = [child.wait() for child in children]
    except BaseException:
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            child.wait()
        raise
    return not any(codes)
