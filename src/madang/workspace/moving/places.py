"""Files of foreign runs where their tracker has put them: folders of this machine and object stores.

A record of a foreign store may name any path. Only what lies inside the source, or inside a folder that the user has
named, is read; links that lead out of there are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from madang.domain.foreign import LeftOut, Run, StoredFile
from madang.errors import MadangError, NotFound, Refused, StorageError, Unavailable
from madang.ports.objects import Objects

OpenStore = Callable[[str, Mapping[str, str]], Objects]
"""Opens an object store by its address and options."""

PIECE = 1 << 20  # bytes read at once
_ALLOW = "Allow its folder by name: --artifacts DIR."
_CLOUD = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "wasbs": "azure", "wasb": "azure", "abfss": "azure",
          "abfs": "azure", "azure": "azure"}  # fmt: skip


class Places:
    """Where the files of runs can be read. Not thread-safe."""

    def __init__(self, roots: Sequence[str], named: Sequence[str], open_store: OpenStore) -> None:
        """``roots`` belong to the source; ``named`` are folders that the user allows beside them."""
        allowed = [os.path.realpath(root) for root in named]
        self._roots = [*allowed, *(os.path.realpath(root) for root in roots)]
        self._proxied = [root for root in self._roots if root in allowed or root.endswith("/mlartifacts")]
        self._open_store = open_store
        self._moved: set[str] = set()  # folders of other machines whose files were found here
        self._stores: dict[str, Objects | MadangError] = {}

    def close(self) -> None:
        """Give back connections."""
        for store in self._stores.values():
            if not isinstance(store, MadangError):
                store.close()

    def files(self, run: Run, near: str, problems: list[LeftOut]) -> list[StoredFile]:
        """The files of a run; ``near`` is the folder beside its record, if the source has one.

        Raises:
            Refused: they lie outside of what may be read.
            NotFound, Unavailable, ConfigError: they cannot be had.
        """
        folder, address = self._place(run, near)
        if folder is not None:
            return list(walk_files(folder, self._roots, run.id, problems)) if folder else []
        store, prefix = self._store(address)
        found = []
        for item in store.list(prefix):
            path = item.key[len(prefix) :].lstrip("/")
            if path and not item.key.endswith("/"):
                found.append(StoredFile(path, item.size))
        return found

    @contextmanager
    def open(self, run: Run, near: str, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of one file. Raises as `files`."""
        folder, address = self._place(run, near)
        if folder is not None:
            with opened_file(os.path.join(folder, path), self._roots) as pieces:
                yield pieces
            return
        store, prefix = self._store(address)
        with store.open(f"{prefix}/{path}".lstrip("/")) as file:
            yield iter(lambda: file.read(PIECE), b"")

    def is_inside(self, path: str) -> bool:
        """Whether a path lies where may be read, links resolved."""
        return is_inside(path, self._roots)

    def _place(self, run: Run, near: str) -> tuple[str | None, str]:
        """(folder of this machine, empty when it has no files) or (None, address of an object store)."""
        if near and self.is_inside(near) and _has_entries(near):
            return near, ""
        parts = urlsplit(run.location)
        if parts.scheme in _CLOUD:
            return None, run.location
        if parts.scheme not in ("", "file", "mlflow-artifacts"):
            raise NotFound(f"madang does not read {parts.scheme}: addresses ({run.location[:300]}).")
        path = unquote(parts.path) if parts.scheme else run.location
        is_local = parts.scheme != "mlflow-artifacts"
        inside = [folder for folder in self._candidates(path, is_local=is_local) if self.is_inside(folder)]
        for folder in inside:
            if os.path.isdir(folder):
                self._moved.add(_experiments(path))
                return folder, ""
        if is_local and path and not self.is_inside(path) and _has_entries(path):
            raise Refused(
                f"Its files lie in {path[:300]}, outside of the source.",
                hint=f"Allow that folder by name: --artifacts {path[:300]}",
            )
        is_known = self._is_kept(path) if is_local else any(map(os.path.isdir, self._proxied))
        if near or not run.location or is_known or any(os.path.isdir(_experiment(folder)) for folder in inside):
            return "", ""  # folders are made when the first file comes
        raise NotFound(
            f"Its files are in {run.location[:300]}, which is not here.",
            hint="Name the folder that has them: --artifacts DIR.",
        )

    def _is_kept(self, path: str) -> bool:
        """Whether a path lies below a folder for files that is there, or was there before the folder was moved."""
        real, parts = os.path.realpath(path), path.split("/")
        there = [root for root in self._roots if os.path.isdir(root)]
        is_there = any(real.startswith(f"{root}/") or os.path.basename(root) in parts for root in there)
        return is_there or _experiments(path) in self._moved

    def _candidates(self, path: str, *, is_local: bool) -> Iterator[str]:
        """Where the folder of a recorded path may be: there, or at the same place below a folder that may be read."""
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        if is_local and path:
            yield os.path.abspath(path)
        for root in self._roots if parts else ():
            if not is_local:
                yield os.path.join(root, *parts)
            for count in (5, 4, 3):  # EXPERIMENT/RUN/artifacts, and folders around it
                if is_local and len(parts) >= count:
                    yield os.path.join(root, *parts[-count:])

    def _store(self, address: str) -> tuple[Objects, str]:
        parts = urlsplit(address)
        kind, options = _CLOUD[parts.scheme], {}
        bucket, prefix = parts.netloc, unquote(parts.path).strip("/")
        if "@" in bucket:  # CONTAINER@ACCOUNT.blob.core.windows.net
            bucket, _, host = bucket.partition("@")
            options["account_name"] = host.partition(".")[0]
        url = f"{kind}://{bucket}"
        if url not in self._stores:
            try:
                opened = self._stores[url] = self._open_store(url, options)
                next(iter(opened.list(prefix)), None)
            except MadangError as error:  # it would be the same for every other run
                self._stores[url] = error
        found = self._stores[url]
        if isinstance(found, MadangError):
            raise Unavailable(f"{url} cannot be read: {found.message}", hint=found.hint) from None
        return found, prefix


