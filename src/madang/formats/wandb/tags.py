"""The tags that keep what only W&B knows of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from madang.errors import InvalidInput
from madang.formats.wandb.values import read_json, write_json

CONFIG = "wandb.config"
"""JSON of the client's own part of the config."""
NESTED = "wandb.nested"
"""JSON: which keys of config and summary are nested objects, and which metrics are not in the summary."""
HOST, PROGRAM, PREEMPTING, MISSING = "wandb.host", "wandb.program", "wandb.preempting", "wandb.missing"
OURS = ("wandb.", "madang.", "mlflow.")
"""Prefixes of tags that are no labels."""


def labels_of(tags: Mapping[str, str]) -> list[str]:
    """The labels among tags: what W&B calls tags."""
    return [key for key, text in tags.items() if not text and not key.startswith(OURS)]


def own_of(tags: Mapping[str, str]) -> dict[str, Any]:
    """The client's own part of the config."""
    return _object(tags.get(CONFIG))


def nested_of(tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Which keys of ``config`` and ``summary`` are nested objects; which metrics are ``absent`` from the summary."""
    found = _object(tags.get(NESTED))
    return {part: _texts(found.get(part)) for part in ("config", "summary", "absent")}


def nested_text(nested: Mapping[str, Iterable[str]]) -> str:
    """What `nested_of` reads."""
    return write_json({part: list(keys) for part, keys in nested.items() if keys})


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = read_json(text) if text else {}
    except InvalidInput:  # anyone may set a tag
        return {}
    return found if isinstance(found, dict) else {}


def _texts(found: Any) -> list[str]:
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []
