"""Which paths git's rules ignore, asked many times: one ``git check-ignore`` that stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import IO

from madang.workspace.data.repo.git import environment

_BYTES = 8_000  # asked at once; the answers must fit into a pipe beside it
_FIELDS = 4  # of an answer: file, line, pattern, path


class GitRules:
    """The ignore rules of one work tree, also for paths that git tracks. Without git nothing is ignored."""

    def __init__(self, root: str | None) -> None:
        """Nothing is started until the first question."""
        self._root = root
        self._program: subprocess.Popen[bytes] | None = None

    def ignored(self, paths: Sequence[str]) -> list[bool]:
        """For each absolute path, a folder's with ``/`` at its end, whether a rule hides it."""
        if self._root is None or not paths:
            return [False] * len(paths)
        found: list[bool] = []
        start = 0
        while start < len(paths):
            asked: list[bytes] = []
            size, end = 0, start
            while end < len(paths) and (not asked or size < _BYTES):
                asked.append(os.fsencode(paths[end]) + b"\0")
                size += len(asked[-1])
                end += 1
            found.extend(self._ask(asked))
            start = end
        return found

    def _ask(self, paths: Sequence[bytes]) -> list[bool]:
        if self._program is None or self._program.poll() is not None:
            self._program = subprocess.Popen(
                ["git", "-C", self._root or "", "check-ignore", "--no-index", "-z", "-v", "-n", "--stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**environment(), "GIT_FLUSH": "1"},
            )
        asked, answers = self._program.stdin, self._program.stdout
        assert asked is not None
        assert answers is not None
        try:
            asked.write(b"".join(paths))
            asked.flush()
        except BrokenPipeError:
            return [False] * len(paths)
        return [_is_hidden(answers) for _ in paths]

    def close(self) -> None:
        """End the program."""
        if self._program is not None:
            self._program.communicate()
            self._program = None


def _is_hidden(answers: IO[bytes]) -> bool:
    """One answer; git ends without one for a path that it refuses, for example inside a submodule."""
    pattern = b""
    for number in range(_FIELDS):
        field = bytearray()
        while (sign := answers.read(1)) not in (b"\0", b""):
            field += sign
        if number == 2:
            pattern = bytes(field)
    return bool(pattern) and not pattern.startswith(b"!")
