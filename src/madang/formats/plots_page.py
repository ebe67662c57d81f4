"""The page of plots: one HTML file that needs nothing from elsewhere, light and dark, on a phone and on a desk."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from html import escape
from typing import Any
from urllib.parse import quote

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats import plots_svg
from madang.formats.plots import JOINED_X, JOINED_Y, Properties, Row
from madang.formats.plots_svg import COLOURS, Axes, Bar, Series, number
from madang.formats.plots_templates import TEMPLATES, Spec, marks

PLOTS, SCRIPTS, REFRESH = "{plot_divs}", "{scripts}", "{refresh_tag}"
"""What stands in a page's own template for the plots, for what goes into the head, and for nothing."""

_MOST_CLASSES, _MOST_BARS = 100, 300  # in a matrix, in a chart
_STYLE = """\
:root{color-scheme:light dark;--bg:#f6f6f4;--card:#fff;--ink:#1c1c1e;--soft:#62626a;--rule:#e2e2df;--accent:#2b62c4;
--s0:#7444c8;--s1:#0b8199;--s2:#cf4a12;--s3:#24834a;--s4:#1f6fc4;--s5:#99640a;--s6:#c2343f}
@media (prefers-color-scheme:dark){:root{--bg:#131316;--card:#1d1d21;--ink:#ececee;--soft:#a2a2ab;--rule:#34343a;
--accent:#7aa7ff;--s0:#b794f6;--s1:#4ac6dd;--s2:#ff8f5e;--s3:#63cf8f;--s4:#74b4f5;--s5:#e0ac4f;--s6:#ff8088}}
*{box-sizing:border-box}
.plots{margin:0 auto;max-width:1500px;padding:16px;font:15px/1.45 system-ui,-apple-system,"Noto Sans KR",sans-serif;
color:var(--ink)}
.plots h1{font-size:1.25rem;margin:0 0 12px}
.plots .grid-of-plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:14px;
align-items:start}
.plots .card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 12px 10px;min-width:0;
margin:0}
.plots .wide{grid-column:1/-1}
.plots h2{font-size:1rem;margin:0 0 6px;overflow-wrap:anywhere}
.plots h3{font-size:.85rem;font-weight:600;margin:8px 0 2px;color:var(--soft);overflow-wrap:anywhere}
.plots p{margin:6px 0 0;color:var(--soft);font-size:.85rem;overflow-wrap:anywhere}
.plots ul.key{list-style:none;display:flex;flex-wrap:wrap;gap:2px 14px;margin:0 0 6px;padding:0;font-size:.85rem}
.plots ul.key li{display:flex;align-items:center;gap:6px;overflow-wrap:anywhere}
.plots ul.key svg{width:26px;height:10px;flex:none}
.plots .parts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:8px 14px}
.plots .card svg{display:block;width:100%;height:auto;max-width:640px}
.plots .grid{stroke:var(--rule)}.plots .axis{stroke:var(--soft)}
.plots text{font-size:12px;fill:var(--soft)}.plots .label{font-size:12.5px;fill:var(--ink)}
.plots .value{fill:var(--ink);font-size:11.5px}.plots .on{fill:var(--card);font-size:11.5px;font-weight:600}
.plots .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.plots .faint{opacity:.28;stroke-width:1.5}
.plots .dot{fill:currentColor}.plots .tip{fill:currentColor;fill-opacity:0}
.plots .tip:hover{fill-opacity:.35}.plots .mark{fill:currentColor;fill-opacity:.28;stroke:currentColor}
.plots .bar{fill:currentColor}.plots .cell{fill:var(--accent)}
.plots .s0{color:var(--s0)}.plots .s1{color:var(--s1)}.plots .s2{color:var(--s2)}.plots .s3{color:var(--s3)}
.plots .s4{color:var(--s4)}.plots .s5{color:var(--s5)}.plots .s6{color:var(--s6)}
.plots .pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr));gap:12px}
.plots figure{margin:0;min-width:0}.plots figcaption{font-size:.85rem;color:var(--soft);margin-bottom:4px;
overflow-wrap:anywhere}
.plots img{max-width:100%;height:auto;border:1px solid var(--rule);border-radius:6px;background:#fff}
.plots details{margin-top:6px;font-size:.85rem;color:var(--soft)}.plots summary{cursor:pointer}
.plots .scroll{overflow-x:auto}.plots table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.plots td,.plots th{padding:2px 12px 2px 0;text-align:right;white-space:nowrap}
.plots td:first-child,.plots th:first-child{text-align:left}
"""
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'">
<title>Plots</title>
{scripts}
<style>body{margin:0;background:var(--bg)}</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""  # noqa: E501 - the policy is one line


