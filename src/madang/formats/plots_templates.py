"""The templates of plots that dvc has, as Vega-Lite specifications, and templates of the user's own.

A template holds anchors such as ``<DVC_METRIC_X>``, which are replaced by fields, labels and rows. Source of the names,
of the anchors and of what each template draws: dvc, whose specifications these equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from madang.errors import InvalidInput
from madang.formats.plots import Properties, Row

Spec = dict[str, Any]
_SEPARATOR = "::"
_SPLIT = (
    "color", "data", "plot_height", "plot_width", "shape", "stroke_dash", "title", "tooltip", "x_label", "y_label",
    "zoom_and_pan",
)  # fmt: skip
_RANGES: dict[str, list[Any]] = {
    "stroke_dash": [[1, 0], [8, 8], [8, 4], [4, 4], [4, 2], [2, 1], [1, 1]],
    "color": ["#945dd6", "#13adc7", "#f46837", "#48bb78", "#4299e1", "#ed8936", "#f56565"],
    "shape": ["circle", "square", "triangle", "diamond"],
}


def anchor(name: str) -> str:
    """The text that stands for a value."""
    return f"<DVC_METRIC_{name.upper()}>"


def _axis(name: str, kind: str | None = "quantitative", **more: Any) -> Spec:
    return {"field": anchor(name), **({"type": kind} if kind else {}), "title": anchor(f"{name}_label"), **more}


def _framed(*, sized: bool = True, **more: Any) -> Spec:
    size = {"width": anchor("plot_width"), "height": anchor("plot_height")} if sized else {}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": anchor("data")},
        "title": {"text": anchor("title"), "anchor": "middle"},
        **size,
        **more,
    }


_ZOOM = [anchor("zoom_and_pan")]
_NOT_FROM_ZERO: Spec = {"scale": {"zero": False}}
_DATA_TIP = {"content": "data"}


def _simple() -> Spec:
    return _framed(
        params=_ZOOM,
        mark={"type": "line", "tooltip": _DATA_TIP},
        encoding={
            "x": _axis("x"),
            "y": _axis("y", **_NOT_FROM_ZERO),
            "color": anchor("color"),
            "strokeDash": anchor("stroke_dash"),
            "tooltip": anchor("tooltip"),
        },
    )


def _linear() -> Spec:
    of_revision = {"field": "rev", "type": "nominal"}
    smoothed = {
        "layer": [
            {"params": _ZOOM, "mark": "line"},
            {"transform": [{"filter": {"param": "hover", "empty": False}}], "mark": "point"},
        ],
        "encoding": {"y": _axis("y", **_NOT_FROM_ZERO), "color": of_revision},
        "transform": [
            {
                "loess": anchor("y"),
                "on": anchor("x"),
                "groupby": anchor("group_by"),
                "bandwidth": {"signal": "smooth"},
            }
        ],
    }
    raw = {
        "mark": {"type": "line", "opacity": 0.2},
        "encoding": {"x": _axis("x"), "y": _axis("y", **_NOT_FROM_ZERO), "color": of_revision},
    }
    last = {
        "mark": {"type": "circle", "size": 10},
        "encoding": {
            "x": {"aggregate": "max", **_axis("x")},
            "y": {"aggregate": {"argmax": anchor("x")}, **_axis("y", **_NOT_FROM_ZERO)},
            "color": of_revision,
        },
    }
    slider = {"input": "range", "min": 0.001, "max": 1, "step": 0.001}
    return _framed(
        params=[{"name": "smooth", "value": 0.001, "bind": slider}],
        encoding={"x": _axis("x"), "color": anchor("color"), "strokeDash": anchor("stroke_dash")},
        layer=[smoothed, raw, last, _rule()],
    )


def _rule() -> Spec:
    """The line under the pointer, which tells the values of all groups there."""
    hover = {"type": "point", "fields": [anchor("x")], "nearest": True, "on": "mouseover", "clear": "mouseout"}
    return {
        "transform": [
            {"calculate": anchor("pivot_field"), "as": "pivot_field"},
            {"pivot": "pivot_field", "op": "mean", "value": anchor("y"), "groupby": [anchor("x")]},
        ],
        "mark": {"type": "rule", "tooltip": _DATA_TIP, "stroke": "grey"},
        "encoding": {"opacity": {"condition": {"value": 0.3, "param": "hover", "empty": False}, "value": 0}},
        "params": [{"name": "hover", "select": hover}],
    }


def _scatter() -> Spec:
    return _framed(
        mark={"type": "point", "tooltip": _DATA_TIP},
        params=_ZOOM,
        encoding={
            "x": _axis("x"),
            "y": _axis("y"),
            "color": anchor("color"),
            "shape": anchor("shape"),
            "tooltip": anchor("tooltip"),
        },
    )


def _scatter_jitter() -> Spec:
    return _framed(
        transform=[{"calculate": "random()", "as": "randomX"}, {"calculate": "random()", "as": "randomY"}],
        mark={"type": "point", "tooltip": _DATA_TIP},
        encoding={
            "x": _axis("x", None),
            "y": _axis("y", None),
            "color": anchor("color"),
            "shape": anchor("shape"),
            "tooltip": anchor("tooltip"),
            "xOffset": {"field": "randomX", "type": "quantitative"},
            "yOffset": {"field": "randomY", "type": "quantitative"},
        },
    )


def _bars(**order: str) -> Spec:
    return _framed(
        mark={"type": "bar"},
        params=_ZOOM,
        encoding={
            "x": _axis("x", **_NOT_FROM_ZERO),
            "y": _axis("y", "nominal", **order),
            "yOffset": {"field": "rev", "sort": []},
            "color": anchor("color"),
            "column": anchor("column"),
        },
    )


def _imputed(key: str, group: Any) -> Spec:
    return {"impute": "xy_count", "groupby": group, "key": anchor(key), "value": 0}


def _joined(operation: str, source: str, name: str, group: list[str]) -> Spec:
    return {"joinaggregate": [{"op": operation, "field": source, "as": name}], "groupby": group}


def _counts() -> tuple[list[Spec], Spec, Spec]:
    """Numbers of a confusion matrix as they are: what computes them, the colour of a cell, and its text on demand."""
    joins = [
        _joined("max", "xy_count", "max_count", []),
        {"calculate": "datum.xy_count / datum.max_count", "as": "percent_of_max"},
    ]
    shade = {"field": "xy_count", "type": "quantitative", "title": "", "scale": {"domainMin": 0, "nice": True}}
    shown = {"param": "showValues", "field": "xy_count", "type": "quantitative"}
    return joins, shade, {"text": {"condition": shown}, **_contrast("percent_of_max")}


def _shares() -> tuple[list[Spec], Spec, Spec]:
    """The same as shares of their row, which no text is written for."""
    joins = [
        _joined("sum", "xy_count", "sum_y", [anchor("y")]),
        {"calculate": "datum.xy_count / datum.sum_y", "as": "percent_of_y"},
    ]
    shade = {"field": "percent_of_y", "type": "quantitative", "title": "", "scale": {"domain": [0, 1]}}
    return joins, shade, _contrast("percent_of_y")


def _contrast(share: str) -> Spec:
    return {"color": {"condition": {"test": f"datum.{share} > 0.5", "value": "white"}, "value": "black"}}


def _hovered(tip: Spec) -> list[Spec]:
    """The cell under the pointer: it tells its number and is marked."""
    over = {
        "type": "single", "on": "mouseover", "encodings": ["x", "y"], "empty": "none", "clear": "mouseout",
    }  # fmt: skip
    names = [{"field": anchor(axis), "type": "nominal"} for axis in ("x", "y")]
    opacity = {"condition": {"selection": "label", "value": 1}, "value": 0}
    cell = {"selection": {"label": over}, "mark": "rect", "encoding": {"tooltip": [*names, tip], "opacity": opacity}}
    mark = {"mark": {"type": "rect", "color": "lightpink"}}
    return [cell, {"transform": [{"filter": {"selection": "label"}}], "layer": [mark]}]


def _confusion(*, normalized: bool) -> Spec:
    joins, shade, numbers = _shares() if normalized else _counts()
    tip = {"field": shade["field"], "type": "quantitative", **({"format": ".2f"} if normalized else {})}
    cells: Spec = {"mark": "rect", "width": anchor("plot_width"), "height": anchor("plot_height")}
    by_y = ["rev", anchor("y")] if normalized else anchor("group_by_y")
    checkbox = {} if normalized else {"params": [{"name": "showValues", "bind": {"input": "checkbox"}}]}
    count = {"aggregate": [{"op": "count", "as": "xy_count"}], "groupby": [anchor("y"), anchor("x")]}
    return _framed(
        sized=False,
        facet={"column": {"field": "rev", "sort": []}, "row": anchor("row")},
        **checkbox,
        spec={
            "transform": [count, _imputed("x", by_y), _imputed("y", anchor("group_by_x")), *joins],
            "encoding": {axis: _ascending(axis) for axis in ("x", "y")},
            "layer": [{**cells, "encoding": {"color": shade}}, *_hovered(tip), {"mark": "text", "encoding": numbers}],
        },
    )


def _ascending(axis: str) -> Spec:
    return {"field": anchor(axis), "type": "nominal", "sort": "ascending", "title": anchor(f"{axis}_label")}


TEMPLATES: dict[str, Spec] = {
    "simple": _simple(),
    "linear": _linear(),
    "confusion": _confusion(normalized=False),
    "confusion_normalized": _confusion(normalized=True),
    "scatter": _scatter(),
    "scatter_jitter": _scatter_jitter(),
    "smooth": _linear(),
    "bar_horizontal_sorted": _bars(sort="-x"),
    "bar_horizontal": _bars(),
}
"""By name, in the order in which dvc lists them."""

DEFAULT = "linear"


def filled(
    template: Spec, rows: list[Row], properties: Properties, revisions: list[str], *, split: bool = False
) -> tuple[Spec, dict[str, Any]]:
    """The specification with everything in it; with ``split`` most values come beside it, by their anchors.

    Raises:
        InvalidInput: no row has the field of x or y, or the template has no place for rows.
    """
    if not rows:
        return {}, {}
    for axis in ("x", "y"):
        name = properties.get(axis)
        if name and not any(name in row for row in rows):
            raise InvalidInput(f"No value of {properties.get('title')!r} has the field {name!r}.")
    filling = _Filling(template, _SPLIT if split else ())
    varied = _fill_optional(filling, properties, revisions)
    shown = rows if varied is None else [_shortened(row, varied) for row in rows]
    values = {
        "title": properties.get("title", ""),
        **{axis: _escaped(properties.get(axis)) for axis in ("x", "y")},
        "x_label": properties.get("x_label", properties.get("x")),
        "y_label": properties.get("y_label", properties.get("y")),
        "data": shown,
    }
    if not _holds(filling.spec, anchor("data")):
        raise InvalidInput(f"The template has no {anchor('data')}, so nothing can be drawn with it.")
    for name, value in values.items():
        if value is not None:
            filling.fill(name, value)
    return filling.spec, filling.beside


class _Filling:
    """A template on its way to a specification."""

    def __init__(self, template: Spec, split: tuple[str, ...]) -> None:
        self.spec = template
        self.beside: dict[str, Any] = {}
        self._split = split

    def fill(self, name: str, value: Any) -> None:
        if name in self._split:
            self.beside[anchor(name)] = value
        else:
            self.spec = _replaced(self.spec, anchor(name), value)

    def fill_if_there(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if _holds(self.spec, anchor(name)):
                self.fill(name, value)


_OPTIONAL = (
    "color", "column", "group_by_x", "group_by_y", "group_by", "pivot_field", "plot_height", "plot_width", "row",
    "shape", "stroke_dash", "tooltip", "zoom_and_pan",
)  # fmt: skip


def _fill_optional(filling: _Filling, properties: Properties, revisions: list[str]) -> list[str] | None:
    """Fill what not every template has. Returns what tells sources apart; None when the template has none of it."""
    if not any(_holds(filling.spec, anchor(name)) for name in _OPTIONAL):
        return None
    filling.fill_if_there(
        {
            "color": _mapping("rev", "color", revisions),
            "zoom_and_pan": {"name": "grid", "select": "interval", "bind": "scales"},
            "plot_height": 300,
            "plot_width": 300,
        }
    )
    definitions = properties.get("anchors_y_definitions", [])
    varied = [key for key in ("filename", "field") if len({one[key] for one in definitions}) > 1]
    if not varied:
        filling.fill_if_there({**_grouped(["rev"], properties), "pivot_field": "datum.rev"})
        filling.fill_if_there({"tooltip": _tips(properties)})
        for name in ("column", "row", "shape", "stroke_dash"):
            if _holds(filling.spec, anchor(name)):
                filling.spec = _replaced(filling.spec, anchor(name), {})
        return []
    joined = _SEPARATOR.join(varied)
    domain = sorted({_SEPARATOR.join(str(one[key]) for key in varied) for one in definitions})
    pivot = f" + '{_SEPARATOR}' + ".join(f"datum.{key}" for key in ("rev", *varied))
    facet = {"field": joined, "sort": []}
    filling.fill_if_there({**_grouped(["rev", joined], properties), "pivot_field": pivot, "row": facet})
    filling.fill_if_there({"column": facet, "tooltip": _tips(properties, joined)})
    filling.fill_if_there({name: _mapping(joined, name, domain) for name in ("stroke_dash", "shape")})
    return varied


def _grouped(by: list[str], properties: Properties) -> dict[str, Any]:
    return {
        "group_by": by,
        "group_by_x": [*by, properties.get("x")],
        "group_by_y": [*by, properties.get("y")],
    }


def _tips(properties: Properties, *more: str) -> list[Spec]:
    return [{"field": name} for name in ("rev", properties.get("x"), properties.get("y"), *more)]


def _mapping(name: str, kind: str, domain: list[str]) -> Spec:
    values = _RANGES[kind]
    legend = {"legend": {"symbolFillColor": "transparent", "symbolStrokeColor": "grey"}} if kind != "color" else {}
    shown = [values[at % len(values)] for at in range(len(domain))]
    return {"field": name, "scale": {"domain": domain, "range": shown}, **legend}


def _shortened(row: Row, varied: list[str]) -> Row:
    """A row with only what tells its source apart from the others."""
    found = {key: value for key, value in row.items() if key not in ("filename", "field") or varied == [key]}
    if len(varied) == 2:
        found[_SEPARATOR.join(varied)] = _SEPARATOR.join(str(row.get(key)) for key in varied)
    return found


def _escaped(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    return name.replace(".", "\\.").replace("[", "\\[").replace("]", "\\]")


def _holds(value: Any, text: str) -> bool:
    if isinstance(value, Mapping):
        return any(_holds(item, text) for item in value.values())
    if isinstance(value, list):
        return any(_holds(item, text) for item in value)
    return bool(value == text)


def _replaced(value: Any, text: str, new: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _replaced(item, text, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, text, new) if not isinstance(item, str) or item == text else item for item in value]
    if value == text:
        return new
    return value.replace(text, new) if isinstance(value, str) and isinstance(new, str) else value


def marks(spec: Any) -> Iterable[str]:
    """The kinds of marks that a specification of anybody's has, in its order."""
    if isinstance(spec, Mapping):
        mark = spec.get("mark")
        kind = mark.get("type") if isinstance(mark, Mapping) else mark
        if isinstance(kind, str):
            yield kind
        for key in ("spec", "layer", "hconcat", "vconcat", "concat"):
            yield from marks(spec.get(key))
    elif isinstance(spec, list):
        for item in spec:
            yield from marks(item)
