"""Second copies of objects, for the workspace, made on their way into the cache.

A pull needs each object twice. Where blocks cannot be shared, a large one is written to both places when its bytes
come: copying it out of the cache again would cost another pass over it. With small ones the wait for the disk, which is
one for all, would then be for both copies; so they are copied while the disk makes those for the cache durable.

Also with a large one only the object is waited for. Once so much waits in memory that the system would bring the copy
to the disk, too, the disk would be shared between both; the copy stays behind then, and checkout goes on with it from
the object, when that is durable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import field

from madang.domain.values import mutable
from madang.durable import unlink, unwritten_room, write_all
from madang.workspace.data.objects.copying import copy
from madang.workspace.data.objects.parallel import each_file
from madang.workspace.data.objects.state import FileKey, Rows, State, key_of
from madang.workspace.data.progress import Advance

LARGE = 16 << 20  # bytes of an object that is worth a copy on its way
_STEP = 64 << 20  # bytes between two looks at how much room there is


@mutable
class Prepared:
    """What is made aside of one tracked path."""

    place: str  # path aside of what shall become the tracked path
    rows: Rows  # takes the files that are noted for the state
    noted: set[str] = field(default_factory=set)  # paths below it of these
    made: dict[str, FileKey] = field(default_factory=dict)  # by path below it ("" for the file itself): its state
    begun: dict[str, int] = field(default_factory=dict)  # the same for files of which so many bytes are there

    def path(self, name: str) -> str:
        """Where a file of it lies, or would lie."""
        return f"{self.place}/{name}" if name else self.place


Copy = tuple[str, str, Prepared, str]
"""An object, where it lies, and what it is to be copied for: a file of what is prepared."""


class EarlyCopy:
    """A copy that is being made of a large object."""

    def __init__(self, prepared: Prepared, name: str) -> None:
        self._prepared = prepared
        self._name = name
        self._written = self._most = 0  # bytes, and up to how many there is room
        self._has_room = self._is_sound = True
        self._descriptor = os.open(prepared.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, part: memoryview) -> None:
        """Take the next bytes. When the disk refuses there will be no copy; checkout makes one, or says why not."""
        if not self._is_sound or not self._finds_room(len(part)):
            return
        try:
            write_all(self._descriptor, part)
        except OSError:
            self._is_sound = False
        self._written += len(part)

    def _finds_room(self, count: int) -> bool:
        """Whether so many more bytes may be written; never again after there was no room once."""
        if self._has_room and self._written + count > self._most:
            room = unwritten_room()
            self._most = self._written + (_STEP if room is None else min(_STEP, room))
            self._has_room = self._written + count <= self._most
        return self._has_room

    def end(self, *, is_good: bool) -> None:
        """All bytes were there, and were the right ones or not."""
        key = key_of(os.fstat(self._descriptor))
        os.close(self._descriptor)
        if not self._is_sound or not is_good:
            unlink(self._prepared.path(self._name))
        elif self._has_room:
            self._prepared.made[self._name] = key
        else:
            self._prepared.begun[self._name] = self._written


class EarlyCopies:
    """Which copies are wanted, and which were made."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._prepared: dict[str, Prepared] = {}  # by tracked path
        self._wanted: dict[str, list[tuple[Prepared, str]]] = {}  # by the name of the object
        self._process = os.getpid()

    def want(self, path: str, place: str, names: Mapping[str, str]) -> None:
        """Of the objects that come, have the files of a tracked path made aside: ``names`` are their objects by path
        below it, and the folders for them are there.
        """
        prepared = self._prepared[path] = Prepared(place, Rows(self._state))
        for name, md5 in names.items():
            self._wanted.setdefault(md5, []).append((prepared, name))

    def begin(self, md5: str, size: int) -> EarlyCopy | None:
        """The copy to be made while an object of so many bytes comes, if it is worth one and one is wanted. Forked
        processes make none.
        """
        if size < LARGE or os.getpid() != self._process:
            return None
        wanted = self._wanted.pop(md5, None)
        if wanted is None:
            return None
        try:
            return EarlyCopy(*wanted[0])
        except OSError:
            return None

    def wanted(self, places: Iterable[tuple[str, str]]) -> list[Copy]:
        """The copies that are still wanted of objects, each of which lies at a place by now."""
        wanted = self._wanted
        return [(md5, place, *one) for md5, place in places if md5 in wanted for one in wanted[md5]]

    def make(self, copies: Sequence[Copy], begun: Callable[[], None], advance: Advance) -> None:
        """Make copies of small objects. ``begun`` is called when no more processes are forked for that.

        What cannot be copied, because an object was moved on, or the disk refuses, is left to checkout.
        """

        def make(one: Copy, advance: Advance) -> FileKey | None:
            _, place, prepared, name = one
            advance(1)
            try:
                return copy(place, prepared.path(name))
            except OSError:
                unlink(prepared.path(name))
                return None

        with closing(each_file(make, copies, FileKey | None, advance)) as keys:
            for number, ((md5, _, prepared, name), key) in enumerate(zip(copies, keys, strict=True)):
                if number == 0:
                    begun()
                if key is not None:
                    prepared.made[name] = key
                    prepared.noted.add(name)
                    prepared.rows.add(key, md5[:32])

    def prepared(self, path: str) -> Prepared | None:
        """What was made of a tracked path, if something was to be made of it."""
        return self._prepared.get(path)

    def forget(self) -> None:
        """None is wanted any more."""
        self._wanted.clear()
        self._prepared.clear()
