"""Diffs of source files as people read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.domain import code_changes, patches
from madang.domain.code_changes import hunks
from madang.services.comparing.code_changes import CodeComparison
from madang.services.reader import LocalReader
from madang.testing.project import Project
from madang.wiring import local_user, open_store


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty repository."""
    return Project(tmp_path / "저장소", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "lines", "counts"),
    [
        (b"a\nb\n", b"a\nc\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"], (1, 1)),
        (None, b"a\n", ["@@ -0,0 +1 @@", "+a"], (1, 0)),
        (b"a\n", None, ["@@ -1 +0,0 @@", "-a"], (0, 1)),
        (b"", b"", [], (0, 0)),
        ("가\n".encode(), b"\xff\n", ["@@ -1 +1 @@", "-가", "+\N{REPLACEMENT CHARACTER}"], (1, 1)),
        (b"--- x\n", b"+++ y\n", ["@@ -1 +1 @@", "---- x", "++++ y"], (1, 1)),
    ],
)
def test_changed_lines(old: bytes | None, new: bytes | None, lines: list[str], counts: tuple[int, int]) -> None:
    """Hunks of a unified diff without its header, and how many lines came and went."""
    assert hunks(old, new) == ("\n".join(lines), *counts, "")


def test_what_is_no_text_or_too_long_has_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Binary files and very long ones are named, not shown."""
    assert hunks(b"\0", b"x") == ("", 0, 0, "binary")
    monkeypatch.setattr(code_changes, "MAX_LINES", 3)
    assert hunks(b"a\nb\n", b"a\nc\n") == ("", 0, 0, "too long")


def test_the_files_of_a_recorded_diff(project: Project) -> None:
    """A diff of git is taken apart by its files, whatever their names, and can be turned round."""
    names = ["a.py", "빈 칸/b c.txt", 'q"uote.md', "old.bin"]
    project.commit(dict.fromkeys(names, "one\ntwo\nthree\n"))
    project.write(dict.fromkeys(names[:3], "one\n2\nthree\n--- x\n"))
    (project.root / "old.bin").write_bytes(b"\0\1")
    for quoting in ("true", "false"):
        patch = project.git(
            "-c", f"core.quotePath={quoting}", "diff", "--no-renames", "--binary", "--full-index"
        ).encode()
        found = patches.sections(patch)
        assert sorted(found) == sorted(names)
        assert patches.hunks_of(found["old.bin"]) == b""
        for name in names[:3]:
            hunks = patches.hunks_of(found[name])
            assert hunks.splitlines()[0].startswith(b"@@ -1,3 +1,4 @@")
            assert hunks.splitlines()[1:] == [b" one", b"-two", b"+2", b" three", b"+--- x"]
            assert patches.turned(hunks).splitlines()[1:] == [b" one", b"+two", b"-2", b" three", b"---- x"]
            assert patches.turned(patches.turned(hunks)) == hunks
            assert patches.shown_after(hunks) == b"one\n2\nthree\n--- x"


def test_a_hub_compares_runs_of_one_commit(project: Project) -> None:
    """Where there is no repository, what runs of one commit had not committed tells how their code differs."""
    project.commit({"train.py": "x = 1\n", "other.py": "a\n", ".gitignore": "metrics.json\n"})
    first = project.run("--", "true")
    project.write({"train.py": "x = 2\n", "새.py": "y\n"})
    second = project.run("--", "true")
    project.write({"train.py": "x = 3\n", "other.py": "b\n"})
    third = project.run("--", "true")
    project.commit()
    engine = open_store(str(project.root))
    try:
        hub = CodeComparison(lambda who: LocalReader(who, engine), None)
        found = hub.compare(local_user(), first, second)
        shown = {one.path: (one.change, one.diff.splitlines()[1:]) for one in found.files}
        assert shown == {"train.py": ("~", ["-x = 1", "+x = 2"]), "새.py": ("+", ["+y"])}
        back = {
            one.path: (one.change, one.added, one.removed) for one in hub.compare(local_user(), second, first).files
        }
        assert back == {"train.py": ("~", 1, 1), "새.py": ("-", 0, 1)}
        last = {one.path: one.diff.splitlines()[1:] for one in hub.compare(local_user(), second, third).files}
        assert last == {"train.py": ["-x = 2", "+x = 3"], "other.py": ["-a", "+b"]}
        fourth = project.run("--", "true")
        assert "commits differ" in hub.compare(local_user(), first, fourth).reason
    finally:
        engine.close()
