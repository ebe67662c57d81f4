"""Notes in the history of models, beside the moves of their pointers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from madang.domain.access import Principal
from madang.domain.reviews import ModelChange
from madang.domain.versions import VersionRecord
from madang.formats.mlflow.words import ALIASES
from madang.ports.records import Records
from madang.ports.versions import CollectionRow

_SHOWN = 1000  # characters of a text in the history


def now() -> int:
    """µs UTC."""
    return time.time_ns() // 1000


def note(
    records: Records, who: Principal, about: tuple[str, str], kind: str, subject: str, before: str, after: str
) -> None:
    """Note a change of a model, given by project and name, inside the transaction of the change."""
    change = ModelChange(*about, kind, subject, before[:_SHOWN], after[:_SHOWN], who.name, now())
    records.registry.note(change)


def _short(metadata: Mapping[str, Any]) -> str:
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False, default=str)


def note_texts(
    records: Records,
    who: Principal,
    about: CollectionRow | VersionRecord,
    subject: str,
    description: str | None,
    tags: Mapping[str, str] | None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Note what is about to become of the texts of a collection or version; None: they stay."""
    place = (about.project, about.name)
    if metadata is not None and isinstance(about, VersionRecord) and metadata != about.metadata:
        note(records, who, place, "metadata", subject, _short(about.metadata), _short(metadata))
    if description is not None and description != about.description:
        note(records, who, place, "description", subject, about.description, description)
    later = about.tags if tags is None else tags
    for key in sorted(later.keys() | about.tags.keys()):
        before, after = about.tags.get(key, ""), later.get(key, "")
        if before != after and key != ALIASES:
            note(records, who, place, "tag", f"{subject} {key}", before, after)
