"""``.dvcignore``: which paths data commands do not see. The grammar is that of ``.gitignore``.

Rules stand in the ``.dvcignore`` of any folder from the repository's root down; those of deeper files win, and in one
file the last that matches. Blanks around a line are cut and ``#`` starts a comment, as dvc reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from madang.domain.values import value
from madang.errors import InvalidInput

FILE_NAME = ".dvcignore"

NEW_FILE = """\
# Add patterns of files dvc should ignore, which could improve
# the performance. Learn more at
# https://dvc.org/doc/user-guide/dvcignore
"""


class UnusableRules(InvalidInput):
    """A ``.dvcignore`` that cannot be read, or that lies inside tracked data and would change what the data is."""


@value
class _Rules:
    """Neighbouring rules of one kind that are tried in one go."""

    pattern: re.Pattern[str]
    ignores: bool
    folders_only: bool


class Ignore:
    """The rules in force at some folder of a repository."""

    def __init__(self, rules: Sequence[_Rules] = ()) -> None:
        self._rules = tuple(rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def with_file(self, folder: str, text: str) -> Ignore:
        """The rules in force below ``folder`` (relative to the root, ``""`` for the root) whose file has this text.

        Raises:
            UnusableRules: a pattern that cannot be read.
        """
        lines = [line for line in map(str.strip, text.split("\n")) if line and not line.startswith("#")]
        if not lines:
            return self
        from pathspec.patterns.gitignore.base import GitIgnorePatternError  # noqa: PLC0415 - few repositories have rules
        from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - as above

        groups: list[tuple[bool, bool, list[str]]] = []
        for line in lines:
            rule = placed(line, folder)
            try:
                GitIgnoreSpecPattern.pattern_to_regex(line)  # dvc refuses what is wrong before it rewrites it
                regex, ignores = GitIgnoreSpecPattern.pattern_to_regex(rule)
            except GitIgnorePatternError:
                where = f"{folder}/{FILE_NAME}" if folder else FILE_NAME
                raise UnusableRules(f"{where} holds a pattern that cannot be read: {line!r}.") from None
            if regex is None or ignores is None:
                continue
            assert isinstance(regex, str)
            regex = re.sub(r"\(\?P<[^>]*>", "(?:", regex)
            folders_only = rule.endswith("/")
            if groups and groups[-1][:2] == (ignores, folders_only):
                groups[-1][2].append(regex)
            else:
                groups.append((ignores, folders_only, [regex]))
        new = [
            _Rules(re.compile("|".join(f"(?:{one})" for one in regexes)), ignores, folders_only)
            for ignores, folders_only, regexes in groups
        ]
        return Ignore([*self._rules, *new])

    def hides(self, path: str, is_dir: bool) -> bool:
        """Whether the path (relative to the root, ``/`` between parts) is ignored by its own name.

        The folders above it are asked by whoever walks down to it: below an ignored one nothing is seen.
        """
        for rules in reversed(self._rules):
            if rules.folders_only and not is_dir:
                continue
            if rules.pattern.match(path) or (is_dir and rules.pattern.match(path + "/")):
                return rules.ignores
        return False

    def counts(self, folder: str) -> bool:
        """Whether the file of one more folder is read: not when it is ignored itself."""
        return not self._rules or not self.hides(f"{folder}/{FILE_NAME}" if folder else FILE_NAME, False)


def placed(line: str, folder: str) -> str:
    """A rule in the file of a folder as a rule of the root, in the way in which dvc rewrites it (not always git's)."""
    if not folder:
        return line
    negated, rule = line.startswith("!"), line.removeprefix("!")
    if "/" in rule[:-1] and not rule.startswith("**/"):
        below = rule.removeprefix("/").removeprefix("\\")
    else:
        below = "**/" + rule.removeprefix("**/").removeprefix("\\")
    return f"!/{folder}/{below}" if negated else f"{folder}/{below}"
