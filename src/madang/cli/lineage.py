"""`madang lineage`: what something was made of, and what it led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.domain.lineage_graph import Graph, Node
    from madang.ports.reader import Reader

_KINDS = ("run:", "version:", "data:")


@click.command()
@click.argument("thing", metavar="NAME[:VERSION]|RUN")
@click.option("--depth", default=3, show_default=True, type=click.IntRange(1, 10), help="Steps in either direction.")
@click.option("--up", "only", flag_value="up", help="Only what it was made of.")
@click.option("--down", "only", flag_value="down", help="Only what it led to.")
@records.project_option
@click.option("--json", "as_json", is_flag=True, help="Print the graph as JSON: nodes and links.")
def lineage(thing: str, depth: int, only: str | None, project: str, as_json: bool) -> None:
    """Show what a version or a run was made of, and what it led to.

    NAME is a model, data set or other artifact, with `:v3` or an alias; without, its latest version. A run is named by
    its id, the beginning of it, or its name. Tracked data is `data:PATH@DIGEST`, as --json and the web page write it.

    \b
    Examples:
      madang lineage wine-logreg:production
      madang lineage 1f3a --up
      madang lineage training-data:v0 --down --depth 5 --json
    """
    above, below = (0 if only == "down" else depth), (0 if only == "up" else depth)
    with records.opened_reader() as reader:
        place, start = _start(reader, thing, project)
        graph = reader.lineage(place, start, above, below)
    if as_json:
        output.data(records.plain_json(graph))
        return
    nodes = {node.id: node for node in graph.nodes}
    click.echo(_line(nodes[graph.start]))
    for title, wanted, is_up in (("made of", above, True), ("led to", below, False)):
        if wanted:
            click.echo(f"\n{title}:")
            _print(graph, nodes, is_up)
    if graph.is_cut:
        output.note("There is more than one answer holds: ask again from something further away, or with less --depth.")


def _start(reader: Reader, thing: str, project: str) -> tuple[str, str]:
    """The project to ask, and the id of what is meant."""
    from madang.errors import NotFound

    if thing.startswith(_KINDS):
        return project or records.current_project(), thing
    try:
        return _version(reader, thing, project)
    except NotFound as missing:
        if ":" in thing:
            raise
        try:
            run = reader.run(thing)
        except NotFound:
            raise NotFound(
                f"Nothing is called {thing[:200]!r}: no artifact and no run.", hint=missing.hint or "Try `madang runs`."
            ) from missing
    return run.project, f"run:{run.id}"


def _version(reader: Reader, thing: str, project: str) -> tuple[str, str]:
    from madang.domain.versions import parse_ref
    from madang.errors import InvalidInput, NotFound

    try:
        name = parse_ref(thing).name
    except InvalidInput as error:
        raise NotFound(error.message) from error
    place = records.project_of(reader, name, project)
    found = reader.resolve(place, thing)
    return place, f"version:{found.name}:v{found.number}"


def _print(graph: Graph, nodes: dict[str, Node], is_up: bool) -> None:
    """One side as a tree; what was shown before is named again without what lies behind it."""
    from madang.cli.tree_rows import branches

    beside: dict[str, list[str]] = {}
    for link in graph.links:
        start, end = (link.target, link.source) if is_up else (link.source, link.target)
        beside.setdefault(start, []).append(end)
    opened: set[str] = set()

    def children(at: str) -> list[str]:
        if at in opened:
            return []
        opened.add(at)
        return beside.get(at, [])

    shown: set[str] = set()
    for at, lines in branches(graph.start, children):
        again = "  (see above)" if at in shown and beside.get(at) else ""
        click.echo(lines + _line(nodes[at]) + again + ("" if again else _hidden(nodes[at], beside.get(at, []), is_up)))
        shown.add(at)
    if not beside.get(graph.start):
        click.echo("nothing that is recorded")


def _hidden(node: Node, shown: list[str], is_up: bool) -> str:
    count = node.above if is_up else node.below
    return f"  (+{count - len(shown)} more)" if count is not None and count > len(shown) else ""


def _line(node: Node) -> str:
    if node.kind == "data":
        parts = [node.name, node.version, "data"]
    elif node.kind == "run":
        parts = [f"run {node.name[:8]}", node.title, node.status, records.moment(node.at)]
    else:
        parts = [node.title, node.type, ", ".join(node.aliases)]
    return output.printable("  ".join(filter(None, [*parts, f"in {node.project}" if node.project else ""])))
