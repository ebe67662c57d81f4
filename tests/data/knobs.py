"""Lowers what counts as large, so that tests of large files need little of the disk."""

from __future__ import annotations

import os
from collections.abc import Callable

from madang.workspace.data.objects import early_copies, reading

LARGE = 1 << 20  # bytes; the system copies no smaller files by itself
ENOUGH = 1 << 40


def lower(room: int, change: Callable[[object, str, object], None] = setattr) -> None:
    """Let the copy that a pull makes of a large object on its way stay behind after ``room`` bytes (`ENOUGH`: never).

    ``change`` sets an attribute of a module. In each process that holds for the first such copy.
    """
    asked = set[int]()

    def left() -> int:
        is_first = os.getpid() not in asked
        asked.add(os.getpid())
        return room if is_first or room == ENOUGH else 0

    change(early_copies, "LARGE", LARGE)
    change(early_copies, "unwritten_room", left)
    change(reading, "CHUNK", LARGE // 4)
    change(reading, "_ALONE", 2)
