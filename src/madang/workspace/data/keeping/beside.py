"""What a command that died left beside small files which it was about to replace: records, ``.gitignore``, settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from madang.durable import clear_beside, left_beside
from madang.errors import MadangError
from madang.workspace.data.records.outs import TrackedOut, tracked
from madang.workspace.data.repo.repository import Repository


def left(repository: Repository, records: Iterable[TrackedOut]) -> Iterator[str]:
    """Every such file, where these records and the repository's own files lie."""
    for folder in _folders(repository, records):
        yield from left_beside(folder)


def clear(repository: Repository) -> None:
    """Remove them; beside records only where all of these can be read."""
    records: list[TrackedOut] = []
    with suppress(MadangError):
        records = tracked(repository)
    for folder in _folders(repository, records):
        clear_beside(folder)


def _folders(repository: Repository, records: Iterable[TrackedOut]) -> list[str]:
    own = {repository.root, repository.dvc_dir, repository.tmp_dir, repository.private_dir}
    found = own.union(os.path.dirname(path) for out in records for path in (out.dvc_file, out.path))
    return sorted(folder for folder in found if os.path.isdir(folder))
