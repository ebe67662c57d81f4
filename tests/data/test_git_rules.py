"""Git's ignore rules, asked about beside commands of git itself."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from madang.workspace.data.repo.gitrules import GitRules


def test_the_folder_decides_inside_a_hook_of_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook runs with GIT_DIR of its own repository; the rules are those of the repository that is asked about."""
    for name in ("ours", "theirs"):
        subprocess.run(["git", "init", "-q", str(tmp_path / name)], check=True)
    ours = tmp_path / "ours"
    (ours / ".git" / "info" / "exclude").write_text("hidden\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs" / ".git"))
    with closing(GitRules(str(ours))) as rules:
        assert rules.ignored([str(ours / "hidden"), str(ours / "seen")]) == [True, False]
