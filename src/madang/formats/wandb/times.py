"""Times as W&B's clients read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def iso(micros: int) -> str:
    """A time (µs UTC) as ISO 8601, in whole seconds as the service tells it."""
    return (_BEGIN + timedelta(seconds=micros // 1_000_000)).strftime("%Y-%m-%dT%H:%M:%SZ")
