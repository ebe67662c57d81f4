"""`madang destroy` removes the data repository and leaves every file of the workspace whole."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

FILES = {"a": b"one", "d/x": b"two", "d/sub/y": b"", "own": b"mine"}
PIPELINE = b"stages:\n  one:\n    cmd: cp a b\n    deps: [a]\n    outs: [b]\n"


@pytest.fixture
def tracked(root: Path, madang: Tool) -> Path:
    """A repository with data, a pipeline and links into its cache."""
    make(root, {**FILES, "dvc.yaml": PIPELINE, "b": b"one"})
    assert madang(root, "config", "cache.type", "symlink").code == 0
    assert madang(root, "add", "a", "d").code == 0
    assert madang(root, "commit", "-f").code == 0
    assert (root / "a").is_symlink()
    return root


def test_files_stay_and_the_rest_goes(tracked: Path, madang: Tool) -> None:
    """Links become files of their own before the cache goes; records, .dvc and .dvcignore are gone after."""
    answer = madang(tracked, "destroy", "--force")
    assert answer.code == 0
    assert read(tracked).items() >= {**FILES, "b": b"one"}.items()
    assert not any(path.is_symlink() for path in tracked.rglob("*"))
    left = {path.name for path in tracked.iterdir()}
    assert left == {"a", "b", "d", "own", ".git", ".gitignore"}
    assert madang(tracked, "status").code == 253


def test_nobody_agreed(tracked: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --force it tells what goes and asks; without an answer nothing is touched."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = read(tracked)
    answer = madang(tracked, "destroy")
    assert answer.code == 1
    assert "bytes" in answer.err
    assert read(tracked) == before


def test_a_lost_object_stops_it(tracked: Path, madang: Tool) -> None:
    """A link whose object is gone cannot become a file, so nothing is removed."""
    (tracked / "a").resolve().unlink()
    answer = madang(tracked, "destroy", "--force")
    assert answer.code != 0
    assert (tracked / "a.dvc").exists()
    assert (tracked / ".dvc" / "config").exists()


def test_dvc_destroys_the_same(tracked: Path, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """What is left is what the real dvc leaves."""
    other = tmp_path / "theirs"
    shutil.copytree(tracked, other)
    done = dvc(other, "destroy", "--force")
    assert done.code == 0, done.err
    assert madang(tracked, "destroy", "--force", "--json").code == 0
    names = [
        sorted(str(path.relative_to(top)) for path in top.rglob("*") if ".git/" not in str(path))
        for top in (other, tracked)
    ]
    assert names[0] == names[1]
