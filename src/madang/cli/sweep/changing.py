"""`madang sweep pause`, `resume`, `stop` and `cancel`."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.sweep.options import PROJECT

_SWEEP = click.argument("sweep", metavar="SWEEP")


@click.command()
@_SWEEP
@PROJECT
def pause(sweep: str, project: str) -> None:
    """Begin no further trial until the sweep is resumed. Trials that run go on, and agents wait.

    \b
    Examples:
      madang sweep pause k3v9x0qa
    """
    _move(sweep, project, "paused")


@click.command()
@_SWEEP
@PROJECT
@click.option("--run-cap", type=click.IntRange(1), help="How many trials there may be from now on.")
@click.option("--failed", is_flag=True, help="Give the trials that have failed another chance.")
def resume(sweep: str, project: str, run_cap: int | None, failed: bool) -> None:
    """Go on with a sweep that was paused, stopped or has ended.

    \b
    Examples:
      madang sweep resume k3v9x0qa
      madang sweep resume k3v9x0qa --run-cap 200
      madang sweep resume k3v9x0qa --failed
    """
    more = {} if run_cap is None else {"run_cap": run_cap}
    _move(sweep, project, "running", **more, **({"again": True} if failed else {}))


@click.command()
@_SWEEP
@PROJECT
def stop(sweep: str, project: str) -> None:
    """Let trials that run end, and begin no more. Agents exit.

    \b
    Examples:
      madang sweep stop k3v9x0qa
    """
    _move(sweep, project, "finished")


@click.command()
@_SWEEP
@PROJECT
def cancel(sweep: str, project: str) -> None:
    """End a sweep for good, with the trials that run.

    \b
    Examples:
      madang sweep cancel k3v9x0qa
    """
    _move(sweep, project, "cancelled")


def _move(sweep: str, project: str, state: str, **more: int) -> None:
    from contextlib import closing

    from madang import wiring
    from madang.workspace.agent_loop import find

    with closing(wiring.sweep_api()) as api:
        found = find(api, sweep, project)
        made = api.change(found.project, found.id, {"state": state, **more})
    output.note(f"Sweep {made.id} is {made.state}.")
