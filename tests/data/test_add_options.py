"""Every way of `add` leaves what the real dvc leaves; what people wrote into a record stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read
from tests.data.test_import_url import FOLDER, both, pair

__all__ = ["pair"]

NOTED = """\
# why we have it
outs:
- md5: {md5} # of the bytes
  size: 2
  hash: md5
  path: f
  desc: 설명 here
  type: dataset
  labels: [a, b]
  meta:
    key: [1, 2]
  remote: st
meta:
  any: {{thing: 1.5}}
desc: top
"""


def test_out(pair: tuple[Path, Path], tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """--out copies a file or folder from anywhere and tracks it; what is there stays without --force."""
    both(pair, madang, dvc, "add", "--out", "o1", "../../ext/f")
    both(pair, madang, dvc, "add", "--out", "o2", "../../ext/d")
    both(pair, madang, dvc, "add", "-o", "sub", "../../ext/f")
    both(pair, madang, dvc, "add", "--out", "o1", "../../ext/d", code=1)
    both(pair, madang, dvc, "add", "--out", "no/o", "../../ext/d", code=1)
    both(pair, madang, dvc, "add", "-o", "x", "../../ext/d", "../../ext/f", code=1)
    both(pair, madang, dvc, "add", "--out", "x", "../../ext/nothing", code=1)
    both(pair, madang, dvc, "add", "../../ext/f", code=1)
    both(pair, madang, dvc, "add", "--remote", "st", "inside", code=1)
    ours = pair[0]
    (ours / "o1").write_bytes(b"unsaved")
    assert madang(ours, "add", "-f", "-o", "o1", "../../ext/d").code == 0
    assert read(ours / "o1") == FOLDER
    assert madang(ours, "undo").code == 0
    assert (ours / "o1").read_bytes() == b"unsaved"


def test_to_remote(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """--to-remote sends objects and writes the record; either tool pulls them. Git ignores the data (not with dvc)."""
    assert madang(pair[0], "add", "--to-remote", "inside").code == 0
    assert (pair[0] / ".gitignore").read_text() == "/inside\n"
    assert madang(pair[0], "remove", "inside.dvc").code == 0
    shutil.rmtree(pair[0].parent / "store")
    for folder in pair:
        (folder / ".gitignore").write_text("/o3\n/f\n")
    both(pair, madang, dvc, "add", "--to-remote", "../../ext/d", "--out", "o3")
    both(pair, madang, dvc, "add", "--to-remote", "../../ext/f", "-r", "st")
    both(pair, madang, dvc, "add", "--to-remote", "../../ext/f", "-r", "nobody", "-o", "y", code=1)
    both(pair, madang, dvc, "add", "--to-remote", "--no-commit", "../../ext/f", code=1)
    assert not (pair[0] / "o3").exists()
    assert dvc(pair[0], "pull", "-q").code == madang(pair[1], "pull", "-q").code == 0
    assert read(pair[0] / "o3") == read(pair[1] / "o3") == FOLDER
    for folder, tool in zip(pair, (madang, dvc), strict=True):  # the record of what lies deeper stands beside it
        make(folder, {"deep/file": b"1"})
        assert tool(folder, "add", "--to-remote", "deep/file").code == 0
        assert (folder / "deep" / "file.dvc").exists()


def test_no_commit_and_glob(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """--no-commit records the hash only; --glob takes what matches and refuses when nothing does."""
    for folder in pair:
        make(
            folder, {"gl/1.csv": b"1", "gl/2.csv": b"2", "gl/한.csv": b"3", "gl/x.txt": b"4", "d/a": b"a", "d/b": b"b"}
        )
    both(pair, madang, dvc, "add", "--no-commit", "inside", "d")
    both(pair, madang, dvc, "add", "--glob", "gl/*.csv")
    both(pair, madang, dvc, "add", "--glob", "gl/*.nope", code=1)
    both(pair, madang, dvc, "add", "inside", "d")
    for folder in pair:
        assert dvc(folder, "config", "cache.type", "symlink").code == 0
    both(pair, madang, dvc, "add", "--no-relink", "gl/x.txt")
    assert not (pair[0] / "gl" / "x.txt").is_symlink()


def test_notes_stay(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """Comments, desc, type, labels, meta, remote and push survive new contents, and dvc reads what was noted."""
    for folder in pair:
        (folder / "f").write_bytes(b"1\n")
        (folder / "f.dvc").write_text(NOTED.format(md5="b026324c6904b2a9cb4b88d6d61c81d1"))
        (folder / ".gitignore").write_text("/f\n")
        (folder / "f").write_bytes(b"2\n")
    both(pair, madang, dvc, "add", "f")
    assert (pair[0] / "f.dvc").read_text() == NOTED.format(md5="26ab0db90d72e28ad0ba1e22ee510510")
    line = ["--desc", "한국어", "--type", "model", "--label", "x", "--label", "y", "--meta", "k=v=w", "inside"]
    assert madang(pair[0], "add", *line).code == 0
    assert (pair[0] / "inside.dvc").read_text() == (
        "outs:\n- md5: 9dd4e461268c8034f5c8564e155c67a6\n  size: 1\n  hash: md5\n  path: inside\n"
        "  desc: 한국어\n  type: model\n  labels:\n  - x\n  - y\n  meta:\n    k: v=w\n"
    )
    assert madang(pair[0], "add", "--desc", "another", "inside").code == 0
    assert "desc: another\n  type: model\n" in (pair[0] / "inside.dvc").read_text()
    assert dvc(pair[0], "status", "--json").out.strip() == "{}"
    assert madang(pair[0], "add", "--meta", "no value", "inside").code == 1


@pytest.mark.parametrize("place", ["../outside", ".dvc/x", ".git/x", "a.dvc", "sub/../../y"])
def test_places_that_are_none(place: str, pair: tuple[Path, Path], madang: Tool) -> None:
    """Nothing is put outside the repository, into its own folders, or under the name of a record."""
    before = read(pair[0].parent)
    for line in (["add", "-o", place, "../../ext/f"], ["import-url", "../../ext/f", place]):
        assert madang(pair[0], *line).code == 1
    after = {name: body for name, body in read(pair[0].parent).items() if "/tmp/" not in name}
    assert after == {name: body for name, body in before.items() if "/tmp/" not in name}
