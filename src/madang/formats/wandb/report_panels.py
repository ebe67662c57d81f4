"""The panels of reports in the form of docs/formats/native-api.md (Reports)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from madang.domain.query import Field
from madang.formats.wandb.report_runs import field_of, fields_of, mapping, mappings, text, texts

Panel: TypeAlias = dict[str, Any]
_SMOOTHING = ("none", "exponential", "exponentialTimeWeighted", "gaussian", "average")
_DEEPEST = 60


def panel(said: Mapping[str, Any]) -> Panel:
    """One panel. A line plot whose metrics are a pattern has it under ``pattern``."""
    kind = text(said.get("viewType"))
    config = mapping(said.get("config"))
    made = _KINDS.get(kind, _unknown)(config)
    if made["type"] == "unknown":
        made["name"] = kind
    title = text(config.get("chartTitle")) or made.get("title", "")
    return {**made, "title": title, "layout": _layout(mapping(said.get("layout")))}


def _layout(said: Mapping[str, Any]) -> dict[str, int]:
    usual = {"x": 0, "y": 0, "w": 8, "h": 6}
    return {name: value if type(value := said.get(name)) is int and value >= 0 else usual[name] for name in usual}


def field_body(found: Field | None) -> dict[str, str] | None:
    """A field on the wire."""
    if found is None:
        return None
    return {"scope": "tags" if found.scope == "labels" else found.scope, "key": found.key}


def field_bodies(found: list[Field]) -> list[dict[str, str]]:
    """Fields on the wire."""
    return [made for item in found if (made := field_body(item)) is not None]


def _number(said: Any) -> float | None:
    is_number = isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said)
    return said if is_number else None


def _range(config: Mapping[str, Any], axis: str) -> list[float | None]:
    return [_number(config.get(f"{axis}AxisMin")), _number(config.get(f"{axis}AxisMax"))]


def _count(said: Any) -> int:
    return said if type(said) is int and said > 0 else 0


def _labels(said: Any) -> dict[str, str]:
    return {key: item for key, item in mapping(said).items() if isinstance(item, str)}


def _group(config: Mapping[str, Any]) -> dict[str, str] | None:
    name = config.get("groupBy")
    if not isinstance(name, str) or name in ("", "None"):
        return None
    return field_body(field_of(name, "config" if "value" in name.split(".") else "run"))


def _grouping(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "group_by": _group(config),
        "aggregate": text(config.get("groupAgg")),
        "area": text(config.get("groupArea")),
        "limit": _count(config.get("limit")),
        "colors": _labels(config.get("overrideColors")),
        "titles": _labels(config.get("overrideSeriesTitles")),
    }


def _line(config: Mapping[str, Any]) -> Panel:
    weight, smoothing = _number(config.get("smoothingWeight")), text(config.get("smoothingType"))
    return {
        "type": "line",
        "x": field_body(field_of(config.get("xAxis") or "_step")),
        "metrics": [item.key for item in fields_of(config.get("metrics")) if item.scope == "metrics"],
        "pattern": text(config.get("metricRegex")) if config.get("useMetricRegex") else "",
        "expressions": texts(config.get("expressions")),
        "x_range": _range(config, "x"),
        "y_range": _range(config, "y"),
        "log_x": config.get("xLogScale") is True,
        "log_y": config.get("yLogScale") is True,
        "x_title": text(config.get("xAxisTitle")),
        "y_title": text(config.get("yAxisTitle")),
        "smoothing": {"type": smoothing if smoothing in _SMOOTHING else "none", "weight": weight or 0},
        "style": text(config.get("plotType")) or "line",
        **_grouping(config),
    }


def _scatter(config: Mapping[str, Any]) -> Panel:
    return {
        "type": "scatter",
        **{axis: field_body(field_of(config.get(f"{axis}Axis"))) for axis in "xyz"},
        **{f"{axis}_range": _range(config, axis) for axis in "xyz"},
        **{f"log_{axis}": config.get(f"{axis}AxisLogScale") is True for axis in "xyz"},
        "has_regression": config.get("showLinearRegression") is True,
    }


def _bars(kind: str) -> Callable[[Mapping[str, Any]], Panel]:
    def made(config: Mapping[str, Any]) -> Panel:
        metrics = field_bodies(fields_of(config.get("metrics")))
        shown = {
            "is_vertical": config.get("vertical") is True,
            "x_range": _range(config, "x"),
            "x_title": text(config.get("xAxisTitle")),
            "y_title": text(config.get("yAxisTitle")),
            "bar_limit": _count(config.get("barLimit")),
        }
        return {"type": kind, "metrics": metrics, **shown, **_grouping(config)}

    return made


def _parallel(config: Mapping[str, Any]) -> Panel:
    columns = []
    for item in mappings(config.get("columns")):
        found = field_body(field_of(item.get("accessor")))
        if found is not None:
            flags = {"is_inverted": item.get("inverted") is True, "is_log": item.get("log") is True}
            columns.append({"field": found, "title": text(item.get("displayName")), **flags})
    return {"type": "parallel", "columns": columns}


def _media(config: Mapping[str, Any]) -> Panel:
    grid, gallery = mapping(config.get("gridSettings")), mapping(config.get("gallerySettings"))
    return {
        "type": "media",
        "keys": texts(config.get("mediaKeys")),
        "columns": _count(config.get("columnCount")),
        "mode": "grid" if config.get("mode") == "grid" else "gallery",
        "x_axis": text(grid.get("xAxis") or gallery.get("axis")),
        "y_axis": text(grid.get("yAxis")),
    }


def _chart(config: Mapping[str, Any]) -> Panel:
    table, keys = "", []
    query = mappings(mapping(config.get("userQuery")).get("queryFields"))
    for part in mappings(query[0].get("fields")) if query else []:
        for argument in mappings(part.get("args")):
            if argument.get("name") == "tableKey":
                table = text(argument.get("value"))
            elif argument.get("name") == "keys":
                keys += texts(argument.get("value"))
    strings = _labels(config.get("stringSettings"))
    return {
        "type": "chart",
        "title": strings.get("title", ""),
        "chart": text(config.get("panelDefId")),
        "table": table,
        "keys": keys,
        "fields": _labels(config.get("fieldSettings")),
        "texts": strings,
    }


def _weave(config: Mapping[str, Any]) -> Panel:
    """Of W&B's own expressions only the table of a summary is understood: what picks a key."""
    found = _picked(config, 0)
    return {"type": "table", "key": found} if found else _unknown(config)


