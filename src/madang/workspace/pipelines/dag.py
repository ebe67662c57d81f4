"""The graph of stages or outputs as somebody wants to see it: parts of it, as DOT, as Mermaid, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.workspace.data.files.comparing import shown
from madang.workspace.data.records.outs import Chosen
from madang.workspace.data.records.stages import Stage, is_local
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.graph import Graph


@mutable
class Drawing:
    """Names, and which one comes before which."""

    nodes: list[str] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)  # (maker, reader), each once

    def parts(self) -> list[Drawing]:
        """Those that are connected, in the order of their first names."""
        beside: dict[str, list[str]] = {node: [] for node in self.nodes}
        for above, below in self.edges:
            beside[above].append(below)
            beside[below].append(above)
        left, found = dict.fromkeys(self.nodes), []
        while left:
            waiting = [next(iter(left))]
            reached = set(waiting)
            while waiting:
                for node in beside[waiting.pop()]:
                    if node not in reached:
                        reached.add(node)
                        waiting.append(node)
            found.append(self.only(reached))
            for node in reached:
                del left[node]
        return found

    def only(self, wanted: Iterable[str]) -> Drawing:
        """Some of the names, with what connects them."""
        kept = set(wanted)
        edges = [edge for edge in self.edges if edge[0] in kept and edge[1] in kept]
        return Drawing([node for node in self.nodes if node in kept], edges)

    def before(self, start: Iterable[str]) -> set[str]:
        """Names and everything that comes before them."""
        makers: dict[str, list[str]] = {}
        for above, below in self.edges:
            makers.setdefault(below, []).append(above)
        found, waiting = set(start), list(start)
        while waiting:
            for node in makers.get(waiting.pop(), ()):
                if node not in found:
                    found.add(node)
                    waiting.append(node)
        return found


def of_stages(graph: Graph) -> Drawing:
    """Stages by their addresses."""
    names = [stage.address for stage in graph.stages]
    edges = [(names[maker], name) for name, makers in zip(names, graph.upstream, strict=True) for maker in makers]
    return Drawing(list(dict.fromkeys(names)), list(dict.fromkeys(edges)))


def of_outs(repository: Repository, graph: Graph) -> Drawing:
    """Outputs by their paths."""
    drawing = Drawing()
    edges: dict[tuple[str, str], None] = {}
    for stage in graph.stages:
        names = [shown(repository, out.path, out.entry.path) for out in stage.outs]
        drawing.nodes.extend(names)
        for path in [*(dep.path for dep in stage.deps), *(one.path for one in stage.params)]:
            if is_local(path) and not (stage.source is not None and "repo" in stage.source):
                for _, out in graph.makers.of(path):
                    maker = shown(repository, out.path, out.entry.path)
                    edges.update(((maker, name), None) for name in names)
    drawing.nodes = _by_folders(drawing.nodes)
    drawing.edges = list(edges)
    return drawing


def _by_folders(paths: Iterable[str]) -> list[str]:
    """Paths in the order of dvc: folders as they come first, what is in one together."""
    top: dict[str, Any] = {}
    for path in paths:
        inner = top
        for part in path.split("/"):
            inner = inner.setdefault(part, {})
        inner[""] = path
    found: list[str] = []
    waiting: list[Any] = [top]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, str):
            found.append(inner)
        else:
            waiting.extend(reversed(inner.values()))
    return found


def narrowed(drawing: Drawing, repository: Repository, targets: Sequence[Chosen], *, outs: bool, full: bool) -> Drawing:
    """The part that belongs to targets: what comes before them or, with ``full``, all that is connected with them."""
    if not targets:
        return drawing
    start = {name for one in targets for name in _names(repository, one, outs)}
    if not full:
        drawing = drawing.only(drawing.before(start))
    kept = {node for part in drawing.parts() if not start.isdisjoint(part.nodes) for node in part.nodes}
    return drawing.only(kept)


def _names(repository: Repository, one: Chosen, outs: bool) -> list[str]:
    stage: Stage = one.stage
    if not outs:
        return [stage.address]
    found = [out for out in stage.outs if not one.path or one.path == out.path]
    return [shown(repository, out.path, out.entry.path) for out in found or stage.outs]


def collapsed(drawing: Drawing) -> Drawing:
    """With each group of stages (``name@key``) as one."""

    def group(name: str) -> str:
        return name if name.endswith(".dvc") else name.partition("@")[0]

    edges = dict.fromkeys((group(above), group(below)) for above, below in drawing.edges)
    return Drawing(list(dict.fromkeys(map(group, drawing.nodes))), [edge for edge in edges if edge[0] != edge[1]])


def as_dot(drawing: Drawing) -> str:
    """For Graphviz."""
    lines = [f'"{node}";' for node in drawing.nodes] + [f'"{above}" -> "{below}";' for above, below in drawing.edges]
    return "\n".join(["strict digraph {", *lines, "}"]) + "\n"


def as_mermaid(drawing: Drawing, *, markdown: bool = False) -> str:
    """For Mermaid; with ``markdown`` as a block."""
    lines = ["flowchart TD"]
    count = 0
    for part in drawing.parts():
        ids: dict[str, str] = {}
        for node in sorted(part.nodes):
            count += 1
            ids[node] = f"node{count}"
            lines.append(f'\tnode{count}["{node}"]')
        lines.extend(f"\t{ids[above]}-->{ids[below]}" for above, below in sorted(part.edges))
    text = "\n".join(lines)
    return f"```mermaid\n{text}\n```" if markdown else text
