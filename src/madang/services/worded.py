"""What clients of MLflow said of models and versions, word for word, beside what it means here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from madang.domain.versions import STAGES, VersionRecord
from madang.formats.mlflow.words import ALIASES
from madang.ports.records import Records
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


def keep_written(records: Records, project: str, name: str, aliases: Sequence[str]) -> None:
    """Remember how a client wrote aliases that it has just given, inside the transaction of that."""
    row = records.versions.collection(project, name)
    if row is None:
        return
    before = written_aliases(row)
    written = before | {alias.lower(): alias for alias in aliases}
    written = {pointer: alias for pointer, alias in written.items() if pointer in before or alias != pointer}
    if written != before:
        records.versions.edit_collection(project, name, tags={**row.tags, ALIASES: json.dumps(written)})


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
