"""The local cache: read-only objects named by the MD5 of their bytes, shared with the real dvc.

An object is *trusted* when the state knows its (device, inode, size, mtime, ctime): its bytes were hashed in this very
state before. Any other object is hashed before its bytes are given out or sent away; one that is not what its name says
is set aside, so that a fetch brings it again.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import field
from itertools import chain

from madang.domain.values import mutable
from madang.durable import give_mode
from madang.errors import CorruptData, NotFound
from madang.formats.dvc import listing
from madang.formats.dvc.layout import PREFIX
from madang.staging import Staging
from madang.workspace.data.objects.early_copies import EarlyCopies
from madang.workspace.data.objects.parallel import each_file
from madang.workspace.data.objects.reading import Hashed, hash_file, write_object
from madang.workspace.data.objects.state import SETTLED_NS, FileKey, State, key_of, settled
from madang.workspace.data.progress import Advance

_MANY = 1_000  # for so many files the cache's folders may be listed once, instead of asked for each
_LACKS = 64  # objects that are not there, after which more of them are expected
_LISTED = 8  # names that are listed in the time of asking for one


@mutable
class Found:
    """What a look for objects brought: those there with their keys, and the names of those that are not."""

    keys: dict[str, FileKey] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


class _Folders(dict[str, int]):
    """The 256 folders of objects, open: so the system does not have to walk down the whole path for each object."""

    def __init__(self, top: str) -> None:
        super().__init__()
        self._top = top

    def __enter__(self) -> _Folders:
        return self

    def __exit__(self, *error: object) -> None:
        for descriptor in self.values():
            os.close(descriptor)

    def __missing__(self, prefix: str) -> int:
        """A descriptor of one. Raises `FileNotFoundError`, `NotADirectoryError`."""
        self[prefix] = os.open(f"{self._top}/{prefix}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self[prefix]


class Cache:
    """The objects of one repository."""

    def __init__(self, folder: str, state: State, aside: str, folder_mode: int | None = None) -> None:
        """``aside`` is the folder for objects that turned out to be wrong, ``folder_mode`` that of the cache's own."""
        self.folder = folder
        self.objects = f"{folder}/{PREFIX}"
        self.state = state
        self.early_copies = EarlyCopies(state)
        self._aside = aside
        self._folder_mode = folder_mode
        self._last: tuple[str, FileKey, dict[str, str]] | None = None  # the listing that was read last

    def path(self, name: str) -> str:
        """Where an object lies, or would lie."""
        return f"{self.objects}/{name[:2]}/{name[2:]}"

    def staging(self) -> Staging:
        """An area for new objects. The cache's folder is made."""
        os.makedirs(self.folder, exist_ok=True)
        staging = Staging(self.folder, self._folder_mode)
        for folder in (self.folder, os.path.dirname(staging.folder)):
            give_mode(folder, self._folder_mode)
        return staging

    def look(self, names: Iterable[str]) -> Found:
        """Which objects are there, by one ``stat`` each; their bytes are not read."""
        found = Found()
        wanted = names if isinstance(names, Collection) else list(names)
        there: set[str] | None = None
        keys, missing = found.keys, found.missing
        with _Folders(self.objects) as folders:
            for number, name in enumerate(wanted):
                if there is not None and name not in there:
                    missing.append(name)
                    continue
                try:
                    keys[name] = key_of(os.stat(name[2:], dir_fd=folders[name[:2]]))
                except (FileNotFoundError, NotADirectoryError):
                    missing.append(name)
                    if len(missing) == _LACKS:
                        there = self.names_for(len(wanted) - number)
        return found

    def trusted(self, keys: dict[str, FileKey]) -> set[str]:
        """Those of the found objects whose bytes are known to be right."""
        md5s = self.state.md5s(array("q", chain.from_iterable(keys.values())))
        return {name for name, md5 in zip(keys, md5s, strict=True) if md5 == name[:32]}

    def verify(self, keys: dict[str, FileKey], advance: Callable[[int], None]) -> set[str]:
        """Hash the objects that are not trusted; set aside and return the wrong ones.

        ``advance`` is told the bytes of each object, hashed or not.
        """
        good = self.trusted(keys)
        advance(sum(keys[name].size for name in good))
        wrong: set[str] = set()
        rows: list[tuple[FileKey, str]] = []
        doubtful = [name for name in keys if name not in good]

        def check(name: str, advance: Advance) -> Hashed | None:
            try:
                return self.read(name, advance)
            except FileNotFoundError:
                return None

        for name, hashed in zip(doubtful, each_file(check, doubtful, Hashed | None, advance), strict=True):
            if hashed is not None and hashed.md5 == name[:32]:
                if hashed.lasting:
                    rows.append((hashed.key, hashed.md5))
            else:
                wrong.add(name)
                if hashed is not None:
                    self.set_aside(name)
        self.state.add_files(rows)
        return wrong

    def read(self, name: str, advance: Callable[[int], None]) -> Hashed:
        """Hash an object, to see whether it is what its name says. Raises `FileNotFoundError`."""
        return hash_file(self.path(name), advance=advance)

    def saves(self, name: str, path: str) -> bool:
        """Whether a sound object holds the very bytes of a file whose hash is its name."""
        return True

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
                now, key = time.time_ns(), key_of(os.fstat(file.fileno()))
                if self._last is not None and self._last[:2] == (name, key):
                    return dict(self._last[2])
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
        files = listing.decode(body, name)
        if settled(key.mtime, key.ctime, now):
            self._last = name, key, files
        return dict(files)

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
        from blake3 import blake3  # noqa: PLC0415 - for folders alone

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
        return self._all_there(name, set(files.values()), before)

    def note_complete(self, name: str, md5s: Collection[str]) -> None:
        """After a long listing and its objects were stored: remember it, so that the next look is short."""
        if len(md5s) < _MANY:
            return
        before = self.fingerprint()
        if not before:
            time.sleep(SETTLED_NS / 1e9)
            before = self.fingerprint()
        if before:
            self._all_there(name, md5s, before)

    def _all_there(self, name: str, md5s: Collection[str], before: bytes) -> bool:
        there = self.names_for(len(md5s))
        if there is None:
            complete = all(os.path.exists(self.path(md5)) for md5 in (*md5s, name))
        else:
            complete = name in there and there.issuperset(md5s)
        if complete and before:
            self.state.set_complete(self.folder, name, before)
        return complete

    def add_bytes(self, staging: Staging, name: str, body: bytes) -> None:
        """Take a small object whose name is known to fit."""
        final = self.path(name)
        aside = staging.path_for(final)
        if write_object(aside, body) is not None:
            staging.add(aside, final, len(body))

    def remember(self, names: Iterable[str]) -> None:
        """Trust objects that were just written from bytes that had been hashed."""
        wanted = list(names)
        if wanted:
            time.sleep(SETTLED_NS / 1e9)  # until a later change would show in the clock
        self.trust(wanted)

    def trust(self, names: Iterable[str]) -> None:
        """The same, for those that were written a while ago."""
        now = time.time_ns()
        rows: list[tuple[FileKey, str]] = []
        for name in names:
            with suppress(FileNotFoundError):
                key = key_of(os.stat(self.path(name)))
                if settled(key.mtime, key.ctime, now):
                    rows.append((key, name[:32]))
        self.state.add_files(rows)

    def names(self) -> set[str]:
        """Names of all objects. What is written meanwhile may or may not be among them."""
        found: set[str] = set()
        for prefix in map("{:02x}".format, range(256)):
            with suppress(FileNotFoundError):
                found.update([prefix + name for name in os.listdir(f"{self.objects}/{prefix}")])
        return found

    def names_for(self, count: int) -> set[str] | None:
        """Names of all objects, when listing them costs less than asking for so many one by one."""
        if count < _MANY:
            return None
        try:
            part = len(os.listdir(f"{self.objects}/00"))
        except FileNotFoundError:
            part = 0
        return self.names() if part * 256 < _LISTED * count else None

    def has(self, md5: str, size: int) -> bool:
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
