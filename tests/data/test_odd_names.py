"""Files whose own names are odd: tracked, hidden from git, moved, removed, and read by the real dvc."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import NFC, NFD, Tool, make, read

from madang.durable import make_folders, remove_tree

NAMES = [
    "line\nbreak",
    "feed\rx",
    "\nfirst",
    " blanks ",
    "#a",
    "!b",
    "[c]*?",
    "d\\e",
    "nel\x85x",
    "ls\u2028x",
    "%41",
    "~",
    "-x",
]


def untracked(root: Path) -> str:
    """What git sees that nothing hides."""
    status = ["git", "-C", str(root), "status", "--porcelain", "-uall", "-z"]
    return subprocess.run(status, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("name", [*NAMES, NFC, NFD], ids=ascii)
def test_a_file_of_any_name(name: str, root: Path, madang: Tool, dvc: Tool) -> None:
    """It is tracked and hidden from git; dvc finds it as recorded; it is restored, moved, and shown to git again."""
    make(root, {name: b"bytes", "sub/x": b""})
    assert madang(root, "add", "--", f"./{name}").code == 0
    assert f"?? {name}\0" not in untracked(root)
    assert json.loads(dvc(root, "status", "--json").out) == {}
    (root / name).unlink()
    assert madang(root, "checkout").code == 0
    assert (root / name).read_bytes() == b"bytes"
    moved = madang(root, "move", "--", f"./{name}", f"sub/{name}")
    assert moved.code == 0, moved.err
    assert read(root / "sub")[name] == b"bytes"
    assert f"?? sub/{name}\0" not in untracked(root)
    assert madang(root, "remove", "--", f"./sub/{name}.dvc").code == 0
    assert f"?? sub/{name}\0" in untracked(root)
    assert not (root / "sub" / ".gitignore").exists()


def test_the_line_that_dvc_wrote_goes_too(root: Path, madang: Tool, dvc: Tool) -> None:
    """Blanks at the end of a name are not escaped by dvc: such a line is removed all the same."""
    make(root, {"blanks  ": b"1"})
    assert dvc(root, "add", "blanks  ").code == 0
    assert madang(root, "remove", "blanks  .dvc").code == 0
    assert not (root / ".gitignore").exists()


def test_folders_that_lie_very_deep(root: Path, madang: Tool) -> None:
    """What can be added can be checked out again, and what a killed checkout left of it goes."""
    deep = root / "deep"
    abandoned = root / ".dvc" / "tmp" / "madang" / ".incoming" / "1-dead"
    abandoned.mkdir(parents=True)
    (abandoned / "lock").touch()
    for place in (deep, abandoned / "0"):
        make_folders(f"{place}/{'x/' * 1_100}")
    Path(f"{deep}/{'x/' * 1_100}f").write_bytes(b"deep")
    assert madang(root, "add", "deep").code == 0
    assert not abandoned.exists()
    remove_tree(str(deep))
    assert madang(root, "checkout").code == 0
    assert Path(f"{deep}/{'x/' * 1_100}f").read_bytes() == b"deep"
    assert json.loads(madang(root, "status", "--json").out) == {}
    remove_tree(str(deep))
