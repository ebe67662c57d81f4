"""Write files so that a crash leaves the old bytes or the new ones, and many of them with one wait for the disk.

The order is always: write aside, make the bytes durable, rename, make the names durable. A *staging area* is a
folder of one process below ``<root>/.incoming``; it holds a locked file, so that whoever finds the folder later can
tell a living owner from a dead one and clear up after the dead.
"""

from __future__ import annotations

import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import get_ident
from types import TracebackType

from madang.errors import StorageError

STAGING = ".incoming"
_FEW = 8  # up to so many files are synced one by one; more by one call for the whole file system
_AT_ONCE = 1 << 20  # bytes
_QUIETLY = getattr(os, "O_NOATIME", 0)
_FOLDER = 500  # files
_PORTION = 4_000  # files that are made durable together
_PORTION_BYTES = 1 << 30
_MOST = 100_000  # files that may wait aside
_EARLY = 8 << 20  # bytes after which the disk is asked to begin


def write_file(path: str, body: bytes, mode: int = 0o644, *, aside: str | None = None) -> None:
    """Replace or create one small file, durably, with all its bytes or none of them.

    The mode of an existing file is kept; a link is replaced at its target. ``aside`` is where the bytes are written
    first (default: in the `scratch` area, else a hidden file beside it, which a crash would leave there).

    Raises:
        OSError: the disk refused; the old file is untouched.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if os.path.exists(path):
        mode = os.stat(path).st_mode & 0o7777
    if aside is None and _scratches:
        aside = _scratches[-1].new_path()
    if aside is None or os.stat(os.path.dirname(aside)).st_dev != os.stat(folder).st_dev:
        aside = os.path.join(folder, f".{os.urandom(8).hex()}.madang")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            write_all(descriptor, body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(aside, path)
    except BaseException:
        unlink(aside)
        raise
    sync_folder(folder)


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


_scratches: list[_Scratch] = []


@contextmanager
def scratch(root: str) -> Iterator[None]:
    """Meanwhile `write_file` prepares files below ``root``: a crash leaves nothing among those of the user."""
    made = _Scratch(root)
    _scratches.append(made)
    try:
        yield
    finally:
        _scratches.remove(made)
        made.close()


def write_all(descriptor: int, body: bytes | memoryview) -> None:
    """Write every byte: the kernel may take fewer at a time."""
    written = os.write(descriptor, body)
    while written < len(body):
        body = memoryview(body)[written:]
        written = os.write(descriptor, body)


def open_to_read(path: str | os.PathLike[str]) -> int:
    """Open a file whose reading need not be noted in it: that would be one more write for each of many files."""
    with suppress(PermissionError):  # another user's file
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | _QUIETLY)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def copy_bytes(source: int, target: int, wrote: Callable[[int], None] | None = None) -> None:
    """Copy an open file, from where it is to its end, in the kernel where that can. ``wrote`` is told of large ones."""
    size = os.fstat(source).st_size
    if size <= _AT_ONCE:
        body = os.read(source, size + 1)
        write_all(target, body)
        if len(body) == size:
            return
    elif hasattr(os, "copy_file_range"):
        with suppress(OSError):  # where the kernel cannot, the next read and write find out what is wrong
            while count := os.copy_file_range(source, target, 16 * _AT_ONCE):
                if wrote is not None:
                    wrote(count)
    while body := os.read(source, _AT_ONCE):
        write_all(target, body)


class EarlyWriting:
    """Lets the disk begin with a large file while more of it is written, so that its sync has little to wait for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = self._begun = 0  # bytes

    def wrote(self, count: int) -> None:
        """Say that so many more bytes were written."""
        self._written += count
        waiting = self._written - self._begun
        if waiting >= _EARLY and sys.platform == "linux":
            with suppress(OSError):  # an advice: Linux writes out the dirty pages that are no longer needed
                os.posix_fadvise(self._descriptor, self._begun, waiting, os.POSIX_FADV_DONTNEED)
            self._begun = self._written


def unlink(path: str) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_tree(path: str) -> None:
    """Remove a folder with everything in it, read-only folders too; links are not followed. What is gone is gone."""
    try:
        entries = list(os.scandir(path))
    except FileNotFoundError:
        return
    except PermissionError:
        os.chmod(path, 0o700)
        entries = list(os.scandir(path))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(entry.path)
        else:
            unlink(entry.path)
    with suppress(FileNotFoundError):
        os.rmdir(path)


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Sequence[str], root: str) -> None:
    """Make files or folders durable, all on the file system of ``root``, with as few waits as the system allows."""
    if len(paths) > _FEW and sys.platform == "linux":
        _sync_file_system(root)
        return
    for path in paths:
        sync_folder(path)  # fsync through a read-only descriptor serves files too


