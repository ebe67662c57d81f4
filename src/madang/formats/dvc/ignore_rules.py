"""Which rule of a ``.dvcignore`` decides about a path, and where it stands: for people who ask why.

`madang.formats.dvc.ignore` gives the same answers without the reasons, faster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.dvc.ignore import placed

DEFAULTS = (".hg/", ".git/", ".git", ".dvc/")
"""What is ignored everywhere."""


@value
class Rule:
    """One line of one file."""

    source: str  # "file:line:pattern" as dvc shows it; ":pattern" for the defaults
    pattern: re.Pattern[str]
    ignores: bool
    folders_only: bool


def rules(lines: Sequence[str], file: str, folder: str) -> list[Rule]:
    """The rules of one file; ``file`` is its path relative to the root, ``folder`` its folder (``""`` for the root).

    Raises:
        InvalidInput: a pattern that cannot be read.
    """
    from pathspec.patterns.gitignore.base import GitIgnorePatternError  # noqa: PLC0415 - few repositories have rules
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - as above

    found = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            rule = placed(line, folder)
            GitIgnoreSpecPattern.pattern_to_regex(line)  # dvc refuses what is wrong before it rewrites it
            regex, ignores = GitIgnoreSpecPattern.pattern_to_regex(rule)
        except GitIgnorePatternError:
            raise InvalidInput(f"{file}:{number} cannot be read: {line!r}.") from None
        if regex is None or ignores is None:
            continue
        assert isinstance(regex, str)
        source = f"{file}:{number}:{line}" if file else f":{line}"
        found.append(Rule(source, re.compile(regex), ignores, rule.endswith("/")))
    return found


def deciding(known: Sequence[Rule], path: str, is_dir: bool) -> tuple[bool, list[Rule]]:
    """Whether a path (relative to the root) is ignored, and the rule that says so (or says that it is not).

    The folders above are asked first: below an ignored one everything is ignored.
    """
    parts = path.split("/")
    for depth in range(1, len(parts)):
        ignored, rule = _decide(known, "/".join(parts[:depth]), True)
        if ignored:
            return True, rule
    return _decide(known, path, is_dir)


def _decide(known: Sequence[Rule], path: str, is_dir: bool) -> tuple[bool, list[Rule]]:
    groups = [list(group) for _, group in groupby(known, key=lambda rule: (rule.ignores, rule.folders_only))]
    for group in reversed(groups):
        # dvc names the first of neighbouring rules of one kind, and the last of those that take back
        for rule in group if group[0].ignores else reversed(group):
            if _fits(rule, path, is_dir):
                return rule.ignores, [rule]
    return False, []


def _fits(rule: Rule, path: str, is_dir: bool) -> bool:
    if rule.folders_only and not is_dir:
        return False
    return bool(rule.pattern.match(path) or (is_dir and rule.pattern.match(path + "/")))
