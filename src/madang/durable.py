"""Write files so that a crash leaves the old bytes or the new ones.

The order is always: write aside, make the bytes durable, rename, make the names durable. `staging` does it for many.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

_FEW = 8  # up to so many files are synced one by one; more by one call for the whole file system
_AT_ONCE = 1 << 20  # bytes
_READ = os.O_RDONLY | os.O_CLOEXEC
_QUIETLY = getattr(os, "O_NOATIME", 0)
_EARLY = 8 << 20  # bytes after which the disk is asked to begin
_BESIDE = re.compile(r"\.[0-9a-f]{16}\.madang")
_OLD = 3_600.0  # seconds after which a file that its writer does not hold has none

_areas: list[Callable[[], str]] = []  # where `write_file` writes first; the last one counts


def write_file(path: str, body: bytes, mode: int = 0o644, *, aside: str | None = None) -> None:
    """Replace or create one small file, durably, with all its bytes or none of them.

    The mode of an existing file is kept; a link is replaced at its target. ``aside`` is where the bytes are written
    first (default: as `written_first_at` says, else a hidden file beside it; what a crash leaves of such files goes
    when the next one is written there).

    Raises:
        OSError: the disk refused; the old file is untouched.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if os.path.exists(path):
        mode = os.stat(path).st_mode & 0o7777
    if aside is None and _areas:
        aside = _areas[-1]()
    if aside is None or os.stat(os.path.dirname(aside)).st_dev != os.stat(folder).st_dev:
        clear_beside(folder)
        aside = os.path.join(folder, f".{os.urandom(8).hex()}.madang")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_all(descriptor, body)
        os.fsync(descriptor)
        os.rename(aside, path)
    except BaseException:
        unlink(aside)
        raise
    finally:
        os.close(descriptor)
    sync_folder(folder)


@contextmanager
def written_first_at(new_path: Callable[[], str]) -> Iterator[None]:
    """Meanwhile `write_file` writes first to paths that this gives: a crash leaves nothing among the user's files."""
    _areas.append(new_path)
    try:
        yield
    finally:
        _areas.remove(new_path)


def clear_beside(folder: str) -> None:
    """Remove what `write_file` left beside its files in a folder when it was killed: old, and held by no process."""
    for path in _old_beside(folder):
        with suppress(OSError), _held_by_nobody(path):
            os.unlink(path)


def left_beside(folder: str) -> Iterator[str]:
    """The paths of what `clear_beside` would remove."""
    for path in _old_beside(folder):
        with suppress(OSError):
            with _held_by_nobody(path):
                pass
            yield path


def _old_beside(folder: str) -> list[str]:
    found: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if _BESIDE.fullmatch(entry.name)]:
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > _OLD:
                    found.append(entry.path)
    return found


@contextmanager
def _held_by_nobody(path: str) -> Iterator[None]:
    """Hold a file that no process holds. Raises `OSError` when one does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def write_all(descriptor: int, body: bytes | memoryview) -> None:
    """Write every byte: the kernel may take fewer at a time."""
    written = os.write(descriptor, body)
    while written < len(body):
        body = memoryview(body)[written:]
        written = os.write(descriptor, body)


def open_to_read(path: str | os.PathLike[str]) -> int:
    """Open a file whose reading need not be noted in it: that would be one more write for each of many files."""
    try:
        return os.open(path, _READ | _QUIETLY)
    except PermissionError:  # another user's file
        return os.open(path, _READ)


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


def unwritten_room() -> int | None:
    """Bytes that may be written before Linux begins on its own to bring them to the disk. None: the system hides it."""
    try:
        with open("/proc/vmstat", "rb") as file:
            pages = dict(line.split() for line in file)
        left = int(pages[b"nr_dirty_background_threshold"]) - int(pages[b"nr_dirty"])
    except (OSError, KeyError):
        return None
    return max(0, left) * os.sysconf("SC_PAGE_SIZE")


def unlink(path: str) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_tree(path: str) -> None:
    """Remove a folder with everything in it, read-only folders too; links are not followed. What is gone is gone."""
    pending, folders = [path], list[str]()  # no function calls itself: folders may lie very deep
    while pending:
        folder = pending.pop()
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            with suppress(OSError):
                os.chmod(folder, 0o700)
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            continue
        folders.append(folder)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                unlink(entry.path)
    for folder in reversed(folders):
        with suppress(FileNotFoundError):
            os.rmdir(folder)


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_synced_at_once(count: int, *, are_large: bool = False) -> bool:
    """Whether so many files or folders are made durable with all else on their file system, and not one by one.

    Large files are synced one by one: the wait for the disk is theirs alone then, not one for what others wrote.
    """
    return count > _FEW and not are_large and sys.platform == "linux"


def sync_all(paths: Sequence[str], root: str | int, *, are_large: bool = False) -> None:
    """Make files or folders durable, all on the file system of ``root``, with as few waits as the system allows."""
    if is_synced_at_once(len(paths), are_large=are_large):
        sync_file_system(root)
        return
    for path in paths:
        sync_folder(path)  # fsync through a read-only descriptor serves files too


def sync_file_system(root: str | int) -> None:
    """Make everything durable that was written to the file system of ``root``; Linux alone has such a call.

    A path, or a descriptor: through one that is older than the writing, also those failures of the disk are told that
    came before this call.
    """
    import ctypes  # noqa: PLC0415 - only when many files are written

    library = ctypes.CDLL(None, use_errno=True)
    descriptor = root if isinstance(root, int) else os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        if descriptor != root:
            os.close(descriptor)


def make_folders(folder: str, mode: int | None = None) -> set[str]:
    """Make a folder and those above it. Returns every folder to sync for its names to be durable, itself included."""
    changed, made = {folder}, []
    above = folder
    while above and not os.path.isdir(above):
        made.append(above)
        above = os.path.dirname(above)
        changed.add(above)
    for one in reversed(made):
        try:
            os.mkdir(one)
        except FileExistsError:  # somebody else made it meanwhile
            if not os.path.isdir(one):
                raise
    for one in made:
        give_mode(one, mode)
    return changed


def give_mode(path: str, mode: int | None) -> None:
    """Set the mode of a folder that several users share; one that another user made is as that user made it."""
    if mode is not None and os.stat(path).st_mode & 0o7777 != mode:
        with suppress(PermissionError):
            os.chmod(path, mode)
