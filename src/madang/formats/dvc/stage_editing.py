"""Add a stage to the text of a ``dvc.yaml``, or change its ``frozen``; comments and all else stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from madang.errors import InvalidInput, Refused
from madang.formats.dvc import yamltext


def with_stage(text: str, where: str, name: str, stage: Mapping[str, Any]) -> str:
    """The text with a stage, in place of one of its name. An empty text becomes a new file.

    Raises:
        InvalidInput: not a ``dvc.yaml``.
    """
    document = yamltext.load_for_update(text, where) if text.strip() else None
    document = {} if document is None else document
    if not isinstance(document, dict) or not isinstance(document.get("stages") or {}, dict):
        raise InvalidInput(f"{where} is no dvc.yaml: 'stages' must be a mapping.")
    if document.get("stages") is None:
        document["stages"] = {}
    document["stages"][name] = _merged(document["stages"].get(name), dict(stage))
    return yamltext.dump(document)


def _merged(before: Any, now: dict[str, Any]) -> Any:
    """The new stage; of one that it replaces, comments beside what stays, the description and ``meta`` are kept."""
    if not isinstance(before, dict):
        return now
    for key in [key for key in before if key not in now and key not in ("desc", "meta")]:
        del before[key]
    for key, value in now.items():
        if before.get(key) != value:
            before[key] = value
    return before


def with_frozen(text: str, where: str, name: str, *, frozen: bool) -> str:
    """The text with ``frozen`` set for a stage of a ``dvc.yaml``, or (without a name) for a ``.dvc`` file.

    Raises:
        Refused: the stage is made by a template. InvalidInput: there is no such stage.
    """
    document = yamltext.load_for_update(text, where)
    entry = document
    if name:
        found = document.get("stages") if isinstance(document, dict) else None
        entry = (found or {}).get(name)
        if entry is None and (found or {}).get(name.partition("@")[0]) is not None:
            raise Refused(f"The stage {name!r} in {where} is made by a template.", hint="Edit the file.")
    if not isinstance(entry, dict):
        raise InvalidInput(f"{where} has no stage {name!r}." if name else f"{where} is no .dvc file.")
    if not {"foreach", "matrix"}.isdisjoint(entry):
        raise Refused(f"The stage {name!r} in {where} is made by a template.", hint="Edit the file.")
    if bool(entry.get("frozen")) == frozen and "locked" not in entry:
        return text
    entry.pop("locked", None)
    if frozen:
        entry["frozen"] = True
    else:
        entry.pop("frozen", None)
    return yamltext.dump(document)
