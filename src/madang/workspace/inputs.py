"""Files that a run opened, resolved against the tracked data of the workspace."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Mapping

from madang.domain.files import InputItem
from madang.errors import Conflict
from madang.workspace.capture import CLOCK_TICK
from madang.workspace.tracked_files import TrackedFiles, find_tracked_files

MAX_FILE = 64 << 20  # bytes of an untracked file whose digest is taken
MAX_ALL = 512 << 20  # bytes of all of a run
COST = 256 << 10  # bytes that could be hashed in the time of opening a file
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks")


class Inputs:
    """The tracked data around one work tree. Digests of files that did not change are known without reading them."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._repositories: dict[str, TrackedFiles] = {}
        self._by_folder: dict[str, TrackedFiles | None] = {}
        self._left = MAX_ALL

    def resolve(self, paths: Mapping[str, int]) -> tuple[list[InputItem], list[str]]:
        """The tracked files among the paths (relative to the root), and those that are being written just now.

        ``paths`` tells when each was read (µs UTC). A file that was written after that has no digest: what the run
        has read of it can no longer be told.

        Raises:
            MadangError: the tracked data cannot be read.
        """
        items, busy = [], []
        for path, read_at in paths.items():
            full = os.path.join(self.root, path)
            repository = self._repository(os.path.dirname(full))
            if repository is None:
                continue
            try:
                found = repository.digest_of(full)
                facts = os.stat(full)
            except Conflict:
                busy.append(path)
                continue
            except OSError:
                continue  # it is gone already: what it held can no longer be told
            if found is not None:
                items.append(
                    InputItem(
                        path=path,
                        digest=f"md5:{found.md5}" if facts.st_mtime_ns // 1000 <= read_at + CLOCK_TICK else "",
                        recorded=f"md5:{found.recorded}" if found.recorded else "",
                        size=facts.st_size,
                        tracked_by=os.path.relpath(found.out.dvc_file, self.root),
                        out=os.path.relpath(found.out.path, self.root),
                        version=f"md5:{found.out.md5}" if found.out.md5 else "",
                    )
                )
        return items, busy

    def untracked(self, paths: Mapping[str, int], known: Container[str]) -> list[InputItem]:
        """Digests of files that nothing tracks, neither as data nor as code (``known``).

        They tell whether two runs read the same; the bytes are kept nowhere. Hidden files and keys are passed over,
        and what is beyond the limits, as nobody may wait for it.
        """
        items = []
        for path, read_at in paths.items():
            if path in known or self._left <= 0 or _is_private(path):
                continue
            full = os.path.join(self.root, path)
            try:
                facts = os.stat(full)
                if facts.st_size > min(self._left, MAX_FILE) or facts.st_mtime_ns // 1000 > read_at + CLOCK_TICK:
                    continue
                with open(full, "rb") as file:
                    digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            except OSError:
                continue
            self._left -= facts.st_size + COST
            items.append(InputItem(path=path, digest=f"md5:{digest}", size=facts.st_size))
        return items

    def close(self) -> None:
        """Give back what is open."""
        for repository in self._repositories.values():
            repository.close()

    def _repository(self, folder: str) -> TrackedFiles | None:
        if folder not in self._by_folder:
            found = find_tracked_files(folder)
            if found is not None:
                found = self._repositories.setdefault(found.root, found)
            self._by_folder[folder] = found
        return self._by_folder[folder]


def _is_private(path: str) -> bool:
    """Whether a file may be a secret, which a digest could betray."""
    return any(part.startswith(".") for part in path.split("/")) or path.lower().endswith(_KEYS)
