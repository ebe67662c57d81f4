"""params diff says of parameters what the real dvc says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.helpers import Tool, make
from tests.pipelines.side_by_side import check_as_dvc, make_repository, value

from madang.workspace.pipelines.values import Values, differences, flattened

COMMANDS = [
    "params diff --json", "params diff v1 v2 --json", "params diff v1 --all --json",
    "params diff v1 --deps --all --json", "params diff v1 v2 --md", "params diff v1", "params diff v1 v1",
    "params diff v1 v1 --md", "params diff v1 --no-path", "params diff nosuch",
    "params diff --targets params.yaml extra.yaml --json", "params diff v1 v1 --all --json",
    "params diff v1 --targets conf --json", "params diff old/branch --json",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_as_dvc(made: Path, dvc: Tool, madang: Tool, command: str) -> None:
    """Exit code and what is printed equal dvc's."""
    check_as_dvc(made, dvc, madang, command)


def test_in_a_folder(made: Path, dvc: Tool, madang: Tool) -> None:
    """Paths are those that the present folder gives them, also of files of another commit."""
    command = ["params", "diff", "v1", "v2", "--json"]
    ours = madang(made / "sub", *command)
    assert value(ours.out) == value(dvc(made / "sub", *command).out)
    assert "../params.yaml" in value(ours.out)


def test_values_of_templates(made: Path, madang: Tool) -> None:
    """Values that only templates name are shown by the keys they have in their files, and no others of these files."""
    found = value(madang(made, "params", "diff", "v1", "v2", "--all", "--json").out)
    assert found["hidden.toml"] == {"depth": {"old": 4, "new": 5, "diff": 1}}
    assert found["conf/한글.json"].keys() == {"model.lr", "model.layers.1", "names.a.size", "names.b.size"}
    assert found["conf/한글.json"]["names.a.size"] == {"old": 3, "new": 9, "diff": 6}


def test_a_broken_file(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """What cannot be read is told, and the rest is shown all the same."""
    root = make_repository(tmp_path / "r", dvc)
    make(root, {"extra.yaml": b"a: [1\n"})
    ours = madang(root, "params", "diff", "--json")
    assert ours.code == 0
    assert "extra.yaml is not valid YAML, line" in ours.err
    assert value(ours.out)["params.yaml"]["train.epochs"] == {"old": 3, "new": 30, "diff": 27}


def test_before_the_first_commit(root: Path, madang: Tool) -> None:
    """A repository without commits has no differences."""
    make(root, {"params.yaml": b"a: 1\n"})
    assert (madang(root, "params", "diff", "--json").out, madang(root, "params", "diff").out) == ("{}\n", "")


LEAVES = st.one_of(st.integers(), st.booleans(), st.text(max_size=3), st.none(), st.lists(st.integers(), max_size=2))
TREES = st.recursive(
    st.dictionaries(st.text("abc", min_size=1, max_size=2), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), st.one_of(LEAVES, inner), max_size=3),
    max_leaves=12,
)


@given(TREES, TREES)
def test_differences(old: dict[str, object], new: dict[str, object]) -> None:
    """Turned around, old and new change places; without changes nothing is told; with all of them every key is."""
    before, after = Values({"f": old}), Values({"f": new})
    there = differences(before, after).get("f", {})
    back = differences(after, before).get("f", {})
    assert {key: (one["new"], one["old"]) for key, one in there.items()} == {
        key: (one["old"], one["new"]) for key, one in back.items()
    }
    assert differences(before, Values({"f": dict(old)})) == {}
    everything = differences(before, after, unchanged=True).get("f", {})
    assert everything.keys() == flattened(old).keys() | flattened(new).keys()
