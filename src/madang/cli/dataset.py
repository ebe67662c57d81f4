"""`madang dataset`: names for data elsewhere that stages depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli.data_command import DataCommand, repository, tell_git
from madang.cli.main import LazyGroup
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from madang.workspace.data.sources.datasets import Dataset

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("madang.cli.dataset:add", "Name data elsewhere, as it is now."),
    "update": ("madang.cli.dataset:update", "Look again what a data set is now."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def dataset() -> None:
    """Name data elsewhere in dvc.yaml: stages depend on it by ds://NAME, and read it themselves.

    \b
    Examples:
      madang dataset add --dvc https://example.com/registry.git --path images photos
      madang dataset update photos
    """


@click.command(cls=DataCommand)
@click.argument("name")
@click.option("--dvc", metavar="URL", help="A Git repository, by path or address.")
@click.option("--url", metavar="URL", help="An address whose store keeps versions: s3://…, gs://…, remote://NAME/….")
@click.option("--dc", metavar="NAME", help="Known from dvc; DataChain's data sets are not tracked here.")
@click.option("--rev", metavar="COMMIT", help="The repository's branch, tag or commit.")
@click.option("--path", help="A file or folder of the repository.")
@click.option("-f", "--force", is_flag=True, help="Replace the data set of this name.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def add(
    name: str, dvc: str | None, url: str | None, dc: str | None, rev: str | None, path: str | None, force: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Write a data set into the dvc.yaml of the present folder, and what it is now into dvc.lock.

    \b
    Examples:
      madang dataset add --dvc ../registry --rev v1.0 --path images photos
      madang dataset add --url s3://bucket/images photos
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.sources import datasets

    given = [(kind, where) for kind, where in (("dvc", dvc), ("url", url), ("dc", dc)) if where]
    if len(given) != 1:
        raise click.UsageError("One of --dvc, --url and --dc is needed.")
    ((kind, where),) = given
    if kind != datasets.DVC and (rev or path):
        raise InvalidInput(f"{'--rev' if rev else '--path'} goes with --dvc only.")
    spec = {"name": name, "url": where, "type": kind, "path": path, "rev": rev}
    with repository() as repo:
        made = datasets.add(repo, spec, open_remote, force=force)
        if not quiet:
            click.echo(f"Adding {name} ({_where(made)})")
        tell_git(repo, [made.file, made.lock], quiet)


def _where(one: Dataset) -> str:
    path = f":/{str(one.spec['path']).lstrip('/')}" if one.spec.get("path") else ""
    revision = f" @ {one.spec['rev']}" if one.spec.get("rev") else ""
    return f"{one.spec['url']}{path}{revision}"


@click.command(cls=DataCommand)
@click.argument("name")
@click.option("--rev", "--version", metavar="COMMIT", help="Take this branch, tag or commit from now on.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def update(name: str, rev: str | None, quiet: bool) -> None:
    """Bring what dvc.lock says of a data set to its present state: the stages that depend on it are stale then.

    \b
    Examples:
      madang dataset update photos
      madang dataset update photos --rev v2.0
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.sources import datasets

    with repository() as repo:
        old, new = datasets.update(repo, name, open_remote, revision=rev)
        if not quiet:
            click.echo("Nothing to update" if old == new else f"Updating {name} ({_change(old, new)})")
        if old != new:
            tell_git(repo, [new.file, new.lock], quiet)


def _change(old: Dataset, new: Dataset) -> str:
    was, now = ((one.found or {}).get("rev_lock") for one in (old, new))
    return f"{was[:9]} -> {now[:9]}" if was and now else _where(new)
