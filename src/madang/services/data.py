"""Data objects of a project: what a remote of dvc holds, kept as blobs behind an index of its own keys."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from blake3 import blake3

from madang.domain.access import Permission, Principal, require
from madang.domain.versions import check_name
from madang.errors import Conflict, InvalidInput, NotFound, Refused, TooLarge
from madang.formats.dvc.places import Check, check_place
from madang.ports.data_objects import DataObject, DataObjects
from madang.ports.objects import Objects
from madang.ports.records import Records
from madang.services.arriving import blob_key, keep_file, store_blob
from madang.services.resuming import Uploads
from madang.services.upload_limits import UploadLimits

if TYPE_CHECKING:
    from concurrent.futures import Executor

MAX_KEYS = 10_000  # of one question
MAX_PACK = 32 << 20  # bytes of objects in one answer

_FEW = 8
T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger("madang.data")


class Data:
    """Objects by their keys (`formats.dvc.places`). Thread-safe.

    Whether a key is there is told of the caller's project only. Bytes are taken when they are what the key says; what
    two projects hold rests once.
    """

    def __init__(
        self,
        records: Records,
        index: DataObjects,
        blobs: Objects,
        scratch: str,
        *,
        threads: int = 1,
        takes: bool = True,
        limits: UploadLimits | None = None,
    ) -> None:
        """``threads`` is how many blobs of a pack are moved at once: many where each waits for a cloud.

        Without ``takes`` nothing may be sent here: the records of a workspace may be lost and made anew, the index of
        data objects could not be.
        """
        self._threads = threads
        self._takes = takes
        self._records = records
        self._index = index
        self._blobs = blobs
        self._scratch = scratch
        self._limits = limits or UploadLimits(scratch)
        self._uploads = Uploads(os.path.join(scratch, "uploads"))
        self._lock = threading.Lock()
        self._pool: Executor | None = None

    def put(
        self, who: Principal, project: str, key: str, pieces: Iterable[bytes], size: int | None = None
    ) -> DataObject:
        """Store one object as its bytes come.

        Raises:
            InvalidInput: no key of an object, or fewer bytes than announced. TooLarge: more.
            CorruptData: bytes that do not belong there.
            Conflict: the project has other bytes under this key: two contents of one MD5.
        """
        name = self._admitted(who, Permission.WRITE, project)
        check = Check(check_place(key))
        kept = store_blob(self._blobs, self._scratch, self._limits.admitted(pieces, size), check, size)
        made = DataObject(key, kept.digest, kept.size, _now(), who.name)
        self._note(name, [made])
        return made

    def arrived(self, who: Principal, project: str, key: str, size: int) -> int:
        """How many bytes of an unfinished upload of ``size`` bytes by this caller are here. Raises as `append`."""
        name = self._admitted(who, Permission.WRITE, project)
        check_place(key)
        return self._uploads.offset(_upload(name, key, who, size))

    def append(
        self, who: Principal, project: str, key: str, offset: int, size: int, pieces: Iterable[bytes]
    ) -> DataObject | int:
        """Go on with an upload of ``size`` bytes behind the ``offset`` that came. What comes stays when it breaks off.

        Returns what is stored when that was all of it, else how many bytes are here now.

        Raises:
            Conflict: another number of bytes is here, or as `put`. Others as `put`; nothing is kept then.
        """
        name = self._admitted(who, Permission.WRITE, project)
        place = check_place(key)
        with self._uploads.opened(_upload(name, key, who, size), offset, size, lambda: Check(place)) as part:
            part.take(self._limits.admitted(pieces, size, offset))
            if part.offset < size:
                return part.offset
            digest = part.finish()
            keep_file(self._blobs, digest, part.path)
            with suppress(FileNotFoundError):
                os.unlink(part.path)
        made = DataObject(key, digest, size, _now(), who.name)
        self._note(name, [made])
        return made

    def put_many(self, who: Principal, project: str, objects: Sequence[tuple[str, bytes]]) -> int:
        """Store many small objects, all or none, with one wait for the disk; returns how many. Raises as `put`."""
        name, now = self._admitted(who, Permission.WRITE, project), _now()
        made: dict[str, DataObject] = {}
        bodies: dict[str, bytes] = {}
        for key, body in objects:
            check = Check(check_place(key))
            check.update(body)
            check.finish()
            digest = f"blake3:{blake3(body).hexdigest()}"
            made[key] = DataObject(key, digest, len(body), now, who.name)
            bodies[digest] = body
        with self._blobs.batch() as batch:

            def keep(digest: str) -> None:
                if self._blobs.stat(blob_key(digest)) is None:
                    batch.put(blob_key(digest), bodies[digest])

            self._together(keep, list(bodies))
        self._note(name, list(made.values()))
        return len(made)

    def _admitted(self, who: Principal, needed: Permission, project: str) -> str:
        """The project's one spelling, when the caller may do this in it. Raises as `require`; `Refused`."""
        name = check_name(project, "project")
        require(who, needed, name)
        if needed > Permission.READ and not self._takes:
            raise Refused(
                "This is the page of a workspace, which keeps no data of others.",
                hint="Push to a hub (`madang hub`), or to a folder.",
            )
        return name

    def _note(self, project: str, objects: Sequence[DataObject]) -> None:
        with self._records.transaction():
            others = self._index.add(project, objects)
            if not others:
                self._records.versions.hold_blobs(project, [item.digest for item in objects])
        if others:
            named = others[0]
            log.error(
                "project %r has %s as %s (sent by %r), and other bytes came for it",
                project, named.key, named.digest, named.actor,
            )  # fmt: skip
            raise Conflict(
                f"Project {project!r} has other bytes under {named.key}: two contents with one MD5.",
                hint="Somebody made them so on purpose. Find out which of them is meant.",
            )

    def sizes(self, who: Principal, project: str, keys: Sequence[str]) -> list[int | None]:
        """Bytes of each object in the order of the keys; None for one that the project lacks."""
        name = self._admitted(who, Permission.READ, project)
        _bounded(keys)
        found = self._index.find(name, keys)
        return [found[key].size if key in found else None for key in keys]

    def open(self, who: Principal, project: str, key: str, start: int = 0) -> tuple[BinaryIO, DataObject]:
        """An open file of an object's bytes from ``start`` on, which the caller closes, and what is known of it.

        Raises:
            NotFound: the project has no such object.
        """
        found = self._get(who, project, key)
        return self._blobs.open(blob_key(found.digest), start=start), found

    def stat(self, who: Principal, project: str, key: str) -> DataObject:
        """What is known of an object. Raises `NotFound`."""
        return self._get(who, project, key)

    def _get(self, who: Principal, project: str, key: str) -> DataObject:
        found = self._index.find(self._admitted(who, Permission.READ, project), [key]).get(key)
        if found is None:
            raise NotFound(f"Project {project!r} has no data object {key[:120]!r}.", hint="Push it from where it is.")
        return found

    def read_many(self, who: Principal, project: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        """The objects from the first key on, until their bytes would be over `MAX_PACK`; at least one.

        What the project lacks is left out.
        """
        name = self._admitted(who, Permission.READ, project)
        _bounded(keys)
        found = self._index.find(name, keys)
        wanted: list[DataObject] = []
        size = 0
        for key in keys:
            item = found.get(key)
            if item is None:
                continue
            size += item.size
            if size > MAX_PACK:
                if not wanted:
                    raise TooLarge(f"{key} has {item.size} bytes.", hint="Read it on its own.")
                break
            wanted.append(item)
        bodies = self._together(lambda item: self._blobs.read(blob_key(item.digest)), wanted)
        return [(item.key, body) for item, body in zip(wanted, bodies, strict=True)]

    def _together(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Do one thing to each, on the threads that were granted."""
        if self._threads < 2 or len(items) < _FEW:
            return [work(item) for item in items]
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a process that takes no packs needs none

        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(self._threads, "data")
        return list(self._pool.map(work, items))

    def list(
        self, who: Principal, project: str, prefix: str = "", after: str = "", limit: int = 1000
    ) -> list[DataObject]:
        """Objects by key, those greater than ``after``; a full answer may have more behind it."""
        name = self._admitted(who, Permission.READ, project)
        if not 1 <= limit <= MAX_KEYS:
            raise InvalidInput(f"The limit is 1 to {MAX_KEYS}, not {limit}.")
        return self._index.list(name, prefix, after, limit)

    def delete(self, who: Principal, project: str, keys: Sequence[str]) -> None:
        """Take objects out of the project. Their bytes stay for whatever else holds them."""
        name = self._admitted(who, Permission.ADMIN, project)
        _bounded(keys)
        self._index.remove(name, keys)


def _upload(project: str, key: str, who: Principal, size: int) -> str:
    """The name of an unfinished upload: nobody goes on with what another began."""
    return blake3("\0".join((project, key, who.name, str(size))).encode()).hexdigest(16)


def _bounded(keys: Sequence[str]) -> None:
    if len(keys) > MAX_KEYS:
        raise TooLarge(f"{len(keys)} keys are more than {MAX_KEYS} in one question.", hint="Ask in portions.")


def _now() -> int:
    return time.time_ns() // 1000
