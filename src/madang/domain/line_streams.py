"""Files of lines that a client sends piece by piece, each piece with the number of its first line.

A piece may come twice (its answer was lost), again with other lines (they were written anew), or beyond what is held
(something before it is missing). What is held is known by a digest of each line.
"""

from __future__ import annotations

from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NamedTuple, overload

from madang.domain.values import mutable, value

DIGEST = 8  # bytes
HISTORY, EVENTS, LOG = "history", "events", "log"
"""The files: rows of metrics, samples of the machine, console."""
LABELS = "labels"
"""The file that keeps by whom of several writers the lines of a run's console are (`label_of`, 8 bytes each)."""
_OF_WRITER, _PLACES = "log:", "places:"


@mutable
class StreamRow:
    """The client of a run as the store knows it: when it was last heard, and whether it is expected to go on.

    ``shift`` is added to the numbers of console lines: what was printed before a rewind stays.
    """

    run: int
    seen_at: int = 0  # µs UTC
    live: bool = False
    shift: int = 0


class Line(NamedTuple):
    """A line that is not held, or held otherwise."""

    number: int
    text: str
    replaces: bool  # another line was held at this number


class Unheld(Sequence[Line]):
    """Lines of which none is held, from number ``first`` on."""

    def __init__(self, texts: Sequence[str], first: int) -> None:
        self.texts = texts
        self.first = first

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, place: int) -> Line: ...

    @overload
    def __getitem__(self, place: slice) -> list[Line]: ...

    def __getitem__(self, place: int | slice) -> Line | list[Line]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return Line(range(self.first, self.first + len(self))[place], self.texts[place], False)


@value
class Compared:
    """What a piece brings: its lines that count, how many are missing before it, and what is held then."""

    fresh: Sequence[Line]
    missing: int
    blocks: dict[int, bytes]  # digests by the number of the first line, to be kept in place of those that begin there
    places: list[int] = field(default_factory=list)  # of the console's lines of one writer: their numbers in the run


def compare(lines: Sequence[str], offset: int, count: int, blocks: dict[int, bytes]) -> Compared:
    """A piece that begins with line ``offset`` against what is held: ``count`` lines, ``blocks`` those it meets."""
    if lines and not blocks and offset >= count:
        return Compared(Unheld(lines, offset), offset - count, {offset: b"".join(map(_digest, lines))})
    held = {first: bytearray(digests) for first, digests in blocks.items()}
    fresh: list[Line] = []
    touched: set[int] = set()
    for number, line in enumerate(lines, offset):
        digest = _digest(line)
        first = _block_of(held, number) if number < count else None
        if first is None:
            first = _grown(held, number, digest)
            fresh.append(Line(number, line, False))
        else:
            at = (number - first) * DIGEST
            if held[first][at : at + DIGEST] == digest:
                continue
            held[first][at : at + DIGEST] = digest
            fresh.append(Line(number, line, True))
        touched.add(first)
    missing = max(0, offset - count) if lines else 0
    return Compared(fresh, missing, {first: bytes(held[first]) for first in touched})


def log_of(writer: str) -> str:
    """The console of one of several clients that write a run together."""
    return _OF_WRITER + writer


def places_of(file: str) -> str:
    """The file that keeps the numbers in the run (8 bytes each) of the lines of `log_of`; "" for other files."""
    return _PLACES + file if file.startswith(_OF_WRITER) else ""


def placed(fresh: Sequence[Line], held: Mapping[int, bytes], after: int) -> tuple[list[int], dict[int, bytes]]:
    """(numbers of the lines in the run, new blocks of `places_of`): lines that come first are numbered from ``after``.

    A line that is written anew keeps the number that the blocks of ``held`` have for it.
    """
    known = {first: bytearray(block) for first, block in held.items()}
    places: list[int] = []
    new: dict[int, bytearray] = {}
    for line in fresh:
        first = _block_of(known, line.number) if line.replaces else None
        if first is not None:
            at = (line.number - first) * DIGEST
            places.append(int.from_bytes(known[first][at : at + DIGEST]))
            continue
        after += 1
        places.append(after)
        _grown(new, line.number, after.to_bytes(DIGEST))
    return places, {first: bytes(block) for first, block in new.items()}


def writer_of(file: str) -> str:
    """Whose lines a file of `log_of` or `places_of` is about; "" for other files."""
    own = file.removeprefix(_PLACES)
    return own.removeprefix(_OF_WRITER) if own.startswith(_OF_WRITER) else ""


def label_of(writer: str) -> bytes:
    """What stands for a writer in `LABELS`."""
    return _digest(writer)


def labels_in(blocks: Mapping[int, bytes], writers: Sequence[str]) -> dict[int, str]:
    """Who has printed the lines of blocks of `LABELS`, by their number in the run."""
    names = {label_of(writer): writer for writer in writers}
    return {
        first + at // DIGEST: names.get(block[at : at + DIGEST], "")
        for first, block in blocks.items()
        for at in range(0, len(block), DIGEST)
    }


def _block_of(held: dict[int, bytearray], number: int) -> int | None:
    for first, digests in held.items():
        if first <= number < first + len(digests) // DIGEST:
            return first
    return None


def _grown(held: dict[int, bytearray], number: int, digest: bytes) -> int:
    """The new block of this piece, with one line more."""
    new = next(reversed(held), None)
    if new is None or new + len(held[new]) // DIGEST != number:
        new = number
        held[new] = bytearray()
    held[new] += digest
    return new


def _digest(line: str) -> bytes:
    return blake2b(line.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()
