"""Is a store what it says: blobs against their digests, segments against their hash chains, records against both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from blake3 import blake3

from madang.domain.query import RunQuery
from madang.domain.run_state import RunState, apply
from madang.domain.runs import RunRecord, record
from madang.domain.values import value
from madang.domain.versions import GONE, Entry
from madang.errors import CorruptData, NotFound
from madang.formats.dvc.places import Check, check_place, place_of
from madang.formats.journal import Position, read_frames
from madang.formats.manifest import manifest_digest
from madang.formats.rows import decode
from madang.ports.data_objects import DataObject, DataObjects
from madang.ports.objects import Objects
from madang.ports.records import Records, SegmentRow, StoredRun
from madang.ports.segments import SegmentFiles
from madang.services.arriving import blob_key

_CHUNK = 1 << 20
_PAGE = 200
_PIECE = 64 << 20


@value
class Fault:
    """One thing in a store that is wrong."""

    kind: str  # "blob", "stray", "segment", "record", "version", "data"
    name: str  # digest, key, "RUN/SEGMENT", run, "PROJECT/NAME:vN" or "PROJECT/KEY"
    detail: str


class StoreCheck:
    """Looks at one store and changes nothing. ``files`` are a workspace's segments; a hub has none."""

    def __init__(
        self, records: Records, blobs: Objects, files: SegmentFiles | None, data: DataObjects | None = None
    ) -> None:
        """``data`` are the objects of data remotes."""
        self._records = records
        self._blobs = blobs
        self._files = files
        self._data = data
        self._keys: dict[str, list[tuple[str, DataObject]]] = {}  # hex of a blob → (project, object)
        self._gone: set[str] = set()  # digests of models that lost and were removed
        self.blobs = self.runs = self.segments = self.versions = self.data = 0  # looked at
        self.read = 0  # bytes of blobs that were read

    def check(self, chosen: Callable[[str], bool] | None = None) -> Iterator[Fault]:
        """Everything that is wrong; ``chosen`` says, by the digest's hex, which blobs are read.

        Raises:
            StorageError, Unavailable: the store cannot be read at all.
        """
        sizes: dict[str, int] = {}
        projects = [project.name for project in self._records.runs.projects()]
        yield from self._note_data()
        yield from self._check_blobs(sizes, chosen)
        yield from self._check_data(sizes)
        for project in projects:
            yield from self._check_versions(project, sizes)
        for stored in self._stored():
            self.runs += 1
            yield from self._check_run(stored, sizes)

    def _stored(self) -> Iterator[StoredRun]:
        cursor = ""
        while True:
            page = self._records.runs.search(RunQuery(None, limit=_PAGE, cursor=cursor, deleted="all", keys=()))
            for light in page.runs:
                whole = self._records.runs.get(light.state.run)
                if whole is not None:
                    yield whole
            cursor = page.next
            if not cursor:
                return

    def _note_data(self) -> Iterator[Fault]:
        for project, one in self._data_objects():
            self.data += 1
            if place_of(one.key) is None:
                yield Fault("data", f"{project}/{one.key}", "is no key of an object")
            else:
                self._keys.setdefault(one.digest.removeprefix("blake3:"), []).append((project, one))

    def _data_objects(self) -> Iterator[tuple[str, DataObject]]:
        if self._data is None:
            return
        for project in self._data.projects():
            after = ""
            while page := self._data.list(project, "", after, _PAGE):
                yield from ((project, one) for one in page)
                after = page[-1].key

    def _check_data(self, sizes: dict[str, int]) -> Iterator[Fault]:
        for name, known in self._keys.items():
            for project, one in known:
                if sizes.get(name) != one.size:
                    have = f"{sizes[name]} bytes" if name in sizes else "nothing"
                    yield Fault(
                        "data", f"{project}/{one.key}", f"needs {one.size} bytes of {one.digest}, there is {have}"
                    )

    def _check_blobs(self, sizes: dict[str, int], chosen: Callable[[str], bool] | None) -> Iterator[Fault]:
        for found in self._blobs.list():
            name = found.key.replace("/", "", 1)
            if len(name) != 64 or not set(name) <= set("0123456789abcdef") or found.key != blob_key(name):
                yield Fault("stray", found.key, "is no blob")
                continue
            self.blobs += 1
            sizes[name] = found.size
            if chosen is not None and chosen(name):
                yield from self._read_blob(name, found.size)

    def _read_blob(self, name: str, size: int) -> Iterator[Fault]:
        digest, count = blake3(), 0
        checks = [(f"{project}/{one.key}", Check(check_place(one.key))) for project, one in self._keys.get(name, ())]
        try:
            with self._blobs.open(blob_key(name)) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    for _, check in checks:
                        check.update(chunk)
                    count += len(chunk)
        except NotFound:
            return  # it went away meanwhile
        self.read += count
        for label, check in checks:
            try:
                check.finish()
            except CorruptData as error:
                yield Fault("data", label, error.message)
        if digest.hexdigest() != name:
            yield Fault("blob", f"blake3:{name}", f"its {count} bytes have the digest blake3:{digest.hexdigest()}")

    def _check_versions(self, project: str, sizes: dict[str, int]) -> Iterator[Fault]:
        for line in self._records.versions.collections(project):
            for version in self._records.versions.versions(project, line.name):
                self.versions += 1
                label = f"{project}/{version.ref}"
                entries = self._records.versions.entries(project, version.digest)
                if manifest_digest(entries) != version.digest:
                    yield Fault("version", label, f"its list of files is not {version.digest}")
                gone = GONE in version.tags  # on purpose, and said so
                self._gone |= {entry.digest for entry in entries} if gone else set()
                for entry in entries if not gone else ():
                    yield from _check_entry(entry, label, sizes)

    def _check_run(self, stored: StoredRun, sizes: dict[str, int]) -> Iterator[Fault]:
        run = stored.state.run
        fresh = RunState(run)
        whole = True
        for row in self._records.segments.of_run(stored.number):
            self.segments += 1
            fault, complete = self._read_segment(run, row, fresh)
            if fault:
                yield Fault("segment", f"{run}/{row.id}", fault)
            whole = whole and complete
        if whole and fresh.segments and not _is_same(stored, fresh):
            yield Fault("record", run, "the record is not what its segments say")
        for item in record(stored.state, stored.overrides).files:
            if item.digest in self._gone and item.digest.removeprefix("blake3:") not in sizes:
                continue
            yield from _check_entry(Entry(item.path, item.digest, item.size), f"run {run}", sizes)

    def _read_segment(self, run: str, row: SegmentRow, fresh: RunState) -> tuple[str, bool]:
        """(what is wrong, whether all of it could be read); its events are applied to ``fresh``."""
        try:
            data = self._bytes(run, row)
        except CorruptData as error:
            return error.message, False
        if not data and row.offset:
            held = self._files.held(run) if self._files is not None else None
            return ("" if held is not None else "its bytes are gone"), False
        position = Position()
        batch = decode(read_frames(data[: row.offset], position), row.id, {})
        for stamp, event in batch.events:
            apply(fresh, stamp, event)
        if row.id in fresh.segments:
            fresh.segments[row.id].seen = max(fresh.segments[row.id].seen, batch.last)
        if position.damage:
            return ("" if row.damage else position.damage), False
        if (position.offset, position.sequence, position.chain) != (row.offset, row.sequence, row.chain):
            return f"{position.offset} of the {row.offset} bytes that were taken are there, or they are others", False
        return "", not row.damage

    def _bytes(self, run: str, row: SegmentRow) -> bytes:
        if self._files is None:
            return self._records.segments.pieces(row.number, 0)
        parts, offset = [], 0
        while offset < row.offset:
            part = self._files.read(run, row.id, offset, min(_PIECE, row.offset - offset))
            if not part:
                break
            parts.append(part)
            offset += len(part)
        return b"".join(parts)


def _check_entry(entry: Entry, label: str, sizes: dict[str, int]) -> Iterator[Fault]:
    if not entry.digest.startswith("blake3:"):
        return
    size = sizes.get(entry.digest.removeprefix("blake3:"))
    if size is None:
        yield Fault("blob", entry.digest, f"is missing: {entry.path} of {label}")
    elif size != entry.size:
        yield Fault("blob", entry.digest, f"has {size} bytes, {entry.path} of {label} says {entry.size}")


def _is_same(stored: StoredRun, fresh: RunState) -> bool:
    """Whether a reader sees the same; the order in which segments came does not count."""
    return _seen(record(stored.state, stored.overrides)) == _seen(record(fresh, stored.overrides))


def _seen(run: RunRecord) -> RunRecord:
    by_text = sorted(run.uses, key=repr), sorted(run.alerts, key=repr), sorted(run.segments, key=repr)
    return replace(run, uses=by_text[0], alerts=by_text[1], segments=by_text[2])
