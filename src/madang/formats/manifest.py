"""The identity of a version: the digest of its list of files (docs/formats/store.md)."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from madang.domain.versions import Entry


def manifest_digest(entries: Iterable[Entry]) -> str:
    """BLAKE3 over ``digest NUL size NUL path LF`` of each file, in the order of the paths' UTF-8 bytes.

    A reference has ``NUL uri NUL about`` before its LF.
    """
    lines = sorted(
        (
            entry.path.encode(),
            f"{entry.digest}\0{entry.size}\0".encode(),
            f"\0{entry.uri}\0{entry.about}".encode() if entry.uri else b"",
        )
        for entry in entries
    )
    return "blake3:" + blake3(b"".join(head + path + tail + b"\n" for path, head, tail in lines)).hexdigest()
