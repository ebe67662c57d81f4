"""Charts as SVG text: axes, lines, points, bars and matrices. Colours are CSS classes, so that a page can be dark.

Every text that comes from data is escaped; there is no script. Lengths are in the units of the drawing, ``WIDTH`` wide.
"""

from __future__ import annotations

import math
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 290
COLOURS = 7  # of series; then they come again
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 10, 44
DASHES = ("", "7 5", "2 4", "9 3 2 3", "4 2", "12 4", "1 2")
_CHARACTER = 6.4  # the usual width of one, at the size of labels
_MANY = 600  # points of a line that are drawn as they are: more do not show on so few pixels
_TIPS = 300  # points of a chart that tell their values


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one source at one revision. A value that is not finite leaves a gap."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dash: int = 0
    is_faint: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    """What is written beside a chart; ``names`` and ``rows``: what stands at 0, 1, … of an axis without numbers."""

    title: str
    x: str
    y: str
    names: Sequence[str] = ()
    rows: Sequence[str] = ()  # of the y axis


def number(value: float) -> str:
    """A number as short as it can be told."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two values, about so many."""
    if not (math.isfinite(high - low) and high > low):
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    end = min(high + step * 1e-9, sys.float_info.max)
    found = [(first + at) * step for at in range(count * 3) if (first + at) * step <= end]
    return [round(value, 12 - math.floor(math.log10(step))) for value in found] or [low]


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)  # halves: the range of floats is finite
        return round(self.start + share * (self.end - self.start), 2)


def _scale(values: Sequence[float], start: float, end: float, *, margin: float = 0.04) -> _Scale:
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) / 2 or 1.0), high + (abs(high) / 2 or 1.0)
    room = (high / 2 - low / 2) * margin * 2
    limit = sys.float_info.max
    return _Scale(max(low - room, -limit), min(high + room, limit), start, end)


def svg(title: str, parts: Sequence[str], *, width: float = WIDTH, height: float = HEIGHT) -> str:
    """A drawing; ``title`` is what is read out."""
    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "tick", turn: str = "") -> str:
    turned = f' transform="{turn}"' if turn else ""
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}"{turned}>{escape(text)}</text>'


