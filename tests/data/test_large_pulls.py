"""A pull of a large file that is stopped at any moment, meets a full disk or a user, or another pull, does no harm.

The file's copy for the workspace is made while its object comes, or stays behind it and is completed by checkout.
``pytest tests/data/test_large_pulls.py --kills 180`` does it at each single operation.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.data import knobs
from tests.data.helpers import Tool, make, read

from madang.workspace.data.files import applying
from madang.workspace.data.objects import early_copies
from madang.workspace.data.objects.copying import go_on
from madang.workspace.data.objects.state import FileKey
from madang.workspace.data.repo.initializing import initialize

BODY = os.urandom(knobs.LARGE + 5)
FOLDER = {"d/a": b"a", "d/large": os.urandom(knobs.LARGE + 5)}
CONFIG = "[core]\n    remote = r\n['remote \"r\"']\n    url = ../../store\n"
HERE = Path(__file__).parent
PROGRAM = f"""
import runpy, sys
sys.path.insert(0, {str(HERE.parents[1])!r})
from tests.data import knobs
import madang.cli.pull, madang.workspace.data.files.early_checkout, madang.workspace.data.remotes.transfer
knobs.lower(int(sys.argv.pop(1)))
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.fixture(params=[knobs.ENOUGH, knobs.LARGE // 2], ids=["at once", "behind"])
def room(request: pytest.FixtureRequest) -> int:
    """Bytes of the workspace's copy that are made while the object comes."""
    return int(request.param)


@pytest.fixture
def template(tmp_path: Path, madang: Tool) -> Path:
    """A folder with a repository whose data is in its remote only: a large file, and one in a folder."""
    folder = tmp_path / "template"
    repo = folder / "repo"
    repo.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--template=", str(repo)], check=True)
    initialize(str(repo))
    (repo / ".dvc" / "config").write_text(CONFIG)
    make(repo, {"large": BODY, **FOLDER})
    assert madang(repo, "add", "large", "d").code == 0
    assert madang(repo, "push").code == 0
    (repo / "large").unlink()
    shutil.rmtree(repo / "d")
    shutil.rmtree(repo / ".dvc" / "cache")
    return folder


def run(template: Path, room: int, driver: str, *arguments: str) -> dict[Path, int]:
    """Have a pull disturbed many times. Returns its exit codes by folder."""
    target = template.parent / "runs"
    command = [sys.executable, "-c", PROGRAM, str(room), str(HERE / driver), str(template), str(target), *arguments]
    done = subprocess.run([*command, "pull"], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines() if line and line[0].isdigit() and line.count(" ") == 1]
    assert lines, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return {target / number: int(code) for number, code in lines if code != "99"}


def numbers(room: int, pytestconfig: pytest.Config) -> tuple[str, str]:
    """At which operation to begin, and how many to go on: others for a copy that stays behind."""
    step = max(1, 180 // int(pytestconfig.getoption("kills")))
    return str(1 if room == knobs.ENOUGH else 1 + step // 2), str(step)


def check(folder: Path, madang: Tool) -> None:
    """What is there is right, and the rest is missed; objects are whole."""
    repo = folder / "repo"
    for path in repo.glob(".dvc/cache/files/md5/??/*"):
        assert hashlib.md5(path.read_bytes()).hexdigest() == (path.parent.name + path.name).removesuffix(".dir")
    files = {"large": BODY, **FOLDER}
    there = [name for name in files if (repo / name).exists()]
    assert all((repo / name).read_bytes() == files[name] for name in there)
    if len(there) < len(files):
        assert madang(repo, "status", "-q").code == 1


def check_next(folder: Path, madang: Tool) -> None:
    """The next pull completes the work, and nothing lies about."""
    repo = folder / "repo"
    answer = madang(repo, "pull")
    assert answer.code == 0, answer.err
    assert (repo / "large").read_bytes() == BODY
    assert read(repo / "d") == {name[2:]: body for name, body in FOLDER.items()}
    assert madang(repo, "status", "-q").code == 0
    assert not left_aside(repo)


def left_aside(repo: Path) -> list[Path]:
    """Files that wait for a name."""
    return [path for path in repo.glob(".dvc/**/.incoming/*") if path.name != "in-use"]  # a lock of the cache


@pytest.mark.parametrize("signal", ["KILL", "INT"])
def test_stopped_at_any_moment(
    template: Path, room: int, madang: Tool, signal: str, pytestconfig: pytest.Config
) -> None:
    """Whatever is there is whole, and the next pull ends as if nothing had been."""
    kills = int(pytestconfig.getoption("kills")) // (2 if signal == "KILL" else 3)
    codes = run(template, room, "kill_driver.py", signal, str(kills), str(room % 1009))
    assert set(codes.values()) <= ({0, -9} if signal == "KILL" else {0, 130, 252})
    for folder in codes:
        check(folder, madang)
        check_next(folder, madang)


@pytest.mark.parametrize("mode", ["kill", "filled"])
def test_at_each_operation(template: Path, room: int, madang: Tool, mode: str, pytestconfig: pytest.Config) -> None:
    """The same where the process dies at one of the operations, or the disk is full from then on."""
    for folder, code in run(template, room, "crash_driver.py", mode, *numbers(room, pytestconfig)).items():
        assert code == 137 or mode != "kill", (folder, code)
        assert code != 0 or (folder / "repo" / "large").exists()
        check(folder, madang)
        check_next(folder, madang)


def test_a_user_writes_meanwhile(template: Path, room: int, madang: Tool, pytestconfig: pytest.Config) -> None:
    """What the user wrote stays, is told as a change, and is not replaced by the next pull either."""
    for folder in run(template, room, "crash_driver.py", "user", *numbers(room, pytestconfig)):
        repo = folder / "repo"
        mine = (repo / "large").read_bytes()
        assert mine in (b"X", b"X" + BODY[1:]), folder
        assert not left_aside(repo)
        assert madang(repo, "status", "-q").code == 1
        assert madang(repo, "pull").code == 1
        assert (repo / "large").read_bytes() == mine


def test_two_pulls_at_once(template: Path, room: int, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins while the other's object comes brings the file; the other finds it there."""
    repo, codes = template / "repo", list[int]()
    knobs.lower(room, monkeypatch.setattr)

    class Passed(early_copies.EarlyCopy):
        def end(self, *, is_good: bool) -> None:
            codes.append(pull_beside(repo).returncode)
            super().end(is_good=is_good)

    monkeypatch.setattr(early_copies, "EarlyCopy", Passed)
    check_next(template, madang)
    assert codes == [0, 0]


def test_a_pull_while_another_completes_a_file(template: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes later says that the file is in use; it makes none, and takes none away."""
    repo, said = template / "repo", list[str]()
    knobs.lower(0, monkeypatch.setattr)

    def passed(source: str, target: str, start: int) -> FileKey:
        if not said:
            said.append(pull_beside(repo).stderr)
        return go_on(source, target, start)

    monkeypatch.setattr(applying, "go_on", passed)
    check_next(template, madang)
    assert f"process {os.getpid()}" in said[0]


def pull_beside(repo: Path) -> subprocess.CompletedProcess[str]:
    """A pull by another process."""
    return subprocess.run(
        [sys.executable, "-m", "madang", "pull"], cwd=repo, check=False, capture_output=True, text=True
    )
