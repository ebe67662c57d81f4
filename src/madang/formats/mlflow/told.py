"""What clients of MLflow said of models and versions, word for word, where it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from madang.formats.mlflow.words import ALIASES


def told(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What the client that made a version said of it, in the version's metadata: its source, location, run, model."""
    return _texts(metadata.get("mlflow"))


def written(tags: Mapping[str, str]) -> dict[str, str]:
    """Aliases as clients wrote them, by the name of the pointer, in the tags of their model."""
    try:
        found = json.loads(tags.get(ALIASES, "{}"))
    except (ValueError, RecursionError):  # anyone may set a tag
        found = {}
    return _texts(found)


def _texts(found: object) -> dict[str, str]:
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}
