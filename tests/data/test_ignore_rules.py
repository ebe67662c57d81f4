"""Rules of .dvcignore hide what they hide from the real dvc: the hash of a folder depends on it."""

from __future__ import annotations

import posixpath

from hypothesis import given
from hypothesis import strategies as st

from madang.errors import InvalidInput
from madang.formats.dvc.ignore import Ignore

_PATTERNS = st.sampled_from(
    ["a", "/a", "a/", "*.tmp", "!d.tmp", "**/c.txt", "dir/**", "!dir/a", "dir/*", "!dir/sub/", "sub", "/up/sub",
     "up/*/a", "**", "!**/a", "[ab]", "\\#h", "\\!n", "  b  ", "\\[z\\]", "*", "!*/", "*/", "a/**/b", "/up", "up/",
     "**/dir/", "!b", "?", "é", "/*/sub", ".hid", "dir//a", "a\\", "/", "//", "!", "!/", "#c", "x y", "!up/a"]
)  # fmt: skip
_NAMES = st.sampled_from(["a", "b", "c.txt", "d.tmp", "x y", "é", "[z]", "#h", "!n", ".hid", "dir", "sub", "up", "y"])


def theirs(root: list[str], nested: list[str], path: str, is_dir: bool) -> bool | None:
    """What the real dvc says of a path; None when it refuses the rules."""
    from dvc.ignore import DvcIgnorePatterns
    from dvc.pathspec_math import PatternInfo, merge_patterns
    from pathspec.patterns.gitignore.base import GitIgnorePatternError

    lists = [[PatternInfo(line.strip(), "") for line in lines if line and line[0] != "#"] for lines in (root, nested)]
    try:
        rules = [DvcIgnorePatterns(*one, "/") for one in zip(lists, ("/r", "/r/up"), strict=True)]
        merged, prefix = merge_patterns(posixpath, rules[0].pattern_list, "/r", rules[1].pattern_list, "/r/up")
        if not lists[0]:
            merged, prefix = merge_patterns(
                posixpath, [PatternInfo("nosuch", "")], "/r", rules[1].pattern_list, "/r/up"
            )
        found = DvcIgnorePatterns(merged, prefix, "/")
    except GitIgnorePatternError:
        return None
    return bool(found.matches("/r/" + posixpath.dirname(path), posixpath.basename(path), is_dir))


def ours(root: list[str], nested: list[str], path: str, is_dir: bool) -> bool | None:
    """The same of us: below an ignored folder everything is."""
    try:
        rules = Ignore().with_file("", "\n".join(root)).with_file("up", "\n".join(nested))
    except InvalidInput:
        return None
    parts = path.split("/")
    above = any(rules.hides("/".join(parts[:depth]), True) for depth in range(1, len(parts)))
    return above or rules.hides(path, is_dir)


@given(
    st.lists(_PATTERNS, max_size=4),
    st.lists(_PATTERNS, max_size=4),
    st.lists(_NAMES, min_size=1, max_size=4),
    st.booleans(),
)
def test_rules_hide_what_dvc_hides(root: list[str], nested: list[str], names: list[str], is_dir: bool) -> None:
    """Rules of the root and of a folder below it, together, decide as in dvc, its rewriting of the latter included."""
    path = "/".join(["up", *names])
    assert ours(root, nested, path, is_dir) == theirs(root, nested, path, is_dir)


def test_a_hidden_file_of_rules_does_not_count() -> None:
    """A .dvcignore that the rules above it hide is not read."""
    rules = Ignore().with_file("", "*ignore\n")
    assert not rules.counts("up")
    assert Ignore().with_file("", "*.tmp\n").counts("up")
