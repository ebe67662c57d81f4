"""The data commands as they are typed: help, JSON, messages, progress."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make

from madang.cli import progress

COMMANDS = ["init", "add", "status", "checkout", "push", "fetch", "pull", "remote"]
REMOTE_COMMANDS = ["add", "default", "modify", "list", "remove", "rename"]


@pytest.mark.parametrize("command", [[name] for name in COMMANDS] + [["remote", name] for name in REMOTE_COMMANDS])
def test_help_has_examples(tmp_path: Path, madang: Tool, command: list[str]) -> None:
    """Each command says what it does and shows it, one example a line."""
    answer = madang(tmp_path, *command, "--help")
    assert answer.code == 0
    _, _, examples = answer.out.partition("Examples:\n")
    assert "madang" in examples.splitlines()[0]


def test_json_of_every_command(root: Path, tmp_path: Path, madang: Tool) -> None:
    """What a command prints as JSON is one document on standard output, and nothing else is there."""
    make(root, {"d/a": b"a", "s": b"s"})
    added = json.loads(madang(root, "add", "d", "s", "--json").out)
    assert [(entry["path"], entry["size"], entry["nfiles"]) for entry in added] == [("d", 1, 1), ("s", 1, None)]
    assert madang(root, "remote", "add", "-d", "r", str(tmp_path / "store")).code == 0
    assert json.loads(madang(root, "remote", "list", "--json").out) == [
        {"name": "r", "url": str(tmp_path / "store"), "default": True}
    ]
    assert json.loads(madang(root, "status", "-c", "--json").out) == {"d": "new", "d/a": "new", "s": "new"}
    assert json.loads(madang(root, "push", "--json").out) == {"pushed": 3, "bytes": 63, "missing": [], "damaged": []}
    (root / ".dvc" / "cache").rename(tmp_path / "cache")
    assert json.loads(madang(root, "status", "--json").out)["s.dvc"] == [{"changed outs": {"s": "not in cache"}}]
    assert json.loads(madang(root, "fetch", "d", "--json").out)["fetched"] == 2
    (root / "s").unlink()
    pulled = json.loads(madang(root, "pull", "--json").out)
    assert (pulled["fetched"], pulled["added"]) == (1, ["s"])
    assert json.loads(madang(root, "checkout", "--json").out) == {"added": [], "modified": [], "deleted": []}


def test_quiet_commands_say_nothing(root: Path, tmp_path: Path, madang: Tool) -> None:
    """With --quiet there is no output but errors."""
    make(root, {"s": b"s"})
    assert madang(root, "remote", "add", "-q", "-d", "r", str(tmp_path / "store")).err == ""
    for line in ("init", "add s", "status", "push", "fetch", "pull", "checkout"):
        answer = madang(root, *line.split(), "-q")
        assert (answer.code, answer.out, answer.err) == (0, "", ""), line


def test_autostage(root: Path, madang: Tool, dvc: Tool) -> None:
    """With core.autostage the files that belong into git are staged."""
    make(root, {"s": b"s"})
    assert dvc(root, "config", "core.autostage", "true").code == 0
    assert madang(root, "add", "s").code == 0
    staged = subprocess.run(
        ["git", "diff", "--cached", "--name-only"], cwd=root, capture_output=True, text=True, check=True
    )
    assert {".gitignore", "s.dvc"} <= set(staged.stdout.split())


def test_globs(root: Path, madang: Tool) -> None:
    """Patterns are expanded by the command; one that matches nothing is an error."""
    make(root, {"d/1.csv": b"1", "d/deep/2.csv": b"2", "d/3.txt": b"3"})
    assert madang(root, "add", "--glob", "d/**/*.csv").code == 0
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.csv.dvc")) == [
        "d/1.csv.dvc",
        "d/deep/2.csv.dvc",
    ]
    assert madang(root, "add", "--glob", "*.nothing").code == 1


def test_commands_work_from_a_subfolder(root: Path, madang: Tool) -> None:
    """Paths are typed and shown as seen from the present folder."""
    make(root, {"sub/d/a": b"a", "top": b"t"})
    assert madang(root / "sub", "add", "d", "../top").code == 0
    (root / "sub" / "d" / "a").unlink()
    (root / "top").unlink()
    shown = json.loads(madang(root / "sub", "status", "--json").out)
    assert shown == {
        "d.dvc": [{"changed outs": {"d": "modified"}}],
        "../top.dvc": [{"changed outs": {"../top": "deleted"}}],
    }
    assert madang(root / "sub", "checkout", "d").code == 0
    assert not (root / "top").exists()
    assert madang(root, "checkout", "-R", "sub").code == 0
    assert madang(root, "status", "-q").code == 1


def test_progress_is_shown_after_a_second_only(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quick work shows nothing; slow work a line with part, rate and time left, and not one a unit."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with progress.progress(1000, "files", "adding") as advance:
        advance(10)
        now[0] += 0.5
        advance(10)
    assert capfd.readouterr().err == ""
    with progress.progress(4_000_000, "B", "adding x") as advance:
        for _ in range(40):
            now[0] += 0.5
            advance(50_000)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "adding x: 150 kB of 4.0 MB (3 %), 100 kB/s, 0:38 left"
    assert len(lines) == 2
    with progress.quiet(1, "files") as advance:
        now[0] += 50
        advance(1)
    assert capfd.readouterr().err == ""


def test_progress_in_a_terminal() -> None:
    """In a terminal a bar is drawn and removed again."""
    script = (
        "import os, pty, sys\n"
        "pid, master = pty.fork()\n"
        "if pid == 0:\n"
        "    from madang.cli import progress\n"
        "    progress.SHOW_AFTER = 0.0\n"
        "    with progress.progress(3, 'files', '추가 adding') as advance:\n"
        "        for _ in range(3): advance(1)\n"
        "    os._exit(0)\n"
        "text = b''\n"
        "while True:\n"
        "    try: part = os.read(master, 4096)\n"
        "    except OSError: break\n"
        "    if not part: break\n"
        "    text += part\n"
        "sys.stdout.buffer.write(text)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert "추가 adding" in done.stdout.decode()
    assert "3 files of 3 files" in done.stdout.decode()


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (0, "B", "0 B"),
        (999, "B", "999 B"),
        (1000, "B", "1.0 kB"),
        (123_456_789, "B", "123 MB"),
        (5e15, "B", "5000 TB"),
        (1234, "files", "1,234 files"),
    ],
)
def test_amounts(count: float, unit: str, text: str) -> None:
    """Numbers are shown as people write them."""
    assert progress.amount(count, unit) == text


def test_data_commands_start_light(root: Path) -> None:
    """A data command that moves nothing imports no store, no YAML library, no progress bar."""
    script = (
        "import sys\nfrom madang.cli.main import run\nrun(['status'])\n"
        "heavy = {'obstore', 'boto3', 'rich', 'ruamel', 'pathspec', 'asyncio', 'urllib3', 'concurrent.futures'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
