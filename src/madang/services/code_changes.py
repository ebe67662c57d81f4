"""The code of two runs side by side: commits, uncommitted changes and untracked files taken together."""

from __future__ import annotations

from collections.abc import Callable

from madang.domain import code_changes as rules
from madang.domain.access import Principal
from madang.domain.causes import is_used, part_of_file
from madang.domain.code_changes import CodeChanges, FileChange
from madang.domain.runs import RunRecord
from madang.errors import MadangError, NotFound
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.code_files import CodeFiles, code_marks

MAX_FILES = 300
MAX_TEXT = 1 << 20  # characters of all diffs

ReaderOf = Callable[[Principal], Reader]


class CodeComparison:
    """Tells how the code of runs differs. Thread-safe."""

    def __init__(self, reader_of: ReaderOf, git: Git | None) -> None:
        """Without ``git`` (a hub has none) it can only be told that nothing differs, or that nobody knows what."""
        self._reader_of = reader_of
        self._git = git

    def compare(self, who: Principal, before: str, after: str) -> CodeChanges:
        """What differs from one run's code to the other's.

        Raises:
            NotFound: no such run.
        """
        reader = self._reader_of(who)
        runs = (reader.run(before), reader.run(after))
        if code_marks(runs[0]) == code_marks(runs[1]):
            return CodeChanges()
        if self._git is None:
            return CodeChanges(reason="A hub keeps no commits. `madang ui` in the repository shows it.")
        code = CodeFiles(reader, self._git)
        try:
            old, new = (code.of(run) for run in runs)
        except MadangError as error:
            return CodeChanges(reason=error.message)
        paths = [path for path in old.keys() | new.keys() if old.get(path) != new.get(path)]
        paths.sort(key=lambda path: (_rank(path, runs), path))
        made = CodeChanges(total=len(paths))
        left = MAX_TEXT
        for path in paths[:MAX_FILES]:
            found = self._change(code, runs, path, (old.get(path, ""), new.get(path, "")), left)
            left -= len(found.diff)
            made.files.append(found)
        return made

    def _change(
        self, code: CodeFiles, runs: tuple[RunRecord, RunRecord], path: str, names: tuple[str, str], left: int
    ) -> FileChange:
        sign = "~" if all(names) else "+" if names[1] else "-"
        made = FileChange(path, sign, part_of_file(path, runs) or "", is_used(path, runs), note=rules.TOO_LONG)
        if left <= 0:
            return made
        try:
            old, new = (code.body(run, path, name) if name else None for run, name in zip(runs, names, strict=True))
        except NotFound:
            return FileChange(path, sign, made.part, made.is_used, note=rules.NOT_HERE)
        return FileChange(path, sign, made.part, made.is_used, *rules.hunks(old, new))


def _rank(path: str, runs: tuple[RunRecord, RunRecord]) -> int:
    """Code that was used, then other code and settings, then records of data."""
    part = part_of_file(path, runs)
    if part is None:
        return 3
    return 0 if part == "code" and is_used(path, runs) else 1 if is_used(path, runs) else 2
