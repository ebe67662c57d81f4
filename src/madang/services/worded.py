"""What clients of MLflow said of models and versions, word for word, beside what it means here."""

from __future__ import annotations

import json

from madang.domain.versions import STAGES, VersionRecord
from madang.formats.mlflow.words import ALIASES
from madang.ports.versions import CollectionRow


def told_of(version: VersionRecord) -> dict[str, str]:
    """What the client of MLflow that made a version said of it: its source, location, run and model."""
    return _texts(version.metadata.get("mlflow"))


def written_aliases(row: CollectionRow) -> dict[str, str]:
    """Aliases as clients wrote them, by the name of the pointer."""
    try:
        found = json.loads(row.tags.get(ALIASES, "{}"))
    except (ValueError, RecursionError):  # anyone may set a tag
        found = {}
    return _texts(found)


def aliases_of(row: CollectionRow) -> dict[str, int]:
    """What MLflow calls aliases: all pointers but stages that nobody set as an alias."""
    written = written_aliases(row)
    return {
        written.get(alias, alias): number
        for alias, number in sorted(row.aliases.items())
        if alias in written or (alias.partition("/")[0] not in STAGES and alias != "latest")
    }


def _texts(found: object) -> dict[str, str]:
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}
