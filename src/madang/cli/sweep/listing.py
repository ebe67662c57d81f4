"""`madang sweep list` and `madang sweep status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.sweep.options import PROJECT

if TYPE_CHECKING:
    from madang.domain.sweeping.views import SweepView, TrialView


@click.command("list")
@click.option("-p", "--project", default="", help="Only this project.")
@output.json_option
def list_sweeps(project: str, as_json: bool) -> None:
    """List sweeps, newest first.

    \b
    Examples:
      madang sweep list
      madang sweep list --project iris --json
    """
    from contextlib import closing

    from madang import wiring
    from madang.cli import records

    with closing(wiring.sweep_api()) as api:
        found = api.list(project)
    if as_json:
        output.data({"sweeps": records.plain_json(found)})
        return
    if not found:
        output.note("No sweeps yet. Begin one: madang sweep run sweep.yaml")
        return
    rows = [
        [view.id, view.project, view.name, view.method, view.state, _progress(view), _best(view),
         records.ago(view.created_at)]
        for view in found
    ]  # fmt: skip
    output.table(["ID", "PROJECT", "NAME", "METHOD", "STATE", "TRIALS", "BEST", "BEGAN"], rows, right=frozenset({5, 6}))


def _progress(view: SweepView) -> str:
    done = sum(count for state, count in view.counts.items() if state not in ("running", "waiting"))
    return f"{done} of {view.expected}" if view.expected is not None else str(done)


def _best(view: SweepView) -> str:
    return f"{view.best.value:.6g}" if view.best is not None else ""


@click.command()
@click.argument("sweep", metavar="SWEEP")
@PROJECT
@click.option("--top", type=click.IntRange(0), default=10, help="How many trials to show, best first.")
@output.json_option
def status(sweep: str, project: str, top: int, as_json: bool) -> None:
    """Show a sweep: its state, its best trials, and which parameters matter.

    \b
    Examples:
      madang sweep status k3v9x0qa
      madang sweep status k3v9x0qa --json
    """
    from contextlib import closing

    from madang import wiring
    from madang.cli import records
    from madang.workspace.agent_loop import find

    with closing(wiring.sweep_api()) as api:
        found = find(api, sweep, project)
    if as_json:
        output.data(records.plain_json(found))
        return
    print_sweep(found, top)


def print_sweep(view: SweepView, top: int) -> None:
    """A sweep as people read it."""
    counts = ", ".join(f"{count} {state}" for state, count in view.counts.items() if count)
    alive = sum(agent.state == "alive" for agent in view.agents)
    click.echo(f"{view.id}  {view.name or view.method}  {view.state}  {_progress(view)} trials ({counts or 'none'})")
    click.echo(f"agents: {alive}" + (f"  metric: {view.metric.goal} {view.metric.name}" if view.metric else ""))
    names = [item.name for item in view.parameters if item.kind != "constant"]
    rows = [_row(trial, names) for trial in _ranked(view)[:top]]
    if rows:
        output.table(["TRIAL", "STATE", "VALUE", "RUN", *names], rows, right=frozenset({0, 2}))
    shares = [f"{item.name} {item.importance:.0%}" for item in view.importance if item.importance >= 0.005]
    if shares:
        click.echo(f"importance: {', '.join(shares)}")


def _ranked(view: SweepView) -> list[TrialView]:
    """The trials, best first; those without a value in the order of their numbers after them."""
    sign = -1 if view.metric is not None and view.metric.goal == "maximize" else 1
    last = float("inf")
    return sorted(view.trials, key=lambda item: (last if item.value is None else sign * item.value, item.number))


def _row(trial: TrialView, names: list[str]) -> list[str]:
    value = "" if trial.value is None else f"{trial.value:.6g}"
    params = [_short(trial.params.get(name)) for name in names]
    return [str(trial.number), trial.state, value, trial.run[:8], *params]


def _short(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
