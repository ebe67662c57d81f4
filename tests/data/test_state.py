"""What has been hashed before."""

from __future__ import annotations

import os
from array import array
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.formats.dvc.ignore import Ignore
from madang.workspace.data.objects import state as state_module
from madang.workspace.data.objects.state import FileKey, State
from madang.workspace.data.repo.scan import scan_tree

KEYS = st.builds(
    FileKey, st.integers(1, 3), st.integers(-20, 20), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)
)


def flat(keys: list[FileKey]) -> array[int]:
    """The numbers of keys, one after the other."""
    return array("q", chain.from_iterable(keys))


@pytest.mark.parametrize("many", [0, 2_000])
@given(st.lists(KEYS, max_size=12), st.lists(KEYS), st.integers(1, 8))
@settings(max_examples=50)
def test_only_what_fits_is_known(many: int, known: list[FileKey], asked: list[FileKey], sparse: int) -> None:
    """A hash comes for exactly those files whose five numbers are those of their last row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_module, "_MANY", many)
        patch.setattr(state_module, "_SPARSE", sparse)
        patch.setattr(state_module, "_PART", 3)
        state = State(":memory:")
        for number, key in enumerate(known):
            state.add_files([(key, f"{number:032x}")])
        rows = {(key.dev, key.ino): (key, f"{number:032x}") for number, key in enumerate(known)}
        expected = [md5 if row == key else None for key in asked for row, md5 in [rows.get(key[:2], (None, None))]]
        # One file has one set of numbers at one time: two questions for a file with different ones are not asked.
        if len({key[:2] for key in asked}) == len(set(asked)):
            assert state.md5s(flat(asked)) == expected
        state.close()


def test_all_names_of_one_file(tmp_path: Path) -> None:
    """A hash is known for each name of a file that has several, and for links to it."""
    (tmp_path / "a").write_bytes(b"a")
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").symlink_to("a")
    tree = scan_tree(str(tmp_path), str(tmp_path), Ignore())
    state = State(str(tmp_path / "state.db"))
    state.add_files([(tree.key(0), "0" * 32)])
    assert state.md5s(tree.numbers) == ["0" * 32] * 3
    state.close()
