"""Work on many items with a few threads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from madang.workspace.data.objects.parallel import apart, each


@given(st.integers(0, 3000), st.integers(1, 70))
def test_spreading_loses_nothing(count: int, chunk: int) -> None:
    """Items that are spread for the threads are the same items, each once."""
    items = list(range(count))
    assert sorted(apart(items, chunk=chunk)) == items


def test_results_keep_their_order() -> None:
    """Results come in the order of the items, whichever thread was first."""
    items = apart(list(range(2000)))
    assert list(each(lambda number: number * 2, items)) == [number * 2 for number in items]
