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
from madang.workspace.data.objects.state import FileKey, Rows, wait_until_settled
from madang.workspace.data.progress import Advance


class Intake:
    """Takes finished objects that lie aside, moves them into the cache in portions, and has them trusted.

    An object that moves with its folder stays as it is, and is remembered while more of them are made: until it was
    made durable it does not have its name, and what a crash leaves of such objects is removed. A rename changes the
    state of an object; one that is moved alone is looked at again when the next portion was moved: until then the clock
    has moved on. Also when the block is left by an error, or because the user stops it, what was given is moved: the
    next command goes on from there.
    """

    def __init__(self, cache: Cache, staging: Staging) -> None:
        self._cache = cache
        self._staging = staging
        self._seen: set[str] = set()
        self._rows = Rows(cache.state)
        self._staying: list[str] = []  # objects that are to move with their folder
        self._alone: list[str] = []  # the others that were not moved yet
        self._before: list[str] = []  # those that were moved alone, and are not trusted yet

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._staging.move()
        changed, now = self._before + self._moved_alone(), time.time_ns()
        self._before = []
        self._staging.flush()
        if changed:
            wait_until_settled(now)
            self._cache.trust(changed)

    def add(self, name: str, aside: str, key: FileKey) -> None:
        """Take one object, which is in this state; one that came before is dropped."""
        if name in self._seen:
            os.unlink(aside)
            return
        self._seen.add(name)
        if self._staging.add(aside, self._cache.path(name), key.size):
            self._staying.append(name)
            self._rows.add(key, name[:32])
        else:
            self._alone.append(name)
        if self._staging.relieve():
            self._cache.trust(self._before)
            self._before = self._moved_alone()

    def trust_early(self) -> None:
        """Remember what can be remembered by now, while there is more to wait for."""
        self._rows.write()

    def _moved_alone(self) -> list[str]:
        """Of the objects that were moved in last, those that were not moved with their folder."""
        self._rows.end()  # before anything newer is remembered of the same files
        whole, objects = self._staging.whole, self._cache.objects
        apart = {prefix for prefix in map("{:02x}".format, range(256)) if f"{objects}/{prefix}" not in whole}
        moved = self._alone + [name for name in self._staying if name[:2] in apart]
        self._staying, self._alone = [], []
        return moved


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
