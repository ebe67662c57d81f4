"""`madang exp run`: an experiment in the work tree, in a work tree of its own, or in the queue."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from madang.cli.data_command import DataCommand, meter, repository
from madang.cli.repro import stage_options
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from madang.formats.dvc.overrides import Override
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.queue import Queue
    from madang.workspace.experiments.running import Outcome, RunContext
    from madang.workspace.experiments.starting import Ground
    from madang.workspace.pipelines.selecting import Options


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
    rev: str
    with_hydra: bool


@click.command(cls=DataCommand)
@stage_options
@click.option("-n", "--name", default="", help="The experiment's name; otherwise one is made up.")
@click.option("-S", "--set-param", multiple=True, metavar="[FILE:]KEY=VALUE", help="Run with this parameter.")
@click.option("--queue", "is_queued", is_flag=True, help="Do not run it now: put it into the queue.")
@click.option("--run-all", is_flag=True, help="Run all experiments of the queue.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, help="Experiments of the queue side by side.")
@click.option("--temp", is_flag=True, help="Run in a work tree of its own; the present one stays as it is.")
@click.option("-C", "--copy-paths", multiple=True, metavar="PATH", help="Untracked file or folder for that work tree.")
@click.option("--rev", default="", metavar="COMMIT", help="Vary this commit, not the work tree: --temp or --queue.")
@click.option("-m", "--message", default="", help="Of the experiment's commit.")
@click.option("--no-hydra", is_flag=True, help="Do not compose params.yaml with Hydra.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def run(
    targets: tuple[str, ...], interactive: bool, name: str, set_param: tuple[str, ...], is_queued: bool, run_all: bool,
    jobs: int, temp: bool, copy_paths: tuple[str, ...], message: str, no_hydra: bool, quiet: bool, rev: str,
    **given: bool,
) -> None:  # fmt: skip
    """Run the stages that changed parameters, code or data ask for, and keep all of it under a name.

    Parameters take Hydra's overrides: lr=0.1, +new=1, ~old; with --queue also several values: lr=0.1,0.2 or
    'lr=range(1,5)', one experiment for each combination.

    \b
    Examples:
      madang exp run -S lr=0.1 -n low
      madang exp run --temp --rev v1.2 -S conf/model.yaml:depth=4
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
        options, copies = options_of(given, ""), _from_root(repo, copy_paths)
        asked = _Asked(targets, name, overrides, message, options, copies, interactive, quiet, rev, not no_hydra)
        if is_queued:
            if options.dry:
                raise click.UsageError("--queue and --dry exclude each other.")
            _queue(repo, asked)
        else:
            _run(repo, asked, isolated=temp or asked.options.dry)


def _from_root(repo: Repository, paths: Sequence[str]) -> tuple[str, ...]:
    """Paths that were named from the present folder, relative to the repository's root."""
    found = tuple(os.path.relpath(os.path.abspath(path), repo.root) for path in paths)
    for path in found:
        if path.startswith(".."):
            raise InvalidInput(f"{path} is outside of the repository.", hint="Only what is in it can come along.")
    return found


def _queue(repo: Repository, asked: _Asked) -> None:
    from madang.formats.dvc.overrides import is_sweep, sweeps
    from madang.workspace.experiments import starting
    from madang.workspace.experiments.queue import Queue

    queue, combinations = Queue(repo), sweeps(asked.overrides)
    wanted = [asked.name] * len(combinations)
    if asked.name and any(is_sweep(one) for one in asked.overrides):
        wanted = [f"{asked.name}-{number}" for number in range(1, len(combinations) + 1)]
    names = _names(repo, asked, wanted, _queued(queue))
    ground = _ground(repo, asked)
    for overrides, name in zip(combinations, names, strict=True):
        queue.put(
            name,
            starting.start(repo, ground, overrides),
            targets=asked.targets,
            options=asked.options,
            message=asked.message,
            force=asked.options.force,
            copies=asked.copies,
        )
        if not asked.quiet:
            chosen = f" with {', '.join(map(str, overrides))}" if overrides else ""
            click.echo(f"Queued experiment '{name}'{chosen} for future execution.")


