"""A graph as text: boxes in layers, what comes before above, with lines of ``*`` between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from madang.domain.values import mutable
from madang.workspace.pipelines.dag import Drawing

Width = Callable[[str], int]

_GAP = 3  # columns between boxes
_HIGH = 3  # lines of a box, and between layers
_SWEEPS = 4


@mutable
class _Layers:
    """Nodes in layers. A line that passes a layer has a node without a name there."""

    rows: list[list[int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # by node; empty for a passing line
    above: dict[int, list[int]] = field(default_factory=dict)
    below: dict[int, list[int]] = field(default_factory=dict)

    def add(self, name: str, layer: int) -> int:
        node = len(self.names)
        self.names.append(name)
        while len(self.rows) <= layer:
            self.rows.append([])
        self.rows[layer].append(node)
        self.above[node], self.below[node] = [], []
        return node

    def connect(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)


def as_text(drawing: Drawing, width: Width = len) -> str:
    """All parts of a graph, one below the other. ``width`` tells the columns that a text takes."""
    return "\n".join(_part(part, width) for part in drawing.parts())


def _part(drawing: Drawing, width: Width) -> str:
    layers = _layered(drawing)
    _untangle(layers)
    left = _placed(layers, width)
    return _drawn(layers, left, width)


def _layered(drawing: Drawing) -> _Layers:
    depth: dict[str, int] = {}
    makers: dict[str, list[str]] = {node: [] for node in drawing.nodes}
    for above, below in drawing.edges:
        makers[below].append(above)
    for start in drawing.nodes:
        waiting = [start]
        while waiting:
            node = waiting[-1]
            open_ones = [one for one in makers[node] if one not in depth]
            if open_ones:
                waiting.extend(open_ones)
            else:
                depth[node] = max((depth[one] + 1 for one in makers[node]), default=0)
                waiting.pop()
    layers = _Layers()
    nodes = {name: layers.add(name, depth[name]) for name in drawing.nodes}
    for above, below in drawing.edges:
        last = nodes[above]
        for layer in range(depth[above] + 1, depth[below]):
            step = layers.add("", layer)
            layers.connect(last, step)
            last = step
        layers.connect(last, nodes[below])
    return layers


def _untangle(layers: _Layers) -> None:
    """Put each node near the middle of its neighbours, down and up in turns."""
    for sweep in range(_SWEEPS):
        beside, rows = (layers.above, layers.rows[1:]) if sweep % 2 == 0 else (layers.below, layers.rows[-2::-1])
        for row in rows:
            place = {node: at for other in layers.rows for at, node in enumerate(other)}
            row.sort(key=lambda node: _mean([place[one] for one in beside[node]], place[node]))


def _mean(places: list[int], otherwise: int) -> float:
    return sum(places) / len(places) if places else float(otherwise)


def _placed(layers: _Layers, width: Width) -> dict[int, int]:
    """The first column of each node; layers are centred."""
    wide = {node: width(name) + 4 if name else 1 for node, name in enumerate(layers.names)}
    total = [sum(wide[node] for node in row) + _GAP * (len(row) - 1) for row in layers.rows]
    left: dict[int, int] = {}
    for row, taken in zip(layers.rows, total, strict=True):
        at = (max(total) - taken) // 2
        for node in row:
            left[node] = at
            at += wide[node] + _GAP
    return left


def _drawn(layers: _Layers, left: Mapping[int, int], width: Width) -> str:
    wide = {node: width(name) + 4 if name else 1 for node, name in enumerate(layers.names)}
    columns = max(left[node] + wide[node] for node in left)
    lines: list[str] = []
    for depth, row in enumerate(layers.rows):
        lines.extend(_boxes(layers, row, left, wide))
        if depth + 1 < len(layers.rows):
            grid = [[" "] * columns for _ in range(_HIGH)]
            for node in row:
                for lower in layers.below[node]:
                    _line(grid, left[node] + wide[node] // 2, left[lower] + wide[lower] // 2)
            lines.extend("".join(cells).rstrip() for cells in grid)
    return "\n".join(lines) + "\n"


def _boxes(layers: _Layers, row: list[int], left: Mapping[int, int], wide: Mapping[int, int]) -> list[str]:
    texts = ["", "", ""]
    at = 0
    for node in row:
        name, pad = layers.names[node], " " * (left[node] - at)
        edge = f"+{'-' * (wide[node] - 2)}+"
        parts = (edge, f"| {name} |", edge) if name else ("*", "*", "*")
        texts = [text + pad + part for text, part in zip(texts, parts, strict=True)]
        at = left[node] + wide[node]
    return texts


def _line(grid: list[list[str]], start: int, end: int) -> None:
    for number, cells in enumerate(grid):
        first = start + (end - start) * number // len(grid)
        last = start + (end - start) * (number + 1) // len(grid)
        for column in range(min(first, last), max(first, last) + 1):
            cells[min(column, len(cells) - 1)] = "*"
