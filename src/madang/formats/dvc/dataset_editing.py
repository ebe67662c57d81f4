"""Put a data set into the text of a ``dvc.yaml`` or ``dvc.lock``; all else stays.

Both have a list ``datasets``. In ``dvc.yaml`` an item says what is wanted (``name``, ``url``, ``type``, and ``path``
and ``rev`` of a repository), in ``dvc.lock`` the same and what was found: ``rev_lock`` of a repository, ``meta`` and
``files`` of an address whose store keeps versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from madang.errors import InvalidInput, Refused
from madang.formats.dvc import templating, yamltext
from madang.formats.dvc.lockfile import SCHEMA

SPEC_KEYS = ("name", "url", "type", "path", "rev")


def with_wanted(text: str, where: str, spec: Mapping[str, Any]) -> str:
    """The text of a ``dvc.yaml`` with a data set, in place of one of its name. An empty text becomes a new file.

    Raises:
        InvalidInput: not a ``dvc.yaml``. Refused: the one of its name is made by a template.
    """
    document = _document(text, where, {})
    items = document.setdefault("datasets", [])
    place = _place(items, spec["name"], where)
    if place is not None and any(templating.has_expression(str(value)) for value in items[place].values()):
        raise Refused(f"The data set {spec['name']!r} in {where} is made by a template.", hint="Edit the file.")
    _put(items, place, spec)
    return yamltext.dump(document)


def with_found(text: str, where: str, found: Mapping[str, Any]) -> str:
    """The text of a ``dvc.lock`` with what was found of a data set. Raises `InvalidInput`: not a ``dvc.lock``."""
    document = _document(text, where, {"schema": SCHEMA})
    items = document.setdefault("datasets", [])
    _put(items, _place(items, found["name"], where), found)
    document.setdefault("stages", {})
    return yamltext.dump(document)


def _document(text: str, where: str, new: dict[str, Any]) -> dict[str, Any]:
    document = (yamltext.load_for_update(text, where) if text.strip() else None) or new
    if not isinstance(document, dict) or not isinstance(document.get("datasets", []), list):
        raise InvalidInput(f"{where}: 'datasets' must be a list.")
    return document


def _place(items: list[Any], name: str, where: str) -> int | None:
    if not all(isinstance(item, Mapping) for item in items):
        raise InvalidInput(f"{where}: an item of 'datasets' is no mapping.")
    return next((at for at, item in enumerate(items) if item.get("name") == name), None)


def _put(items: list[Any], place: int | None, item: Mapping[str, Any]) -> None:
    if place is None:
        items.append(dict(item))
    else:
        items[place] = dict(item)