@value
class Chart:
    """A plot on its way to the page. ``images``: revision and where the file lies, as seen from the page."""

    title: str
    template: str = ""
    spec: Spec = field(default_factory=dict)  # of a template that is not built in
    rows: Sequence[Row] = ()
    properties: Properties = field(default_factory=dict)
    revisions: Sequence[str] = ()
    images: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def page(charts: Sequence[Chart], template: str | None = None) -> str:
    """The whole page; ``template`` may be somebody's own, see `PLOTS`. Raises `InvalidInput` when none fit into it."""
    if template is not None and PLOTS not in template:
        raise InvalidInput(f"The HTML template has no {PLOTS}, so there is no place for the plots.")
    shell = template if template is not None else _PAGE
    style = f"<style>\n{_STYLE}</style>"
    cards = "\n".join(_card(chart) for chart in charts)
    body = f'<main class="plots">\n<h1>Plots</h1>\n<div class="grid-of-plots">\n{cards}\n</div>\n</main>'
    if SCRIPTS not in shell:
        body = f"{style}\n{body}"
    shell = shell.replace(REFRESH, "").replace(SCRIPTS, style)
    return shell.replace(PLOTS, body)


def _card(chart: Chart) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in chart.notes)
    inner = _images(chart) if chart.images else _drawn(chart)
    kind = "card wide" if len(chart.images) > 1 or inner.count("<h3>") > 1 else "card"  # several drawings: side by side
    return f'<section class="{kind}"><h2>{escape(chart.title)}</h2>{inner}{notes}</section>'


def _images(chart: Chart) -> str:
    figures = [
        f'<figure><figcaption>{escape(revision)}</figcaption><img src="{quote(source)}" '
        f'alt="{escape(f"{chart.title} at {revision}")}"></figure>'
        for revision, source in chart.images
    ]
    return f'<div class="pictures">{"".join(figures)}</div>'


_KINDS = {
    "line": "linear", "area": "linear", "trail": "linear", "point": "scatter", "circle": "scatter",
    "square": "scatter", "tick": "scatter", "bar": "bar_horizontal", "rect": "confusion",
}  # fmt: skip


def _drawn(chart: Chart) -> str:
    if not chart.rows:
        return "<p>No data.</p>"
    template, note = chart.template, ""
    if template not in TEMPLATES or chart.spec:
        template = next((_KINDS[mark] for mark in marks(chart.spec) if mark in _KINDS), "linear")
        note = (
            f"<p>Drawn like {escape(template)}: what else the template {escape(chart.template)} says is for Vega "
            "(--show-vega prints it).</p>"
        )
    if template.startswith("confusion"):
        return _matrices(chart, normalized=template == "confusion_normalized") + note
    if template.startswith("bar_horizontal"):
        return _bar_charts(chart, is_sorted=template.endswith("sorted")) + note
    return _xy(chart, template) + note


def _source(row: Row, chart: Chart) -> str:
    """What tells the source of a row apart from the others of its plot; empty when there is one."""
    definitions: Sequence[Mapping[str, Any]] = chart.properties.get("anchors_y_definitions", ())
    varied = [key for key in ("filename", "field") if len({one[key] for one in definitions}) > 1]
    return "::".join(str(row.get(key)) for key in varied)


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _natural(name: str) -> tuple[float, str]:
    """Numbers before names, by their size."""
    value = _float(name)
    return (math.inf if value is None or math.isnan(value) else value, name)


