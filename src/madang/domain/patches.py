"""The files of a recorded diff."""

from __future__ import annotations

_HEAD = b"diff --git "
_HUNK = b"@@ "


def sections(patch: bytes) -> dict[str, bytes]:
    """The hunks of a diff by path, as `git diff` without renames writes it; a binary file has its packed bytes."""
    found: dict[str, bytes] = {}
    for part in (b"\n" + patch).split(b"\n" + _HEAD)[1:]:
        heading, _, body = part.partition(b"\n")
        half = heading[: len(heading) // 2]  # a/NAME b/NAME, or "a/NAME" "b/NAME" with escapes
        found[_name(half)] = body
    return found


def hunks_of(section: bytes) -> bytes:
    """The hunks alone; empty for a file that is binary, or of which only the mode changed."""
    place = section.find(b"\n" + _HUNK) + 1
    return section[place:] if place or section.startswith(_HUNK) else b""


def turned(hunks: bytes) -> bytes:
    """The hunks of the way back."""
    made = []
    for line in hunks.split(b"\n"):
        if line.startswith(_HUNK):
            sign, old, new, *rest = line.split(b" ", 3)
            made.append(b" ".join([sign, b"-" + new[1:], b"+" + old[1:], *rest]))
        else:
            made.append({b"+": b"-", b"-": b"+"}.get(line[:1], line[:1]) + line[1:])
    return b"\n".join(made)


def shown_after(hunks: bytes) -> bytes:
    """What hunks show of the file as it was after them."""
    kept = [line[1:] for line in hunks.split(b"\n") if line[:1] in (b" ", b"+")]
    return b"\n".join(kept)


def _name(word: bytes) -> str:
    if not word.startswith(b'"'):
        return word[2:].decode("utf-8", "surrogateescape")
    made = bytearray()
    rest = word[3:-1]
    place = 0
    while place < len(rest):
        if rest[place : place + 1] != b"\\":
            made += rest[place : place + 1]
            place += 1
        elif rest[place + 1 : place + 4].isdigit():
            made.append(int(rest[place + 1 : place + 4], 8) & 0xFF)
            place += 4
        else:
            escaped = rest[place + 1 : place + 2]
            made += {b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(escaped, escaped)
            place += 2
    return made.decode("utf-8", "surrogateescape")
