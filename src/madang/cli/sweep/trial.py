"""One trial as a process (`python -m madang.cli.sweep.trial`): the sweep's command, run and recorded as a run.

The variable MADANG_TRIAL says what to do, as JSON. The command finds its parameters in its arguments, in
`run.config` of `madang.init()`, and in `wandb.config`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

from madang.cli import launching, output
from madang.domain.sweeping.sweeps import SWEEP_TAG, TRIAL_TAG
from madang.errors import MadangError
from madang.formats import store as layout
from madang.sdk.trial import variables
from madang.workspace.sweep_commands import expanded, flattened

TRIAL = "MADANG_TRIAL"
_NESTING = ("MADANG_LAUNCHED", "MADANG_RESUME", TRIAL)


def carry_out(told: dict[str, Any], folder: str) -> int:
    """Run the command of a trial in a scratch ``folder``'s company; its exit code.

    Raises:
        MadangError: it cannot be started.
    """
    params = told["params"]
    env = {key: value for key, value in os.environ.items() if key not in _NESTING}
    env |= variables(told["sweep"], told["number"], told["project"], told["run"], params) | _of_wandb(told, folder)
    command = expanded(
        told["command"],
        told["program"],
        params,
        interpreter=sys.executable,
        env=os.environ,
        json_file=lambda text: _kept(folder, "parameters.json", text),
    )
    job = launching.Job(
        command=command,
        folder=os.getcwd(),
        places=layout.find_store(),
        project=told["project"],
        params=dict(flattened(params)),
        tags={SWEEP_TAG: told["sweep"], TRIAL_TAG: str(told["number"])},
        env=env,
        alone=True,
    )
    return launching.launch(job, lambda text: output.note(f"madang: {text}"), launching.announce).ended.code


def _of_wandb(told: dict[str, Any], folder: str) -> dict[str, str]:
    """What W&B's client reads of the trial that it runs in: the file is what its own agent writes."""
    lines = {"wandb_version": 1, **{name: {"value": value} for name, value in told["params"].items()}}
    return {
        "WANDB_SWEEP_PARAM_PATH": _kept(folder, "config.yaml", json.dumps(lines)),
        "WANDB_SWEEP_ID": told["sweep"],
        "WANDB_RUN_ID": told["name"],
    }


def _kept(folder: str, name: str, text: str) -> str:
    path = f"{folder}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def main() -> int:
    """The exit code of the trial's command."""
    with tempfile.TemporaryDirectory(prefix="madang-trial-") as folder:
        try:
            return carry_out(json.loads(os.environ[TRIAL]), folder)
        except MadangError as error:
            output.error(error)
            return 1


if __name__ == "__main__":
    sys.exit(main())
