"""Read files as dvc 2 hashed them: MD5s of bytes whose line ends were folded. A state of its own remembers them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from madang.errors import Conflict
from madang.formats.dvc.dos2unix import CHUNK, Dos2UnixMD5
from madang.workspace.data.objects.reading import Advance, Hashed, hash_file
from madang.workspace.data.objects.state import State, key_of, settled


def hash_folded(path: str, advance: Advance | None = None) -> Hashed:
    """The hash that dvc 2 gives a file. Raises `Conflict` when it changes meanwhile, `FileNotFoundError`."""
    digest = Dos2UnixMD5()
    with open(path, "rb", buffering=0) as file:
        now = time.time_ns()
        before = os.fstat(file.fileno())
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            if advance is not None:
                advance(len(chunk))
        after = os.fstat(file.fileno())
    if after.st_mtime_ns != before.st_mtime_ns or after.st_size != before.st_size:
        raise Conflict(f"{path} changed while it was read.", hint="Repeat when nothing writes to it.")
    return Hashed(digest.hexdigest(), key_of(after), settled(before.st_mtime_ns, before.st_ctime_ns, now))


def reader_of(state: State) -> Callable[[str, Advance | None], Hashed]:
    """How files are hashed whose hashes this state remembers."""
    return hash_folded if state.folds else _hash_as_is


def _hash_as_is(path: str, advance: Advance | None = None) -> Hashed:
    return hash_file(path, advance=advance)
