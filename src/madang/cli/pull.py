"""`madang pull`: fetch and check out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.checkout import counted, show
from madang.cli.data_command import TransferCommand, meter, relative, repository
from madang.cli.transferring import Asked, expanded, gathered, glob_option, moved, transfer_options
from madang.errors import NotFound

if TYPE_CHECKING:
    from madang.workspace.data.files.early_checkout import Prepare
    from madang.workspace.data.records.gathering import Gathered
    from madang.workspace.data.records.outs import Target
    from madang.workspace.data.remotes.transfer import Moved
    from madang.workspace.data.repo.repository import Repository


@click.command(cls=TransferCommand)
@transfer_options("fetched")
@glob_option
@click.option("-f", "--force", is_flag=True, help="Replace changed files too; madang undo brings them back.")
@click.option("--allow-missing", is_flag=True, help="Data that is nowhere is no error.")
def pull(use_glob: bool, force: bool, allow_missing: bool, **given: Any) -> None:
    """Bring tracked data from a remote into the cache and the workspace.

    \b
    Examples:
      git clone … && madang pull
      madang pull images -r backup
      madang pull images/cats/1.jpg
    """
    from madang.workspace.data.files import leftovers
    from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
    from madang.workspace.data.files.early_checkout import early_checkout
    from madang.workspace.data.remotes import transfer

    asked = Asked(**{**given, "targets": expanded(given["targets"])} if use_glob else given)
    with repository() as repo:
        found = gathered(repo, asked)
        shown = meter(asked.quiet or asked.as_json)
        here, problems = found.here, list[str]()
        with early_checkout(repo, here) as prepare:
            done = _fetched(repo, found, asked, prepare, allow_missing)
            if any(target.out.md5 is None and target.out.source is not None for target in here):
                here, problems = _completed(repo, here, asked)
            report = checkout(repo, here, force=force, command="pull --force", meter=shown)
        if not asked.targets:
            leftovers.clear(repo, report, shown)
        if asked.as_json:
            groups = {"added": report.added, "modified": report.modified, "deleted": report.deleted}
            paths = {name: [relative(path) for path in paths] for name, paths in groups.items()}
            output.data({"fetched": done.files, "bytes": done.size, **paths})
        else:
            show(report, quiet=asked.quiet, as_json=False)
            summary = counted({"fetched": done.files, **report.files})
            is_whole = not (done.missing or done.damaged or problems or report.missing)
            if not asked.quiet and (summary or is_whole):
                click.echo(summary or "Everything is up to date.")
        for sentence in problems:
            output.note(f"note: {sentence}")
        if problems and not allow_missing:
            raise NotFound(f"pull: {len(problems)} imports could not be brought.", hint="The notes above say why.")
        if not allow_missing:
            transfer.raise_if_incomplete(done, "pull")
            raise_if_incomplete(report, repo.root)


def _fetched(repo: Repository, found: Gathered, asked: Asked, prepare: Prepare, allow_missing: bool) -> Moved:
    """What came. Where no remote is set up at all, everything there is missing: ``--allow-missing`` allows that."""
    from madang.workspace.data.remotes.transfer import Moved

    named = asked.remote or repo.settings.default_remote() or any(one.out.entry.remote for one in found.targets)
    if allow_missing and not named and not any(one.out.source for one in found.targets):
        return Moved()
    return moved(repo, found, asked, pushing=False, on_listed=prepare)


def _completed(repo: Repository, here: list[Target], asked: Asked) -> tuple[list[Target], list[str]]:
    """Imports that were never downloaded have no record of their bytes: these are asked of the source."""
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.from_sources import completed
    from madang.workspace.data.repo.locks import using

    with using(repo.cache.folder):
        return completed(repo, here, open_remote, jobs=asked.jobs, meter=meter(asked.quiet or asked.as_json))