def _picked(said: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return ""
    if isinstance(said, dict):
        key = mapping(mapping(said.get("inputs")).get("key")).get("val")
        if said.get("name") == "pick" and isinstance(key, str):
            return key
        said = list(said.values())
    if not isinstance(said, list):
        return ""
    return next((found for item in said if (found := _picked(item, depth + 1))), "")


def _unknown(_: Mapping[str, Any]) -> Panel:
    return {"type": "unknown"}


_KINDS: dict[str, Callable[[Mapping[str, Any]], Panel]] = {
    "Run History Line Plot": _line,
    "Scatter Plot": _scatter,
    "Bar Chart": _bars("bar"),
    "Scalar Chart": _bars("scalar"),
    "Parallel Coordinates Plot": _parallel,
    "Parameter Importance": lambda config: {
        "type": "importance",
        "target": field_body(field_of(config.get("targetKey"), "summary")),
    },
    "Run Comparer": lambda config: {"type": "runs", "only_differences": bool(config.get("diffOnly"))},
    "Code Comparer": lambda _: {"type": "code", "only_differences": True},
    "Media Browser": _media,
    "Markdown Panel": lambda config: {"type": "markdown", "text": text(config.get("value"))},
    "Vega2": _chart,
    "Weave": _weave,
    "Weave Trace": _weave,
}
