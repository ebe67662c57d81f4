"""The code of two runs side by side: commits, uncommitted changes and untracked files taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from madang.domain import code_changes as rules
from madang.domain import patches
from madang.domain.access import Principal
from madang.domain.causes import is_used, part_of_file
from madang.domain.code_changes import CodeChanges, FileChange
from madang.domain.runs import RunRecord
from madang.errors import MadangError, NotFound
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.comparing.code_files import CodeFiles, code_marks
from madang.services.comparing.upstream import chain

MAX_FILES = 300
MAX_TEXT = 1 << 20  # characters of all diffs

Shown = tuple[str, int, int, str]
"""Hunks of a file, lines added, lines removed, a note."""

_TOO_LONG: Shown = ("", 0, 0, rules.TOO_LONG)

ReaderOf = Callable[[Principal], Reader]


class CodeComparison:
    """Tells how the code of runs differs. Thread-safe."""

    def __init__(self, reader_of: ReaderOf, git: Git | None) -> None:
        """Without ``git`` (a hub has none) runs of one commit can be compared, by what they had not committed."""
        self._reader_of = reader_of
        self._git = git

    def compare(self, who: Principal, before: str, after: str) -> CodeChanges:
        """What differs from one run's code to the other's.

        Raises:
            NotFound: no such run.
        """
        reader = self._reader_of(who)
        runs = (reader.run(before), reader.run(after))
        rests_on = [run for step in chain(reader, *runs).steps for run in step.runs]
        if code_marks(runs[0]) == code_marks(runs[1]):
            return CodeChanges()
        if self._git is None:
            return self._without_commits(reader, runs, rests_on)
        code = CodeFiles(reader, self._git)
        try:
            old, new = (code.of(run) for run in runs)
        except MadangError as error:
            return CodeChanges(reason=error.message)
        paths = [path for path in old.keys() | new.keys() if old.get(path) != new.get(path)]
        paths.sort(key=lambda path: (_rank(path, rests_on), path))
        made = CodeChanges(total=len(paths))
        left = MAX_TEXT
        for path in paths[:MAX_FILES]:
            shown = self._shown(code, runs, path, (old.get(path, ""), new.get(path, ""))) if left > 0 else _TOO_LONG
            left -= len(shown[0])
            made.files.append(_change(path, bool(old.get(path)), bool(new.get(path)), rests_on, shown))
        return made

    def _without_commits(
        self, reader: Reader, runs: tuple[RunRecord, RunRecord], rests_on: Sequence[RunRecord]
    ) -> CodeChanges:
        """What differs between two runs of one commit, from what they had not committed: that is kept with them."""
        commits = {run.code.commit if run.code else "" for run in runs}
        if len(commits) > 1 or "" in commits:
            return CodeChanges(
                reason="The commits differ, and a hub keeps none. `madang ui` in the repository shows it."
            )
        old, new = (_Uncommitted(reader, run) for run in runs)
        paths = sorted(path for path in old.names | new.names if old.of(path) != new.of(path))
        paths.sort(key=lambda path: _rank(path, rests_on))
        made = CodeChanges(total=len(paths))
        for path in paths[:MAX_FILES]:
            was = path in old.names or path not in new.files
            is_there = path in new.names or path not in old.files
            made.files.append(_change(path, was, is_there, rests_on, _uncommitted(old, new, path)))
        return made

    def _shown(self, code: CodeFiles, runs: tuple[RunRecord, RunRecord], path: str, names: tuple[str, str]) -> Shown:
        try:
            old, new = (code.body(run, path, name) if name else None for run, name in zip(runs, names, strict=True))
        except NotFound:
            return "", 0, 0, rules.NOT_HERE
        return rules.hunks(old, new)


def _change(path: str, was: bool, is_there: bool, runs: Sequence[RunRecord], shown: Shown) -> FileChange:
    """A file that differs; ``runs`` are all that may have used it."""
    sign = "~" if was and is_there else "+" if is_there else "-"
    return FileChange(path, sign, part_of_file(path, runs) or "", is_used(path, runs), *shown)


def _rank(path: str, runs: Sequence[RunRecord]) -> int:
    """Code that was used, then other code and settings, then records of data."""
    part = part_of_file(path, runs)
    if part is None:
        return 3
    return 0 if part == "code" and is_used(path, runs) else 1 if is_used(path, runs) else 2


class _Uncommitted:
    """What a run had that its commit has not: changed files as hunks, new ones whole."""

    def __init__(self, reader: Reader, run: RunRecord) -> None:
        self._reader, self._run = reader, run
        code = run.code
        self.files = {item.path: item.digest for item in code.untracked} if code else {}
        self.changed: dict[str, bytes] = {}
        if code is not None and code.diff is not None:
            with reader.open_blob(run.project, code.diff.digest) as file:
                self.changed = patches.sections(file.read())
        self.names = self.files.keys() | self.changed.keys()

    def of(self, path: str) -> object:
        """What tells its version of a file from others; None for that of the commit."""
        return self.files.get(path) or self.changed.get(path)

    def whole(self, path: str) -> bytes | None:
        """The bytes of a new file; None for any other."""
        if path not in self.files:
            return None
        with self._reader.open_blob(self._run.project, self.files[path]) as file:
            return file.read()


def _uncommitted(old: _Uncommitted, new: _Uncommitted, path: str) -> Shown:
    if path in old.files or path in new.files:
        try:
            return rules.hunks(old.whole(path), new.whole(path))
        except NotFound:
            return "", 0, 0, rules.NOT_HERE
    before, after = (patches.hunks_of(side.changed.get(path, b"")) for side in (old, new))
    if before and after:
        return rules.hunks(patches.shown_after(before), patches.shown_after(after))
    lines = (after or patches.turned(before)).decode("utf-8", "replace").rstrip("\n").splitlines()
    if not lines:
        return "", 0, 0, rules.BINARY
    if len(lines) > rules.MAX_LINES:
        return "", 0, 0, rules.TOO_LONG
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return "\n".join(lines), added, removed, ""
