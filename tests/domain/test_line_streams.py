"""Held lines of streams, against a plain dictionary."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.line_streams import DIGEST, compare

PIECES = st.lists(st.tuples(st.integers(0, 12), st.lists(st.sampled_from("abc"), max_size=5)), max_size=12)


@given(PIECES)
def test_pieces_in_any_order(pieces: list[tuple[int, list[str]]]) -> None:
    """What is fresh is what a dictionary of lines does not have, and blocks never lie over one another."""
    lines: dict[int, str] = {}
    blocks: dict[int, bytes] = {}
    for offset, piece in pieces:
        count = max((first + len(held) // DIGEST for first, held in blocks.items()), default=0)
        end = offset + len(piece)
        met = {first: held for first, held in blocks.items() if first < end and first + len(held) // DIGEST > offset}
        found = compare(piece, offset, count, met if offset < count else {})
        expected = {offset + at: line for at, line in enumerate(piece) if lines.get(offset + at) != line}
        assert {line.number: line.text for line in found.fresh} == expected
        assert all(line.replaces == (line.number in lines) for line in found.fresh)
        assert found.missing == (max(0, offset - count) if piece else 0)
        lines.update(expected)
        blocks.update(found.blocks)
        spans = sorted((first, first + len(held) // DIGEST) for first, held in blocks.items())
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
        assert sorted(number for start, stop in spans for number in range(start, stop)) == sorted(lines)
