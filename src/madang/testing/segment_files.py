"""The segments of a run as tests see them: plain or packed, whichever there is at the moment."""

from __future__ import annotations

import os
from pathlib import Path

from madang.formats import packed, recent

_EVERY_BYTE = 1 << 62


def segment_files(folder: Path) -> dict[str, bytes]:
    """The bytes of each segment in a run's folder, by its id, sorted."""
    names = sorted(name.partition(".")[0] for name in os.listdir(folder) if name.endswith((".seg", ".seg.zst")))
    return {name: segment_bytes(folder / f"{name}.seg") for name in names}


def segment_bytes(path: Path) -> bytes:
    """The bytes of the segment at ``path``, also after it was packed."""
    try:
        return recent.read(str(path), 0)
    except FileNotFoundError:
        return packed.read(f"{path}{packed.ENDING}", 0, _EVERY_BYTE)
