"""Which of our fields W&B's clients mean by a key such as ``config.lr.value`` or ``summary_metrics.loss``."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from madang.domain.query import Field
from madang.domain.sweeping.sweeps import SWEEP_TAG
from madang.formats.wandb.ids import ID_TAG

Form: TypeAlias = Literal["plain", "number", "parameter", "time", "seconds", "state", "name", "labels"]


class Place(NamedTuple):
    """A field of ours, and in which form W&B has its values."""

    field: Field
    form: Form = "plain"


_NAMES: dict[str, tuple[str, Form]] = {
    "display_name": ("name", "plain"), "displayName": ("name", "plain"), "group": ("group", "plain"),
    "groupName": ("group", "plain"), "jobType": ("job_type", "plain"), "job_type": ("job_type", "plain"),
    "username": ("user", "plain"), "user": ("user", "plain"), "user.username": ("user", "plain"),
    "user.name": ("user", "plain"), "host": ("host", "plain"), "hostname": ("host", "plain"),
    "notes": ("notes", "plain"), "description": ("notes", "plain"), "commit": ("commit", "plain"),
    "state": ("status", "state"), "created_at": ("created_at", "time"), "createdAt": ("created_at", "time"),
    "heartbeat_at": ("seen_at", "time"), "heartbeatAt": ("seen_at", "time"), "updated_at": ("seen_at", "time"),
    "updatedAt": ("seen_at", "time"), "duration": ("duration", "seconds"), "runtime": ("duration", "seconds"),
}  # fmt: skip
_OF_LAST_LINE = {  # each line of a client has how long its run has lasted
    "_step": Place(Field("metrics", "_runtime", "step"), "number"),
    "_timestamp": Place(Field("metrics", "_runtime", "time"), "seconds"),
}
_STATES = {"pending": "scheduled", "queued": "scheduled"}  # W&B's word → ours; the others are the same
_FAR = 100_000_000_000  # seconds: the year 5138; a greater number is of milliseconds


def place(key: str) -> Place | None:
    """Where a key leads; None where runs have nothing of that name."""
    if key in _NAMES:
        name, form = _NAMES[key]
        return Place(Field("attributes", name), form)
    if key in ("name", "id"):
        return Place(Field("tags", ID_TAG), "name")
    if key in ("sweep", "sweepName", "sweep_name"):
        return Place(Field("tags", SWEEP_TAG))
    if key in _OF_LAST_LINE:
        return _OF_LAST_LINE[key]
    if key == "tags":
        return Place(Field("labels", ""), "labels")
    section, _, rest = key.partition(".")
    if not rest:
        return None
    if section == "config":
        return Place(Field("params", parameter(rest)), "parameter")
    if section in ("summary_metrics", "summaryMetrics", "summary"):
        if rest in _OF_LAST_LINE:
            return _OF_LAST_LINE[rest]
        return Place(Field("metrics", rest), "number")
    if section in ("keys_info", "keysInfo"):
        return Place(Field("metrics", rest.removeprefix("keys.")), "number")
    return None


def parameter(path: str) -> str:
    """The parameter behind ``config.``: W&B wraps each in an object, so that paths have a ``value`` somewhere."""
    first, *rest = path.split(".")
    if rest and rest[0] == "value":
        return ".".join([first, *rest[1:]])
    return ".".join([first, *rest[:-1]]) if rest and rest[-1] == "value" else path


def state_of(word: Any) -> Any:
    """A status as runs have it, for a word of W&B."""
    return _STATES.get(word.lower(), word.lower()) if isinstance(word, str) else word


def micros(value: Any) -> int | None:
    """A time in µs UTC: of a number of seconds (or milliseconds) since 1970, or of a text as ISO 8601 has it.

    The examples of W&B's client end hours with signs that stand for nothing (``2026-11-21T##``); so does this.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > 1e18:
            return None
        return int(value * 1_000) if abs(value) > _FAR else int(value * 1_000_000)
    if not isinstance(value, str):
        return None
    text = value.strip().rstrip("#:").removesuffix("T")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return round(found.timestamp() * 1_000_000)
