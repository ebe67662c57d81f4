"""What push, fetch and pull share: their options, and the work between them and a remote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli import output
from madang.cli.data_command import files, meter
from madang.domain.values import value

if TYPE_CHECKING:
    from madang.workspace.data.files.early_checkout import Prepare
    from madang.workspace.data.records.gathering import Gathered
    from madang.workspace.data.remotes.transfer import Moved
    from madang.workspace.data.repo.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])


@value
class Asked:
    """The options that the three commands have in common."""

    targets: tuple[str, ...]
    remote: str | None
    jobs: int | None
    recursive: bool
    with_deps: bool
    all_branches: bool
    all_tags: bool
    all_commits: bool
    run_cache: bool
    quiet: bool
    as_json: bool


def transfer_options(what: str) -> Callable[[F], F]:
    """The options; ``what`` is done: sent or fetched."""
    options = (
        click.argument("targets", nargs=-1, type=click.Path()),
        click.option("-r", "--remote", help="The remote; otherwise the default one."),
        click.option("-j", "--jobs", type=click.IntRange(1, 256), help=f"Objects {what} at once."),
        click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it."),
        click.option("-d", "--with-deps", is_flag=True, help="Also what the stages before the named ones make."),
        click.option("-a", "--all-branches", is_flag=True, help="The data of every branch's last commit too."),
        click.option("-T", "--all-tags", is_flag=True, help="The data of every tag too."),
        click.option("-A", "--all-commits", is_flag=True, help="The data of every commit too."),
        click.option("--run-cache/--no-run-cache", help="Also which inputs of stages gave which outputs."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing."),
        click.option("--json", "as_json", is_flag=True, help=f"Print what was {what} as JSON."),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def glob_option(function: F) -> F:
    """``--glob``, which dvc has for push and pull."""
    return click.option("--glob", "use_glob", is_flag=True, help="Targets are patterns: 'images/**/*.dvc'.")(function)


def expanded(patterns: Sequence[str]) -> tuple[str, ...]:
    """The names that patterns fit.

    Raises:
        NotFound: a pattern that fits nothing.
    """
    import glob

    from madang.errors import NotFound

    names: list[str] = []
    for pattern in patterns:
        found = sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise NotFound(f"Nothing fits the pattern {pattern!r}.")
        names += found
    return tuple(dict.fromkeys(names))


def gathered(repo: Repository, asked: Asked) -> Gathered:
    """The data that is meant. Says which commits cannot be read."""
    from madang.workspace.data.records.gathering import History, gather

    history = History(asked.all_branches, asked.all_tags, asked.all_commits)
    found = gather(repo, asked.targets, recursive=asked.recursive, history=history, with_deps=asked.with_deps)
    if not asked.quiet:
        for sentence in found.skipped:
            output.note(f"note: {sentence}")
    return found


def moved(repo: Repository, found: Gathered, asked: Asked, *, pushing: bool, on_listed: Prepare | None = None) -> Moved:
    """Send or fetch it; ``on_listed`` is for `transfer.fetch`."""
    from madang.wiring_data import open_remote
    from madang.workspace.data.remotes.run_entries import reports
    from madang.workspace.data.remotes.transfer import fetch, push

    targets = found.targets
    if pushing and asked.run_cache:
        targets = [*targets, *reports(repo.cache, targets)]
    move = push if pushing else partial(fetch, on_listed=on_listed)
    shown = meter(asked.quiet or asked.as_json)
    done = move(repo, targets, open_remote, remote=asked.remote, jobs=asked.jobs, meter=shown)
    if not pushing and any(target.out.is_import for target in found.targets):
        _from_sources(repo, found, asked, done)
    if asked.run_cache:
        done.files += _move_runs(repo, asked, pushing)
    return done


def _from_sources(repo: Repository, found: Gathered, asked: Asked, done: Moved) -> None:
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.from_sources import fetch_imports
    from madang.workspace.data.repo.locks import using

    with using(repo.cache.folder):
        shown = meter(asked.quiet or asked.as_json)
        brought = fetch_imports(repo, found.targets, open_remote, jobs=asked.jobs, meter=shown)
    done.files += brought.files
    done.size += brought.size
    done.missing += brought.missing
    done.damaged += brought.damaged
    for sentence in brought.problems:
        output.note(f"note: {sentence}")


def _move_runs(repo: Repository, asked: Asked, pushing: bool) -> int:
    from madang.errors import Refused
    from madang.wiring_data import open_remote
    from madang.workspace.data.remotes.transfer import move_runs

    try:
        return len(move_runs(repo, open_remote, pushing=pushing, remote=asked.remote, jobs=asked.jobs))
    except Refused as error:
        output.note(f"note: the run cache is left out. {error.message}")
        return 0


def finish(done: Moved, asked: Asked, name: str, word: str) -> None:
    """Tell what push or fetch did. Raises when something could not be moved."""
    from madang.workspace.data.remotes.transfer import raise_if_incomplete

    if asked.as_json:
        output.data({word: done.files, "bytes": done.size, "missing": done.missing, "damaged": done.damaged})
    elif not asked.quiet and (done.files or not (done.missing or done.damaged)):
        click.echo(f"{files(done.files)} {word}" if done.files else "Everything is up to date.")
    raise_if_incomplete(done, name)
