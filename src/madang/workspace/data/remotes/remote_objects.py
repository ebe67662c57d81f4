"""The objects of one cache in a remote: which are there, how they are sent and brought."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import field
from io import BufferedIOBase, RawIOBase
from typing import BinaryIO, NamedTuple

from madang.domain.values import mutable
from madang.errors import NotFound, Refused
from madang.formats.dvc import listing
from madang.formats.dvc.digest import md5_of
from madang.ports.objects import UNKNOWN, Forkable, ManyAtOnce, Objects
from madang.staging import Staging
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import LegacyCache, name_of_file
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.early_copies import EarlyCopy
from madang.workspace.data.objects.parallel import apart, each, each_file
from madang.workspace.data.objects.reading import SMALL, Fill, create_object, write_and_hash, write_object
from madang.workspace.data.objects.state import FileKey, key_of
from madang.workspace.data.objects.taking import Intake
from madang.workspace.data.remotes import partial_downloads

_FEW = 256  # up to so many objects are asked for one by one, more by listing
_NO_WAIT = 100e-6  # seconds in which a disk tells of a file
_PAGE = 1000  # objects that one request lists
_PACK = 8 << 20  # bytes of small objects that are asked for together
_PACK_OBJECTS = 2000


@mutable
class Brought:
    """What became of the objects that were asked for."""

    got: list[str] = field(default_factory=list)
    size: int = 0  # bytes of them
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)  # their bytes were not what their name says


class _Arrived(NamedTuple):
    """An object that was asked for."""

    name: str
    copy: FileKey | None  # its state here; None: there was nothing
    aside: str | None  # where its bytes lie; None: they were wrong, or there was nothing


class RemoteObjects:
    """A store as the other side of a cache; objects lie there by the keys that they have below the cache's folder."""

    def __init__(self, store: Objects, cache: Cache, jobs: int, files_at_once: int | None = None) -> None:
        """``jobs`` is the number of requests at once, ``files_at_once`` that of small files of a folder, where each is
        work for a processor (default: what suits this machine).
        """
        self.store = store
        self.cache = cache
        self.jobs = jobs
        self._files = store if isinstance(store, Forkable) else None  # the same, where it is a folder
        self._files_at_once = files_at_once
        self._cut = len(cache.folder) + 1

    def key(self, name: str) -> str:
        """Where an object lies in the remote."""
        return self.cache.path(name)[self._cut :]

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Size of each of the objects that the remote has; `UNKNOWN` where it does not tell."""
        wanted = sorted(set(names))
        by_key = {self.key(name): name for name in wanted}
        if isinstance(self.store, ManyAtOnce):
            return {by_key[key]: size for key, size in self.store.sizes(list(by_key)).items()}
        folders, threads = self._listed_folders(by_key) if len(wanted) > _FEW else ([], self.jobs)
        if not folders:
            stats = each(lambda name: self.store.stat(self.key(name)), wanted, threads=self.jobs, chunk=1)
            return {name: stat.size for name, stat in zip(wanted, stats, strict=True) if stat is not None}

        def listed(folder: str) -> dict[str, int]:
            if self._files is not None:
                return self._files.sizes_in(folder)
            return {stat.key: stat.size for stat in self.store.list(folder)}

        parts = each(listed, folders, threads=threads, chunk=1)
        return {by_key[key]: size for part in parts for key, size in part.items() if key in by_key}

    def _listed_folders(self, keys: Collection[str]) -> tuple[list[str], int]:
        """The folders that are to be listed to find objects, and how many at once; none when it is cheaper to ask for
        each.

        Listing costs one request a thousand objects and at least one a folder, asking one each. How many objects there
        are is estimated from one of the 256 folders. Pages of one listing come one after the other, so all is listed at
        once only when it is few of them. On a disk nothing is waited for, and threads would only take turns.
        """
        first = os.path.dirname(self.key("0" * 32))
        began = time.perf_counter()
        try:
            part = sum(1 for _ in self.store.list(first))
        except Refused:  # a store that does not list
            return [], self.jobs
        is_disk = self._files is not None and time.perf_counter() - began < _NO_WAIT * (part + 1)
        pages = 256 * part / _PAGE
        if pages >= len(keys):
            return [], self.jobs
        above = os.path.dirname(first)
        if above and pages <= self.jobs and self._files is None:
            return [above], 1
        return sorted({key.rpartition("/")[0] for key in keys}), 1 if is_disk else self.jobs

    def send(self, names: Sequence[str], keys: Mapping[str, FileKey], advance: progress.Advance) -> None:
        """Send objects of the cache; they are in the remote, whole, when this returns."""
        if self._files is not None:
            self._send_files(self._files, names, keys, advance)
            return
        from pathlib import Path  # noqa: PLC0415 - half of what a push without anything to send would load

        with self.store.batch() as batch:

            def send(name: str) -> int:
                batch.put(self.key(name), Path(self.cache.path(name)))
                return keys[name].size

            for size in each(send, names, threads=self.jobs, chunk=_chunk(len(names), self.jobs)):
                advance(size)

    def _send_files(
        self, store: Forkable, names: Sequence[str], keys: Mapping[str, FileKey], advance: progress.Advance
    ) -> None:
        names = apart(names)
        with store.aside_batch() as batch:

            def write(name: str, advance: progress.Advance) -> str:
                aside = batch.copy(self.key(name), self.cache.path(name))
                advance(keys[name].size)
                return aside

            with closing(
                each_file(write, names, str, advance, below=batch.folder, at_once=self._files_at_once)
            ) as asides:
                for name, aside in zip(names, asides, strict=True):
                    batch.add(self.key(name), aside, keys[name].size)

    def bring(self, sizes: Mapping[str, int], advance: progress.Advance) -> Brought:
        """Bring objects into the cache, each verified; ``sizes`` are what the remote says of them.

        When this fails or is stopped, what has come is kept.
        """
        with self.bringing() as bringing:
            return bringing.take(sizes, advance)

    @contextmanager
    def bringing(self) -> Iterator[Bringing]:
        """The same in steps. What was taken is in the cache, durable, when this ends."""
        with self.cache.staging() as staging, Intake(self.cache, staging) as intake:
            yield Bringing(self, staging, intake)

    def arriving(
        self, sizes: Mapping[str, int], staging: Staging, advance: progress.Advance, unclaimed: dict[int, _Arrived]
    ) -> Iterator[Generator[_Arrived, None, None]]:
        """Objects as they come. From a folder the small ones are brought by forked processes."""
        rest = sizes
        if self._files is not None:
            small = apart(sorted(name for name, size in sizes.items() if 0 <= size <= SMALL))
            rest = {name: size for name, size in sizes.items() if not 0 <= size <= SMALL}

            def download(name: str, advance: progress.Advance) -> _Arrived:
                return self._download(name, sizes[name], staging, advance)

            at_once = self._files_at_once
            yield each_file(
                download, small, _Arrived, advance, below=staging.folder, at_once=at_once, unclaimed=unclaimed
            )
        portions = self._portions(rest)

        def receive(names: list[str]) -> list[_Arrived]:
            return self._receive(names, sizes, staging, advance)

        found = each(receive, portions, threads=self.jobs, chunk=_chunk(len(portions), self.jobs))
        yield (one for part in found for one in part)

    def _portions(self, sizes: Mapping[str, int]) -> list[list[str]]:
        """Names that are asked for together."""
        if not isinstance(self.store, ManyAtOnce):
            return [[name] for name in sorted(sizes)]
        portions: list[list[str]] = []
        pack: list[str] = []
        room = _PACK
        for name in sorted(sizes):
            if not 0 <= sizes[name] <= self.store.small:
                portions.append([name])
                continue
            if pack and (sizes[name] > room or len(pack) >= _PACK_OBJECTS):
                portions.append(pack)
                pack, room = [], _PACK
            pack.append(name)
            room -= sizes[name]
        return [*portions, pack] if pack else portions

    def _receive(
        self, names: list[str], sizes: Mapping[str, int], staging: Staging, advance: progress.Advance
    ) -> list[_Arrived]:
        if len(names) == 1 or not isinstance(self.store, ManyAtOnce):
            return [self._download(name, sizes[name], staging, advance) for name in names]
        by_key = {self.key(name): name for name in names}
        found = {
            by_key[key]: self._take(by_key[key], body, staging) for key, body in self.store.read_many(list(by_key))
        }
        advance(sum(max(0, sizes[name]) for name in names))
        return [found.get(name, _Arrived(name, None, None)) for name in names]

    def _take(self, name: str, body: bytes, staging: Staging) -> _Arrived:
        """Bytes that came as a whole."""
        aside = staging.path_for(self.cache.path(name))
        copy = write_object(aside, body) or key_of(os.stat(aside))
        return self._judged(name, aside, md5_of(body), copy)

    def _download(self, name: str, size: int, staging: Staging, advance: progress.Advance) -> _Arrived:
        """One object, by a stream; a small one in one go."""
        if size >= partial_downloads.LARGE and self._files is None:
            return self._resume(name, size, advance)
        try:
            if 0 <= size <= SMALL and self._files is not None:
                body = self.store.read(self.key(name))
                advance(size)
                return self._take(name, body, staging)
            with self.store.open(self.key(name)) as source:
                begin = source.read(size + 1) if 0 <= size < SMALL else b""
                if len(begin) != size:
                    early = self.cache.early_copies.begin(name, size)
                    return self._stream(name, _bounded(source, size, begin), staging, advance, early)
                advance(size)
                return self._take(name, begin, staging)
        except NotFound:
            return _Arrived(name, None, None)

    def _stream(
        self, name: str, fill: Fill, staging: Staging, advance: progress.Advance, early: EarlyCopy | None
    ) -> _Arrived:
        aside, arrived = staging.new_path(), None
        descriptor = create_object(aside)
        try:
            md5 = write_and_hash(fill, descriptor, advance, early)
            arrived = self._judged(name, aside, md5, key_of(os.fstat(descriptor)))
        except NotFound:
            os.unlink(aside)
            raise
        finally:
            os.close(descriptor)
            if early is not None:
                early.end(is_good=arrived is not None and arrived.aside is not None)
        return arrived

    def _resume(self, name: str, size: int, advance: progress.Advance) -> _Arrived:
        """A large object: behind what came before, when a download of it broke off."""
        aside, descriptor = partial_downloads.claim(self.cache.folder, name)
        at = os.fstat(descriptor).st_size
        at = at if at < size else 0
        early, arrived = self.cache.early_copies.begin(name, size), None
        try:
            with open(aside, "rb") as begun, self.store.open(self.key(name), start=at) as source:
                rest = _bounded(source, size - at, b"")
                md5 = write_and_hash(_first(begun, at, rest), descriptor, advance, early)
            os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
            partial_downloads.finish(descriptor)
            arrived = self._judged(name, aside, md5, key_of(os.fstat(descriptor)))
        except NotFound:
            os.unlink(aside)
            return _Arrived(name, None, None)
        finally:
            os.close(descriptor)
            if early is not None:
                early.end(is_good=arrived is not None and arrived.aside is not None)
        if arrived.aside is None and at:  # what had come was damaged, perhaps
            return self._resume(name, size, advance)
        return arrived

    def _judged(self, name: str, aside: str, md5: str, copy: FileKey) -> _Arrived:
        fits = md5 == name[:32]
        if not fits and isinstance(self.cache, LegacyCache):
            fits = name_of_file(aside) == name
        if not fits:
            os.unlink(aside)
        return _Arrived(name, copy, aside if fits else None)

    def listing(self, name: str) -> dict[str, str]:
        """A folder's listing as the remote has it; empty when it has none, or other bytes.

        Raises:
            CorruptData: its bytes are those of the name, and no listing.
        """
        try:
            body = self.store.read(self.key(name))
        except NotFound:
            return {}
        return listing.decode(body, name) if listing.name_of_bytes(body) == name else {}


class Bringing:
    """Objects on their way into the cache."""

    def __init__(self, side: RemoteObjects, staging: Staging, intake: Intake) -> None:
        self._side = side
        self._staging = staging
        self._intake = intake
        self._places: list[tuple[str, str]] = []  # what was taken: its name, and where it lies

    def take(self, sizes: Mapping[str, int], advance: progress.Advance) -> Brought:
        """See `RemoteObjects.bring`."""
        brought, unclaimed = Brought(), dict[int, _Arrived]()
        try:
            for arriving in self._side.arriving(sizes, self._staging, advance, unclaimed):
                with closing(arriving):
                    for one in arriving:
                        self._keep(one, brought)
        finally:
            for one in unclaimed.values():
                self._keep(one, brought)
        return brought

    def _keep(self, arrived: _Arrived, brought: Brought) -> None:
        if arrived.aside is None or arrived.copy is None:
            (brought.missing if arrived.copy is None else brought.damaged).append(arrived.name)
            return
        self._places.append((arrived.name, arrived.aside))
        self._intake.add(arrived.name, arrived.aside, arrived.copy)
        brought.got.append(arrived.name)
        brought.size += arrived.copy.size

    def copy(self, meter: progress.Meter) -> None:
        """Make the early copies that are still wanted of what was taken, while the disk makes that durable."""
        early_copies = self._side.cache.early_copies
        copies = early_copies.wanted(self._places)
        if not copies:
            self._begin_to_end()
            return
        self._staging.settle()
        with meter(len(copies), "files", "copying") as advance:
            early_copies.make(copies, self._begin_to_end, advance)

    def _begin_to_end(self) -> None:
        self._staging.begin_sync()
        self._intake.trust_early()


def _first(begun: BinaryIO, count: int, rest: Fill) -> Fill:
    """So many bytes of a file, then the rest."""
    left = count

    def fill(buffer: memoryview) -> int:
        nonlocal left
        if left <= 0:
            return rest(buffer)
        body = begun.read(min(left, len(buffer)))
        buffer[: len(body)] = body
        left = left - len(body) if body else 0
        return len(body) or rest(buffer)

    return fill


def _bounded(source: BinaryIO, size: int, begin: bytes) -> Fill:
    """Reads a download, of which the beginning was read; one that goes on behind its announced end is cut: its bytes
    are wrong in any case.
    """
    left = size if size != UNKNOWN else 1 << 62

    def fill(buffer: memoryview) -> int:
        nonlocal left, begin
        if left < 0:
            return 0
        if begin:
            count = len(begin)
            buffer[:count], begin = begin, b""
        elif isinstance(source, BufferedIOBase | RawIOBase):
            count = source.readinto(buffer) or 0
        else:
            body = source.read(len(buffer))
            count = len(body)
            buffer[:count] = body
        left -= count
        return count

    return fill


def _chunk(count: int, jobs: int) -> int:
    return max(1, min(64, count // (4 * jobs)))
