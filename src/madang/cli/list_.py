"""`madang list`: what is in a repository, tracked data included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.sources import SourceCommand, access, access_options, human, opened
from madang.cli.tree_rows import branches, print_rows
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from madang.workspace.data.imports.getting import Listed
    from madang.workspace.data.sources.foreign import Node, Source


@click.command("list", cls=SourceCommand)
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
    print_rows(rows, with_size)


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


def _show_tree(source: Source, path: str, level: int | None, dvc_only: bool, with_size: bool, show_hash: bool) -> None:
    from madang.errors import NotFound
    from madang.workspace.data.imports.getting import shown_children
    from madang.workspace.data.sources.sizes import Sizes

    def children(node: Node) -> list[Node]:
        return shown_children(source, node, dvc_only=dvc_only) if node.is_dir else []

    top = source.node(path)
    if top is None:
        raise NotFound(f"{path!r} is not in {source.url}.", hint=f"madang list {source.url}")
    sizes = Sizes(source)
    rows = [_row(top, path or ".", sizes.of(top), with_size, show_hash)]
    for node, prefix in branches(top, children, level):
        rows.append(_row(node, prefix + node.name, sizes.of(node), with_size, show_hash))
    print_rows(rows, with_size)