def _axes(chart: Chart, names: Sequence[str] = (), rows: Sequence[str] = ()) -> Axes:
    def label(axis: str) -> str:
        found = chart.properties.get(f"{axis}_label") or chart.properties.get(axis)
        return axis if found in (None, JOINED_X, JOINED_Y) else str(found)

    return Axes(chart.title, label("x"), label("y"), names, rows)


def _xy(chart: Chart, template: str) -> str:
    x, y = str(chart.properties.get("x")), str(chart.properties.get("y"))
    rows = [row for row in chart.rows if x in row and y in row]
    is_jittered = template == "scatter_jitter"
    across, names = _places([row[x] for row in rows], is_jittered=is_jittered)
    heights = [_float(row[y]) for row in rows]
    levels: list[str] = []
    if is_jittered:
        heights, levels = _places([row[y] for row in rows], is_jittered=True, turn=0.7548776662)
    missing = heights.count(None)
    if missing == len(rows):
        return f"<p>{escape(y)} holds no numbers.</p>"
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row, place, height in zip(rows, across, heights, strict=True):
        if place is not None:
            points = found.setdefault((str(row["rev"]), _source(row, chart)), [])
            points.append((place, math.nan if height is None else height))
    draws_lines = not template.startswith("scatter")
    if draws_lines and not names:
        found = {key: sorted(points, key=lambda point: point[0]) for key, points in found.items()}
    series = shown = _series(found, chart)
    if template == "smooth":
        faint = [Series(one.name, one.points, one.colour, one.dash, is_faint=True) for one in series]
        shown = [*faint, *(Series(one.name, plots_svg.smoothed(one.points), one.colour, one.dash) for one in series)]
    drawing = (plots_svg.lines if draws_lines else plots_svg.points)(shown, _axes(chart, names, levels))
    summary = "" if levels else _summary(series)
    note = f"<p>{missing} values are no numbers and are left out.</p>" if missing else ""
    return _key(series, is_line=draws_lines) + drawing + summary + note


def _places(
    values: Sequence[Any], *, is_jittered: bool = False, turn: float = 0.6180339887
) -> tuple[list[float | None], list[str]]:
    """Where values stand along an axis, and the names on it when they are not all numbers.

    Jittered ones are moved a little, always in the same way, so that equal ones can be seen side by side.
    """
    found = [_float(value) for value in values]
    names: list[str] = []
    if None in found:  # dates, names: as they come
        names = list(dict.fromkeys(map(str, values)))
        order = {name: float(at) for at, name in enumerate(names)}
        found = [order[str(value)] for value in values]
    if is_jittered and all(place is None or place.is_integer() for place in found):
        found = [None if place is None else place + ((at * turn) % 1 - 0.5) * 0.6 for at, place in enumerate(found)]
    return found, names


def _series(found: Mapping[tuple[str, str], list[tuple[float, float]]], chart: Chart) -> list[Series]:
    revisions = {name: at for at, name in enumerate(chart.revisions)}
    sources = {name: at for at, name in enumerate(dict.fromkeys(source for _, source in found))}
    alone = len(revisions) == 1  # then colours tell the sources apart, which is easier to see than dashes
    return [
        Series(
            _called(revision, source, chart),
            points,
            sources[source] if alone else revisions.get(revision, 0),
            0 if alone else sources[source],
        )
        for (revision, source), points in found.items()
    ]


def _called(revision: str, source: str, chart: Chart) -> str:
    if len(chart.revisions) == 1 and source:
        return source
    return f"{revision} · {source}" if source else revision


