"""Ctrl-C while a folder is checked out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

from madang.workspace.data.files import links
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.repo.repository import Repository


@pytest.mark.parametrize("count", [40, 400])
def test_the_next_one_goes_on(
    repo: Repository, root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """What was made is in the workspace, whole; the next checkout makes the others and reads none of what is there."""
    files = {f"d/{number % 7}/{number:03}": b"%d" % number * 50 for number in range(count)}
    make(root, files)
    assert madang(root, "add", "d").code == 0
    (root / "d").rename(root.parent / "away")
    monkeypatch.setattr(repo, "_cache_dir", str(root / ".dvc" / "cache"))
    made = 0
    original = links.Linker.make

    def stopping(self: links.Linker, source: str, target: str) -> object:
        nonlocal made
        made += 1
        if made == count // 2:
            Path(target).write_bytes(b"half")
            raise KeyboardInterrupt
        return original(self, source, target)

    with monkeypatch.context() as patch:
        patch.setattr(links.Linker, "make", stopping)
        with pytest.raises(KeyboardInterrupt):
            checkout(repo, resolve(repo, []))
    here = read(root / "d")
    assert 0 < len(here) < count
    assert all(files[f"d/{name}"] == body for name, body in here.items())

    def refuse(path: str, *rest: object, **others: object) -> None:
        raise AssertionError(f"{path} was read")

    with monkeypatch.context() as patch:
        patch.setattr("madang.workspace.data.files.folding.hash_file", refuse)
        made = -1000
        patch.setattr(links.Linker, "make", stopping)
        checkout(repo, resolve(repo, []))
        assert made == len(files) - len(here) - 1000
    assert read(root / "d") == {name[2:]: body for name, body in files.items()}
    assert madang(root, "status", "-q").code == 0
