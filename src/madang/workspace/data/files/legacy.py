"""Data as dvc 2 kept it: objects beside ``files/``, named by the MD5 of the bytes with the line ends of text folded."""

from __future__ import annotations

import os
from collections.abc import Callable

from madang.errors import CorruptData, NotFound
from madang.formats.dvc.dos2unix import CHUNK, Dos2UnixMD5
from madang.workspace.data import progress
from madang.workspace.data.files.folding import hash_folded
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.files.replacing import unsaved
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.reading import Hashed, hash_file
from madang.workspace.data.records.stages import TrackedOut
from madang.workspace.data.repo.repository import Repository


class LegacyCache(Cache):
    """The old objects in the folder of a cache."""

    def __init__(self, repository: Repository) -> None:
        folder = repository.cache.folder
        super().__init__(folder, repository.folded_state, os.path.join(repository.private_dir, "damaged"))
        self.objects = folder

    def read(self, name: str, advance: Callable[[int], None]) -> Hashed:
        """Hash an object as dvc 2 did: its own listings as they are. Raises `FileNotFoundError`."""
        if name.endswith(".dir"):
            return hash_file(self.path(name), advance=advance)
        return hash_folded(self.path(name), advance)

    def saves(self, name: str, path: str) -> bool:
        """Whether the object holds the very bytes: with other line ends a file has the same hash."""
        import filecmp  # noqa: PLC0415 - for data of dvc 2 alone

        return filecmp.cmp(self.path(name), path, shallow=False)


class LegacyPlace(Repository):
    """A repository as it is for data of dvc 2: the same work tree, the old hash and the old objects."""

    def __init__(self, whole: Repository) -> None:
        super().__init__(whole.root)
        self.settings = whole.settings
        self.git_root = whole.git_root
        self.state = whole.folded_state
        self.cache = LegacyCache(whole)


def place_of(repository: Repository, out: TrackedOut) -> Repository:
    """The repository as it is for a tracked path."""
    return LegacyPlace(repository) if out.is_legacy else repository


def is_unchanged(repository: Repository, out: TrackedOut, meter: progress.Meter = progress.silent) -> bool:
    """Whether a path is data of dvc 2 and what its record says, its very bytes kept: it needs no record of dvc 3."""
    if not out.is_legacy or out.md5 is None:
        return False
    place = place_of(repository, out)
    present = current_content(place, out.path, meter)
    if present is None or present.md5 != out.md5:
        return False
    files = {out.path: out.md5}
    if out.is_dir:
        try:
            files = {f"{out.path}/{name}": md5 for name, md5 in place.cache.listing(out.md5).items()}
        except (NotFound, CorruptData):
            return False
    return not unsaved(place.cache, files)


def name_of_file(path: str, is_listing: bool = False) -> str:
    """The name that dvc 2 gives an object with the bytes of a file. Raises `FileNotFoundError`."""
    if is_listing:  # dvc hashes its own listings as they are
        return f"{hash_file(path).md5}.dir"
    digest = Dos2UnixMD5()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
