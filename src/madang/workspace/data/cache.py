"""The local cache: read-only objects named by the MD5 of their bytes, shared with the real dvc.

An object is *trusted* when the state knows its (device, inode, size, mtime, ctime): its bytes were hashed in this very
state before. Any other object is hashed before its bytes are given out or sent away; one that is not what its name says
is set aside, so that a fetch brings it again.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from queue import SimpleQueue

from blake3 import blake3

from madang.durable import Staging, write_all
from madang.errors import Conflict, CorruptData, NotFound
from madang.formats.dvc import listing
from madang.formats.dvc.layout import PREFIX
from madang.workspace.data.parallel import each
from madang.workspace.data.state import SETTLED_NS, FileKey, State, key_of, settled

CHUNK = 1 << 20
SMALL = 1 << 20  # files up to this size are read in one go
_FLUSH_FILES = 4_000
_FLUSH_BYTES = 1 << 30
READ_ONLY = 0o444
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_CLOEXEC
_ALONE = 8  # chunks after which a second thread is worth its while
_MANY = 1_000  # for so many files the cache's folders are listed once, instead of asked for each


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file that was read: its MD5, its state while it was read, and where its copy lies aside (or None)."""

    md5: str
    key: FileKey
    aside: str | None
    lasting: bool  # whether any later change would show in the key


@dataclass(slots=True)
class _Portion:
    """New objects that are moved into the cache together, and the names of those of the portion before."""

    before: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, hashed: Hashed) -> None:
        self.names.append(hashed.md5)
        self.size += hashed.key.size

    def is_full(self) -> bool:
        return len(self.names) >= _FLUSH_FILES or self.size >= _FLUSH_BYTES


@dataclass(slots=True)
class Found:
    """What a look for objects brought: those there with their keys, and the names of those that are not."""

    keys: dict[str, FileKey] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


