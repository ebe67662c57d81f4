"""The code of two runs side by side: commits, uncommitted changes and untracked files taken together."""

from __future__ import annotations

from collections.abc import Callable

from madang.domain import code_changes as rules
from madang.domain import patches
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
        if code_marks(runs[0]) == code_marks(runs[1]):
            return CodeChanges()
        if self._git is None:
            return self._without_commits(reader, runs)
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

    def _without_commits(self, reader: Reader, runs: tuple[RunRecord, RunRecord]) -> CodeChanges:
        """What differs between two runs of one commit, from what they had not committed: that is kept with them."""
        commits = {run.code.commit if run.code else "" for run in runs}
        if len(commits) > 1 or "" in commits:
            return CodeChanges(
                reason="The commits differ, and a hub keeps none. `madang ui` in the repository shows it."
            )
        old, new = (_Uncommitted(reader, run) for run in runs)
        paths = sorted(path for path in old.names | new.names if old.of(path) != new.of(path))
        paths.sort(key=lambda path: _rank(path, runs))
        made = CodeChanges(total=len(paths))
        for path in paths[:MAX_FILES]:
            is_new = path in new.files and path not in old.names
            is_gone = path in old.files and path not in new.names
            sign = "+" if is_new else "-" if is_gone else "~"
            shown = _uncommitted(old, new, path)
            made.files.append(FileChange(path, sign, part_of_file(path, runs) or "", is_used(path, runs), *shown))
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


def _uncommitted(old: _Uncommitted, new: _Uncommitted, path: str) -> tuple[str, int, int, str]:
    """(hunks, lines added, lines removed, note) of a file."""
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
