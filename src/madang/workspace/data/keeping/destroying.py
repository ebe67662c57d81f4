"""``destroy``: stop tracking everything and remove the data repository. Workspace files stay, as files of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field

from madang.domain.values import mutable
from madang.durable import remove_tree, unlink
from madang.formats.dvc import lockfile
from madang.formats.dvc.ignore import FILE_NAME as IGNORE_FILE
from madang.workspace.data.files.unprotecting import unprotect
from madang.workspace.data.keeping.collecting import alone
from madang.workspace.data.records.outs import stages
from madang.workspace.data.repo.repository import Repository


@mutable
class Destroyed:
    """What goes; absolute paths."""

    records: list[str] = field(default_factory=list)  # .dvc files, dvc.yaml, dvc.lock, .dvcignore
    folder: str = ""  # .dvc
    objects: int = 0  # files of the cache that go with it
    size: int = 0  # bytes of them


def plan(repository: Repository) -> Destroyed:
    """What `destroy` would remove. A cache outside of ``.dvc`` stays.

    Raises:
        InvalidInput: a record that cannot be read.
    """
    found = Destroyed(folder=repository.dvc_dir)
    files = dict.fromkeys(stage.file for stage in stages(repository))
    for file in files:
        lock = os.path.join(os.path.dirname(file), lockfile.FILE_NAME)
        found.records += [file, *([lock] if not file.endswith(".dvc") and os.path.lexists(lock) else [])]
    ignore = os.path.join(repository.root, IGNORE_FILE)
    found.records += [ignore] if os.path.lexists(ignore) else []
    for size in _sizes(os.path.join(repository.dvc_dir, "cache")):
        found.objects += 1
        found.size += size
    return found


def _sizes(folder: str) -> Iterator[int]:
    for above, _, names in os.walk(folder):
        yield from (os.lstat(os.path.join(above, name)).st_size for name in names)


def destroy(repository: Repository) -> Destroyed:
    """Make workspace files independent of the cache, then remove the records and ``.dvc``, as dvc: the cache with it.

    Killed or refused half-way, the same again does the rest.

    Raises:
        InvalidInput: a record that cannot be read; nothing is removed. Conflict: another command is at work.
        OSError: the disk refused.
    """
    with alone(repository):
        found = plan(repository)
        for stage in stages(repository):
            for out in stage.outs:
                if os.path.lexists(out.path):
                    unprotect(repository, out.path)
        for path in dict.fromkeys(found.records):
            unlink(path)
        repository.close()
        remove_tree(found.folder)
    return found
