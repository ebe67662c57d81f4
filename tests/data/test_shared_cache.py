"""A cache that a group of users shares (``cache.shared = group``)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make


@pytest.mark.parametrize("command", ["add", "pull"])
def test_the_group_may_add_to_it(root: Path, madang: Tool, dvc: Tool, command: str) -> None:
    """Folders are open to the group and hand it on, objects are read-only; dvc would leave the same modes."""
    shared = root.parent / "shared"
    (root / ".dvc" / "config").write_text(f"[cache]\n    dir = {shared}\n    shared = group\n")
    make(root, {"d/a": b"a", "one": b"one"})
    madang(root, "remote", "add", "-d", "r", str(root.parent / "store"))
    before = os.umask(0o077)
    try:
        assert madang(root, "add", "d").code == 0
        if command == "pull":
            assert madang(root, "push").code == 0
            shared.rename(root.parent / "away")
            assert madang(root, "pull").code == 0
        assert dvc(root, "add", "one").code == 0
    finally:
        os.umask(before)
    folders = [path for path in (shared, *shared.glob("files/**/")) if path.is_dir()]
    assert len(folders) >= 5
    assert {path.stat().st_mode & 0o7777 for path in (*folders, shared / ".incoming")} == {0o2775}
    assert {path.stat().st_mode & 0o7777 for path in shared.glob("files/md5/??/*")} == {0o444}
