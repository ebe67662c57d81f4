"""The source files of runs, from git and from what was kept of uncommitted ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from madang.domain.runs import RunRecord
from madang.errors import NotFound
from madang.ports.git import Git
from madang.ports.reader import Reader


def code_marks(run: RunRecord) -> list[str]:
    """What tells the code of a run from another's: the commit, and the digests of what was not committed."""
    code = run.code
    if code is None:
        return []
    return [code.commit, code.diff.digest if code.diff else "", *(item.digest for item in code.untracked)]


class CodeFiles:
    """Reads source files of runs. ``git`` None: there is no repository here."""

    def __init__(self, reader: Reader, git: Git | None) -> None:
        self._reader = reader
        self._git = git

    def of(self, run: RunRecord) -> dict[str, str]:
        """The source files of a run by path: what git calls their bytes.

        Raises:
            NotFound: the code was not recorded, or its commit is not here.
        """
        code = run.code
        if code is None or not code.commit:
            raise NotFound(f"the code of run {run.id[:8]} was not recorded")
        if self._git is None:
            raise NotFound("this is no git repository")
        patch = b""
        if code.diff is not None:
            with self._reader.open_blob(run.project, code.diff.digest) as file:
                patch = file.read()
        found = self._git.files(code.commit, patch)
        for item in code.untracked:
            with self._reader.open_blob(run.project, item.digest) as file:
                found[item.path] = _git_name(file.read(), len(code.commit))
        return found

    def body(self, run: RunRecord, path: str, name: str) -> bytes:
        """The bytes of a source file of a run; ``name`` is what `of` says of it. Raises `NotFound`."""
        for item in run.code.untracked if run.code else []:
            if item.path == path:
                with self._reader.open_blob(run.project, item.digest) as file:
                    return file.read()
        if self._git is None:
            raise NotFound("this is no git repository")
        return self._git.blob(name)

    def texts(
        self, path: str, runs: tuple[RunRecord, RunRecord], files: Mapping[str, tuple[str, str]]
    ) -> tuple[str, str] | None:
        """A file of two runs as text; None where one has none, or it is no text. ``files`` are names by path."""
        made = []
        for run, name in zip(runs, files.get(path, ("", "")), strict=True):
            if not name:
                return None
            try:
                made.append(self.body(run, path, name).decode())
            except (NotFound, UnicodeDecodeError):
                return None
        return made[0], made[1]


def _git_name(body: bytes, length: int) -> str:
    kind = hashlib.sha256 if length == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
