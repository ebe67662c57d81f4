"""`madang get-url` and `madang list-url`: copy, or look at, data at an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, PlainCommand, files, meter
from madang.cli.sources import human, pairs

if TYPE_CHECKING:
    from madang.workspace.data.repo.settings import Settings

_FS_CONFIG = click.option(
    "--fs-config", multiple=True, metavar="KEY=VALUE", help="An option of the address; may be repeated."
)


@contextmanager
def _settings() -> Iterator[Settings | None]:
    """The configuration of the repository here, when there is one: for remote:// addresses."""
    from madang.workspace.data.repo.repository import DVC_DIR, find_root
    from madang.workspace.data.repo.settings import Settings

    root = find_root(".")
    yield Settings(f"{root}/{DVC_DIR}") if root is not None else None


@click.command("get-url", cls=PlainCommand)
@click.argument("url")
@click.argument("out", required=False, type=click.Path())
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), hidden=True)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@_FS_CONFIG
def get_url(url: str, out: str | None, force: bool, jobs: int | None, quiet: bool, fs_config: tuple[str, ...]) -> None:
    """Copy a file or folder from an address: a path, http(s)://, s3://, gs://, azure://, ssh:// or remote://NAME/path.

    \b
    Examples:
      madang get-url https://example.com/data.csv
      madang get-url s3://bucket/images photos
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports import getting
    from madang.workspace.data.records import placing
    from madang.workspace.data.sources import addresses

    with _settings() as settings:
        target = placing.destination(out, addresses.name_of(url))
        count = getting.get_url(
            url, target, open_remote, settings=settings, options=pairs(fs_config), force=force, meter=meter(quiet)
        )
    if not quiet:
        click.echo(f"{files(count)} got: {output.printable(target)}")


@click.command("list-url", cls=DataCommand)
@click.argument("url")
@click.option("-R", "--recursive", is_flag=True, help="Show the files of all folders.")
@click.option("-L", "--level", type=click.IntRange(1), help="With -R: go down so many folders only.")
@click.option("--size", "with_size", is_flag=True, help="Show sizes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_FS_CONFIG
def list_url(
    url: str, recursive: bool, level: int | None, with_size: bool, as_json: bool, fs_config: tuple[str, ...]
) -> None:
    """List what stands at an address.

    \b
    Examples:
      madang list-url s3://bucket/images
      madang list-url remote://storage/raw -R --size
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.sources.addresses import listed

    with _settings() as settings:
        depth = level if recursive else 1
        found = listed(url, open_remote, settings=settings, options=pairs(fs_config), depth=depth)
    if as_json:
        output.data([{"path": path, "isdir": is_dir, "size": size} for path, is_dir, size in found])
        return
    sizes = ["" if size is None else human(size) for _, _, size in found]
    width = max(map(len, sizes), default=0)
    for (path, _, _), size in zip(found, sizes, strict=True):
        click.echo(f"{size:>{width}}  {output.printable(path)}" if with_size else output.printable(path))
