"""`madang add`: track files and folders."""

from __future__ import annotations

import glob as globbing
import os
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, meter, relative, remote_listings, repository, tell_git
from madang.cli.notes import extra, note_options
from madang.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from madang.formats.dvc.dvcfile import Content
    from madang.workspace.data.repo.repository import Repository


@click.command(cls=PlainCommand)
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--glob", "is_glob", is_flag=True, help="The paths are patterns (*, ?, [], **).")
@click.option("-o", "--out", type=click.Path(), help="Copy the data (a path or an address) to here, and track that.")
@click.option("--to-remote", is_flag=True, help="Send the data straight to a remote; the work tree stays without it.")
@click.option("-r", "--remote", help="The remote for --to-remote; otherwise the default one.")
@click.option("--remote-jobs", type=click.IntRange(1, 256), hidden=True)
@click.option("--no-commit", is_flag=True, help="Record the hash only; madang commit takes the data into the cache.")
@click.option("--no-relink", is_flag=True, help="Leave the files as they are, whatever cache.type says.")
@click.option("-f", "--force", is_flag=True, help="With --out: replace what is there; madang undo brings it back.")
@note_options
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print what was added as JSON.")
def add(
    paths: tuple[str, ...], is_glob: bool, out: str | None, to_remote: bool, remote: str | None,
    remote_jobs: int | None, no_commit: bool, no_relink: bool, force: bool, quiet: bool, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Take files or folders into the cache and describe them in small .dvc files that belong into git.

    A path inside a tracked folder updates that folder's record for this path only. What a record already says (desc,
    type, labels, meta, comments) stays.

    \b
    Examples:
      madang add data/train.csv
      madang add images models/base.pt --label raw --desc 'photos of 2024'
      madang add --glob 'data/*.parquet'
      madang add /mnt/share/scan.bin --out scans/1.bin
      madang add --to-remote s3://bucket/raw -r storage
    """
    _check(paths, is_glob, out, to_remote, remote, no_commit)
    notes = extra(given)
    with repository() as repo:
        if out is not None or to_remote:
            _bring(repo, paths[0], out, to_remote, remote, force, notes, quiet, as_json)
            return
        from madang.workspace.data.files.adding import Manner
        from madang.workspace.data.files.adding import add as add_paths

        chosen = _expanded(paths) if is_glob else list(paths)
        manner = Manner(not no_commit, not no_relink, notes)
        with remote_listings(repo) as elsewhere:
            done = add_paths(repo, chosen, manner=manner, elsewhere=elsewhere, meter=meter(quiet))
        tell_git(repo, done.git_files, quiet)
        if as_json:
            _show(done.contents)


def _check(
    paths: tuple[str, ...], is_glob: bool, out: str | None, to_remote: bool, remote: str | None, no_commit: bool
) -> None:
    option = "--to-remote" if to_remote else "--out" if out is not None else ""
    if option:
        other = "several paths" if len(paths) != 1 else "--glob" if is_glob else "--no-commit" if no_commit else ""
        if other:
            raise InvalidInput(f"{other} cannot go with {option}.")
    elif remote:
        raise InvalidInput("--remote needs --to-remote.")


def _bring(
    repo: Repository, source: str, out: str | None, to_remote: bool, remote: str | None, force: bool,
    notes: Mapping[str, Any], quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.importing import add_copy
    from madang.workspace.data.imports.to_remote import add_to_remote
    from madang.workspace.data.records import placing
    from madang.workspace.data.sources import addresses

    place = placing.destination(out, addresses.name_of(source))
    here = os.path.abspath(source)
    if to_remote and out is None and "://" not in source and here.startswith(repo.root + os.sep):
        place = here  # its record stands beside it
    shown = meter(quiet or as_json)
    if to_remote:
        done = add_to_remote(repo, source, place, open_remote, remote=remote, force=force, extra=notes, meter=shown)
    else:
        done = add_copy(repo, source, place, open_remote, force=force, extra=notes, meter=shown)
    if done.kept and not quiet:
        output.note(f"What was there is kept in {relative(done.kept)}; madang undo brings it back.")
    tell_git(repo, done.git_files, quiet)
    if as_json and done.content is not None:
        _show({done.path: done.content})


def _show(contents: Mapping[str, Content]) -> None:
    output.data(
        [
            {"path": relative(path), "md5": content.md5, "size": content.size, "nfiles": content.nfiles}
            for path, content in contents.items()
        ]
    )


def _expanded(patterns: tuple[str, ...]) -> list[str]:
    found = []
    for pattern in patterns:
        matches = sorted(name for name in globbing.glob(pattern, recursive=True) if not _is_record(name))
        if not matches:
            raise NotFound(
                f"Nothing matches {pattern!r}.", hint="Quote the pattern, so that the shell leaves it alone."
            )
        found.extend(matches)
    return found


def _is_record(name: str) -> bool:
    return name.endswith(".dvc") and os.path.isfile(name)