def _ground(repo: Repository, asked: _Asked) -> Ground:
    from madang.workspace.experiments import starting

    if asked.rev:
        ground = starting.commit(repo, asked.rev)
    else:
        ground = starting.work_tree(repo, asked.targets, asked.options, meter(asked.quiet))
    return ground if asked.with_hydra else replace(ground, compose=None)


def _queued(queue: Queue) -> list[str]:
    from madang.workspace.experiments.queue import QUEUED, RUNNING

    return [one.task.name for one in queue.tasks() if one.state in (QUEUED, RUNNING)]


def _names(repo: Repository, asked: _Asked, wanted: Sequence[str], queued: Sequence[str]) -> list[str]:
    """The names that are wanted, checked, and new ones where none is."""
    from madang.errors import Conflict
    from madang.workspace.data.records.trees import commit_of
    from madang.workspace.experiments import naming, refs

    force = asked.options.force
    taken = {one.name for one in refs.experiments(repo)} | set(queued)
    baseline = commit_of(repo, asked.rev or "HEAD")
    found = []
    for name in wanted:
        if name in queued and not force:
            raise Conflict(f"There is an experiment {name!r} in the queue.", hint="madang queue status")
        made = name or naming.new_name(taken)
        refs.check_name(repo, baseline, made, force=force)
        taken.add(made)
        found.append(made)
    return found


def _run(repo: Repository, asked: _Asked, *, isolated: bool) -> None:
    from madang.cli.exp.context import run_context
    from madang.formats.dvc.overrides import is_sweep
    from madang.workspace.experiments import composing, refs
    from madang.workspace.experiments.running import Request, run_here

    several = [one.key for one in asked.overrides if is_sweep(one)]
    if several:
        raise InvalidInput(f"{several[0]} has several values to try.", hint="--queue them, then --run-all.")
    if asked.rev and not isolated:
        raise InvalidInput("Another commit cannot be varied in the work tree.", hint="--rev goes with --temp, --queue.")
    (name,) = _names(repo, asked, [asked.name], [])
    if not asked.quiet:
        click.echo(f"Reproducing experiment '{name}'")
    with run_context(quiet=asked.quiet, isolated=isolated, ask=click.confirm if asked.interactive else None) as given:
        if isolated:
            outcome = _run_isolated(repo, asked, name, given)
        else:
            request = Request(name, refs.head(repo), asked.targets, asked.options, asked.message, asked.options.force)
            compose = composing.of_work_tree(repo) if asked.with_hydra else None
            outcome = run_here(repo, request, asked.overrides, given, compose)
    _tell(repo, outcome, asked.quiet, isolated=isolated)


def _run_isolated(repo: Repository, asked: _Asked, name: str, given: RunContext) -> Outcome:
    from madang.wiring import git as open_git
    from madang.workspace.experiments import isolated, refs, starting
    from madang.workspace.experiments.running import Request

    start = starting.start(repo, _ground(repo, asked), asked.overrides)
    request = Request(name, start.baseline, asked.targets, asked.options, asked.message, asked.options.force)
    return isolated.run_isolated(repo, open_git(refs.root_of(repo)), request, start, given, asked.copies)


def _tell(repo: Repository, outcome: Outcome, quiet: bool, *, isolated: bool) -> None:
    from madang.cli import output
    from madang.cli.exp.share import push_unasked

    failures = outcome.failures
    for failure in failures[:-1]:
        output.error(failure)
    if failures and outcome.experiment is None:
        raise failures[-1]
    if failures:
        output.error(failures[-1])
    if outcome.experiment is None:
        return
    name = outcome.experiment.name
    if not quiet:
        click.echo(f"\nRan experiment(s): {name}")
        if isolated:
            click.echo(f"To apply its results to your workspace run:\n\n\tmadang exp apply {shlex.quote(name)}")
        else:
            click.echo("Experiment results have been applied to your workspace.")
    push_unasked(repo, outcome.experiment, quiet=quiet)
