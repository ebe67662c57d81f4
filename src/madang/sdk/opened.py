"""Which files of the work tree the process opens, through Python's audit events, without being asked.

A path that was seen before costs one look into a set. What libraries open in C (pyarrow, HDF5, OpenCV) is not seen.
"""

from __future__ import annotations

import os
import sys
import time

from madang.errors import MadangError
from madang.formats.segment import OPENED
from madang.formats.store import present_folder
from madang.sdk.hooks import watch_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from madang.sdk.core import Core

FOLDER = present_folder()  # at the start: the script's own name is relative to it
_SKIPPED_ENDS = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dylib", ".pth")
_SKIPPED_PARTS = frozenset(
    (".git", "site-packages", "dist-packages", "__pycache__", ".venv", "venv", "node_modules", ".ipynb_checkpoints")
)
_SKIPPED_TREES = ("/.dvc/tmp/", "/.dvc/cache/")
_REMEMBERED = 200_000
# The first files are written down before they are open. Of a data set of a million, some are written down together.
_SINGLY = 1000
_TOGETHER = 200
_LONGEST_WAIT = 0.2  # seconds
_WRITING = os.O_WRONLY | os.O_RDWR
_RDWR = os.O_RDWR

watchers: list[Watcher] = []
# (path as it was passed, how it was opened): nothing more to say of it until a run begins or the folder changes
_seen: set[Any] = set()
_hooked = False


class Watcher:
    """The files below one root for one run."""

    def __init__(self, run: Core, root: str, store: str) -> None:
        self.run = run
        self.root = root.rstrip("/") + "/"
        self.store = store.rstrip("/") + "/"
        self.known: set[tuple[str, str]] = set()
        self.read: list[str] = []  # still to be written down
        self.written: list[str] = []
        self.said = 0.0
        self._real: dict[str, str] = {}  # folders elsewhere, and where they lead

    def saw(self, path: str, flags: int) -> None:
        """Record an absolute path, once for reading and once for writing."""
        relative = self._relative(path)
        if not relative:
            return
        writing = bool(flags & _WRITING)
        reading = not writing or bool(flags & _RDWR and not flags & os.O_TRUNC)
        for wanted, mode, paths in ((writing, "w", self.written), (reading, "r", self.read)):
            if wanted and (relative, mode) not in self.known:
                self.known.add((relative, mode))
                paths.append(relative)
        waiting = len(self.read) + len(self.written)
        if waiting and (
            len(self.known) <= _SINGLY or waiting >= _TOGETHER or time.monotonic() - self.said > _LONGEST_WAIT
        ):
            self.say()

    def say(self) -> None:
        """Write what is to be said. If the disk refuses, the user's open() goes on, and it is tried again later."""
        try:
            self.run.serialize(self._say)
        except MadangError:
            return

    def _say(self) -> None:
        read, written = len(self.read), len(self.written)  # other threads may add to them meanwhile
        body = {"read": self.read[:read], "written": self.written[:written]}
        if read or written:
            self.run.write_now(OPENED, {name: paths for name, paths in body.items() if paths})
            del self.read[:read], self.written[:written]
            self.said = time.monotonic()

    def _relative(self, path: str) -> str:
        if not path.startswith(self.root):
            folder, name = os.path.split(path)
            real = os.path.join(self._real.get(folder) or self._resolve(folder), name)
            if not real.startswith(self.root):
                return ""
            path = real
        if path.startswith(self.store) or any(tree in path for tree in _SKIPPED_TREES):
            return ""
        relative = path[len(self.root) :]
        parts = relative.split("/")
        return "" if not _SKIPPED_PARTS.isdisjoint(parts) else relative

    def _resolve(self, folder: str) -> str:
        if len(self._real) > _REMEMBERED:
            self._real.clear()
        self._real[folder] = os.path.realpath(folder)
        return self._real[folder]


def watch(run: Core, root: str, store: str) -> Callable[[], None]:
    """Record what is opened below ``root`` from now on, until the returned function is called.

    Outside a repository (no root) there is nothing to watch.
    """
    global _hooked
    watcher = Watcher(run, root, store)
    if root:
        watchers.append(watcher)
        _seen.clear()
    if not _hooked:
        _hooked = True
        sys.addaudithook(_hook)

    def stop() -> None:
        if watcher in watchers:
            watchers.remove(watcher)
            watcher.say()

    return stop


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        if watchers:
            try:
                if (args[0], args[2] & 3) in _seen:
                    return
                path = os.fspath(args[0])
            except TypeError:
                return  # an open file descriptor, or an object that is no path
            watch_threads()
            _first_sight(path, args[2])
            if len(_seen) > _REMEMBERED:
                _seen.clear()
    elif event == "os.chdir":
        _seen.clear()
    elif event in ("import", "_thread.start_new_thread"):  # the latter only since Python 3.12
        watch_threads()


def _first_sight(path: str | bytes, flags: int) -> None:
    """Settle a path that was not seen in this spelling yet."""
    text = os.fsdecode(path)
    if not text.endswith(_SKIPPED_ENDS):
        try:
            absolute = os.path.abspath(text)
            if not flags & _WRITING and os.stat(absolute).st_mode & 0o170000 != 0o100000:
                return  # a folder, a device
        except (OSError, ValueError):
            return  # it is not there: the open fails, and the next one may not
        for watcher in tuple(watchers):
            watcher.saw(absolute, flags)
    _seen.add((path, flags & 3))
