"""Records that say what a forger wants, with hashes that fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from madang.backends.segments import LocalSegments
from madang.formats import journal
from madang.formats import segment as codec
from madang.testing.project import Project

Change = Callable[[int, Any], Any]
"""Gets a frame's kind and its body (for metrics: its payload), and returns another body."""


def forge(project: Project, run: str, kind: int, change: Change) -> None:
    """Rewrite the frames of a kind in all segments of a run, with fitting hashes, and forget the index."""
    files = LocalSegments(str(project.store))
    folder = project.store / "segments" / run[:2] / run
    for path in [*folder.glob("*.seg"), *folder.glob("*.seg.zst")]:
        segment = path.name.partition(".")[0]
        plain = folder / f"{segment}.seg"
        data = files.read(run, segment, 0, 1 << 30)
        sequence, chain, body = 0, codec.CHAIN_START, b""
        for frame in journal.read_frames(data, journal.Position()):
            payload = frame.payload
            if frame.kind == kind and kind == codec.METRICS:
                payload = change(kind, payload)
            elif frame.kind == kind:
                changed = change(kind, json.loads(payload[1:]))
                payload = bytes([kind]) + json.dumps(changed, ensure_ascii=False).encode()
            made, chain = codec.frame(sequence, chain, payload)
            body, sequence = body + made, sequence + 1
        path.unlink()
        plain.write_bytes(body)
    for index in project.store.glob("records.db*"):
        index.unlink()
