"""From the cache to the workspace: reflink, hard link, symbolic link or copy, as configured."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Sequence
from functools import lru_cache

from madang.durable import unlink
from madang.errors import Conflict, StorageError
from madang.staging import Staging
from madang.workspace.data.files.hashing import Hashes
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.copying import copy
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.objects.state import SETTLED_NS, FileKey, key_of, settled
from madang.workspace.data.repo.repository import Repository

_FICLONE = 0x40049409  # ioctl of Linux: share the blocks of another file
_NOT_HERE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EMLINK}


class Linker:
    """Makes workspace files from objects, by the first kind of link that works here."""

    def __init__(self, types: Sequence[str]) -> None:
        self._types = list(types)

    def make(self, source: str, target: str) -> FileKey:
        """Make ``target``, which does not exist, from the object ``source``. Returns what it is now.

        Raises:
            StorageError: none of the configured kinds works here.
            OSError: the disk refused.
        """
        while True:
            kind = self._types[0]
            try:
                return _MAKERS[kind](source, target)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    unlink(target)
                if error.errno not in _NOT_HERE or kind == "copy":
                    raise
                self._give_up(kind, source)

    def _give_up(self, kind: str, source: str) -> None:
        if self._types[0] == kind:  # another thread may have seen it first
            if len(self._types) == 1:
                raise StorageError(
                    f"No {kind} can be made from {source} here.", hint="madang config cache.type reflink,copy"
                )
            self._types = self._types[1:]


def _reflink(source: str, target: str) -> FileKey:
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, "no reflinks here", target)
    read = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.ioctl(write, _FICLONE, read)
            return key_of(os.fstat(write))
        finally:
            os.close(write)
    finally:
        os.close(read)


def _hardlink(source: str, target: str) -> FileKey:
    if os.stat(source).st_size == 0:
        return copy(source, target)  # an empty file shared by many names would only hit the limit of links
    os.link(source, target)
    return key_of(os.stat(target))


def _symlink(source: str, target: str) -> FileKey:
    os.symlink(source, target)
    return key_of(os.stat(target))


_MAKERS = {"reflink": _reflink, "hardlink": _hardlink, "symlink": _symlink, "copy": copy}


def linker(repository: Repository) -> Linker:
    """The linker of the configured kinds."""
    return Linker(repository.settings.link_types())


def is_shared(repository: Repository) -> bool:
    """Whether workspace files are to be the cache's own files."""
    return _first_kind(repository) in ("hardlink", "symlink")


def _first_kind(repository: Repository) -> str:
    """The first of the configured kinds of links, unless it is reflinks and none can be made here."""
    types = repository.settings.link_types()
    if types[0] != "reflink" or types[1:2] in ((), ("copy",)):
        return types[0]
    return types[0] if _reflinks_work(repository.cache.folder, repository.private_dir) else types[1]


@lru_cache(maxsize=8)
def _reflinks_work(cache: str, private_dir: str) -> bool:
    """Whether blocks of a file in the cache can be shared with one in the workspace."""
    for folder in (cache, private_dir):
        os.makedirs(folder, exist_ok=True)
    with Staging(cache) as there, Staging(private_dir) as here:
        probe = there.new_path()
        copy(os.devnull, probe)
        try:
            _reflink(probe, here.new_path())
        except OSError:
            return False
    return True


def relink_file(repository: Repository, path: str, md5: str, key: FileKey, *, is_exec: bool = False) -> None:
    """After an add: replace the file by a link to its object, when links are wanted that share it.

    With ``is_exec`` the object gets the exec bit, too, as with dvc: the file would lose it otherwise.

    Raises:
        Conflict: the file is no longer the one of ``key``, whose bytes are in the cache.
    """
    if is_shared(repository) and not _is_linked(repository, path, repository.cache.path(md5)):
        trusted = _trusted(repository.cache, {md5})
        with aside_for(repository, os.path.dirname(path)) as staging:
            _replace(linker(repository), repository.cache.path(md5), path, key, staging.new_path())
        if is_exec:
            os.chmod(path, os.stat(path).st_mode & 0o7777 | 0o100)
        _trust_again(repository.cache, trusted)


def relink_tree(repository: Repository, folder: str, hashes: Hashes) -> bool:
    """The same for every file of a folder whose MD5 is given. Returns whether files may have been replaced."""
    if not is_shared(repository):
        return False
    maker, cache = linker(repository), repository.cache
    files = [
        (f"{folder}/{name}", cache.path(md5), key)
        for name, md5, key in zip(hashes.tree.paths, hashes.md5s, hashes.tree.keys(), strict=True)
        if md5 is not None
    ]
    trusted = _trusted(cache, {md5 for md5 in hashes.md5s if md5 is not None})

    with aside_for(repository, folder) as staging:

        def relink(file: tuple[str, str, FileKey]) -> None:
            path, source, key = file
            if not _is_linked(repository, path, source):
                _replace(maker, source, path, key, staging.new_path())

        for _ in each(relink, files):
            continue
    _trust_again(cache, trusted)
    return True


def _trusted(cache: Cache, names: set[str]) -> dict[str, FileKey]:
    """What is known to be right before it is linked to."""
    found = cache.look(names).keys
    good = cache.trusted(found)
    return {name: key for name, key in found.items() if name in good}


def _trust_again(cache: Cache, trusted: dict[str, FileKey]) -> None:
    """One more link moves an object's ctime, not its bytes."""
    time.sleep(SETTLED_NS / 1e9)
    now = time.time_ns()
    found = cache.look(trusted).keys
    cache.state.add_files(
        (key, name[:32])
        for name, key in found.items()
        if key[:4] == trusted[name][:4] and settled(key.mtime, key.ctime, now)
    )


def aside_for(repository: Repository, folder: str) -> Staging:
    """A place for files that are about to be moved into a workspace folder: on its disk, and not in it if possible."""
    os.makedirs(repository.private_dir, exist_ok=True)
    same_disk = os.stat(repository.private_dir).st_dev == os.stat(folder).st_dev
    return Staging(repository.private_dir if same_disk else folder)


def makes_copies(repository: Repository) -> bool:
    """Whether the configured kinds of links come down to copies here."""
    types = repository.settings.link_types()
    if types[:2] != ("reflink", "copy"):
        return types[0] == "copy"
    return not _reflinks_work(repository.cache.folder, repository.private_dir)


def _is_linked(repository: Repository, path: str, source: str) -> bool:
    if (_first_kind(repository) == "symlink") != os.path.islink(path):
        return False
    there, here = os.stat(source), os.stat(path)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _replace(maker: Linker, source: str, path: str, key: FileKey, aside: str) -> None:
    try:
        maker.make(source, aside)
        if key_of(os.stat(path))[:4] != key[:4]:
            raise Conflict(f"{path} changed while it was added.", hint="Repeat the command; nothing is lost.")
        os.rename(aside, path)
    except BaseException:
        unlink(aside)
        raise