def _key(series: Sequence[Series], *, is_line: bool) -> str:
    if len(series) < 2 and not (series and series[0].name):
        return ""
    items = []
    for one in series:
        dash = plots_svg.DASHES[one.dash % len(plots_svg.DASHES)] if is_line else ""
        mark = f'<line class="line" x1="1" x2="25" y1="5" y2="5" stroke-dasharray="{dash}"/>'
        if not is_line:
            mark = f'<path class="mark" d="{plots_svg.SHAPES[one.dash % len(plots_svg.SHAPES)](13, 5)}"/>'
        sign = f'<svg class="s{one.colour % COLOURS}" viewBox="0 0 26 10" aria-hidden="true">{mark}</svg>'
        items.append(f"<li>{sign}<span>{escape(one.name)}</span></li>")
    return f'<ul class="key">{"".join(items)}</ul>'


def _summary(series: Sequence[Series]) -> str:
    rows = []
    for one in series:
        known = [value for _, value in one.points if math.isfinite(value)]
        if known:
            cells = (known[0], known[-1], min(known), max(known), len(one.points))
            numbers = "".join(f"<td>{number(value)}</td>" for value in cells)
            rows.append(f"<tr><td>{escape(one.name)}</td>{numbers}</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("", "first", "last", "lowest", "highest", "points"))
    return (
        f'<details><summary>Numbers</summary><div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'
        "</details>"
    )


def _by_source(chart: Chart) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in chart.rows:
        found.setdefault(_source(row, chart), []).append(row)
    return found


def _bar_charts(chart: Chart, *, is_sorted: bool) -> str:
    x, y = str(chart.properties.get("x")), str(chart.properties.get("y"))
    colours = {name: at for at, name in enumerate(chart.revisions)}
    parts = []
    for source, rows in _by_source(chart).items():
        found: dict[str, dict[str, float]] = {}
        for row in rows:
            value = _float(row.get(x))
            if value is not None and y in row:
                of_row = found.setdefault(str(row[y]), {})
                of_row[str(row["rev"])] = of_row.get(str(row["rev"]), 0.0) + value
        names = sorted(found, key=_natural)
        if is_sorted:
            names.sort(key=lambda name: -max(found[name].values()))
        lines = [
            (name, [Bar(rev, found[name][rev], colours.get(rev, 0)) for rev in chart.revisions if rev in found[name]])
            for name in names
        ]
        head = f"<h3>{escape(source)}</h3>" if source else ""
        if len(lines) > _MOST_BARS:
            head += f"<p>{_MOST_BARS} of {len(lines)} rows.</p>"
            lines = lines[:_MOST_BARS]
        drawing = plots_svg.bars(lines, _axes(chart)) if lines else f"<p>{escape(str(x))} holds no numbers.</p>"
        parts.append(f"<div>{head}{drawing}</div>")
    key = [Series(name, (), at) for name, at in colours.items()]
    return _key(key, is_line=True) + f'<div class="parts">{"".join(parts)}</div>'


def _matrices(chart: Chart, *, normalized: bool) -> str:
    x, y = str(chart.properties.get("x")), str(chart.properties.get("y"))
    known = [row for row in chart.rows if x in row and y in row]
    columns = sorted({str(row[x]) for row in known}, key=_natural)
    names = sorted({str(row[y]) for row in known}, key=_natural)
    if max(len(columns), len(names)) > _MOST_CLASSES:
        return f"<p>More than {_MOST_CLASSES} different values: too many for a matrix.</p>"
    counts: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for row in known:
        counts.setdefault((str(row["rev"]), _source(row, chart)), Counter())[str(row[y]), str(row[x])] += 1
    most = max((count for found in counts.values() for count in found.values()), default=0)
    parts = []
    for (revision, source), found in counts.items():
        values = {cell: float(count) for cell, count in found.items()}
        if normalized:
            sums = Counter(dict.fromkeys(names, 0))
            for (name, _), count in found.items():
                sums[name] += count
            values = {(name, column): count / sums[name] for (name, column), count in found.items()}
        head = " · ".join(filter(None, (revision, source)))
        drawing = plots_svg.matrix(columns, names, values, _axes(chart), 1.0 if normalized else float(most))
        parts.append(f"<div><h3>{escape(head)}</h3>{drawing}</div>")
    return f'<div class="parts">{"".join(parts)}</div>'
