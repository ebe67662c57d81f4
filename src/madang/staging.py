"""Staging areas: one process prepares files aside, makes them durable together, and moves them into place.

An area is a folder of one process below ``<root>/.incoming``; it holds a locked file, so that whoever finds the folder
later can tell a living owner from a dead one and clear up after the dead.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from threading import get_ident
from types import TracebackType

from madang.durable import (
    give_mode,
    is_synced_at_once,
    make_folders,
    remove_tree,
    sync_all,
    sync_file_system,
    unlink,
    written_first_at,
)
from madang.errors import StorageError

STAGING = ".incoming"
_FOLDER = 500  # files
_FIRST = 1_000  # files after which the disk is asked to begin
_PORTION = 4_000  # files that are made durable together
_PORTION_BYTES = 1 << 30
_LARGE = 16 << 20  # bytes of a file that is worth a wait of its own
_MOST = 100_000  # files that may wait aside
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))  # a write that meets them does not say where
_FREE = "Free space there, then repeat: nothing is half done."

Moves = dict[tuple[str, str], dict[str, str]]
"""What names in one folder become in another one, by both folders."""


class Staging:
    """A folder aside in which one process prepares files of one file system, then moves them into place together."""

    def __init__(self, root: str, folder_mode: int | None = None) -> None:
        """``folder_mode`` is that of folders that are made for final names; None: what the umask leaves."""
        self.root = root
        self._folder_mode = folder_mode
        self._numbers = count()
        self._moves: Moves = {}
        self._files = self._bytes = self._synced = 0  # of the moves: how many, bytes, and how many are durable
        self._enough = 0  # moves with which there may be something to do
        self._begun: _Sync | None = None  # of some of them, while more is prepared
        self._early: _Sync | None = None  # of all of them, while more is done
        self._changed: set[str] = set()  # folders whose new names are not durable yet
        self.whole: set[str] = set()  # final folders that were moved as such: the files in them were not touched
        self._folders: dict[tuple[int, int, int], str] = {}
        area = os.path.join(root, STAGING)
        os.makedirs(area, exist_ok=True)
        clear_abandoned(area)
        self.folder, self._lock = _make_locked_folder(area)
        self._folders[os.getpid(), get_ident(), 0] = self.folder
        self._whole = f"{self.folder}/whole"  # below it lie folders that may be moved as such
        self._has_folders = False
        self._twins: dict[str, str] = {}  # folder below it by final folder; none (""): the final one exists

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                if kind is None:
                    self.move()
            finally:
                _remove_staging(self.folder)
            if kind is None:
                self.flush()  # all has moved: what is left is to wait for the disk
        finally:
            for sync in (self._begun, self._early):
                if sync is not None:
                    sync.join()
            os.close(self._lock)
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            raise StorageError(f"{self.root} cannot be written: {error.strerror}.", hint=_FREE) from error

    def new_path(self) -> str:
        """A path aside that does not exist yet. Safe to call from many threads, and from forked processes.

        Each has a folder of its own, and after some files another one: in one folder the system lets only one at a time
        make a file, or move one away.
        """
        number = next(self._numbers)
        maker = os.getpid(), get_ident(), number // _FOLDER
        folder = self._folders.get(maker)
        if folder is None:
            folder = f"{self.folder}/{os.urandom(6).hex()}"
            os.mkdir(folder)
            self._folders[maker] = folder
        return f"{folder}/{number:x}"

    def path_for(self, final: str) -> str:
        """The same for a file whose final name is known. When two want the same name, the second finds a file there.

        While its folder is missing, files lie in a folder of the same kind aside: `move` can rename that as a whole.
        """
        folder, _, name = final.rpartition("/")
        twin = self._twins.get(folder)
        if twin is None:
            twin = "" if os.path.lexists(folder) else f"{self._whole}{folder.removeprefix(self.root)}"
            if twin:
                os.makedirs(twin, exist_ok=True)
            self._twins[folder] = twin
        return f"{twin}/{name}" if twin else self.new_path()

    def add(self, aside: str, final: str, size: int = 0) -> bool:
        """Note that a finished file aside is to get its final name.

        Returns whether `move` may rename its whole folder, which leaves its own state as it is.
        """
        (source, _, before), (target, _, after) = aside.rpartition("/"), final.rpartition("/")
        self._moves.setdefault((source, target), {})[before] = after
        self._files += 1
        self._bytes += size
        if not aside.startswith(self._whole):
            return False
        self._has_folders = True
        return True

    def relieve(self) -> bool:
        """When very much was added, `move` it, though more is being prepared; when much, let the disk begin with it.

        Returns whether it was moved. Whoever forks processes afterwards calls `settle` first. Raises as `move`.
        """
        if self._files < self._enough and self._bytes < _PORTION_BYTES:
            return False
        most = _MOST if self._has_folders else _PORTION
        if self._bytes >= _PORTION_BYTES or self._files >= most:
            self.move(is_end=False)
            return True
        # each time also costs the disk all names and inodes that were touched: so ever more are done together
        enough = max(_PORTION, self._synced // 2) if self._synced else _FIRST
        self._enough = min(self._synced + enough + 1, most)
        is_much = self._files >= self._enough
        if is_much and sys.platform == "linux" and (self._begun is None or not self._begun.is_alive()):
            self.settle()
            self._synced = self._files
            # others may have written much, too: nobody waits for that more often than once
            self._begun = _Sync.started(self._lock, self._synced)
        return False

    def settle(self) -> None:
        """Wait until the disk has done what it was let begin with. Raises as `move`."""
        begun, self._begun = self._begun, None
        if begun is not None:
            with self._disk():
                begun.has_made_durable(0)

    def begin_sync(self) -> None:
        """Begin to make durable what was added, while the caller does other things; `move` waits for it.

        The caller forks no process until then.
        """
        if is_synced_at_once(self._files, are_large=self._are_large()):
            self._early = _Sync.started(self._lock, self._files)

    def _are_large(self) -> bool:
        return self._bytes >= _LARGE * self._files

    def move(self, *, is_end: bool = True) -> None:
        """Make what was added durable and give it its final names, which become durable at the next `flush`.

        A final name that exists already is replaced: the caller says only what may be replaced. ``is_end`` says that
        nobody is preparing more just now.

        Raises:
            StorageError: the disk refused.
        """
        early, self._early = self._early, None
        are_large = self._are_large()
        files, moves = self._files, self._taken()
        with self._disk():
            if early is None or not early.has_made_durable(files):
                asides = [f"{source}/{name}" for (source, _), names in moves.items() for name in names]
                sync_all(asides, self._lock, are_large=are_large)
            self.settle()  # after all was written, that is no wait
            is_synced = is_synced_at_once(files, are_large=are_large)
            changed, whole = rename_all(moves, self._folder_mode, whole=is_end, is_synced=is_synced)
        self._changed |= changed
        self.whole |= whole
        self._twins.clear()

    def _taken(self) -> Moves:
        """What is to be moved, which is nothing then."""
        moves, self._moves = self._moves, {}
        self._files = self._bytes = self._synced = self._enough = 0
        self._has_folders = False
        return moves

    def flush(self) -> None:
        """Move what was added, and make all final names durable. Raises as `move`."""
        self.move()
        changed, self._changed = self._changed, set()
        with self._disk():
            sync_all(sorted(changed), self._lock)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self.root} cannot be written: {error.strerror}.", hint="Free space or permissions, then repeat."
            ) from error


class _Sync(threading.Thread):
    """Makes durable what is on a file system now."""

    def __init__(self, descriptor: int, count: int) -> None:
        super().__init__(name="sync", daemon=True)
        self._descriptor = descriptor
        self._count = count
        self._failure: OSError | None = None

    @classmethod
    def started(cls, descriptor: int, count: int) -> _Sync:
        """One that has begun: Ctrl-C leaves none that cannot be waited for."""
        sync = cls(descriptor, count)
        sync.start()
        return sync

    def run(self) -> None:
        """See `threading.Thread.run`."""
        try:
            sync_file_system(self._descriptor)
        except OSError as error:
            self._failure = error

    def has_made_durable(self, count: int) -> bool:
        """Wait. Whether these were all that there are now. Raises `OSError` when the disk refused."""
        self.join()
        if self._failure is not None:
            raise self._failure
        return count == self._count


def rename_all(
    moves: Moves, folder_mode: int | None = None, *, whole: bool = False, is_synced: bool = False
) -> tuple[set[str], set[str]]:
    """Rename all, making folders on the way. Returns the folders whose names changed, and those moved.

    With ``whole``, a folder that holds nothing else is renamed itself where there is none with the final name; the
    names in it are durable already when all of its file system ``is_synced``.
    """
    changed, moved = set[str](), set[str]()
    for (source, target), names in moves.items():
        if whole and not os.path.lexists(target) and _is_as_wanted(source, names):
            changed |= make_folders(os.path.dirname(target), folder_mode) | (set() if is_synced else {target})
            with suppress(OSError):  # another process has made it meanwhile
                os.rename(source, target)
                give_mode(target, folder_mode)
                moved.add(target)
                continue
        changed |= make_folders(target, folder_mode)
        for before, after in names.items():
            os.rename(f"{source}/{before}", f"{target}/{after}")
    return changed, moved


def _is_as_wanted(folder: str, names: Mapping[str, str]) -> bool:
    """Whether a folder holds just the files that are to be moved, under their final names."""
    return list(names) == list(names.values()) and set(os.listdir(folder)) == names.keys()


def _make_locked_folder(area: str) -> tuple[str, int]:
    while True:
        folder = os.path.join(area, f"{os.getpid()}-{os.urandom(6).hex()}")
        os.mkdir(folder)
        try:
            lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # another process took the still empty folder for an abandoned one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return folder, lock
        os.close(lock)  # it was taken for an abandoned one before it was locked


def clear_abandoned(area: str) -> None:
    """Remove the staging folders whose owner is dead: nobody holds their lock, or they never came to have one."""
    for path in abandoned(area):
        _remove_staging(path)


def _remove_staging(folder: str) -> None:
    """Remove a staging folder, its lock last: what is left when this is interrupted is seen as abandoned again."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return  # its owner was faster
    for entry in entries:
        if entry.name != "lock":
            remove_tree(entry.path) if entry.is_dir(follow_symlinks=False) else unlink(entry.path)
    remove_tree(folder)


def abandoned(area: str) -> Iterator[str]:
    """The staging folders whose owner is dead. One without a lock is removed at once, if it is empty."""
    for entry in list(os.scandir(area)):
        try:
            descriptor = os.open(os.path.join(entry.path, "lock"), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            # Without a lock it is empty: one that is being made just now, and no longer empty, or one being removed.
            with suppress(OSError):
                os.rmdir(entry.path)
            continue
        except OSError:
            continue  # not ours to touch
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            yield entry.path
        finally:
            os.close(descriptor)


class _Scratch:
    """A staging area that is made when it is first needed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._staging: Staging | None = None
        self._lock = threading.Lock()

    def new_path(self) -> str:
        with self._lock:
            if self._staging is None:
                self._staging = Staging(self._root)
        return self._staging.new_path()

    def close(self) -> None:
        if self._staging is not None:
            self._staging.__exit__(None, None, None)


@contextmanager
def scratch(root: str) -> Iterator[None]:
    """Meanwhile `write_file` prepares files below ``root``: a crash leaves nothing among those of the user."""
    made = _Scratch(root)
    try:
        with written_first_at(made.new_path):
            yield
    finally:
        made.close()
