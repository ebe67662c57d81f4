"""`madang list`: what is in a repository, tracked data included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand
from madang.cli.sources import access, access_options, human, opened
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from madang.workspace.data.imports.getting import Listed
    from madang.workspace.data.sources.foreign import Node, Source
    from madang.workspace.data.sources.sizes import Sizes


@click.command("list", cls=PlainCommand)
@click.argument("url")
@click.argument("path", required=False, default="")
@click.option("-R", "--recursive", is_flag=True, help="Show the files of all folders.")
@click.option("-T", "--tree", "is_tree", is_flag=True, help="Show folders as a tree.")
@click.option("-L", "--level", type=click.IntRange(0), help="Go down so many folders only (with -R or -T).")
@click.option("--dvc-only", is_flag=True, help="Show tracked data only, not what Git tracks.")
@click.option("--rev", help="The commit, branch or tag to look at.")
@click.option("--size", "with_size", is_flag=True, help="Show sizes.")
@click.option("--show-hash", is_flag=True, help="Show the MD5 of tracked data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
@access_options
def list_(
    url: str, path: str, recursive: bool, is_tree: bool, level: int | None, dvc_only: bool, rev: str | None,
    with_size: bool, show_hash: bool, as_json: bool, **how: Any,
) -> None:  # fmt: skip
    """List a repository's files and tracked data: a folder here, or anything that Git can fetch.

    \b
    Examples:
      madang list .
      madang list https://github.com/treeverse/example-get-started data --rev main
      madang list git@host:team/data.git -R --dvc-only --size
    """
    from madang.workspace.data.imports.getting import listed

    if is_tree and as_json:
        raise InvalidInput("--tree and --json exclude each other.")
    with opened(url, rev, access(**how)) as source:
        if is_tree:
            _show_tree(source, path, level, dvc_only, with_size, show_hash)
            return
        wanted = with_size or as_json
        found = list(listed(source, path, recursive=recursive, dvc_only=dvc_only, depth=level, with_sizes=wanted))
    if as_json:
        output.data([_entry(one) for one in found])
        return
    rows = [_row(one.node, one.path, one.size, with_size, show_hash) for one in found]
    _print(rows, with_size)


def _entry(one: Listed) -> dict[str, Any]:
    return {
        "isout": one.node.out is not None,
        "isdir": one.node.is_dir,
        "isexec": one.node.is_exec,
        "size": one.size,
        "md5": one.node.md5,
        "path": one.path,
    }


def _row(node: Node, name: str, size: int | None, with_size: bool, show_hash: bool) -> list[str]:
    shown = "" if size is None else human(size)
    return [*([shown] if with_size else []), *([node.md5 or "-"] if show_hash else []), output.printable(name)]


def _print(rows: list[list[str]], with_size: bool) -> None:
    widths = [max(output.width(row[index]) for row in rows) for index in range(len(rows[0]) - 1)] if rows else []
    for row in rows:
        parts = []
        for index, cell in enumerate(row[:-1]):
            pad = " " * (widths[index] - output.width(cell))
            parts.append(pad + cell if with_size and index == 0 else cell + pad)
        click.echo("  ".join([*parts, row[-1]]))


def _show_tree(source: Source, path: str, level: int | None, dvc_only: bool, with_size: bool, show_hash: bool) -> None:
    from madang.errors import NotFound
    from madang.workspace.data.sources.sizes import Sizes

    top = source.node(path)
    if top is None:
        raise NotFound(f"{path!r} is not in {source.url}.", hint=f"madang list {source.url}")
    sizes = Sizes(source)
    rows = [_row(top, path or ".", sizes.of(top), with_size, show_hash)]
    if level != 0 and top.is_dir:
        for node, prefix in _branches(source, top, "", level, dvc_only):
            rows.append(_row(node, prefix + node.name, _size(node, sizes), with_size, show_hash))
    _print(rows, with_size)


def _size(node: Node, sizes: Sizes) -> int | None:
    return sizes.of(node)


def _branches(
    source: Source, folder: Node, prefix: str, level: int | None, dvc_only: bool
) -> Iterator[tuple[Node, str]]:
    from madang.workspace.data.imports.getting import shown_children

    children = shown_children(source, folder, dvc_only=dvc_only)
    for index, child in enumerate(children):
        is_last = index == len(children) - 1
        yield child, prefix + ("└── " if is_last else "├── ")
        if child.is_dir and (level is None or level > 1):
            below = prefix + ("    " if is_last else "│   ")
            yield from _branches(source, child, below, None if level is None else level - 1, dvc_only)
