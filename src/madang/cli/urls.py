"""`madang get-url` and `madang list-url`: copy, or look at, data at an address."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, PlainCommand, files, meter
from madang.cli.sources import human, pairs
from madang.cli.tree_rows import branches, print_rows
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from madang.workspace.data.repo.settings import Settings

_FS_CONFIG = click.option(
    "--fs-config", multiple=True, metavar="KEY=VALUE", help="An option of the address. Repeatable."
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
@output.quiet_option
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
@click.option("-T", "--tree", "is_tree", is_flag=True, help="Show folders as a tree.")
@click.option("-L", "--level", type=click.IntRange(1), help="Go down so many folders only (with -R or -T).")
@click.option("--size", "with_size", is_flag=True, help="Show sizes.")
@output.json_option
@_FS_CONFIG
def list_url(
    url: str, recursive: bool, is_tree: bool, level: int | None, with_size: bool, as_json: bool,
    fs_config: tuple[str, ...],
) -> None:  # fmt: skip
    """List what is at an address.

    \b
    Examples:
      madang list-url s3://bucket/images
      madang list-url remote://storage/raw -R --size
      madang list-url /mnt/share --tree -L 2
    """
    if is_tree and as_json:
        raise InvalidInput("--tree and --json exclude each other.")
    from madang.wiring_data import open_remote
    from madang.workspace.data.sources.addresses import listed

    with _settings() as settings:
        depth = level if recursive or is_tree else 1
        found = listed(url, open_remote, settings=settings, options=pairs(fs_config), depth=depth)
    if as_json:
        output.data([{"path": path, "isdir": is_dir, "size": size} for path, is_dir, size in found])
        return
    if is_tree:
        print_rows(_tree_rows(url, found, with_size), with_size)
        return
    print_rows([_row(path, size, with_size) for path, _, size in found], with_size)


def _row(name: str, size: int | None, with_size: bool) -> list[str]:
    shown = "" if size is None else human(size)
    return [*([shown] if with_size else []), output.printable(name)]


def _tree_rows(url: str, found: Sequence[tuple[str, bool, int | None]], with_size: bool) -> list[list[str]]:
    sizes = {path: size for path, _, size in found}
    if [(path, is_dir) for path, is_dir, _ in found] == [(os.path.basename(url), False)]:
        return [_row(url, sizes[found[0][0]], with_size)]
    below: dict[str, dict[str, None]] = {}
    for path in sizes:
        parts = path.split("/")
        for depth in range(len(parts)):
            below.setdefault("/".join(parts[:depth]), {})["/".join(parts[: depth + 1])] = None
    lines = branches("", lambda folder: list(below.get(folder, ())))
    inner = [_row(prefix + os.path.basename(path), sizes.get(path), with_size) for path, prefix in lines]
    return [_row(url, None, with_size), *inner]
