"""Take one stage out of a ``dvc.yaml`` or ``dvc.lock``; everything else in the text stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.dvc import yamltext

_OUT_KINDS = ("outs", "metrics", "plots")


@value
class WrittenOut:
    """One output as it stands in a stage, before any template is resolved."""

    path: str
    cache: bool


@value
class WrittenStage:
    """One stage as it stands in the file."""

    name: str
    wdir: str
    outs: tuple[WrittenOut, ...]
    is_template: bool  # it stands for several stages, or holds ${…}


def stages(text: str, where: str) -> dict[str, WrittenStage]:
    """The stages of a ``dvc.yaml`` by name, in its order.

    Raises:
        InvalidInput: not a ``dvc.yaml``.
    """
    document = yamltext.load(text, where)
    found = (document or {}).get("stages") if isinstance(document, dict | None) else None
    if found is not None and not isinstance(found, dict):
        raise InvalidInput(f"{where}: 'stages' must be a mapping.")
    return {str(name): _stage(str(name), value, where) for name, value in (found or {}).items()}


def _stage(name: str, value: Any, where: str) -> WrittenStage:
    if not isinstance(value, dict):
        raise InvalidInput(f"{where}: the stage {name!r} must be a mapping.")
    outs = tuple(out for kind in _OUT_KINDS for out in _outs(value.get(kind), where))
    is_template = not {"foreach", "matrix"}.isdisjoint(value) or _holds_template(value)
    return WrittenStage(name, str(value.get("wdir") or "."), outs, is_template)


def _outs(entries: Any, where: str) -> Iterator[WrittenOut]:
    for entry in entries if isinstance(entries, list) else [entries] if entries else []:
        if isinstance(entry, str):
            yield WrittenOut(entry, cache=True)
        elif isinstance(entry, Mapping):
            for path, flags in entry.items():
                yield WrittenOut(str(path), cache=not isinstance(flags, Mapping) or flags.get("cache") is not False)
        else:
            raise InvalidInput(f"{where}: an output must be a path.")


def _holds_template(value: Any) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(_holds_template(key) or _holds_template(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_template(item) for item in value)


def without(text: str, where: str, name: str) -> str | None:
    """The text of a ``dvc.yaml`` or ``dvc.lock`` without a stage; None when no stage is left, so that the file goes.

    A text without the stage comes back as it is.

    Raises:
        InvalidInput: not such a file.
    """
    document = yamltext.load_for_update(text, where)
    found = document.get("stages") if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping) or name not in found:
        return text
    del document["stages"][name]
    return yamltext.dump(document) if document["stages"] else None
