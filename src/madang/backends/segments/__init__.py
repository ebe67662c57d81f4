"""Segment files in a store's folder (`ports.segments`)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import msgspec

from madang.domain.ids import new_id
from madang.errors import CorruptData
from madang.formats import store as layout
from madang.formats.zstd import compress, decompress, decompressed_size
from madang.ports.segments import SegmentFile, Shelves

_SETTLED = 2_000_000_000  # ns after which a folder's time of change can be trusted: file systems have coarse clocks
_EVERYTHING = 300  # seconds after which all runs are looked at again: a file may have come by other ways
_HEX = frozenset("0123456789abcdef")
_PACKED = ".seg.zst"


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
            return SegmentFile(run, segment, os.stat(path).st_size, live)
        except (FileNotFoundError, NotADirectoryError):
            pass
        try:
            with open(path + ".zst", "rb") as file:
                return SegmentFile(run, segment, decompressed_size(file.read(32)), False)
        except (FileNotFoundError, NotADirectoryError, CorruptData):
            return None

    def read(self, run: str, segment: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``."""
        path = layout.segment_path(self._store, run, segment)
        for _ in range(2):  # it may be packed between the two looks
            try:
                with open(path, "rb") as file:
                    file.seek(offset)
                    return file.read(limit)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise layout.refused(self._store, error) from error
            try:
                with open(path + ".zst", "rb") as file:
                    return decompress(file.read())[offset : offset + limit]
            except FileNotFoundError:
                continue
            except OSError as error:
                raise layout.refused(self._store, error) from error
        return b""

    def append(self, run: str, segment: str, offset: int, data: bytes) -> None:
        """Write frames at ``offset`` of a segment that this store itself writes."""
        try:
            os.makedirs(layout.run_dir(self._store, run), exist_ok=True)
            path = layout.segment_path(self._store, run, segment)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.truncate(offset)
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise layout.refused(self._store, error) from error
        if not offset:
            layout.announce(self._store, run)

    def put(self, run: str, segment: str, data: bytes) -> bool:
        """Store a whole segment: written aside, synced, then linked under its name, which only one can do."""
        aside = self._written_aside(data)
        try:
            os.makedirs(layout.run_dir(self._store, run), exist_ok=True)
            os.link(aside, layout.segment_path(self._store, run, segment))
        except FileExistsError:
            return False
        except OSError as error:
            raise layout.refused(self._store, error) from error
        finally:
            os.unlink(aside)
        layout.announce(self._store, run)
        return True

    def pack(self, run: str, segment: str) -> bool:
        """Replace the file of a segment that has ended by a compressed one."""
        path = layout.segment_path(self._store, run, segment)
        try:
            with open(path, "rb") as file:
                data = file.read()
            aside = self._written_aside(compress(data, 9))
            os.replace(aside, path + ".zst")
            os.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise layout.refused(self._store, error) from error
        return True

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
        return msgspec.msgpack.decode(state, type=_State)
    except msgspec.MsgspecError:
        return _State()
