"""The identity of a version: the digest of its list of files (docs/formats/store.md)."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from madang.domain.versions import Entry


def manifest_digest(entries: Iterable[Entry]) -> str:
    """BLAKE3 over ``digest NUL size NUL path LF`` of each file, in the order of the paths' UTF-8 bytes."""
    lines = sorted((entry.path.encode(), f"{entry.digest}\0{entry.size}\0".encode()) for entry in entries)
    return "blake3:" + blake3(b"".join(rest + path + b"\n" for path, rest in lines)).hexdigest()
