"""`madang exp run`: an experiment in the work tree, in a work tree of its own, or in the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from madang.cli.data_command import DataCommand, meter, repository
from madang.cli.repro import stage_options
from madang.errors import Incompatible, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from madang.formats.dvc.overrides import Override
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.queue import Queue
    from madang.workspace.experiments.running import Outcome, Request
    from madang.workspace.pipelines.repro import Options


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the user asked for."""

    targets: tuple[str, ...]
    name: str
    overrides: list[Override]
    message: str
    options: Options
    copies: tuple[str, ...]
    interactive: bool
    quiet: bool


@click.command(cls=DataCommand)
@stage_options
@click.option("-n", "--name", default="", help="The experiment's name; otherwise one is made up.")
@click.option("-S", "--set-param", multiple=True, metavar="[FILE:]KEY=VALUE", help="Run with this parameter.")
@click.option("--queue", "is_queued", is_flag=True, help="Do not run it now: put it into the queue.")
@click.option("--run-all", is_flag=True, help="Run all experiments of the queue.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, help="Experiments of the queue side by side.")
@click.option("--temp", is_flag=True, help="Run in a work tree of its own; the present one stays as it is.")
@click.option("-C", "--copy-paths", multiple=True, metavar="PATH", help="Untracked file or folder for that work tree.")
@click.option("-m", "--message", default="", help="Of the experiment's commit.")
@click.option("--no-hydra", is_flag=True, help="Do not compose params.yaml with Hydra.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def run(
    targets: tuple[str, ...], interactive: bool, name: str, set_param: tuple[str, ...], is_queued: bool, run_all: bool,
    jobs: int, temp: bool, copy_paths: tuple[str, ...], message: str, no_hydra: bool, quiet: bool, **given: bool,
) -> None:  # fmt: skip
    """Run the stages that changed parameters, code or data ask for, and keep all of it under a name.

    Parameters take Hydra's overrides: lr=0.1, +new=1, ~old; with --queue also several values: lr=0.1,0.2 or
    'lr=range(1,5)', one experiment for each combination.

    \b
    Examples:
      madang exp run -S lr=0.1 -n low
      madang exp run --temp -S conf/model.yaml:depth=4
      madang exp run --queue -S lr=0.1,0.2 -S 'depth=range(2,5)'
      madang exp run --run-all -j 2
    """
    from madang.cli.repro import options_of
    from madang.formats.dvc.overrides import parse

    overrides = [parse(text) for text in set_param]
    with repository() as repo:
        if run_all:
            from madang.cli.exp.work import run_queue

            run_queue(repo, jobs, quiet=quiet)
            return
        if repo.settings.is_true("hydra", "enabled") and not no_hydra:
            raise Incompatible("madang does not compose configurations with Hydra.", hint="--no-hydra leaves it out.")
        asked = _Asked(
            targets, name, overrides, message, options_of(given, ""), copy_paths, interactive, quiet
        )  # fmt: skip
        if is_queued:
            _queue(repo, asked)
        else:
            _run(repo, asked, away=temp or asked.options.dry)


def _queue(repo: Repository, asked: _Asked) -> None:
    from madang.formats.dvc.overrides import is_sweep, sweeps
    from madang.workspace.experiments import places
    from madang.workspace.experiments.queue import Queue

    queue, combinations = Queue(repo), sweeps(asked.overrides)
    are_many = any(is_sweep(one) for one in asked.overrides)
    wanted = [f"{asked.name}-{number}" for number in range(1, len(combinations) + 1)] if are_many else [asked.name]
    names = _names(repo, wanted if asked.name else [""] * len(combinations), _queued(queue), asked.options.force)
    for overrides, name in zip(combinations, names, strict=True):
        start = places.prepare(repo, asked.targets, asked.options, overrides, meter(asked.quiet))
        queue.put(
            name, start, targets=asked.targets, options=asked.options, message=asked.message,
            force=asked.options.force, copies=asked.copies,
        )  # fmt: skip
        if not asked.quiet:
            chosen = f" with {', '.join(map(str, overrides))}" if overrides else ""
            click.echo(f"Queued experiment '{name}'{chosen} for future execution.")


def _queued(queue: Queue) -> list[str]:
    from madang.workspace.experiments.queue import QUEUED, RUNNING

    return [one.task.name for one in queue.tasks() if one.state in (QUEUED, RUNNING)]


def _names(repo: Repository, wanted: Sequence[str], queued: Sequence[str], force: bool) -> list[str]:
    """The names that are given, checked, or new ones."""
    from madang.errors import Conflict
    from madang.workspace.experiments import naming, refs

    baseline = refs.head(repo)
    taken = {one.name for one in refs.experiments(repo)} | set(queued)
    found = []
    for name in wanted:
        if name in queued and not force:
            raise Conflict(f"There is an experiment {name!r} in the queue.", hint="madang queue status")
        made = name or naming.new_name(taken)
        refs.check_name(repo, baseline, made, force=force)
        taken.add(made)
        found.append(made)
    return found


def _run(repo: Repository, asked: _Asked, *, away: bool) -> None:
    from madang.cli.exp.means import means
    from madang.formats.dvc.overrides import is_sweep
    from madang.wiring import git as open_git
    from madang.workspace.experiments import away as elsewhere
    from madang.workspace.experiments import places, refs, running

    several = next((one for one in asked.overrides if is_sweep(one)), None)
    if several is not None:
        raise InvalidInput(
            f"{several.key} has several values to try.", hint="--queue puts all of them into the queue, --run-all runs."
        )
    (name,) = _names(repo, [asked.name], [], asked.options.force)
    request = running.Request(
        name, refs.head(repo), asked.targets, asked.options, asked.message, asked.options.force
    )  # fmt: skip
    with means(quiet=asked.quiet, ask=click.confirm if asked.interactive else None) as given:
        if away:
            start = places.prepare(repo, asked.targets, asked.options, asked.overrides, given.meter)
            git = open_git(refs.root_of(repo))
            outcome = elsewhere.run_away(repo, git, request, start, given, asked.copies)
        else:
            outcome = running.run_here(repo, request, asked.overrides, given)
    _tell(outcome, request, asked.quiet, away=away)


def _tell(outcome: Outcome, request: Request, quiet: bool, *, away: bool) -> None:
    from madang.cli import output

    failures = outcome.failures
    for failure in failures[:-1]:
        output.error(failure)
    if failures and outcome.experiment is None:
        raise failures[-1]
    if failures:
        output.error(failures[-1])
    if outcome.experiment is None or quiet:
        return
    click.echo(f"\nRan experiment(s): {outcome.experiment.name}")
    if away:
        click.echo(f"To apply its results to your workspace run:\n\n\tmadang exp apply {outcome.experiment.name}")
    else:
        click.echo("Experiment results have been applied to your workspace.")
