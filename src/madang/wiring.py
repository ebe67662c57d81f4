"""The composition root: the only place that names concrete backends."""

from __future__ import annotations

import os
from dataclasses import dataclass

from madang.backends.records import SqlRecords, open_sqlite
from madang.backends.segments import LocalSegments
from madang.formats import store as layout
from madang.formats.store import StorePaths
from madang.services.search import Search
from madang.services.tracking import Tracking


@dataclass
class Engine:
    """One store with its services."""

    store: StorePaths
    records: SqlRecords
    tracking: Tracking
    search: Search

    def close(self) -> None:
        """Give back connections and files."""
        self.records.close()


def open_store(path: str | None = None) -> Engine:
    """The workspace store around a folder (the present one when None), made when it is missing.

    ``path`` may also be a store itself.
    """
    if path and os.path.exists(f"{path}/format"):
        paths = layout.find_store(path, given=path)
    else:
        paths = layout.find_store(path or "")
    layout.ensure(paths.store)
    records = open_sqlite(f"{paths.store}/records.db", durable=False)
    tracking = Tracking(records, LocalSegments(paths.store))
    return Engine(paths, records, tracking, Search(records, tracking))