def _sync_file_system(root: str) -> None:
    import ctypes  # noqa: PLC0415 - only when many files are written

    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), root)
    finally:
        os.close(descriptor)


class Staging:
    """A folder aside in which one process prepares files of one file system, then moves them into place together."""

    def __init__(self, root: str, folder_mode: int | None = None) -> None:
        """``folder_mode`` is that of folders that are made for final names; None: what the umask leaves."""
        self.root = root
        self._folder_mode = folder_mode
        self._numbers = count()
        self._moves: list[tuple[str, str]] = []
        self._bytes = self._synced = 0  # of the moves: bytes, and how many were made durable early
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
            if kind is None:
                self.move()
        finally:
            try:
                _remove_staging(self.folder)
            finally:
                os.close(self._lock)
        if kind is None:
            self.flush()  # all has moved: what is left is to wait for the disk

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

    def add(self, aside: str, final: str, size: int = 0) -> None:
        """Note that a finished file aside is to get its final name."""
        self._moves.append((aside, final))
        self._bytes += size
        self._has_folders = self._has_folders or aside.startswith(self._whole)

    def relieve(self) -> bool:
        """When very much was added, `move` it, though more is being prepared; when much, let the disk begin with it.

        Returns whether it was moved. Raises as `move`.
        """
        if self._bytes >= _PORTION_BYTES or len(self._moves) >= (_MOST if self._has_folders else _PORTION):
            self.move(is_end=False)
            return True
        if len(self._moves) - self._synced >= _PORTION and sys.platform == "linux":
            self._synced = len(self._moves)
            with self._disk():
                _sync_file_system(self.root)
        return False

    def move(self, *, is_end: bool = True) -> None:
        """Make what was added durable and give it its final names, which become durable at the next `flush`.

        A final name that exists already is replaced: the caller says only what may be replaced. ``is_end`` says that
        nobody is preparing more just now.

        Raises:
            StorageError: the disk refused.
        """
        moves, self._moves = self._moves, []
        self._bytes = self._synced = 0
        self._has_folders = False
        with self._disk():
            sync_all([aside for aside, _ in moves], self.root)
            changed, whole = _move_all(moves, self._folder_mode, whole=is_end)
        self._changed |= changed
        self.whole |= whole
        self._twins.clear()

    def flush(self) -> None:
        """Move what was added, and make all final names durable. Raises as `move`."""
        self.move()
        changed, self._changed = self._changed, set()
        with self._disk():
            sync_all(sorted(changed), self.root)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self.root} cannot be written: {error.strerror}.", hint="Free space or permissions, then repeat."
            ) from error


def rename_all(moves: Iterable[tuple[str, str]]) -> None:
    """Rename each (from, to), making folders on the way."""
    _move_all(moves, None, whole=False)


def _move_all(moves: Iterable[tuple[str, str]], folder_mode: int | None, *, whole: bool) -> tuple[set[str], set[str]]:
    """Rename each (from, to), making folders on the way. Returns the folders whose names changed, and those moved.

    With ``whole``, a folder that holds nothing else is renamed itself where there is none with the final name.
    """
    changed, moved = set[str](), set[str]()
    folders: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for aside, final in moves:
        (source, _, before), (target, _, after) = aside.rpartition("/"), final.rpartition("/")
        folders.setdefault((source, target), []).append((before, after))
    for (source, target), names in folders.items():
        if whole and not os.path.lexists(target) and _is_as_wanted(source, names):
            changed |= make_folders(os.path.dirname(target), folder_mode) | {target}
            with suppress(OSError):  # another process has made it meanwhile
                os.rename(source, target)
                give_mode(target, folder_mode)
                moved.add(target)
                continue
        changed |= make_folders(target, folder_mode)
        for before, after in names:
            os.rename(f"{source}/{before}", f"{target}/{after}")
    return changed, moved


def _is_as_wanted(folder: str, names: Sequence[tuple[str, str]]) -> bool:
    """Whether a folder holds just the files that are to be moved, under their final names."""
    return all(before == after for before, after in names) and set(os.listdir(folder)) == dict(names).keys()


def make_folders(folder: str, mode: int | None = None) -> set[str]:
    """Make a folder and those above it. Returns every folder to sync for its names to be durable, itself included."""
    changed, made = {folder}, []
    above = folder
    while above and not os.path.isdir(above):
        made.append(above)
        above = os.path.dirname(above)
        changed.add(above)
    os.makedirs(folder, exist_ok=True)
    for one in made:
        give_mode(one, mode)
    return changed


def give_mode(path: str, mode: int | None) -> None:
    """Set the mode of a folder that several users share; one that another user made is as that user made it."""
    if mode is not None and os.stat(path).st_mode & 0o7777 != mode:
        with suppress(PermissionError):
            os.chmod(path, mode)


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
