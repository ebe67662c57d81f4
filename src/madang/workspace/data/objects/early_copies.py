"""Second copies of large objects, for the workspace, made of the bytes on their way into the cache.

A pull needs each object twice. Where blocks cannot be shared, copying a large one out of the cache again would cost
another pass over it.
"""

from __future__ import annotations

import os

from madang.durable import unlink, write_all
from madang.workspace.data.objects.state import FileKey, key_of


class EarlyCopy:
    """A copy that is being made."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_whole = True
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, part: memoryview) -> None:
        """Take the next bytes. When the disk refuses there will be no copy; checkout makes one, or says why not."""
        if self.is_whole:
            try:
                write_all(self.descriptor, part)
            except OSError:
                self.is_whole = False

    def end(self, *, is_good: bool) -> None:
        """All bytes were written, and were the right ones or not."""
        os.close(self.descriptor)
        self.is_whole = self.is_whole and is_good
        if not self.is_whole:
            unlink(self.path)


class EarlyCopies:
    """The copies that are wanted and those that were made, by the name of the object."""

    def __init__(self) -> None:
        self._wanted: dict[str, str] = {}
        self._made: dict[str, EarlyCopy] = {}

    def want(self, name: str, path: str) -> None:
        """If this object comes, a copy is wanted at this path aside."""
        self._wanted[name] = path

    def begin(self, name: str) -> EarlyCopy | None:
        """The copy to be made while the object comes, if one is wanted."""
        path = self._wanted.pop(name, None)
        if path is None:
            return None
        try:
            self._made[name] = EarlyCopy(path)
        except OSError:
            return None
        return self._made[name]

    def take(self, name: str, target: str) -> FileKey | None:
        """Move a copy to where it is wanted. Returns what it is now, or None when there is none."""
        early = self._made.pop(name, None)
        if early is None or not early.is_whole:
            return None
        try:
            os.rename(early.path, target)
        except OSError:
            return None
        return key_of(os.stat(target))

    def forget(self) -> None:
        """None is wanted any more."""
        self._wanted.clear()
        self._made.clear()
