"""Objects as files below one folder: a local disk or a mounted one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from typing import BinaryIO

from madang.durable import EarlyWriting, copy_bytes, make_folders, open_to_read, sync_folder, unlink, write_all
from madang.errors import AccessDenied, NotFound, StorageError
from madang.ports.objects import AsideBatch, Batch, ObjectStat, Source, checked_key
from madang.staging import STAGING, Staging

_CHUNK = 1 << 20


class LocalObjects:
    """An `Objects` store in a folder; the key is the path below it. The folder is made by the first put."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)

    def path(self, key: str) -> str:
        """Where the object of a key lies, or would lie."""
        return f"{self.root}/{checked_key(key)}"

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`."""
        descriptor = self._open(key)
        try:
            file = FileIO(descriptor)  # without a buffer: the caller reads large pieces, and closes it
        except IsADirectoryError:
            os.close(descriptor)
            raise self._absent(key) from None
        if start:
            file.seek(start)
        return file if length is None else _Window(file, length)  # type: ignore[return-value]

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        descriptor = self._open(key)
        try:
            size = os.fstat(descriptor).st_size
            body = os.read(descriptor, size + 1)
            if len(body) == size:
                return body
            parts = [body]
            while part := os.read(descriptor, _CHUNK):
                parts.append(part)
            return b"".join(parts)
        except IsADirectoryError:
            raise self._absent(key) from None
        except OSError as error:
            raise self.failure(error) from error
        finally:
            os.close(descriptor)

    def _open(self, key: str) -> int:
        try:
            return open_to_read(self.path(key))
        except (FileNotFoundError, NotADirectoryError):
            raise self._absent(key) from None
        except OSError as error:
            raise self.failure(error) from error

    def _absent(self, key: str) -> NotFound:
        return NotFound(f"There is no object {key!r} in {self.root}.")

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """See `Objects.put`."""
        path = self.path(key)
        if if_absent and os.path.lexists(path):
            return False
        try:
            os.makedirs(self.root, exist_ok=True)
            with Staging(self.root) as staging:
                aside = staging.new_path()
                _write(aside, source)
                if not if_absent:
                    staging.add(aside, path)
                    return True
                return _link_if_absent(aside, path)
        except OSError as error:
            raise self.failure(error) from error

    def take(self, key: str, path: str) -> bool:
        """See `TakesFiles.take`: on the same file system a rename does."""
        final = self.path(key)
        try:
            os.chmod(path, 0o644)
            sync_folder(path)
            folders = make_folders(os.path.dirname(final))
            os.rename(path, final)
            for folder in folders:
                sync_folder(folder)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise self.failure(error) from error
        return True

    def batch(self) -> AbstractContextManager[Batch]:
        """See `Objects.batch`."""
        return self.aside_batch()

    @contextmanager
    def aside_batch(self) -> Iterator[AsideBatch]:
        """See `Forkable.aside_batch`."""
        try:
            os.makedirs(self.root, exist_ok=True)
            staging = Staging(self.root)
        except OSError as error:
            raise self.failure(error) from error
        with staging:
            try:
                yield _LocalBatch(self, staging)
            except KeyboardInterrupt:
                staging.flush()  # what the user stops goes on from here
                raise

    def stat(self, key: str) -> ObjectStat | None:
        """See `Objects.stat`."""
        try:
            found = os.stat(self.path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.failure(error) from error
        return ObjectStat(key, found.st_size) if found.st_mode & 0o170000 == 0o100000 else None

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See `Objects.list`."""
        top = f"{self.root}/{checked_key(prefix)}" if prefix else self.root
        try:
            yield from self._walk(top, f"{prefix}/" if prefix else "")
        except OSError as error:
            raise self.failure(error) from error

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectStat]:
        below: list[str] = []
        for key, size in self._entries(folder, prefix):
            if size is not None:
                yield ObjectStat(key, size)
            elif key != STAGING and not key.endswith(f"/{STAGING}"):
                below.append(key)
        for key in below:
            yield from self._walk(f"{folder}/{key[len(prefix) :]}", f"{key}/")

    def _entries(self, folder: str, prefix: str) -> Sequence[tuple[str, int | None]]:
        """(key, size) of what is right in a folder; None for a folder."""
        found: list[tuple[str, int | None]] = []
        # Through a descriptor the system does not have to walk down the whole path for each file.
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return found
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    try:
                        found.append((prefix + entry.name, None if entry.is_dir() else entry.stat().st_size))
                    except FileNotFoundError:
                        continue  # deleted meanwhile
        finally:
            os.close(descriptor)
        return found

    def sizes_in(self, folder: str) -> dict[str, int]:
        """See `Forkable.sizes_in`."""
        try:
            return {key: size for key, size in self._entries(f"{self.root}/{folder}", f"{folder}/") if size is not None}
        except OSError as error:
            raise self.failure(error) from error

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        try:
            unlink(self.path(key))
        except (NotADirectoryError, IsADirectoryError):
            return
        except OSError as error:
            raise self.failure(error) from error

    def close(self) -> None:
        """See `Objects.close`."""

    def failure(self, error: OSError) -> StorageError | AccessDenied:
        """What a refusal by the operating system means to the caller."""
        where = error.filename or self.root
        if isinstance(error, PermissionError):
            return AccessDenied(f"{where} may not be read or written.", hint="Check the permissions of the folder.")
        return StorageError(f"{where}: {error.strerror}.", hint="Check the disk of the folder, then repeat.")


class _LocalBatch:
    def __init__(self, store: LocalObjects, staging: Staging) -> None:
        self._store = store
        self._staging = staging
        self.folder = staging.folder
        self._lock = threading.Lock()

    def put(self, key: str, source: Source) -> None:
        """See `Batch.put`."""
        final = self._store.path(key)
        aside = self._staging.new_path()
        self._write(aside, source)
        with self._lock:
            self._staging.add(aside, final)

    def copy(self, key: str, path: str) -> str:
        """See `AsideBatch.copy`."""
        aside = self._staging.path_for(self._store.path(key))
        self._write(aside, path)
        return aside

    def add(self, key: str, aside: str, size: int) -> None:
        """See `AsideBatch.add`."""
        self._staging.add(aside, self._store.path(key), size)
        self._staging.relieve()

    def _write(self, aside: str, source: Source | str) -> None:
        try:
            _write(aside, source)
        except OSError as error:
            raise self._store.failure(error) from error


def _write(aside: str, source: Source | str) -> None:
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        if isinstance(source, bytes):
            write_all(descriptor, source)
        elif isinstance(source, str | os.PathLike):
            _copy(source, descriptor)
        else:
            while chunk := source.read(_CHUNK):
                write_all(descriptor, chunk)
    except BaseException:
        unlink(aside)
        raise
    finally:
        os.close(descriptor)


def _copy(source: str | os.PathLike[str], target: int) -> None:
    descriptor = open_to_read(source)
    try:
        copy_bytes(descriptor, target, EarlyWriting(target).wrote)
    finally:
        os.close(descriptor)


def _link_if_absent(aside: str, path: str) -> bool:
    sync_folder(aside)
    folders = make_folders(os.path.dirname(path))
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links: between this look and the rename another writer may win.
        if os.path.lexists(path):
            return False
        os.rename(aside, path)
    for folder in folders:
        sync_folder(folder)
    return True


class _Window:
    """The first ``length`` bytes from the present position of a file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        chunk = self._file.read(wanted)
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _Window:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
