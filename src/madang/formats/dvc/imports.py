"""``.dvc`` files of data that comes from elsewhere (``import``, ``import-url``): their text and their stage's MD5.

Source of the format: docs/formats/dvc.md. The stage's MD5 is that of the file's mapping as sorted JSON, without what
does not say which data it is (descriptions, sizes, ``frozen``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from madang.errors import InvalidInput
from madang.formats.dvc import dvcfile, yamltext
from madang.formats.dvc.digest import md5_of
from madang.formats.dvc.dvcfile import Content

_NOT_OF_THE_STAGE = ("md5", "meta", "desc")
_NOWHERE = ("desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles")


def stage_md5(document: Mapping[str, Any]) -> str:
    """The ``md5`` at the top of the file of an import."""
    value = {key: item for key, item in document.items() if key not in _NOT_OF_THE_STAGE}
    if value.get("wdir") == ".":
        del value["wdir"]
    body = json.dumps(_without(value), sort_keys=True).encode()
    return md5_of(body)


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item) for key, item in value.items() if key not in _NOWHERE}
    return [_without(item) for item in value] if isinstance(value, list) else value


def new(path: str, dep: Mapping[str, Any], content: Content | None, extra: Mapping[str, Any], *, known: bool) -> str:
    """Text of the file of new imported data.

    ``dep`` is the entry of ``deps``; without ``content`` nothing was brought yet; ``known`` says whether the source
    was looked at (without it, and without content, the file has no MD5); ``extra`` are more keys of the out.
    """
    out: dict[str, Any] = dict(dvcfile.written(content)) if content is not None else {"hash": "md5"}
    rest = {"frozen": True, "deps": [dict(dep)], "outs": [{**out, "path": path, **extra}]}
    return yamltext.dump({"md5": stage_md5(rest), **rest} if known else rest)


def updated(text: str, where: str, dep: Mapping[str, Any], content: Content | None) -> str:
    """The text with another state of its source; everything else stays.

    ``dep`` has all keys of the source; without ``content`` the out says that nothing was brought yet.

    Raises:
        InvalidInput: not the file of an import.
    """
    document = _import(text, where)
    _set(document["deps"][0], dep)
    out = document["outs"][0]
    values = {"hash": "md5"} if content is None else dvcfile.written(content)
    for key in ("md5", "size", "nfiles", "isexec", "hash"):
        if key in values:
            out[key] = values[key]
        else:
            out.pop(key, None)
    document["md5"] = stage_md5(document)
    return yamltext.dump(document)


def moved(text: str, where: str, old: str, new_path: str, *, dep_path: str | None, keep_wdir: bool) -> str:
    """The text with another path of its (only) out, and perhaps of its source.

    Raises:
        InvalidInput: no ``.dvc`` file with this one out.
    """
    dvcfile.parse(text, where)
    document = yamltext.load_for_update(text, where)
    outs = document["outs"] if document else ()
    entry = next((entry for entry in outs if entry["path"] == old), None)
    if entry is None:
        raise InvalidInput(f"{where} does not track {old!r}.")
    entry["path"] = new_path
    if not keep_wdir:
        document.pop("wdir", None)
    if dep_path is not None:
        document["deps"][0]["path"] = dep_path
    if document.get("md5"):
        document["md5"] = stage_md5(document)
    return yamltext.dump(document)


def _import(text: str, where: str) -> Any:
    parsed = dvcfile.parse(text, where)
    if len(parsed.deps) != 1 or len(parsed.outs) != 1:
        raise InvalidInput(f"{where} is no import: it must have one source and one output.")
    return yamltext.load_for_update(text, where)


def _set(entry: Any, values: Mapping[str, Any]) -> None:
    """Make a mapping hold exactly these values; what stays keeps its place."""
    for key in [key for key in entry if key not in values]:
        del entry[key]
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(entry.get(key), Mapping):
            _set(entry[key], value)
        elif entry.get(key) != value:
            entry[key] = value
