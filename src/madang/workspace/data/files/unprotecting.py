"""Give workspace files their own bytes: what hangs on the cache by a link becomes a copy that may be changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from madang.errors import NotFound
from madang.workspace.data import progress
from madang.workspace.data.files import links
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.copying import copy
from madang.workspace.data.repo.repository import Repository

_OWNER_MAY_WRITE = 0o200


def unprotect(repository: Repository, path: str, meter: progress.Meter = progress.silent) -> int:
    """Make a file, or each file below a folder, independent of the cache and writable. Returns the files copied.

    Symbolic links that lead anywhere but into the cache are the user's own and stay. The caller holds the repository.

    Raises:
        NotFound: nothing is there.
    """
    if not os.path.lexists(path):
        raise NotFound(f"{path} does not exist.", hint="Check the name; nothing was changed.")
    shared = [one for one in _files(path) if _hangs_on(repository.cache, one)]
    if not shared:
        return 0
    opened = meter(len(shared), "files", f"unprotecting {os.path.basename(path)}")
    with links.aside_for(repository, os.path.dirname(path)) as staging, opened as advance:
        for one in shared:
            aside = staging.new_path()
            copy(os.path.realpath(one), aside)
            exec_bits = os.stat(one).st_mode & 0o111
            if exec_bits:
                os.chmod(aside, stat.S_IMODE(os.stat(aside).st_mode) | exec_bits)
            os.rename(aside, one)
            advance(1)
    return len(shared)


def _files(path: str) -> Iterator[str]:
    if os.path.islink(path) or not os.path.isdir(path):
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, name) for name in names)


def _hangs_on(cache: Cache, path: str) -> bool:
    """Whether the file shares its bytes with others; one that does not, and may not be written, is made writable."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return os.path.realpath(path).startswith(os.path.realpath(cache.objects) + os.sep)
    if not stat.S_ISREG(found.st_mode):
        return False
    if found.st_nlink > 1:
        return True
    if not found.st_mode & _OWNER_MAY_WRITE:
        os.chmod(path, stat.S_IMODE(found.st_mode) | _OWNER_MAY_WRITE)
    return False
