"""`madang exp run`: an experiment in the work tree, in a place of its own, or in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli.data_command import DataCommand, meter, repository

if TYPE_CHECKING:
    from madang.formats.dvc.overrides import Override
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.running import Outcome


@click.command(cls=DataCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-n", "--name", default="", help="The experiment's name; otherwise one is made up.")
@click.option("-S", "--set-param", multiple=True, metavar="[FILE:]KEY=VALUE", help="Run with this parameter.")
@click.option("-m", "--message", default="", help="Of the experiment's commit.")
@click.option("-f", "--force", is_flag=True, help="Run unchanged stages too; replace an experiment of this name.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def run(
    targets: tuple[str, ...], name: str, set_param: tuple[str, ...], message: str, force: bool, quiet: bool
) -> None:
    """Run the stages that a change of parameters, code or data asks for, and keep all of it under a name.

    \b
    Examples:
      madang exp run -S lr=0.1
    """
    from madang.formats.dvc.overrides import parse

    overrides = [parse(text) for text in set_param]
    with repository() as repo:
        _run_here(repo, targets, name, overrides, message, force, quiet)


def _run_here(
    repo: Repository,
    targets: tuple[str, ...],
    name: str,
    overrides: list[Override],
    message: str,
    force: bool,
    quiet: bool,
) -> None:
    from madang.cli.repro import group_name, local_executor, tell
    from madang.wiring_data import open_remote
    from madang.workspace.experiments import naming, refs, running
    from madang.workspace.pipelines.repro import Options

    baseline = refs.head(repo)
    taken = {one.name for one in refs.experiments(repo)}
    chosen = name or naming.new_name(taken)
    refs.check_name(repo, baseline, chosen, force=force)
    request = running.Request(chosen, baseline, targets, Options(force=force, group=group_name()), message, force)
    with local_executor(1, quiet=quiet) as executor:
        means = running.Means(executor, click.echo, open_remote, tell=tell, meter=meter(quiet))
        outcome = running.run_here(repo, request, overrides, means)
    _finish(outcome)


def _finish(outcome: Outcome) -> None:
    for failure in outcome.failures:
        raise failure
    if outcome.experiment:
        click.echo(f"\nRan experiment(s): {outcome.experiment.name}")
