"""`madang exp push` and `madang exp pull`: experiments through a git remote, their data through a remote of data."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, files, repository
from madang.cli.exp.selecting import chosen_experiments, selection_options
from madang.errors import MadangError

if TYPE_CHECKING:
    from madang.workspace.data.remotes.transfer import Moved
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.refs import Experiment
    from madang.workspace.experiments.sharing import Shared

_YES = ("1", "y", "yes", "true", "on")
F = TypeVar("F", bound=Callable[..., Any])


def _options(what: str) -> Callable[[F], F]:
    options = (
        click.argument("git_remote"),
        click.argument("experiments", nargs=-1),
        selection_options(what),
        click.option("-f", "--force", is_flag=True, help="Replace other experiments of these names."),
        click.option("--no-cache", is_flag=True, help="Without data."),
        click.option("-r", "--remote", help="The remote of data; otherwise the default one."),
        click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Objects on their way at once."),
        click.option("--run-cache/--no-run-cache", help="Also which inputs of stages gave which outputs."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing."),
        click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON."),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the user asked for."""

    git_remote: str
    experiments: tuple[str, ...]
    rev: tuple[str, ...]
    num: int
    all_commits: bool
    force: bool
    no_cache: bool
    remote: str | None
    jobs: int | None
    run_cache: bool
    quiet: bool
    as_json: bool


@click.command(cls=DataCommand)
@_options("Send")
def push(**given: Any) -> None:
    """Send experiments, by name or those of the present commit, to a git remote, and their data to a remote of data.

    \b
    Examples:
      madang exp push origin amber-otter
      madang exp push origin -A --run-cache
      madang exp push origin --no-cache
    """
    from madang.workspace.experiments import sharing

    asked = _Asked(**given)
    with repository() as repo:
        found = chosen_experiments(repo, asked.experiments, asked.rev, asked.num, asked.all_commits)
        shared = sharing.push(repo, asked.git_remote, found, force=asked.force)
        _finish(repo, shared, asked, pushing=True)


@click.command(cls=DataCommand)
@_options("Bring")
def pull(**given: Any) -> None:
    """Bring experiments of a git remote, by name or those of the present commit, and their data into the cache.

    \b
    Examples:
      madang exp pull origin amber-otter
      madang exp pull origin -A
    """
    from madang.workspace.experiments import sharing

    asked = _Asked(**given)
    with repository() as repo:
        found = chosen_experiments(repo, asked.experiments, asked.rev, asked.num, asked.all_commits, asked.git_remote)
        shared = sharing.pull(repo, asked.git_remote, found, force=asked.force)
        _finish(repo, shared, asked, pushing=False)


def _finish(repo: Repository, shared: Shared, asked: _Asked, *, pushing: bool) -> None:
    """Move the data of the experiments that both sides have now, and tell all of it."""
    from madang.workspace.data.remotes.transfer import Moved, raise_if_incomplete

    is_silent = asked.quiet or asked.as_json
    if not is_silent:
        _tell(shared, asked.git_remote, pushing=pushing)
    done = Moved()
    if shared.whole and not asked.no_cache:
        done = _moved(repo, shared.whole, asked.remote, asked.jobs, asked.run_cache, is_silent, pushing=pushing)
    word = "pushed" if pushing else "fetched"
    if asked.as_json:
        parts = {word: shared.moved, "up_to_date": shared.there, "diverged": shared.diverged}
        names = {key: [one.name for one in found] for key, found in parts.items()}
        output.data({**names, "files": done.files})
    elif done.files and not is_silent:
        click.echo(f"{files(done.files)} {word}.")
    raise_if_incomplete(done, f"exp {'push' if pushing else 'pull'}")


def _tell(shared: Shared, remote: str, *, pushing: bool) -> None:
    if shared.diverged:
        output.note(f"{_named(shared.diverged)}: the other side has another one of this name. --force replaces it.")
    if shared.there:
        click.echo(f"Up to date with Git remote '{remote}': {_named(shared.there)}.")
    if shared.moved:
        did, way = ("Pushed", "to") if pushing else ("Pulled", "from")
        click.echo(f"{did} experiment {_named(shared.moved)} {way} Git remote '{remote}'.")
    if not shared.whole:
        click.echo(f"No experiments to {'push' if pushing else 'pull'}.")


def _named(found: Sequence[Experiment]) -> str:
    return ", ".join(one.name for one in found)


def _moved(
    repo: Repository,
    found: Sequence[Experiment],
    remote: str | None,
    jobs: int | None,
    run_cache: bool,
    quiet: bool,
    *,
    pushing: bool,
) -> Moved:
    from madang.cli.transferring import Asked, moved
    from madang.workspace.data.records.gathering import Gathered
    from madang.workspace.experiments import sharing

    asked = Asked(
        targets=(),
        remote=remote,
        jobs=jobs,
        recursive=False,
        with_deps=False,
        all_branches=False,
        all_tags=False,
        all_commits=False,
        run_cache=run_cache,
        quiet=quiet,
        as_json=False,
    )
    return moved(repo, Gathered(targets=sharing.data_of(repo, found)), asked, pushing=pushing)


def push_unasked(repo: Repository, one: Experiment, *, quiet: bool) -> None:
    """Send an experiment that was just made where ``exp.auto_push`` wants it. What fails is told and is no error."""
    from madang.workspace.data.remotes.transfer import raise_if_incomplete
    from madang.workspace.experiments import sharing

    given = os.environ.get("DVC_EXP_AUTO_PUSH", "").lower()
    if given not in _YES if given else not repo.settings.is_true("exp", "auto_push"):
        return
    remote = os.environ.get("DVC_EXP_GIT_REMOTE") or repo.settings.get("exp", "git_remote") or "origin"
    try:
        shared = sharing.push(repo, remote, [one], force=False)
        if not quiet:
            _tell(shared, remote, pushing=True)
        raise_if_incomplete(_moved(repo, [one], None, None, True, quiet, pushing=True), "exp push")
    except MadangError as error:
        output.note(f"warning: {one.name} was not pushed to {remote!r}: {error}")
