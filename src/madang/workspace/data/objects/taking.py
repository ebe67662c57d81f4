"""Bring new objects into the cache: files are read once, hashed and copied aside, and moved in in portions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from types import TracebackType

from madang.errors import MadangError, NotFound
from madang.staging import Staging
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.parallel import each_file
from madang.workspace.data.objects.reading import Hashed, hash_file
from madang.workspace.data.objects.state import FileKey, settled, wait_until_settled
from madang.workspace.data.progress import Advance

_EARLY = 8_000  # objects that are trusted together while more are made


class Intake:
    """Takes finished objects that lie aside, moves them into the cache in portions, and has them trusted.

    A portion is trusted when the next one was moved: until then the clock has moved on. Also when the block is left by
    an error, or because the user stops it, what was given is moved: the next command goes on from there.
    """

    def __init__(self, cache: Cache, staging: Staging) -> None:
        self._cache = cache
        self._staging = staging
        self._seen: set[str] = set()
        self._before: dict[str, FileKey | None] = {}
        self._keys: dict[str, FileKey | None] = {}
        self._enough = _EARLY
        self._staying: dict[str, FileKey] = {}  # those of the keys that a move with their folder leaves as they are
        self._trusted: set[str] = set()  # those of such keys that are trusted already, and in the former no longer

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._staging.move()
        before, last, now = self._before, self._moved(), time.time_ns()
        self._before, self._keys = {}, {}
        self._staging.flush()
        for moved in (before, last):
            if moved:
                wait_until_settled(max(key.ctime if key is not None else now for key in moved.values()))
                self._cache.trust(moved)

    def add(self, name: str, aside: str, key: FileKey) -> None:
        """Take one object, which is in this state; one that came before is dropped."""
        if name in self._seen:
            os.unlink(aside)
            return
        self._seen.add(name)
        self._keys[name] = key
        final = self._cache.path(name)
        if self._staging.add(aside, final, key.size):
            self._staying[name] = key
            if len(self._staying) >= self._enough:
                self.trust_early()
        if self._staging.relieve():
            self._cache.trust(self._before)
            self._before, self._keys = self._moved(), {}
            self._staying.clear()
            self._trusted.clear()

    def trust_early(self) -> None:
        """Trust what will move with its folder, which leaves its own state as it is, while there is more to wait for.

        Until it was made durable no object has its name, and what a crash leaves of the others is removed.
        """
        now = time.time_ns()
        ready = {name: key for name, key in self._staying.items() if settled(key.mtime, key.ctime, now)}
        self._cache.trust(ready)
        self._trusted.update(ready)
        for name in ready:
            del self._staying[name]
        self._enough = len(self._staying) + _EARLY

    def _moved(self) -> dict[str, FileKey | None]:
        """Of the objects that were moved in last, those that are not trusted yet, with their states; a rename changes
        that of the file itself.
        """
        whole, objects, trusted = self._staging.whole, self._cache.objects, self._trusted
        there = {prefix for prefix in map("{:02x}".format, range(256)) if f"{objects}/{prefix}" in whole}
        return {
            name: key if name in self._staying and name[:2] in there else None
            for name, key in self._keys.items()
            if name not in trusted or name[:2] not in there
        }


class _Room:
    """Where copies of files are made that the cache may lack."""

    def __init__(self, cache: Cache, staging: Staging, count: int) -> None:
        self._cache = cache
        self._there = cache.names_for(count)
        self._staging = staging
        self.new_path = staging.new_path

    def path_for(self, md5: str, size: int) -> str | None:
        """See `Room.path_for`."""
        if (self._there is None or md5 in self._there) and self._cache.has(md5, size):
            return None
        return self._staging.path_for(self._cache.path(md5))


def store(
    cache: Cache,
    staging: Staging,
    paths: Sequence[str],
    advance: Advance,
    on_hashed: Callable[[int, Hashed], None],
    *,
    folder: str = "",
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Bring files into the cache; what it has already is only read. ``folder`` is the one that the paths begin in.

    When this fails or is stopped, all that was read until then is kept, also behind the file where it stopped.
    ``on_hashed`` gets the position of each path and what was found there; ``advance`` is called by other threads.
    ``meanwhile`` is called when all is read, and has yet to become durable.

    Raises:
        Conflict: a file changed while it was read.
        NotFound: a file vanished.
    """
    room = _Room(cache, staging, len(paths))
    early: dict[int, Hashed] = {}  # read, and not noted yet
    process = os.getpid()

    def take(position: int, advance: Advance) -> Hashed:
        path = f"{folder}/{paths[position]}" if folder else paths[position]
        try:
            hashed = hash_file(path, room, advance)
        except FileNotFoundError:
            raise NotFound(f"{path} vanished while it was added.", hint="Repeat the command.") from None
        if os.getpid() == process:
            early[position] = hashed
        return hashed

    def note(position: int, hashed: Hashed) -> None:
        early.pop(position, None)
        if hashed.aside is not None and hashed.copy is not None:
            intake.add(hashed.md5, hashed.aside, hashed.copy)
        on_hashed(position, hashed)

    found = each_file(take, range(len(paths)), Hashed, advance, below=staging.folder, unclaimed=early)
    with Intake(cache, staging) as intake:
        try:
            with closing(found):
                for position, hashed in enumerate(found):
                    note(position, hashed)
            staging.begin_sync()
            meanwhile()
            intake.trust_early()
        except BaseException:
            for position, hashed in sorted(early.items()):
                with suppress(MadangError):  # the first error is the one to tell
                    note(position, hashed)
            raise
