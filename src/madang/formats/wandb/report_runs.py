"""The run sets of reports: which runs they mean, in which order, and which are hidden."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from madang.domain.query import AllOf, AnyOf, Compare, Condition, Field, Order
from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.wandb.fields import place
from madang.formats.wandb.filters import TRUE, comparison
from madang.formats.wandb.ids import project_name

_SECTIONS = {"config": "config.", "summary": "summary_metrics.", "keys_info": "keys_info.keys.", "run": ""}
_OPERATORS = {
    "=": "$eq", "==": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte", "IN": "$in",
    "NIN": "$nin",
}  # fmt: skip
_DEEPEST = 20


@value
class RunSet:
    """What a run set asks for. ``project`` is ours, empty for the report's own; ``told`` names runs as clients do."""

    name: str = ""
    project: str = ""
    where: Condition = TRUE
    order: tuple[Order, ...] = ()
    text: str = ""
    told: frozenset[str] = frozenset()
    shows_told: bool = False  # the named runs are those shown, not those hidden
    groups: list[Field] = field(default_factory=list)
    columns: list[Field] = field(default_factory=list)
    colors: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def hides(self, name: str) -> bool:
        """Whether the run that clients call so is not drawn."""
        return (name in self.told) != self.shows_told


def texts(said: Any) -> list[str]:
    """The texts of a list; nothing for what is no list."""
    return [item for item in said if isinstance(item, str)] if isinstance(said, list) else []


def mapping(said: Any) -> Mapping[str, Any]:
    """An object; an empty one for what is none."""
    return said if isinstance(said, dict) else {}


def mappings(said: Any) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [item for item in said if isinstance(item, dict)] if isinstance(said, list) else []


def text(said: Any) -> str:
    """A text; an empty one for what is none."""
    return said if isinstance(said, str) else ""


def field_of(name: Any, section: str = "") -> Field | None:
    """The field behind a name in a report: ``config:lr.value``, ``config.lr.value``, ``summary:loss``, or bare."""
    if not isinstance(name, str) or not name:
        return None
    if name.startswith("c::"):
        section, name = "config", name[3:]
    before, sign, rest = name.partition(":")
    if before == "tags":
        return Field("labels", "")
    if sign and before in _SECTIONS:
        section, name = before, rest
    found = place(_SECTIONS.get(section, "") + name)
    if found is not None and (section or "." in name):
        return found.field
    return Field("metrics", name) if section in ("", "summary") else None


def fields_of(names: Any, section: str = "") -> list[Field]:
    """The fields behind a list of names, as far as they are known."""
    return [found for name in texts(names) if (found := field_of(name, section)) is not None]


def run_set(said: Mapping[str, Any], colors: Mapping[str, Any]) -> RunSet:
    """A run set as a report has it. What is not understood stands in its notes."""
    notes: list[str] = []
    project, search, chosen = mapping(said.get("project")), mapping(said.get("search")), mapping(said.get("selections"))
    named = text(project.get("name"))
    query = text(search.get("query"))
    where = [_where(said.get("filters"), notes)]
    if query and search.get("isRegex"):
        where.append(Compare(Field("attributes", "name"), "regex", query))
    return RunSet(
        name=text(said.get("name")) or "Run set",
        project=project_name(text(project.get("entityName")), named) if named else "",
        where=AllOf(tuple(where)),
        order=_order(mapping(said.get("sort"))),
        text="" if search.get("isRegex") else query,
        told=frozenset(_told(chosen.get("tree"))),
        shows_told=chosen.get("root") == 0,
        groups=_keys(said.get("grouping")),
        columns=fields_of(mapping(said.get("runFeed")).get("columnOrder")),
        colors={name: color for name, color in colors.items() if isinstance(color, str)},
        notes=notes,
    )


def _told(tree: Any) -> list[str]:
    found = texts(tree)
    for node in mappings(tree):
        found += texts(node.get("children"))
    return found


def _keys(said: Any) -> list[Field]:
    found = (field_of(key.get("name"), text(key.get("section"))) for key in mappings(said))
    return [item for item in found if item is not None]


def _order(sort: Mapping[str, Any]) -> tuple[Order, ...]:
    made = []
    for item in mappings(sort.get("keys")):
        key = mapping(item.get("key"))
        found = field_of(key.get("name"), text(key.get("section")))
        if found is not None and found.scope != "labels":
            made.append(Order(found, not item.get("ascending")))
    return tuple({order.field: order for order in made}.values())


def _where(filters: Any, notes: list[str]) -> Condition:
    said = mapping(filters)
    if said.get("filterFormat") == "filterV2":
        return _flat(mappings(said.get("filters")), notes, 0)
    return _tree(said, notes, 0) or TRUE


def _flat(items: list[Mapping[str, Any]], notes: list[str], depth: int) -> Condition:
    """A list whose items say how they join the one before; AND binds more tightly than OR."""
    options: list[list[Condition]] = [[]]
    for item in items:
        nested = item.get("filters")
        if isinstance(nested, list) and depth < _DEEPEST:
            made: Condition | None = _flat(mappings(nested), notes, depth + 1)
        else:
            made = _leaf(item, notes)
        if made is None:
            continue
        if item.get("connector") == "OR" and options[-1]:
            options.append([])
        options[-1].append(made)
    parts = tuple(AllOf(tuple(option)) for option in options if option)
    return AnyOf(parts) if len(parts) > 1 else parts[0] if parts else TRUE


def _tree(node: Mapping[str, Any], notes: list[str], depth: int) -> Condition | None:
    """A tree of AND and OR, as reports had before."""
    inner = node.get("filters")
    if not isinstance(inner, list):
        return _leaf(node, notes)
    if depth > _DEEPEST:
        notes.append("A filter lies too deep; it is left out.")
        return None
    found = [made for item in mappings(inner) if (made := _tree(item, notes, depth + 1)) is not None]
    if not found:
        return None
    return AnyOf(tuple(found)) if node.get("op") == "OR" else AllOf(tuple(found))


def _leaf(item: Mapping[str, Any], notes: list[str]) -> Condition | None:
    key = mapping(item.get("key"))
    name, section, operator = text(key.get("name")), text(key.get("section")), item.get("op")
    if not name or item.get("disabled"):
        return None
    path = "tags" if section == "tags" or (section == "run" and name == "tags") else _SECTIONS.get(section, "") + name
    said = item.get("value")
    try:
        if operator == "WITHINSECONDS" and isinstance(said, int | float):
            return comparison(path, "$gte", time.time() - said)
        if operator in _OPERATORS and place(path) is not None:
            return comparison(path, _OPERATORS[operator], said)
    except InvalidInput as error:
        notes.append(error.message)
        return None
    notes.append(f"The filter {section}:{name[:80]} {str(operator)[:20]} is not understood; it is left out.")
    return None
