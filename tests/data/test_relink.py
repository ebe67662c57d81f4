"""``checkout --relink``: the configured kind of link for files that are there already."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

FILES = {"d/a": b"a", "d/sub/한": b"b" * 3000, "d/changed": b"c", "one": b"one"}


def kind_of(root: Path, path: Path) -> str:
    """How a workspace file hangs on the cache."""
    if path.is_symlink():
        return "symlink"
    objects = {found.stat().st_ino for found in (root / ".dvc/cache/files/md5").glob("??/*")}
    return "hardlink" if path.stat().st_ino in objects else "copy"


@pytest.mark.parametrize(
    ("before", "after"), [("copy", "hardlink"), ("hardlink", "symlink"), ("symlink", "copy"), ("hardlink", "copy")]
)
def test_relink(root: Path, madang: Tool, before: str, after: str) -> None:
    """Unchanged files get the new kind and keep their bytes, changed ones are left alone, status says the same."""
    config = root / ".dvc" / "config"
    config.write_text(f"[cache]\n    type = {before}\n")
    make(root, FILES)
    assert madang(root, "add", "d", "one").code == 0
    (root / "d" / "changed").unlink()
    (root / "d" / "changed").write_bytes(b"mine")
    config.write_text(f"[cache]\n    type = {after}\n")
    (root / "d.dvc").rename(root / "away")  # checkout refuses to touch a folder with changes: only the file
    assert madang(root, "checkout", "--relink").code == 0
    assert kind_of(root, root / "one") == after
    (root / "away").rename(root / "d.dvc")
    (root / "d" / "changed").unlink()
    make(root, {"d/changed": b"c"})
    assert madang(root, "checkout", "--relink", "d/a").code == 0
    assert kind_of(root, root / "d/a") == after
    assert kind_of(root, root / "d/sub/한") == before or after == "copy"
    assert madang(root, "checkout", "--relink").code == 0
    for name in FILES:
        assert kind_of(root, root / name) == after
        if after == "copy":
            assert (root / name).stat().st_mode & 0o200
    assert read(root / "d") == {name[2:]: body for name, body in FILES.items() if name.startswith("d/")}
    assert madang(root, "status", "-q").code == 0


def test_changes_are_not_relinked(root: Path, madang: Tool) -> None:
    """A file with changes that are saved nowhere stops the command, and stays."""
    make(root, FILES)
    assert madang(root, "add", "one").code == 0
    (root / "one").write_bytes(b"mine")
    (root / ".dvc" / "config").write_text("[cache]\n    type = hardlink\n")
    assert madang(root, "checkout", "--relink").code == 255
    assert (root / "one").read_bytes() == b"mine"
