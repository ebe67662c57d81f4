"""What may stand in dvc.yaml and dvc.lock: the checks that dvc makes before it looks at any template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from madang.errors import InvalidInput
from madang.formats.dvc import yamltext

Keys = tuple[str | int, ...]
Check = Callable[[Any, Keys], None]


class _Wrong(Exception):
    def __init__(self, keys: Keys, message: str) -> None:
        super().__init__(message)
        self.keys = keys
        self.message = message


def _text(value: Any, keys: Keys) -> None:
    if not isinstance(value, str):
        raise _Wrong(keys, f"text is expected, not {_kind(value)}")


def _bool(value: Any, keys: Keys) -> None:
    if not isinstance(value, bool):
        raise _Wrong(keys, f"true or false is expected, not {_kind(value)}")


def _mapping(value: Any, keys: Keys) -> None:
    if not isinstance(value, dict):
        raise _Wrong(keys, f"a mapping is expected, not {_kind(value)}")


def _sequence(value: Any, keys: Keys) -> None:
    if not isinstance(value, list):
        raise _Wrong(keys, f"a list is expected, not {_kind(value)}")


def _anything(value: Any, keys: Keys) -> None:
    return


def _nothing(value: Any, keys: Keys) -> None:
    if value is not None:
        raise _Wrong(keys, f"nothing is expected, not {_kind(value)}")


def _list_of(check: Check) -> Check:
    def run(value: Any, keys: Keys) -> None:
        _sequence(value, keys)
        for index, item in enumerate(value):
            check(item, (*keys, index))

    return run


def _map_of(check: Check) -> Check:
    def run(value: Any, keys: Keys) -> None:
        _mapping(value, keys)
        for key, item in value.items():
            if not isinstance(key, str):
                raise _Wrong((*keys, key), "the key must be text")
            check(item, (*keys, key))

    return run


def _record(fields: Mapping[str, Check], *required: str, open_ended: bool = False) -> Check:
    def run(value: Any, keys: Keys) -> None:
        _mapping(value, keys)
        for key, item in value.items():
            check = fields.get(key)
            if check is not None:
                check(item, (*keys, key))
            elif not open_ended:
                raise _Wrong((*keys, key), "this key is not allowed here")
        missing = next((key for key in required if key not in value), None)
        if missing is not None:
            raise _Wrong(keys, f"the key {missing!r} is missing")

    return run


def _either(*checks: Check) -> Check:
    """The first that fits; when none does, the complaint that got deepest."""

    def run(value: Any, keys: Keys) -> None:
        worst: _Wrong | None = None
        for check in checks:
            try:
                check(value, keys)
            except _Wrong as wrong:
                if worst is None or len(wrong.keys) > len(worst.keys):
                    worst = wrong
            else:
                return
        if worst is not None:
            raise worst

    return run


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value)) or ("a number" if isinstance(value, int | float) else f"a {type(value).__name__}")


_ANNOTATIONS: dict[str, Check] = {"desc": _text, "type": _text, "labels": _list_of(_text), "meta": _anything}
_FLAGS: dict[str, Check] = {
    **_ANNOTATIONS, "cache": _bool, "persist": _bool, "checkpoint": _bool, "remote": _text, "push": _bool,
}  # fmt: skip
PLOT_KEYS = ("template", "x", "y", "x_label", "y_label", "title", "header")
_PLOT_FLAGS = {**_FLAGS, **dict.fromkeys(PLOT_KEYS, _text), "header": _bool}
_OUTS = _list_of(_either(_text, _map_of(_record(_FLAGS))))
_PLOTS = _list_of(_either(_text, _map_of(_either(_record(_PLOT_FLAGS), _list_of(_record(_PLOT_FLAGS))))))
_DATASETS = _list_of(_record({"name": _text, "type": _text, "url": _text}, "name", open_ended=True))
_VARS = _list_of(_either(_text, _mapping))
_STAGE = _record(
    {
        "matrix": _map_of(_either(_text, _sequence)),
        "cmd": _either(_text, _sequence),
        "wdir": _text,
        "deps": _list_of(_text),
        "params": _list_of(_either(_text, _mapping)),
        "vars": _VARS,
        "frozen": _bool,
        "meta": _anything,
        "desc": _text,
        "always_changed": _bool,
        "outs": _OUTS,
        "metrics": _OUTS,
        "plots": _PLOTS,
    },
    "cmd",
)
_GROUP = _record({"foreach": _either(_mapping, _sequence, _text), "do": _STAGE}, "foreach", "do")
_TOP_PLOT = _record(
    {
        "x": _either(_text, _map_of(_text)),
        "y": _either(_text, _list_of(_text), _map_of(_either(_text, _list_of(_text)))),
        **dict.fromkeys(("x_label", "y_label", "title", "template"), _text),
    }
)


def _stage(value: Any, keys: Keys) -> None:
    is_group = isinstance(value, Mapping) and not {"foreach", "do"}.isdisjoint(value)
    (_GROUP if is_group else _STAGE)(value, keys)


_PIPELINE = _record(
    {
        "datasets": _DATASETS,
        "plots": _list_of(_either(_text, _map_of(_either(_TOP_PLOT, _nothing)))),
        "stages": _map_of(_stage),
        "vars": _VARS,
        "params": _list_of(_text),
        "metrics": _list_of(_text),
        "artifacts": _map_of(_record({"path": _text, **_ANNOTATIONS}, "path")),
    }
)


def _number(value: Any, keys: Keys) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(keys, f"a number is expected, not {_kind(value)}")


def _checksum(value: Any, keys: Keys) -> None:
    if value is not None and not isinstance(value, str | int):
        raise _Wrong(keys, f"a checksum is expected, not {_kind(value)}")


_META: dict[str, Check] = {
    **dict.fromkeys(("md5", "etag", "checksum"), _checksum), "size": _number, "nfiles": _number, "isexec": _bool,
    "version_id": _text, "remote": _text, "inode": _number, "mtime": _anything, "isdir": _bool,
}  # fmt: skip
_DATA = _list_of(
    _record({**_META, "path": _text, "hash": _text, "files": _sequence, "cloud": _mapping, "dataset": _mapping}, "path")
)
_LOCK = _record(
    {
        "schema": _anything,
        "datasets": _DATASETS,
        "stages": _map_of(
            _record(
                {"cmd": _either(_text, _sequence), "deps": _DATA, "outs": _DATA, "params": _map_of(_map_of(_anything))},
                "cmd",
            )
        ),
    },
    "schema",
)


def check_pipeline(value: Any, text: str, where: str) -> None:
    """Refuse a dvc.yaml that dvc would refuse. Raises `InvalidInput` naming line and key."""
    _run(_PIPELINE, value, text, where)


def check_lock(value: Any, text: str, where: str) -> None:
    """The same for a dvc.lock."""
    _run(_LOCK, value, text, where)
    if value["schema"] != "2.0":
        raise InvalidInput(
            f"{where}: the schema {value['schema']!r} is not known.", hint="dvc of the newest release may convert it."
        )


def _run(check: Check, value: Any, text: str, where: str) -> None:
    try:
        check(value, ())
    except _Wrong as wrong:
        raise InvalidInput(f"{place(text, where, wrong.keys)}: {wrong.message}.") from None


def place(text: str, where: str, keys: Sequence[str | int]) -> str:
    """``dvc.yaml, line 12, stages.train.outs[0]``: where something is wrong, as far as it can be told."""
    line = yamltext.line_of(text, keys)
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    return ", ".join(filter(None, [where, f"line {line}" if line else "", name]))