def columns(text: str) -> int:
    """How many usual characters wide a text is: Korean syllables are two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def shortened(text: str, length: int) -> str:
    """The beginning and end of a text that is wider than so many usual characters."""
    if columns(text) <= length:
        return text
    head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    while columns(head) + columns(tail) >= max(length, 3):
        head, tail = (head[:-1], tail) if columns(head) > columns(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def _frame(axes: Axes, x: _Scale, y: _Scale) -> list[str]:
    parts = []
    known = [(y(value), number(value)) for value in ticks(y.low, y.high)]
    if axes.rows:
        step = math.ceil(len(axes.rows) / 14)
        known = [(y(at), shortened(axes.rows[at], 6)) for at in range(0, len(axes.rows), step)]
    for at, name in known:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(_text(_LEFT - 6, at + 4, name, anchor="end"))
    base = HEIGHT - _BOTTOM
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    for at, name in _x_ticks(axes, x):
        parts.append(_text(at, base + 16, name))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8, shortened(axes.x, 50), kind="label"))
    middle = (_TOP + base) / 2
    parts.append(_text(12, middle, shortened(axes.y, 34), kind="label", turn=f"rotate(-90 12 {middle})"))
    return parts


def _x_ticks(axes: Axes, x: _Scale) -> list[tuple[float, str]]:
    if not axes.names:
        return [(x(value), number(value)) for value in ticks(x.low, x.high, 6)]
    longest = min(max(map(columns, axes.names)), 14)
    room = max(int((WIDTH - _LEFT - _RIGHT) / (longest * _CHARACTER + 8)), 1)
    step = math.ceil(len(axes.names) / room)
    return [(x(at), shortened(axes.names[at], 14)) for at in range(0, len(axes.names), step)]


def _scales(series: Sequence[Series], axes: Axes) -> tuple[_Scale, _Scale]:
    points = [point for one in series for point in one.points]
    horizontal = [x for x, _ in points] or [0.0]
    x = _scale(horizontal, _LEFT, WIDTH - _RIGHT, margin=0.04 if axes.names else 0.015)
    return x, _scale([y for _, y in points], HEIGHT - _BOTTOM, _TOP)


def lines(series: Sequence[Series], axes: Axes) -> str:
    """Values along x, each series a line; values of few points are told when a pointer rests on them."""
    x, y = _scales(series, axes)
    parts = _frame(axes, x, y)
    for one in series:
        kind = f"line s{one.colour % COLOURS}" + (" faint" if one.is_faint else "")
        dash = DASHES[one.dash % len(DASHES)]
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        for run in _runs(one.points):
            path = " ".join(f"{x(px)},{y(py)}" for px, py in _thinned(run))
            parts.append(f'<polyline class="{kind}"{dashed} points="{path}"/>')
            if len(run) == 1 or not one.is_faint:
                parts.append(
                    f'<circle class="dot s{one.colour % COLOURS}" cx="{x(run[-1][0])}" cy="{y(run[-1][1])}" r="3"/>'
                )
    if sum(len(one.points) for one in series) <= _TIPS:
        parts.extend(_tip(one, point, axes, x, y) for one in series if not one.is_faint for point in one.points)
    return svg(axes.title, parts)


def _tip(one: Series, point: tuple[float, float], axes: Axes, x: _Scale, y: _Scale) -> str:
    if not all(map(math.isfinite, point)):
        return ""
    return (
        f'<circle class="tip s{one.colour % COLOURS}" cx="{x(point[0])}" cy="{y(point[1])}" r="7">'
        f"<title>{escape(_told(one, point, axes))}</title></circle>"
    )


def _told(one: Series, point: tuple[float, float], axes: Axes) -> str:
    where = axes.names[round(point[0])] if axes.names else number(point[0])
    value = axes.rows[round(point[1])] if axes.rows else number(point[1])
    return f"{one.name}\n{axes.x}: {where}\n{axes.y}: {value}"


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """The parts of a line between its gaps."""
    found: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if all(map(math.isfinite, point)):
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of a long line the lowest and highest points of each stretch: the drawing is the same."""
    if len(points) <= _MANY:
        return points
    size = len(points) / (_MANY / 2)
    found = [points[0]]
    for at in range(_MANY // 2):
        stretch = range(int(at * size), min(int((at + 1) * size), len(points)))
        if stretch:
            ends = {min(stretch, key=lambda i: points[i][1]), max(stretch, key=lambda i: points[i][1])}
            found.extend(points[i] for i in sorted(ends))
    return [*found, points[-1]]


def smoothed(points: Sequence[tuple[float, float]], share: float = 0.3) -> list[tuple[float, float]]:
    """Local linear regression over the nearest ``share`` of the points, at up to 200 places along x."""
    known = sorted(point for point in points if all(map(math.isfinite, point)))
    known = known[:: max(len(known) // 2_000, 1)]  # of many points these tell the same
    near = max(math.ceil(len(known) * share), 3)
    if len(known) < 4:
        return known
    step = max(len(known) / 200, 1.0)
    places = [known[int(at * step)][0] for at in range(int(len(known) / step))] + [known[-1][0]]
    found, low = [], 0
    for place in places:
        while low + near < len(known) and known[low + near][0] - place < place - known[low][0]:
            low += 1
        found.append((place, _fitted(known[low : low + near], place)))
    return found


def _fitted(points: Sequence[tuple[float, float]], place: float) -> float:
    reach = max(abs(points[0][0] - place), abs(points[-1][0] - place)) or 1.0
    weights = [(1 - min(abs(x - place) / reach, 1.0) ** 3) ** 3 + 1e-9 for x, _ in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    if spread == 0:
        return mean_y
    slope = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True)) / spread
    return mean_y + slope * (place - mean_x)


SHAPES: tuple[Callable[[float, float], str], ...] = (
    lambda x, y: f"M{x - 3.2} {y}a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0Z",
    lambda x, y: f"M{x - 3} {y - 3}h6v6h-6Z",
    lambda x, y: f"M{x} {y - 4}L{x + 3.6} {y + 3}H{x - 3.6}Z",
    lambda x, y: f"M{x} {y - 4}L{x + 4} {y}L{x} {y + 4}L{x - 4} {y}Z",
)


def points(series: Sequence[Series], axes: Axes) -> str:
    """Each value a mark: of several at the same spot one is drawn."""
    x, y = _scales(series, axes)
    parts = _frame(axes, x, y)
    with_tips = sum(len(one.points) for one in series) <= _TIPS
    for one in series:
        seen: set[tuple[int, int]] = set()
        shape = SHAPES[one.dash % len(SHAPES)]
        for point in one.points:
            if not all(map(math.isfinite, point)):
                continue
            at = (x(point[0]), y(point[1]))
            spot = (int(at[0]), int(at[1]))
            if spot in seen:
                continue
            seen.add(spot)
            tip = f"<title>{escape(_told(one, point, axes))}</title>" if with_tips else ""
            parts.append(f'<path class="mark s{one.colour % COLOURS}" d="{shape(*at)}">{tip}</path>')
    return svg(axes.title, parts)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a row."""

    series: str
    value: float
    colour: int = 0


def bars(rows: Sequence[tuple[str, Sequence[Bar]]], axes: Axes) -> str:
    """Rows with a name and bars from zero to the right (or left, below zero)."""
    longest = min(max((columns(name) for name, _ in rows), default=1), 18)
    left = longest * _CHARACTER + 28
    thick = 14
    heights = [len(found) * thick + 10 for _, found in rows]
    bottom = sum(heights) + _TOP
    values = [bar.value for _, found in rows for bar in found if math.isfinite(bar.value)]
    x = _scale([0.0, *values], left, WIDTH - 44, margin=0)
    zero = x(0.0)
    parts = []
    for value in ticks(x.low, x.high, 4):
        parts.append(f'<line class="grid" x1="{x(value)}" x2="{x(value)}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(_text(x(value), bottom + 16, number(value)))
    top = float(_TOP)
    for (name, found), height in zip(rows, heights, strict=True):
        shown = _text(left - 6, top + height / 2 + 4, shortened(name, 18), anchor="end")
        parts.append(f"<g><title>{escape(name)}</title>{shown}</g>")
        for at, bar in enumerate(found):
            if not math.isfinite(bar.value):
                continue
            end = x(bar.value)
            y = top + 5 + at * thick
            parts.append(
                f'<rect class="bar s{bar.colour % COLOURS}" x="{min(zero, end)}" y="{y}" width="{abs(end - zero):.2f}" '
                f'height="{thick - 2}"><title>{escape(f"{bar.series}, {name}: {number(bar.value)}")}</title></rect>'
            )
            parts.append(_text(max(zero, end) + 4, y + thick - 4, number(bar.value), anchor="start", kind="value"))
        top += height
    parts.append(f'<line class="axis" x1="{zero}" x2="{zero}" y1="{_TOP}" y2="{bottom}"/>')
    parts.append(_text((left + WIDTH) / 2, bottom + 36, shortened(axes.x, 50), kind="label"))
    return svg(axes.title, parts, height=bottom + 44)


def matrix(
    names: Sequence[str], rows: Sequence[str], values: dict[tuple[str, str], float], axes: Axes, most: float
) -> str:
    """A grid of values by (row, column), each cell as dark as its share of ``most``."""
    longest = min(max(map(columns, rows), default=1), 12)
    left = longest * _CHARACTER + 30
    size = (WIDTH - left - 6) / max(len(names), 1)
    high = min(size, 54.0)
    head = 30.0
    parts = [_text((left + WIDTH) / 2, 11, shortened(axes.x, 40), kind="label")]
    letters = max(int(size / _CHARACTER), 2)
    step = max(math.ceil(15 / size), 1)  # names of narrow cells: not all of them
    parts.extend(
        _text(round(left + (at + 0.5) * size, 2), head - 5, shortened(name, letters * step))
        for at, name in enumerate(names)
        if at % step == 0
    )
    rows_shown = max(math.ceil(13 / high), 1)
    for down, row in enumerate(rows):
        y = head + down * high
        if down % rows_shown == 0:
            parts.append(_text(left - 6, round(y + high / 2 + 4, 2), shortened(row, 12), anchor="end"))
        for across, column in enumerate(names):
            value = values.get((row, column), 0.0)
            share = value / most if most else 0.0
            x = round(left + across * size, 2)
            parts.append(
                f'<rect class="cell" x="{x}" y="{y:.2f}" width="{size - 1:.2f}" height="{high - 1:.2f}" '
                f'fill-opacity="{0.06 + 0.94 * share:.3f}">'
                f"<title>{escape(f'{axes.y}: {row}, {axes.x}: {column}: {number(value)}')}</title></rect>"
            )
            if size >= 22 and high >= 14:
                kind = "on" if share > 0.5 else "value"
                parts.append(_text(round(x + size / 2, 2), round(y + high / 2 + 4, 2), _cell(value), kind=kind))
    bottom = head + len(rows) * high
    middle = (head + bottom) / 2
    parts.append(_text(11, middle, shortened(axes.y, 24), kind="label", turn=f"rotate(-90 11 {middle})"))
    return svg(axes.title, parts, height=bottom + 6)


def _cell(value: float) -> str:
    return number(value) if value == int(value) else f"{value:.2f}"
