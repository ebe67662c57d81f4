"""`madang doctor` says what is so, and exits 1 when something has to be looked after."""

from __future__ import annotations

import json
from pathlib import Path

from tests.data.helpers import Tool

from madang.workspace.data.repo.locks import exclusive
from madang.workspace.data.repo.repository import Repository


def test_facts(root: Path, repo: Repository, tmp_path: Path, madang: Tool) -> None:
    """Cache, links, lock, hooks and each remote are named; the answer is the same as JSON."""
    assert madang(root, "remote", "add", "-d", "store", str(tmp_path / "store")).code == 0
    found = json.loads(madang(root, "doctor", "--json").out)
    assert found["problems"] == []
    facts = found["facts"]
    assert "copy" in facts["Kinds of links that work"]
    assert facts["Lock"] == "free"
    assert facts["Remote store"].endswith("(answers, default)")
    assert str(root) in facts["Repository"]
    with exclusive(repo.tmp_dir):
        assert "Lock: held by process" in madang(root, "doctor", "--offline").out
    assert not any((root / ".dvc" / "cache").rglob("*")) or madang(root, "status").code == 0


def test_problems(root: Path, tmp_path: Path, madang: Tool) -> None:
    """A remote that cannot be opened, a default that is none and a kind of lock that is not taken are problems."""
    (root / ".dvc" / "config").write_text(
        "[core]\n    remote = nobody\n    hardlink_lock = true\n['remote \"x\"']\n    url = gdrive://folder\n"
    )
    answer = madang(root, "doctor")
    assert answer.code == 1
    assert answer.out.count("problem: ") == 3


def test_outside(tmp_path: Path, madang: Tool) -> None:
    """Outside a repository the machine alone is described."""
    assert madang(tmp_path, "doctor").code == 0
    assert madang(tmp_path, "version").out.startswith("madang version: ")
