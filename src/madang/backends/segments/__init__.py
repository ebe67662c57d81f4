"""Segment files in a store's folder (`ports.segments`)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from madang.domain.held import Held
from madang.domain.ids import new_id
from madang.durable import sync_folder, unlink
from madang.errors import Conflict
from madang.formats import packed, recent
from madang.formats import store as layout
from madang.formats.held import read_held
from madang.formats.learning import learnt
from madang.ports.segments import SegmentFile, Shelves

_SETTLED = 2_000_000_000  # ns after which a folder's time of change can be trusted: file systems have coarse clocks
_EVERYTHING = 300  # seconds after which all runs are looked at again: a file may have come by other ways
_HEX = frozenset("0123456789abcdef")
_PACKED = ".seg" + packed.ENDING
_PIECE = 1 << 20  # bytes copied at once
_EVERY_BYTE = 1 << 62


class _State(msgspec.Struct, array_like=True):
    """What `changed` remembers: the time of change of each shelf (folder of runs), and when all were looked at."""

    shelves: dict[str, int] = {}
    looked: float = 0.0


class LocalSegments:
    """`ports.segments.SegmentFiles` over ``<store>/segments``."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._root = os.path.join(store, "segments")
        self._aside = os.path.join(store, "tmp")

    def changed(self, state: bytes) -> Shelves:
        """Runs that are new or have new segments since ``state``."""
        before = _read_state(state)
        now = time.time()
        everything = not 0 <= now - before.looked < _EVERYTHING
        after = _State({}, now if everything else before.looked)
        runs: list[str] = []
        for shelf, changed in sorted(self._shelves()):
            if everything or before.shelves.get(shelf) != changed:
                runs += [name for name in sorted(_names(f"{self._root}/{shelf}")) if _is_id(name)]
            if now * 1e9 - changed > _SETTLED:
                after.shelves[shelf] = changed
        return Shelves(runs, state if after == before else msgspec.msgpack.encode(after))

    def _shelves(self) -> Iterator[tuple[str, int]]:
        for shelf in _names(self._root):
            try:
                yield shelf, os.stat(f"{self._root}/{shelf}").st_mtime_ns
            except OSError:
                continue  # it was removed meanwhile

    def of_run(self, run: str) -> list[SegmentFile]:
        """All segments of a run."""
        names = {
            name.removesuffix(".zst").removesuffix(".seg")
            for name in _names(layout.run_dir(self._store, run))
            if name.endswith((".seg", _PACKED))
        }
        found = (self.stat(run, name) for name in sorted(names) if _is_id(name))
        return [file for file in found if file is not None]

    def stat(self, run: str, segment: str) -> SegmentFile | None:
        """One segment."""
        live = layout.is_held(layout.lock_path(self._store, run, segment))  # first: who ends afterwards has written all
        path = layout.segment_path(self._store, run, segment)
        try:
            return SegmentFile(run, segment, recent.size(path), live)
        except (FileNotFoundError, NotADirectoryError):
            pass
        try:
            return SegmentFile(run, segment, packed.size(path + packed.ENDING), False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, run: str, segment: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``."""
        path = layout.segment_path(self._store, run, segment)
        for _ in range(2):  # it may be packed between the two looks
            try:
                return recent.read(path, offset, limit)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise layout.refused(self._store, error) from error
            try:
                return packed.read(path + packed.ENDING, offset, limit)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise layout.refused(self._store, error) from error
        return b""

    def append(self, run: str, segment: str, offset: int, data: bytes) -> None:
        """Write frames at ``offset`` of a segment that this store itself writes."""
        path = layout.segment_path(self._store, run, segment)
        try:
            os.makedirs(layout.run_dir(self._store, run), exist_ok=True)
            self._unpack(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                if os.fstat(descriptor).st_size < offset:
                    raise Conflict(
                        f"The first {offset} bytes of segment {segment} of run {run} are not in this store.",
                        hint=f"If a hub holds them, `madang sync --fetch {run}` brings them back.",
                    )
                file.truncate(offset)
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise layout.refused(self._store, error) from error
        if not offset:
            layout.announce(self._store, run)

    def _unpack(self, path: str) -> None:
        """Have a segment that was packed plain again: its run goes on."""
        if os.path.exists(path) or not os.path.exists(path + packed.ENDING):
            return
        os.rename(self._written_aside(packed.read(path + packed.ENDING, 0, _EVERY_BYTE)), path)
        sync_folder(os.path.dirname(path))
        os.unlink(path + packed.ENDING)

    def put(self, run: str, segment: str, data: bytes) -> bool:
        """Store a whole segment: written aside, synced, then linked under its name, which only one can do."""
        path = layout.segment_path(self._store, run, segment)
        if os.path.exists(path + packed.ENDING):
            return False
        aside = self._written_aside(data)
        try:
            os.makedirs(layout.run_dir(self._store, run), exist_ok=True)
            os.link(aside, path)
        except FileExistsError:
            return False
        except OSError as error:
            raise layout.refused(self._store, error) from error
        finally:
            os.unlink(aside)
        layout.announce(self._store, run)
        return True

    def pack(self, run: str, segment: str) -> bool:
        """Replace the file of a segment that has ended by a compressed one.

        While both are there the plain one counts, so a crash at any point leaves one truth.
        """
        path = layout.segment_path(self._store, run, segment)
        if layout.is_held(layout.lock_path(self._store, run, segment)):
            return False
        try:
            if not recent.settle(path):
                return False
            with open(path, "rb") as file:
                before = os.fstat(file.fileno())
                aside = self._packed_aside(iter(lambda: file.read(_PIECE), b""))
                try:
                    same = packed.size(aside) == before.st_size and _same(file, aside)
                    if not same or _identity(os.stat(path)) != _identity(before):
                        return False  # somebody writes it after all
                    os.rename(aside, path + packed.ENDING)
                finally:
                    unlink(aside)
                sync_folder(os.path.dirname(path))
                os.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise layout.refused(self._store, error) from error
        return True

    def bring(self, run: str, segment: str, pieces: Iterable[bytes]) -> bool:
        """Store a whole segment, packed, from its pieces; nothing when they end in an error."""
        path = layout.segment_path(self._store, run, segment)
        aside = self._packed_aside(pieces)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.exists(path):
                return False
            os.link(aside, path + packed.ENDING)
            sync_folder(os.path.dirname(path))
        except FileExistsError:
            return False
        except OSError as error:
            raise layout.refused(self._store, error) from error
        finally:
            unlink(aside)
        layout.announce(self._store, run)
        return True

    def held(self, run: str) -> Held | None:
        """What a hub holds of a run in place of this store."""
        return read_held(self._store, run)

    def _packed_aside(self, pieces: Iterable[bytes]) -> str:
        path = os.path.join(self._aside, new_id())
        try:
            os.makedirs(self._aside, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                packed.pack(pieces, file)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            unlink(path)
            raise layout.refused(self._store, error) from error
        except BaseException:
            unlink(path)
            raise
        return path

    def _written_aside(self, data: bytes) -> str:
        path = os.path.join(self._aside, new_id())
        try:
            os.makedirs(self._aside, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise layout.refused(self._store, error) from error
        return path


def _identity(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _same(file: BinaryIO, aside: str) -> bool:
    """Whether a packed file holds the very bytes of a plain one."""
    file.seek(0)
    place = 0
    while piece := file.read(packed.PART):
        if packed.read(aside, place, len(piece)) != piece:
            return False
        place += len(piece)
    return True


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise layout.refused(folder, error) from error


def _is_id(name: str) -> bool:
    return len(name) == 32 and _HEX.issuperset(name)


def _read_state(state: bytes) -> _State:
    try:
        return msgspec.msgpack.decode(state, type=learnt(_State))
    except msgspec.MsgspecError:
        return _State()
