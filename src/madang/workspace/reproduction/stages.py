"""What a run made that executed a stage of a pipeline: told by MD5, as in ``dvc.lock``, with the bytes in the cache."""

from __future__ import annotations

import os
import shutil
from typing import BinaryIO

from madang.domain.files import FileRef
from madang.domain.pipelines import STAGE_TAG, stage_outs
from madang.domain.runs import RunRecord
from madang.errors import NotFound
from madang.workspace import tracked_files
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.repo.repository import Repository
from madang.workspace.reproduction.files import is_inside, link_above, md5_of

_DIR = ".dir"


class StageData:
    """The outputs of one stage: as the original made them, and in the work tree of its repetition."""

    def __init__(self, run: RunRecord, git_root: str, root: str) -> None:
        """``git_root`` is the user's work tree, ``root`` the new one."""
        self._run = run
        self._root = root
        self._paths = [
            item.path for item in stage_outs(run) if is_inside(item.path) and not link_above(root, item.path)
        ]
        tracked = tracked_files.find_tracked_files(git_root)
        self._repository: Repository | None = tracked.repository if tracked is not None else None
        self._top = root
        if self._repository is not None:
            self._top = self._repository.root_in(root)
        self._made: dict[str, str | dict[str, str]] = {}  # digest → file, or the files of a folder

    def variables(self) -> dict[str, str]:
        """The variables that a stage's commands find."""
        stage = self._run.tags.get(STAGE_TAG)
        return {"DVC_STAGE": stage, "DVC_ROOT": self._top} if stage else {}

    def clear(self) -> None:
        """Take the outputs out of the new work tree: a stage makes them anew."""
        for path in self._paths:
            whole = os.path.join(self._root, path)
            if os.path.isdir(whole) and not os.path.islink(whole):
                shutil.rmtree(whole)
            elif os.path.lexists(whole):
                os.unlink(whole)
            os.makedirs(os.path.dirname(whole), exist_ok=True)

    def made(self) -> list[FileRef]:
        """What the repetition has made of it."""
        found = []
        repository = Repository(self._top) if self._paths and os.path.isdir(os.path.join(self._top, ".dvc")) else None
        try:
            for path in self._paths:
                whole = os.path.join(self._root, path)
                if repository is None or not os.path.exists(whole):
                    continue
                content = current_content(repository, whole)
                if content is None:
                    continue
                digest = f"md5:{content.md5}"
                found.append(FileRef(path, digest, content.size or 0))
                self._made[digest] = _files(whole) if os.path.isdir(whole) else whole
        finally:
            if repository is not None:
                repository.close()
        return found

    def listing(self, digest: str) -> dict[str, str]:
        """See `DataBytes.listing`."""
        made = self._made.get(digest)
        if isinstance(made, dict):
            return self._listed(made)
        if self._repository is None:
            raise NotFound(f"{digest} is not here.")
        files = self._repository.cache.listing(digest.removeprefix("md5:"))
        return {inside: f"md5:{md5}" for inside, md5 in files.items()}

    def _listed(self, files: dict[str, str]) -> dict[str, str]:
        found = {}
        for inside, whole in files.items():
            found[inside] = f"md5:{md5_of(whole)}"
            self._made[found[inside]] = whole
        return found

    def open(self, digest: str) -> BinaryIO:
        """See `DataBytes.open`."""
        made = self._made.get(digest)
        try:
            if isinstance(made, str):
                return open(made, "rb")
            if self._repository is not None:
                return open(self._repository.cache.path(digest.removeprefix("md5:")), "rb")
        except OSError as error:
            raise NotFound(f"The bytes of {digest} cannot be read: {error.strerror}.") from error
        raise NotFound(f"{digest} is not here.")

    def close(self) -> None:
        """Give back what is open."""
        if self._repository is not None:
            self._repository.close()


def _files(folder: str) -> dict[str, str]:
    """The files below a folder by their path in it."""
    return {
        os.path.relpath(os.path.join(top, name), folder): os.path.join(top, name)
        for top, _, names in os.walk(folder)
        for name in names
    }
