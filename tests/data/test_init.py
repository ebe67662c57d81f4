"""`madang init` in all its forms leaves what the real dvc leaves, and never takes an object away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, objects

FORMS: dict[str, list[tuple[str, list[str], int]]] = {
    "without git": [(".", [], 1), (".", ["--no-scm"], 0), (".", ["--no-scm", "-f"], 0)],
    "in a folder": [("sub", [], 1), ("sub", ["--subdir"], 0), ("sub", ["--subdir", "-f"], 0), (".", [], 0)],
    "excluding": [(".", ["--no-scm", "--subdir"], 255)],
    "a named folder": [(".", ["sub"], 1), (".", ["--subdir", "sub"], 0), (".", ["--no-scm", "새 폴더/x"], 0)],
    "again": [(".", [], 0), (".", ["-f"], 0), (".", ["-f", "--no-scm"], 0)],
}


def shape(folder: Path) -> dict[str, bytes]:
    """What an init makes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith(".git/") and ".dvc/tmp/" not in f"/{name}":
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Exit codes, files and what is staged are those of the real dvc."""
    for name in ("ours", "theirs"):
        (tmp_path / name / "sub").mkdir(parents=True)
        if form != "without git":
            subprocess.run(["git", "init", "-q", str(tmp_path / name)], check=True)
    for place, line, code in FORMS[form]:
        ours = madang(tmp_path / "ours" / place, "init", "-q", *line)
        theirs = dvc(tmp_path / "theirs" / place, "init", "-q", *line)
        assert (ours.code, theirs.code) == (code, code), (line, ours.err + theirs.err)
        assert shape(tmp_path / "ours") == shape(tmp_path / "theirs"), line
        assert dvc(tmp_path / "ours" / place, "root").code in (0, 253)
        staged = [
            subprocess.run(["git", "-C", str(tmp_path / name), "status", "--short"], capture_output=True, check=False)
            for name in ("ours", "theirs")
        ]
        assert staged[0].stdout == staged[1].stdout, line


def test_begin_again_keeps_objects(root: Path, madang: Tool) -> None:
    """--force makes new settings; the objects of the cache, and files that were replaced, stay."""
    make(root, {"data": b"1"})
    assert madang(root, "add", "data").code == 0
    assert madang(root, "config", "--local", "core.remote", "x").code == 0
    (root / "data").write_bytes(b"unsaved")
    assert madang(root, "checkout", "-f").code == 0
    before = objects(root / ".dvc" / "cache")
    assert madang(root, "init", "-f").code == 0
    assert objects(root / ".dvc" / "cache") == before
    assert not (root / ".dvc" / "config.local").exists()
    assert madang(root, "undo").code == 0
    assert (root / "data").read_bytes() == b"unsaved"
