"""``dvc.yaml``: the stages of a pipeline, with groups unrolled and templates resolved.

Source of the format: docs/formats/dvc.md. Nothing is read but through the function that is handed in, so the same code
reads a work tree and a commit.
"""

from __future__ import annotations

import itertools
import math
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

from madang.domain.values import value
from madang.errors import InvalidInput, NotFound
from madang.formats.dvc import parameters, schema, templating, yamltext
from madang.formats.dvc.templating import Context, Read, Style

FILE_NAME = "dvc.yaml"
JOIN = "@"
_MOST_TURNS = 100_000  # stages of one group: a matrix of a few lines may ask for more than any machine can hold


@value
class PipelineOut:
    """An output of a stage, as written."""

    path: str  # relative to the stage's working folder; or absolute, or an address
    kind: str = "out"  # "out", "metric" or "plot"
    cache: bool = True
    persist: bool = False
    push: bool = True
    remote: str | None = None
    desc: str | None = None
    type: str | None = None
    labels: tuple[str, ...] = ()
    meta: Any = None
    plot: Mapping[str, Any] = field(default_factory=dict)  # template, x, y, labels, title


@value
class StageEntry:
    """A stage with everything resolved."""

    name: str  # with "@key" when it comes from a group
    cmd: str | list[Any]
    wdir: str = "."  # relative to the folder of dvc.yaml
    deps: tuple[str, ...] = ()
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # file → keys; none: all of it
    outs: tuple[PipelineOut, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    desc: str | None = None
    meta: Any = None
    group: str = ""  # the name in dvc.yaml that it was made from, when that is a group


class Pipeline:
    """One ``dvc.yaml``. Stages are resolved one by one, so that a wrong one does not hide the others."""

    def __init__(self, text: str, where: str, read: Read, style: Style = templating.PLAIN, value: Any = None) -> None:
        """``read`` gives files relative to the folder of dvc.yaml; ``value`` is what the text holds, when it is known.

        Raises:
            InvalidInput: not YAML, something that may not stand there, ``vars`` that cannot be loaded.
        """
        self._text = text
        self._where = where
        self._read = read
        self._style = style
        self.value: Mapping[str, Any] = (yamltext.load(text, where) if value is None else value) or {}
        schema.check_pipeline(self.value, text, where)
        self._definitions: Mapping[str, Any] = self.value.get("stages", {})
        self._turns: dict[str, dict[str, dict[str, Any]]] = {}

    @cached_property
    def context(self) -> Context:
        """The values that every expression may name. Raises `InvalidInput`."""
        items = self.value.get("vars", [])
        self._refuse_expressions(items, ("vars",))
        try:
            context = Context()
            if self._read(parameters.DEFAULT_FILE) is not None:
                context = context.with_file(parameters.DEFAULT_FILE, "", self._read)
            return context.with_vars(items, "", self._read)
        except InvalidInput as error:
            raise self._wrong(("vars",), error) from None

    def names(self) -> list[str]:
        """Names of all stages, in the order of the file. Raises `InvalidInput` for a group that cannot be unrolled."""
        found: list[str] = []
        for name, definition in self._definitions.items():
            if _is_group(definition):
                found.extend(f"{name}{JOIN}{key}" for key in self._group(name))
            else:
                self.context  # noqa: B018 - values that cannot be loaded are an error for every stage
                found.append(name)
        return found

    def group(self, name: str) -> list[str]:
        """Names of the stages made from a group; empty when ``name`` is no group."""
        definition = self._definitions.get(name)
        if definition is None or not _is_group(definition):
            return []
        return [f"{name}{JOIN}{key}" for key in self._group(name)]

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def stage(self, name: str) -> StageEntry:
        """One stage.

        Raises:
            NotFound: there is none of this name. InvalidInput: it cannot be resolved.
        """
        found = self._find(name)
        if found is None:
            raise NotFound(f"{self._where} has no stage {name!r}.", hint="madang status lists stages that changed.")
        group, values = found
        definition = self._definitions[group]
        if values is None:
            return self._resolved(name, definition, self.context, (), "")
        inner = definition["do"] if "do" in definition else {k: v for k, v in definition.items() if k != "matrix"}
        keys: schema.Keys = ("do",) if "do" in definition else ()
        return self._resolved(name, inner, self.context.with_items(values), keys, group)

    def _find(self, name: str) -> tuple[str, dict[str, Any] | None] | None:
        """The name in the file and, for a group, the values of the turn."""
        group, at, key = name.rpartition(JOIN)
        if not at:
            group, key = name, ""
        definition = self._definitions.get(group)
        if definition is None:
            return None
        if not _is_group(definition):
            return None if at else (group, None)
        turn = self._group(group).get(key) if at else None
        return (group, turn) if turn is not None else None

    def _group(self, name: str) -> dict[str, dict[str, Any]]:
        """The turns of a group: key → values of ``item`` and ``key``."""
        if name not in self._turns:
            definition = self._definitions[name]
            kind = "matrix" if "matrix" in definition else "foreach"
            try:
                templating.check({key: value for key, value in definition.items() if key != kind})
                turns = _matrix if kind == "matrix" else _foreach
                self._turns[name] = turns(definition[kind], self.context)
            except InvalidInput as error:
                raise self._wrong(("stages", name, kind), error) from None
        return self._turns[name]

    def _resolved(
        self, name: str, definition: Mapping[str, Any], context: Context, below: schema.Keys, group: str
    ) -> StageEntry:
        keys: schema.Keys = ("stages", group or name, *below)
        values: dict[str, Any] = {}
        key = ""
        try:
            key = "wdir"
            wdir = templating.to_text(templating.resolve_text(definition.get("wdir") or "", context))
            key = "vars"
            if definition.get("vars"):
                self._refuse_expressions(definition["vars"], (*keys, "vars"))
                context = context.with_vars(definition["vars"], wdir, self._read, name)
            for key, value in definition.items():
                if key != "vars":
                    values[key] = templating.resolve(value, context, key, self._style)
            key = ""
            return _entry(name, values, group)
        except InvalidInput as error:
            raise self._wrong((*keys, key) if key else keys, error) from None

    def used_values(self, name: str) -> dict[str, dict[str, Any]]:
        """Values of files that a stage's templates name: file (relative to the folder of dvc.yaml) → key → value.

        Mappings are left out. Errors as `stage`.
        """
        found = self._find(name)
        if found is None:
            raise NotFound(f"{self._where} has no stage {name!r}.")
        group, turn = found
        definition = self._definitions[group]
        context = self.context
        aliases = _aliases(definition, turn or {}, context)
        inner = definition.get("do", definition)
        if inner.get("vars"):
            within = context.with_items(turn) if turn else context
            wdir = templating.to_text(templating.resolve_text(inner.get("wdir") or "", within))
            context = context.with_vars(inner["vars"], wdir, self._read, name)
        used: dict[str, dict[str, Any]] = {}
        for expression in templating.expressions({k: v for k, v in inner.items() if k not in ("vars", "matrix")}):
            path = _without_alias(templating.parts_of(expression), aliases)
            file = context.file_of(path) if path and path[0] not in (turn or {}) else ""
            if file:
                used.setdefault(file, {})[".".join(path)] = context.select(".".join(path))
        return used

    def artifacts(self) -> dict[str, Any]:
        """What ``artifacts`` declares, resolved: id → path, type, desc, labels, meta."""
        return {
            str(self._top(("artifacts", name), name)): self._top(("artifacts", name), value)
            for name, value in self.value.get("artifacts", {}).items()
        }

    def section(self, name: str) -> list[Any]:
        """The resolved items of ``metrics``, ``params``, ``plots`` or ``datasets``."""
        items = self.value.get(name) or []
        return [self._top((name, index), item) for index, item in enumerate(items)]

    def _top(self, keys: schema.Keys, value: Any) -> Any:
        try:
            templating.check(value)
            return templating.resolve(value, self.context)
        except InvalidInput as error:
            raise self._wrong(keys, error) from None

    def _refuse_expressions(self, value: Any, keys: schema.Keys) -> None:
        if any(templating.has_expression(text) for text in _texts(value)):
            raise self._wrong(keys, InvalidInput("no ${…} is allowed here."))

    def _wrong(self, keys: schema.Keys, error: InvalidInput) -> InvalidInput:
        if error.message.startswith(f"{self._where}, "):
            return error
        return InvalidInput(f"{schema.place(self._text, self._where, keys)}: {error.message}", hint=error.hint)


def _is_group(definition: Mapping[str, Any]) -> bool:
    return "foreach" in definition or "matrix" in definition


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in (*value, *value.values()) for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def _aliases(
    definition: Mapping[str, Any], turn: Mapping[str, Any], context: Context
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Where the values of one turn of a group come from: ``("item",)`` → the path of a value, when it has one."""
    if not turn:
        return {}
    given: list[tuple[tuple[str, ...], Any, Any]] = [(("item",), definition.get("foreach"), turn["item"])]
    if "matrix" in definition:
        given = [(("item", axis), items, turn["item"][axis]) for axis, items in definition["matrix"].items()]
    return {name: path for name, items, item in given if (path := _origin(items, item, turn.get("key"), context))}


def _origin(items: Any, item: Any, key: Any, context: Context) -> tuple[str, ...]:
    """The path of one of a group's values: of what an expression names, or of an expression in a list."""
    source = templating.whole(items)
    if source is not None:
        values = context.select(source)
        below = key if isinstance(values, Mapping) and key in values else None
        if isinstance(values, list) and item in values:
            below = values.index(item)
        return () if below is None else (*templating.parts_of(source), str(below))
    for one in items if isinstance(items, list) else ():
        named = templating.whole(one)
        if named is not None and context.select(named) == item:
            return templating.parts_of(named)
    return ()


def _without_alias(path: tuple[str, ...], aliases: Mapping[tuple[str, ...], tuple[str, ...]]) -> tuple[str, ...]:
    for name, origin in aliases.items():
        if path[: len(name)] == name:
            return (*origin, *path[len(name) :])
    return path


def _foreach(data: Any, context: Context) -> dict[str, dict[str, Any]]:
    items = templating.resolve(data, context)
    if isinstance(items, Mapping):
        return {
            templating.to_text(key): {"item": value, "key": templating.to_text(key)} for key, value in items.items()
        }
    if not isinstance(items, list):
        raise InvalidInput(f"a list or mapping is expected, not {type(items).__name__}.")
    if any(isinstance(item, list | dict) for item in items):
        return {str(index): {"item": item} for index, item in enumerate(items)}
    return {key: {"item": item} for key, item in zip(_names(data, items), items, strict=True)}


def _matrix(data: Mapping[str, Any], context: Context) -> dict[str, dict[str, Any]]:
    axes: dict[str, list[tuple[str, Any]]] = {}
    for axis, given in data.items():
        items = templating.resolve(given, context)
        if isinstance(items, Mapping):
            items = list(items)
        if not isinstance(items, list):
            raise InvalidInput(f"the axis {axis!r} must be a list, not {type(items).__name__}.")
        names = _names(given, items)
        axes[axis] = [
            (f"{axis}{index}" if isinstance(item, list | dict) else name, item)
            for index, (name, item) in enumerate(zip(names, items, strict=True))
        ]
    count = math.prod(map(len, axes.values()))
    if count > _MOST_TURNS:
        raise InvalidInput(f"the axes make {count:,} stages, more than {_MOST_TURNS:,}.", hint="Take values out.")
    found = {}
    for turn in itertools.product(*axes.values()):
        key = "-".join(name for name, _ in turn)
        item = {axis: value for axis, (_, value) in zip(axes, turn, strict=True)}
        found[key] = {"key": key, "item": item}
    return found


def _names(given: Any, items: Sequence[Any]) -> list[str]:
    """Names of the items of a list: those that come from an expression are written as Python writes them."""
    sources = given if isinstance(given, list) else [None] * len(items)
    return [
        str(item)
        if source is None or (isinstance(source, str) and not isinstance(item, str))
        else templating.to_text(item)
        for source, item in zip(sources, items, strict=True)
    ]


def _entry(name: str, values: Mapping[str, Any], group: str) -> StageEntry:
    cmd = values.get("cmd")
    if not cmd:
        raise InvalidInput("cmd is empty.")
    outs: list[PipelineOut] = []
    for key, kind in (("outs", "out"), ("metrics", "metric"), ("plots", "plot")):
        outs.extend(_outs(values.get(key, ()), kind))
    return StageEntry(
        name=name,
        cmd=cmd,
        wdir=posixpath.normpath(templating.to_text(values["wdir"])) if values.get("wdir") else ".",
        deps=tuple(_path(dep) for dep in values.get("deps", ())),
        params=_params(values.get("params", ())),
        outs=tuple(outs),
        frozen=values.get("frozen", False),
        always_changed=values.get("always_changed", False),
        desc=values.get("desc"),
        meta=values.get("meta"),
        group=group,
    )


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidInput(f"{value!r} is not a path.")
    return value


def _outs(items: Sequence[Any], kind: str) -> list[PipelineOut]:
    merged: dict[str, dict[str, Any]] = {}
    for item in items:
        for path, flags in item.items() if isinstance(item, Mapping) else ((item, {}),):
            if not isinstance(flags, Mapping):
                raise InvalidInput(f"the flags of {path!r} must be a mapping.")
            merged.setdefault(_path(path), {}).update(flags)
    return [
        PipelineOut(
            path=path,
            kind=kind,
            cache=flags.get("cache", True),
            persist=flags.get("persist", False),
            push=flags.get("push", True),
            remote=flags.get("remote"),
            desc=flags.get("desc"),
            type=flags.get("type"),
            labels=tuple(flags.get("labels", ())),
            meta=flags.get("meta"),
            plot={key: flags[key] for key in schema.PLOT_KEYS if key in flags},
        )
        for path, flags in merged.items()
    ]


def _params(items: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    whole = {path for item in items if isinstance(item, Mapping) for path, keys in item.items() if not keys}
    found: dict[str, list[str]] = {}
    for item in items:
        if not isinstance(item, Mapping):
            if parameters.DEFAULT_FILE not in whole:
                found.setdefault(parameters.DEFAULT_FILE, []).append(str(item))
            continue
        for path, keys in item.items():
            names = found.setdefault(_path(path), [])
            if path in whole:
                names.clear()
            elif not isinstance(keys, list):
                raise InvalidInput(f"the keys of {path!r} must be a list.")
            else:
                names.extend(str(key) for key in keys)
    return {path: tuple(names) for path, names in found.items()}
