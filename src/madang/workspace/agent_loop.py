"""The loop of an agent: it asks for a trial, has it carried out, says how it ended, and asks for the next."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Protocol

from madang.domain.sweeping.sweeps import RUNNING, Agent, Order
from madang.domain.sweeping.views import SweepView
from madang.domain.values import mutable
from madang.errors import NotFound, Unavailable
from madang.ports.sweeps import SweepApi

BEAT = 5.0  # seconds between two words to whoever keeps the sweep
_SHORT = 0.5  # seconds until who has nothing to do asks again; then twice as many, up to BEAT
_MOST_FAILURES = 5  # trials in a row, after which something is wrong with all of them


class Carried(Protocol):
    """A trial that is being carried out."""

    def wait(self, seconds: float) -> str:
        """How the trial has ended: finished, failed or killed; empty if it has not after so many seconds."""
        ...

    def stop(self) -> None:
        """Ask it to end; asked again, end it."""
        ...


@mutable
class _Post:
    """A sweep that the agent serves."""

    view: SweepView
    agent: Agent | None = None
    ended: dict[str, str] = field(default_factory=dict)  # by run, not told yet

    @property
    def pause(self) -> float:
        """Seconds between two words: well below those after which the agent is taken for dead."""
        patience = self.view.config.get("agent_timeout")
        return min(BEAT, patience / 4) if isinstance(patience, int) else BEAT


class AgentLoop:
    """One agent. It carries out one trial at a time, of the sweep with the highest priority that has one."""

    def __init__(
        self,
        api: SweepApi,
        sweeps: Sequence[SweepView],
        carry_out: Callable[[SweepView, Order], Carried],
        say: Callable[[str], None],
        count: int | None = None,
    ) -> None:
        self._api = api
        self._posts = [_Post(view) for view in sorted(sweeps, key=lambda view: (-view.priority, view.created_at))]
        self._carry_out = carry_out
        self._say = say
        self._left = count  # None: no end
        self._in_a_row = 0
        self._over = threading.Event()
        self.statuses: dict[str, str] = {}  # of the runs that this agent has carried out

    def run(self) -> bool:
        """Work until there is no more to do; False when too many trials failed in a row."""
        current: Carried | None = None
        pause = _SHORT
        try:
            while self._posts and self._left != 0 and not self._over.is_set():
                if self._in_a_row >= _MOST_FAILURES:
                    self._say(f"The last {_MOST_FAILURES} trials have failed; this agent gives up.")
                    return False
                found = self._next()
                if found is None:
                    self._over.wait(pause)
                    pause = min(2 * pause, BEAT)
                    continue
                pause = _SHORT
                post, order = found
                current = self._carry_out(post.view, order)
                self._attend(post, order, current)
                current = None
            return True
        finally:
            if current is not None:
                self._break_off(current)
            self._leave()

    def end(self) -> None:
        """Have the loop end soon, from another thread."""
        self._over.set()

    def _next(self) -> tuple[_Post, Order] | None:
        """The next trial and its sweep. A sweep that has no more is served no longer."""
        for post in list(self._posts):
            for order in self._beat(post, (), wants=True):
                if order.do == "exit":
                    self._posts.remove(post)
                elif order.do == "run" and order.trial is not None:
                    return post, order
        return None

    def _attend(self, post: _Post, order: Order, carried: Carried) -> None:
        """Stay with a trial until it has ended."""
        assert order.trial is not None
        run = order.trial.run
        orders = self._beat(post, [run], wants=False)
        while not (status := carried.wait(post.pause)):
            for said in orders:
                if said.do in ("stop", "exit") and (said.trial is None or said.trial.run == run):
                    self._say(f"Trial {order.trial.number} is stopped.")
                    carried.stop()
            orders = self._beat(post, [run], wants=False)
        post.ended[run] = self.statuses[run] = status
        self._in_a_row = self._in_a_row + 1 if status == "failed" else 0
        self._left = None if self._left is None else self._left - 1

    def _beat(self, post: _Post, running: Sequence[str], *, wants: bool) -> list[Order]:
        """Tell and ask. While nobody answers nothing is asked for, and what runs goes on."""
        try:
            if post.agent is None:
                post.agent = self._api.join(post.view.project, post.view.id, os.uname().nodename)
            told = dict(post.ended)
            found = self._api.beat(post.view.project, post.agent, running, told, wants=wants)
        except Unavailable as error:
            self._say(str(error))
            return []
        except NotFound:  # the sweep's keeper does not know this agent any more
            return [Order("exit")]
        for run in told:
            del post.ended[run]
        return found

    def _break_off(self, carried: Carried) -> None:
        carried.stop()
        if not carried.wait(BEAT):
            carried.stop()
            carried.wait(BEAT)

    def _leave(self) -> None:
        for post in self._posts:
            if post.agent is not None:
                try:
                    self._api.beat(post.view.project, post.agent, (), post.ended, wants=False, leaves=True)
                except (Unavailable, NotFound):
                    continue  # its silence will tell


def serving(api: SweepApi, names: Sequence[str], project: str = "") -> list[SweepView]:
    """The sweeps that an agent is to serve: those named (``ID`` or ``PROJECT/ID``), else all that run.

    Raises:
        NotFound: a sweep is not there, or none runs.
    """
    if names:
        return [find(api, name, project) for name in names]
    found = [api.find(view.id, view.project) for view in api.list(project) if view.state == RUNNING]
    if not found:
        raise NotFound(f"No sweep runs in {api.place}.", hint="Begin one: madang sweep create sweep.yaml")
    return found


def find(api: SweepApi, name: str, project: str = "") -> SweepView:
    """A sweep by ``ID`` or ``PROJECT/ID``. Raises `NotFound`."""
    given, _, sweep = name.rpartition("/")
    return api.find(sweep, given or project)