class Cache:
    """The objects of one repository."""

    def __init__(self, folder: str, state: State, aside: str) -> None:
        """``aside`` is the folder for objects that turned out to be wrong."""
        self.folder = folder
        self.objects = f"{folder}/{PREFIX}"
        self.state = state
        self._aside = aside

    def path(self, name: str) -> str:
        """Where an object lies, or would lie."""
        return f"{self.objects}/{name[:2]}/{name[2:]}"

    def staging(self) -> Staging:
        """An area for new objects. The cache's folder is made."""
        os.makedirs(self.folder, exist_ok=True)
        return Staging(self.folder)

    def look(self, names: Iterable[str]) -> Found:
        """Which objects are there, by one ``stat`` each; their bytes are not read."""
        found = Found()
        for name in names:
            try:
                found.keys[name] = key_of(os.stat(self.path(name)))
            except (FileNotFoundError, NotADirectoryError):
                found.missing.append(name)
        return found

    def trusted(self, keys: dict[str, FileKey]) -> set[str]:
        """Those of the found objects whose bytes are known to be right."""
        known = self.state.files(list(keys.values()))
        return {name for name, key in keys.items() if known.get((key.dev, key.ino)) == name[:32]}

    def verify(self, keys: dict[str, FileKey], advance: Callable[[int], None]) -> set[str]:
        """Hash the objects that are not trusted; set aside and return the wrong ones.

        ``advance`` is told the bytes of each object, hashed or not.
        """
        good = self.trusted(keys)
        advance(sum(keys[name].size for name in good))
        wrong: set[str] = set()
        rows: list[tuple[FileKey, str]] = []
        doubtful = [name for name in keys if name not in good]

        def check(name: str) -> Hashed | None:
            try:
                return hash_file(self.path(name))
            except FileNotFoundError:
                return None

        for name, hashed in zip(doubtful, each(check, doubtful), strict=True):
            if hashed is not None and hashed.md5 == name[:32]:
                if hashed.lasting:
                    rows.append((hashed.key, hashed.md5))
            else:
                wrong.add(name)
                if hashed is not None:
                    self.set_aside(name)
            advance(keys[name].size)
        self.state.add_files(rows)
        return wrong

    def set_aside(self, name: str) -> str:
        """Move a wrong object out of the cache; nothing is deleted. Returns where it went."""
        os.makedirs(self._aside, exist_ok=True)
        target = os.path.join(self._aside, f"{name}.{os.urandom(3).hex()}")
        os.rename(self.path(name), target)
        return target

    def listing(self, name: str) -> dict[str, str]:
        """``{relpath: md5}`` of a folder's listing, checked against its name.

        Raises:
            NotFound: it is not in the cache.
            CorruptData: its bytes are not what the name says, or not a listing; it was set aside.
        """
        try:
            with open(self.path(name), "rb") as file:
                body = file.read()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(
                f"The listing {name} of a folder is not in the cache.", hint="madang fetch, when a remote has it."
            ) from None
        if listing.name_of_bytes(body) != name:
            where = self.set_aside(name)
            raise CorruptData(
                f"The listing {name} in the cache is damaged; it was moved to {where}. Nothing else was changed.",
                hint="madang fetch brings it again when a remote has it.",
            )
        return listing.decode(body, name)

    def fingerprint(self) -> bytes:
        """The look of the 256 folders of the cache: it changes when an object comes or goes."""
        numbers = array("q")
        newest, now = 0, time.time_ns()
        for number in range(256):
            try:
                found = os.stat(f"{self.objects}/{number:02x}")
            except FileNotFoundError:
                numbers.append(-1)
                continue
            newest = max(newest, found.st_mtime_ns)
            numbers.extend((found.st_ino & 0x7FFFFFFFFFFFFFFF, found.st_mtime_ns))
        return blake3(numbers.tobytes()).digest() if settled(newest, newest, now) else b""

    def holds_all(self, name: str) -> bool:
        """Whether a folder's listing and all objects in it are there (their bytes are not read)."""
        before = self.fingerprint()
        if before and self.state.complete(self.folder, name) == before:
            return True
        try:
            files = self.listing(name)
        except (NotFound, CorruptData):
            return False
        if any(not os.path.exists(self.path(md5)) for md5 in set(files.values())):
            return False
        if before:
            self.state.set_complete(self.folder, name, before)
        return True

    def add_bytes(self, staging: Staging, name: str, body: bytes) -> None:
        """Take a small object whose name is known to fit."""
        aside = staging.new_path()
        descriptor = create_object(aside)
        try:
            write_all(descriptor, body)
        finally:
            os.close(descriptor)
        staging.add(aside, self.path(name))

    def store(
        self,
        staging: Staging,
        paths: Sequence[str],
        advance: Callable[[int], None],
        on_hashed: Callable[[int, Hashed], None],
    ) -> None:
        """Read files once, hashing and copying; each copy that the cache lacks is staged and, in portions, moved in.

        ``on_hashed`` gets the position of each path and what was found there.

        Raises:
            Conflict: a file changed while it was read.
            NotFound: a file vanished.
        """
        there = self.names() if len(paths) > _MANY else None

        def has(md5: str, size: int) -> bool:
            return (there is None or md5 in there) and self._has(md5, size)

        def take(path: str) -> Hashed:
            try:
                return hash_file(path, staging.new_path(), has)
            except FileNotFoundError:
                raise NotFound(f"{path} vanished while it was added.", hint="Repeat the command.") from None

        portion, seen = _Portion(), set[str]()
        for index, hashed in enumerate(each(take, paths)):
            if hashed.aside is not None:
                if hashed.md5 in seen:
                    os.unlink(hashed.aside)
                else:
                    seen.add(hashed.md5)
                    staging.add(hashed.aside, self.path(hashed.md5))
                    portion.add(hashed)
            on_hashed(index, hashed)
            advance(hashed.key.size)
            if portion.is_full():
                # While this portion is moved in, the threads go on with the next; it is trusted one portion later.
                self._trust(portion.before)
                staging.flush()
                portion = _Portion(before=portion.names)
        staging.flush()
        self.remember(portion.before + portion.names)

    def remember(self, names: Iterable[str]) -> None:
        """Trust objects that were just written from bytes that had been hashed."""
        wanted = list(names)
        if wanted:
            time.sleep(SETTLED_NS / 1e9)  # until a later change would show in the clock
        self._trust(wanted)

    def _trust(self, names: Iterable[str]) -> None:
        now = time.time_ns()
        found = self.look(names)
        self.state.add_files((key, name[:32]) for name, key in found.keys.items() if settled(key.mtime, key.ctime, now))

    def names(self) -> set[str]:
        """Names of all objects. What is written meanwhile may or may not be among them."""
        found: set[str] = set()
        for number in range(256):
            with suppress(FileNotFoundError), os.scandir(f"{self.objects}/{number:02x}") as entries:
                found.update(f"{number:02x}{entry.name}" for entry in entries)
        return found

    def _has(self, md5: str, size: int) -> bool:
        """Whether an object is there that may be believed: of the right size, and trusted or hashed now."""
        path = self.path(md5)
        try:
            key = key_of(os.stat(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        if key.size != size:
            return False
        if self.state.files([key]).get((key.dev, key.ino)) == md5:
            return True
        hashed = hash_file(path)
        if hashed.md5 == md5 and hashed.lasting:
            self.state.add_files([(hashed.key, md5)])
        return hashed.md5 == md5


def hash_file(path: str, aside: str | None = None, has: Callable[[str, int], bool] | None = None) -> Hashed:
    """MD5 of a file; with ``aside`` its bytes are copied there meanwhile, unless ``has(md5, size)`` says no need.

    Raises:
        Conflict: the file changed while it was read. FileNotFoundError: it is not there.
    """
    descriptor = os.open(path, _READ)
    try:
        before, lasting = _looked_at(descriptor)
        if before.st_size <= SMALL:
            body = _read_all(descriptor, before.st_size)
            md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
            if aside is not None and (has is None or not has(md5, len(body))):
                target = create_object(aside)
                try:
                    write_all(target, body)
                finally:
                    os.close(target)
            else:
                aside = None
        else:
            md5 = _hash_large(descriptor, aside)
            if aside is not None and has is not None and has(md5, before.st_size):
                os.unlink(aside)
                aside = None
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    # ctime is not compared: it also moves when only the link count or the mode changes
    if after.st_mtime_ns != before.st_mtime_ns or after.st_size != before.st_size:
        raise Conflict(f"{path} changed while it was read.", hint="Repeat when nothing writes to it.")
    return Hashed(md5, key_of(after), aside, lasting)


def _looked_at(descriptor: int) -> tuple[os.stat_result, bool]:
    """A file's state before it is read, and whether any change from now on would show in it."""
    now = time.time_ns()
    found = os.fstat(descriptor)
    lasting = settled(found.st_mtime_ns, found.st_ctime_ns, now)
    if lasting or found.st_size <= SMALL:
        return found, lasting
    time.sleep(SETTLED_NS / 1e9)  # a large file is worth the wait: it will not have to be read again
    now = time.time_ns()
    found = os.fstat(descriptor)
    return found, settled(found.st_mtime_ns, found.st_ctime_ns, now)


def _hash_large(descriptor: int, aside: str | None) -> str:
    chunks = iter(lambda: os.read(descriptor, CHUNK), b"")
    if aside is None:
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()
    target = create_object(aside)
    try:
        return write_and_hash(chunks, target)
    finally:
        os.close(target)


def write_and_hash(chunks: Iterable[bytes], target: int) -> str:
    """Write chunks to an open file while hashing them: after the first few, one thread writes and one hashes."""
    digest = hashlib.md5(usedforsecurity=False)
    coming = iter(chunks)
    for chunk in islice(coming, _ALONE):
        digest.update(chunk)
        write_all(target, chunk)
    first = next(coming, None)
    if first is None:
        return digest.hexdigest()
    queue: SimpleQueue[bytes | None] = SimpleQueue()
    room = threading.Semaphore(_ALONE)
    failures: list[OSError] = []

    def write() -> None:
        while (part := queue.get()) is not None:
            try:
                if not failures:
                    write_all(target, part)
            except OSError as error:
                failures.append(error)
            finally:
                room.release()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for chunk in chain((first,), coming):
            room.acquire()
            if failures:
                break
            queue.put(chunk)
            digest.update(chunk)
    finally:
        queue.put(None)
        writer.join()
    if failures:
        raise failures[0]
    return digest.hexdigest()


def _read_all(descriptor: int, size: int) -> bytes:
    body = os.read(descriptor, size + 1)
    if len(body) == size:
        return body
    parts = [body]
    while part := os.read(descriptor, CHUNK):
        parts.append(part)
    return b"".join(parts)


def create_object(path: str) -> int:
    """Open a new file for writing that has the mode of an object, also when the umask takes some of it."""
    descriptor = os.open(path, _CREATE, READ_ONLY)
    if os.fstat(descriptor).st_mode & 0o777 != READ_ONLY:  # dvc trusts exactly this mode
        os.fchmod(descriptor, READ_ONLY)
    return descriptor
