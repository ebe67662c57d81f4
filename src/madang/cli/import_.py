"""`madang import` and `madang import-url`: track data that comes from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, meter, relative, repository, tell_git
from madang.cli.notes import extra, note_options
from madang.cli.sources import access, access_options, pairs
from madang.cli.trackers import Trackers
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from madang.workspace.data.imports.importing import How
    from madang.workspace.data.imports.tracking import Imported
    from madang.workspace.data.repo.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])


def _how_options(function: F) -> F:
    options = (
        click.option("--no-exec", is_flag=True, help="Write the record only; the source is not asked."),
        click.option("--no-download", is_flag=True, help="Ask the source, but bring no data."),
        click.option("-f", "--force", is_flag=True, help="Replace what is there; madang undo brings it back."),
        click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Objects fetched at once."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing."),
        click.option("--json", "as_json", is_flag=True, help="Print what was imported as JSON."),
    )
    for option in reversed(options):
        function = option(function)
    return note_options(function)


def _how(no_exec: bool, no_download: bool, force: bool, jobs: int | None) -> How:
    from madang.workspace.data.imports.importing import How

    if no_exec and no_download:
        raise click.UsageError("--no-exec and --no-download exclude each other.")
    return How(not no_exec, not no_download, force, jobs)


def _show(repo: Repository, done: Imported, quiet: bool, as_json: bool) -> None:
    if done.kept and not quiet:
        output.note(f"What was there is kept in {relative(done.kept)}; madang undo brings it back.")
    if as_json:
        output.data(shown(done))
    elif not quiet:
        click.echo(f"Imported {relative(done.path)}")
    tell_git(repo, done.git_files, quiet)


def shown(done: Imported) -> dict[str, Any]:
    """One import as JSON shows it."""
    return {
        "path": relative(done.path),
        "file": relative(done.dvc_file),
        "md5": done.content.md5 if done.content else None,
        "size": done.content.size if done.content else None,
        "changed": done.is_changed,
    }


@click.command("import", cls=PlainCommand)
@click.argument("url")
@click.argument("path")
@click.option("-o", "--out", type=click.Path(), help="Where to put it: a name, or a folder to put it into.")
@click.option("--rev", help="The commit, branch or tag to take it from, now and at each update.")
@_how_options
@access_options
def _import_data(
    url: str, path: str, out: str | None, rev: str | None, no_exec: bool, no_download: bool, force: bool,
    jobs: int | None, quiet: bool, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Track a file or folder of another repository here, with a record of where it comes from.

    `madang update` brings newer states of it; its bytes are fetched from there, and never pushed to a remote of this
    repository.

    Runs of other trackers come by `madang import mlflow SOURCE`, `madang import wandb DIR` and `madang import
    tensorboard DIR`: these words in the first place always mean the tracker. A repository in a folder of such a name is
    written ./mlflow.

    \b
    Examples:
      madang import https://github.com/treeverse/example-get-started data/data.xml
      madang import git@host:team/data.git images -o photos --rev v2.0
      madang import ../other model.pt --no-download
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.importing import import_data

    notes = extra(given)
    with repository() as repo:
        done = import_data(
            repo, url, path, out, open_remote, revision=rev, access=access(**given),
            how=_how(no_exec, no_download, force, jobs), extra=notes, meter=meter(quiet or as_json),
        )  # fmt: skip
        _show(repo, done, quiet, as_json)


import_ = Trackers(_import_data)


@click.command("import-url", cls=PlainCommand)
@click.argument("url")
@click.argument("out", required=False, type=click.Path())
@click.option("--to-remote", is_flag=True, help="Bring it straight into a remote; the work tree stays without it.")
@click.option("-r", "--remote", help="The remote for --to-remote; otherwise the default one.")
@click.option("--version-aware", is_flag=True, help="Record versions of a bucket; they are fetched from there again.")
@click.option("--fs-config", multiple=True, metavar="KEY=VALUE", help="An option of the address. Repeatable.")
@_how_options
def import_url(
    url: str, out: str | None, to_remote: bool, remote: str | None, version_aware: bool, fs_config: tuple[str, ...],
    no_exec: bool, no_download: bool, force: bool, jobs: int | None, quiet: bool, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Track a copy of data at an address, with a record of where it comes from: a path, http(s)://, s3://, gs://,
    azure://, ssh:// or remote://NAME/path.

    \b
    Examples:
      madang import-url https://example.com/data.csv
      madang import-url s3://bucket/images photos
      madang import-url /mnt/share/scan.bin --to-remote -r storage
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.importing import import_url as import_from
    from madang.workspace.data.imports.to_remote import import_to_remote

    how, notes = _how(no_exec, no_download, force, jobs), extra(given)
    if remote and not to_remote:
        raise InvalidInput("--remote needs --to-remote.")
    if to_remote and (no_exec or no_download or version_aware):
        raise InvalidInput("--no-exec, --no-download and --version-aware do not go with --to-remote.")
    options: dict[str, Any] = {**pairs(fs_config)}
    if version_aware:
        options["version_aware"] = True
    with repository() as repo:
        if to_remote:
            done = import_to_remote(
                repo, url, out, open_remote, remote=remote, force=force, options=pairs(fs_config), extra=notes,
                meter=meter(quiet or as_json),
            )  # fmt: skip
        else:
            done = import_from(
                repo, url, out, open_remote, how=how, options=options, extra=notes,
                meter=meter(quiet or as_json),
            )  # fmt: skip
        _show(repo, done, quiet, as_json)
