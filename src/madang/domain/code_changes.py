"""How the code of two runs differs, file by file, as people read it."""

from __future__ import annotations

import difflib
from dataclasses import field

from madang.domain.values import mutable, value

MAX_LINES = 20_000  # of both versions of a file
BINARY, TOO_LONG, NOT_HERE = "binary", "too long", "not here"


@value
class FileChange:
    """A file that differs. ``part`` is that of a why, empty for records of data; ``note`` says why there is no diff."""

    path: str
    change: str  # "+", "-" or "~"
    part: str = ""
    is_used: bool = True  # whether a run is known to have used it, or it cannot be told
    diff: str = ""  # hunks of a unified diff
    added: int = 0  # lines
    removed: int = 0
    note: str = ""


@mutable
class CodeChanges:
    """The files that differ between the code of two runs; ``reason`` says why that could not be told."""

    files: list[FileChange] = field(default_factory=list)
    total: int = 0  # files that differ; the list may hold fewer
    reason: str = ""


def hunks(old: bytes | None, new: bytes | None) -> tuple[str, int, int, str]:
    """(hunks, lines added, lines removed, note) of two versions of a file; None where there is none."""
    if any(body is not None and b"\0" in body[:8000] for body in (old, new)):
        return "", 0, 0, BINARY
    before, after = (body.decode("utf-8", "replace").splitlines() if body else [] for body in (old, new))
    if len(before) + len(after) > MAX_LINES:
        return "", 0, 0, TOO_LONG
    lines = list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return "\n".join(lines), added, removed, ""
