"""Tracked data and its versions: what commits record joined with what runs have read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO

from madang.domain.access import Permission, Principal, require
from madang.domain.datasets import Dataset, DatasetFile, DatasetTree, DatasetVersion, Recorded, compared
from madang.domain.lineage import DataUse
from madang.domain.tables import TableChange
from madang.errors import CorruptData, InvalidInput, NotFound
from madang.formats.dvc import layout, listing
from madang.ports.data_objects import DataObject, DataObjects
from madang.ports.datasets import TrackedData
from madang.ports.objects import Objects
from madang.ports.records import Records
from madang.services.arriving import blob_key
from madang.services.tracking import Tracking

MAX_COMMITS = 500
MAX_FILES = 5000  # of one answer
_ASKED = 5000  # keys of one question to the index


class Datasets:
    """The reading side of data. Thread-safe."""

    def __init__(self, records: Records, tracking: Tracking, tracked: TrackedData) -> None:
        self._records = records
        self._tracking = tracking
        self._tracked = tracked

    def datasets(self, who: Principal, project: str) -> list[Dataset]:
        """What is tracked, and what the project's runs have read, by name."""
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        found = {name: Dataset(name, recorded) for name, recorded in self._tracked.tracked(project).items()}
        for name, runs, last in self._records.runs.data_names(project):
            found[name] = replace(found.get(name, Dataset(name)), runs=runs, last_run=last)
        return sorted(found.values(), key=lambda item: item.name)

    def versions(self, who: Principal, project: str, name: str) -> list[DatasetVersion]:
        """Every version that a commit records or a run has read, newest first; none when the name is not known."""
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        current = self._tracked.tracked(project).get(name)
        recorded = self._tracked.history(project, name, MAX_COMMITS)
        uses: dict[str, list[DataUse]] = {}
        for use in self._records.runs.data_uses(name, [project]):
            uses.setdefault(use.version.removeprefix("~"), []).append(use)
        by_version: dict[str, Recorded] = {}
        for item in reversed(recorded):  # a version that came back stands where it was last recorded
            by_version.pop(item.version, None)
            by_version[item.version] = item
        if current is not None:
            by_version.setdefault(current.version, current)
        for version, runs in uses.items():
            by_version.setdefault(version, Recorded(version, at=runs[0].created_at))
        by_version.pop("", None)
        ordered = list(reversed(by_version.values()))  # commits of one second keep their order in git
        ordered.sort(key=lambda item: -item.at if item.at else -(1 << 62))
        sizes = self._tracked.sizes(project, [_md5(item.version) for item in ordered])
        return [
            DatasetVersion(
                item,
                _md5(item.version) in sizes,
                current is not None and item.version == current.version,
                uses.get(item.version, []),
            )
            for item in ordered
        ]

    def tree(self, who: Principal, project: str, version: str, against: str = "", limit: int = 1000) -> DatasetTree:
        """The files of a version, what changed against another one first.

        Raises:
            NotFound: a listing is not here.
        """
        require(who, Permission.READ, project)
        if not 0 < limit <= MAX_FILES:
            raise InvalidInput(f"The limit is 1 to {MAX_FILES}, not {limit}.")
        now = self._tracked.listing(project, version)
        rows = compared(now, self._tracked.listing(project, against) if against else None)
        sizes = self._tracked.sizes(project, {md5 for _, md5, _ in rows})
        kinds = [change for _, _, change in rows]
        rows.sort(key=lambda row: (not row[2], row[0]))
        return DatasetTree(
            [DatasetFile(path, md5, sizes.get(md5), change) for path, md5, change in rows[:limit]],
            len(rows),
            sum(sizes.get(md5, 0) for md5 in now.values()),
            sum(sizes.get(md5, 0) for md5 in set(now.values())),
            kinds.count("+"),
            kinds.count("-"),
            kinds.count("~"),
        )

    def table_change(
        self, who: Principal, project: str, version: str, against: str, path: str, name: str = ""
    ) -> TableChange | None:
        """How a file of a version differs from the one before as a table; None where that cannot be told.

        Data that is a single file has no ``path``: its ``name`` tells the format.

        Raises:
            NotFound: a listing is not here.
        """
        require(who, Permission.READ, project)
        before, after = (self._tracked.listing(project, one).get(path) for one in (against, version))
        if before is None or after is None or before == after:
            return None
        return self._tracked.table_change(project, before, after, path or name)

    def open(self, who: Principal, project: str, version: str, path: str) -> tuple[BinaryIO, int, str]:
        """An open file of a version, its bytes and its MD5.

        Raises:
            NotFound: the version has no such file, or its bytes are not here.
        """
        require(who, Permission.READ, project)
        md5 = self._tracked.listing(project, version).get(path)
        if md5 is None:
            raise NotFound(f"The version {version} has no file {path[:200]!r}.")
        file, size = self._tracked.open(project, md5)
        return file, size, md5


class PushedData:
    """`TrackedData` of a hub: the objects that were pushed to it. It has no work tree."""

    def __init__(self, index: DataObjects, blobs: Objects) -> None:
        self._index = index
        self._blobs = blobs

    def tracked(self, project: str) -> dict[str, Recorded]:
        """See `TrackedData.tracked`."""
        return {}

    def history(self, project: str, name: str, limit: int) -> list[Recorded]:
        """See `TrackedData.history`."""
        return []

    def listing(self, project: str, version: str) -> dict[str, str]:
        """See `TrackedData.listing`."""
        name = _md5(version)
        if not layout.is_dir(name):
            return {"": name}
        body = self._blobs.read(blob_key(self._get(project, name).digest))
        if listing.name_of_bytes(body) != name:
            raise CorruptData(f"The listing {name} is damaged.", hint="Push it again.")
        return listing.decode(body, name)

    def sizes(self, project: str, md5s: Iterable[str]) -> dict[str, int]:
        """See `TrackedData.sizes`."""
        keys = {layout.key_of(md5): md5 for md5 in md5s}
        asked, found = list(keys), {}
        for start in range(0, len(asked), _ASKED):
            for key, item in self._index.find(project, asked[start : start + _ASKED]).items():
                found[keys[key]] = item.size
        return found

    def table_change(self, project: str, before: str, after: str, name: str) -> TableChange | None:
        """See `TrackedData.table_change`. Pushed objects are only kept."""
        return None

    def open(self, project: str, md5: str) -> tuple[BinaryIO, int]:
        """See `TrackedData.open`."""
        found = self._get(project, md5)
        return self._blobs.open(blob_key(found.digest)), found.size

    def _get(self, project: str, md5: str) -> DataObject:
        key = layout.key_of(md5)
        found = self._index.find(project, [key]).get(key)
        if found is None:
            raise NotFound(f"The object {md5} was not pushed to project {project!r}.", hint="madang push")
        return found


def _md5(version: str) -> str:
    """The name of an object that a version is. Raises `InvalidInput` for anything else."""
    return layout.check_name(version.removeprefix("md5:"), "The version")
