"""Diffs of source files as people read them."""

from __future__ import annotations

import pytest

from madang.domain import code_changes
from madang.domain.code_changes import hunks


@pytest.mark.parametrize(
    ("old", "new", "lines", "counts"),
    [
        (b"a\nb\n", b"a\nc\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"], (1, 1)),
        (None, b"a\n", ["@@ -0,0 +1 @@", "+a"], (1, 0)),
        (b"a\n", None, ["@@ -1 +0,0 @@", "-a"], (0, 1)),
        (b"", b"", [], (0, 0)),
        ("가\n".encode(), b"\xff\n", ["@@ -1 +1 @@", "-가", "+\N{REPLACEMENT CHARACTER}"], (1, 1)),
        (b"--- x\n", b"+++ y\n", ["@@ -1 +1 @@", "---- x", "++++ y"], (1, 1)),
    ],
)
def test_changed_lines(old: bytes | None, new: bytes | None, lines: list[str], counts: tuple[int, int]) -> None:
    """Hunks of a unified diff without its header, and how many lines came and went."""
    assert hunks(old, new) == ("\n".join(lines), *counts, "")


def test_what_is_no_text_or_too_long_has_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Binary files and very long ones are named, not shown."""
    assert hunks(b"\0", b"x") == ("", 0, 0, "binary")
    monkeypatch.setattr(code_changes, "MAX_LINES", 3)
    assert hunks(b"a\nb\n", b"a\nc\n") == ("", 0, 0, "too long")
