"""Columns of integers: progressions are the numbers they stand for, in memory and in bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.progressions import (
    Progression,
    Progressions,
    bounds,
    evened,
    is_ascending,
    is_ordered,
    joined,
    scaled,
)
from madang.formats.integers import coded, coded_briefly, integers, size

_first = st.one_of(st.integers(-5, 5), st.integers(-(2**62), 2**62), st.sampled_from([-(2**63), 2**63 - 1]))
_distance = st.one_of(st.integers(-3, 3), st.integers(-(2**58), 2**58), st.sampled_from([127, 128, -128, -129]))


@st.composite
def progressions(draw: st.DrawFn) -> Progressions:
    """Some, of 64 bits."""
    parts = []
    for first, distance, length in draw(
        st.lists(st.tuples(_first, _distance, st.integers(1, 9)), min_size=1, max_size=4)
    ):
        part = Progression(first, distance, length)
        parts.append(part if -(2**63) <= part.last < 2**63 else Progression(first, 0, length))
    return Progressions(parts)


@given(progressions())
def test_progressions_are_their_numbers(made: Progressions) -> None:
    """Whatever is asked of them is answered as by a list."""
    plain = list(made)
    assert len(made) == len(plain)
    assert [made[place] for place in range(-len(plain), len(plain))] == plain * 2
    assert made[1:3] == plain[1:3]
    with pytest.raises(IndexError):
        made[len(plain)]
    assert bounds(made) == bounds(plain) == (min(plain), max(plain))
    assert is_ascending(made) == is_ascending(plain)
    assert is_ordered(made) == is_ordered(plain)
    assert list(scaled(made, 1000)) == scaled(plain, 1000)
    assert list(evened(plain)) == plain


@given(st.lists(progressions(), min_size=1, max_size=4))
def test_joined_columns_are_one(columns: list[Progressions]) -> None:
    """The numbers of all follow one another, and are in as few progressions as can be."""
    plain = [number for column in columns for number in column]
    assert list(joined(columns)) == plain
    mixed: list[Sequence[int]] = [*columns, list(columns[0])]
    assert list(joined(mixed)) == plain + list(columns[0])
    loop = [evened(range(start, start + 10)) for start in range(0, 50, 10)]
    whole = joined(loop)
    assert isinstance(whole, Progressions)
    assert list(whole.parts) == [Progression(0, 1, 50)]


@given(progressions())
def test_bytes_of_integers(made: Progressions) -> None:
    """Progressions and a list of their numbers are the same bytes, from which they come back."""
    plain = list(made)
    assert coded(made) == coded(plain)
    for coding, data in (coded(made), coded_briefly(made), coded_briefly(plain)):
        assert list(integers(coding, data, len(plain))) == plain
        assert size(coding, len(plain)) == len(data)


@pytest.mark.parametrize(("coding", "data"), [("1", b"\x7f\x01\x01"), ("e", b"\x7f\x01" + bytes(7)), ("x", bytes(9))])
def test_no_integers(coding: str, data: bytes) -> None:
    """What goes beyond 64 bits, or has no coding, is an error."""
    with pytest.raises(ValueError, match=r"64 bits|no coding"):
        integers(coding, b"\xff" * 7 + data, 3)