def _experiment(folder: str) -> str:
    """The folder of an experiment, from that of the files of a run in it."""
    return os.path.dirname(os.path.dirname(folder))


def _experiments(path: str) -> str:
    """The folder of all experiments, from that of the files of a run."""
    return os.path.dirname(_experiment(path.rstrip("/")))


def is_inside(path: str, roots: Sequence[str]) -> bool:
    """Whether a path lies in one of some folders (given without links), its own links resolved."""
    real = os.path.realpath(path)
    return any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots)


def _has_entries(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def walk_files(folder: str, roots: Sequence[str], run: str, problems: list[LeftOut]) -> Iterator[StoredFile]:
    """The files below a folder; what may not be read, or cannot be, is told."""

    def refuse(path: str, reason: str) -> None:
        problems.append(LeftOut("files", f"{run}: {os.path.relpath(path, folder)}", reason))

    def failed(error: OSError) -> None:
        refuse(error.filename or folder, error.strerror or "it cannot be read")

    for here, folders, names in os.walk(folder, onerror=failed):
        folders.sort()
        for name in list(folders):
            path = os.path.join(here, name)
            if os.path.islink(path):
                folders.remove(name)
                refuse(path, "it is a link to a folder")
        for name in sorted(names):
            path = os.path.join(here, name)
            try:
                size = _size(path, roots)
            except MadangError as error:
                refuse(path, str(error))
            else:
                yield StoredFile(os.path.relpath(path, folder), size)


def _size(path: str, roots: Sequence[str]) -> int:
    if os.path.islink(path) and not is_inside(path, roots):
        raise Refused(f"It is a link to {os.path.realpath(path)[:300]}, outside of the source.", hint=_ALLOW)
    try:
        found = os.stat(path)
    except OSError as error:
        raise StorageError(f"It cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        raise Refused("It is no regular file.")
    return found.st_size


@contextmanager
def opened_file(path: str, roots: Sequence[str]) -> Iterator[Iterator[bytes]]:
    """The bytes of a file in one of some folders. Raises `Refused` or `StorageError`."""
    if not is_inside(path, roots):
        raise Refused(f"It is a link to {os.path.realpath(path)[:300]}, outside of the source.", hint=_ALLOW)
    _size(path, roots)
    try:
        with open(path, "rb") as file:
            yield iter(lambda: file.read(PIECE), b"")
    except OSError as error:
        raise StorageError(f"It cannot be read: {error.strerror}.") from error


def no_stores(address: str, options: Mapping[str, str]) -> Any:
    """For who opens no object stores. Raises `NotFound`."""
    raise NotFound(f"{address} is not opened here.")
