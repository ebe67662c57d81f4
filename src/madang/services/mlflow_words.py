"""What clients of MLflow said of models and versions, word for word, beside what it means here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from madang.domain.versions import STAGES, CollectionChange, VersionRecord
from madang.formats.mlflow.told import told, written
from madang.formats.mlflow.words import ALIASES
from madang.ports.records import Records
from madang.ports.versions import CollectionRow


def told_of(version: VersionRecord) -> dict[str, str]:
    """What the client of MLflow that made a version said of it: its source, location, run and model."""
    return told(version.metadata)


def written_aliases(row: CollectionRow) -> dict[str, str]:
    """Aliases as clients wrote them, by the name of the pointer."""
    return written(row.tags)


def keep_written(records: Records, project: str, name: str, aliases: Sequence[str]) -> None:
    """Remember how a client wrote aliases that it has just given, inside the transaction of that."""
    row = records.versions.collection(project, name)
    if row is None:
        return
    before = written_aliases(row)
    for alias in aliases:
        if alias.lower() in before or alias != alias.lower():
            keep_alias(records, project, name, alias.lower(), alias)


def keep_alias(records: Records, project: str, name: str, pointer: str, alias: str) -> None:
    """Remember how a client wrote one alias, inside the transaction of that."""
    row = records.versions.collection(project, name)
    if row is not None and (before := written_aliases(row)).get(pointer) != alias:
        later = json.dumps({**before, pointer: alias})
        records.versions.edit_collection(project, name, CollectionChange(tags={**row.tags, ALIASES: later}))


def aliases_of(row: CollectionRow) -> dict[str, int]:
    """What MLflow calls aliases: all pointers but stages that nobody set as an alias."""
    as_written = written_aliases(row)
    return {
        as_written.get(alias, alias): number
        for alias, number in sorted(row.aliases.items())
        if alias in as_written or (alias.partition("/")[0] not in STAGES and alias != "latest")
    }
