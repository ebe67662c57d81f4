"""Objects as dvc 2 kept them: beside ``files/``, named by the MD5 of the bytes with the line ends of text folded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from madang.formats.dvc.dos2unix import CHUNK, Dos2UnixMD5
from madang.workspace.data.cache import Cache
from madang.workspace.data.parallel import each
from madang.workspace.data.reading import hash_file
from madang.workspace.data.repository import Repository
from madang.workspace.data.state import FileKey


class LegacyCache(Cache):
    """The old objects in the folder of a cache. The state knows other hashes, so each is hashed when it is needed."""

    def __init__(self, repository: Repository) -> None:
        cache = repository.cache
        super().__init__(cache.folder, cache.state, os.path.join(repository.private_dir, "damaged"))
        self.objects = cache.folder

    def trusted(self, keys: dict[str, FileKey]) -> set[str]:
        """None."""
        return set()

    def verify(self, keys: dict[str, FileKey], advance: Callable[[int], None]) -> set[str]:
        """Hash the objects; set aside and return the wrong ones."""
        wrong: set[str] = set()
        for name, fits in zip(keys, each(self._fits, list(keys)), strict=True):
            if not fits:
                wrong.add(name)
                if os.path.exists(self.path(name)):
                    self.set_aside(name)
            advance(keys[name].size)
        return wrong

    def _fits(self, name: str) -> bool:
        try:
            return name_of_file(self.path(name), name.endswith(".dir")) == name
        except FileNotFoundError:
            return False

    def remember(self, names: Iterable[str]) -> None:
        """Nothing is remembered."""

    def holds_all(self, name: str) -> bool:
        """Whether a folder's listing and all objects in it are there (their bytes are not read)."""
        if self.look([name]).missing:
            return False
        return not self.look(set(self.listing(name).values())).missing


def name_of_file(path: str, is_listing: bool = False) -> str:
    """The name that dvc 2 gives an object with the bytes of a file. Raises `FileNotFoundError`."""
    if is_listing:  # dvc hashes its own listings as they are
        return f"{hash_file(path).md5}.dir"
    digest = Dos2UnixMD5()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
