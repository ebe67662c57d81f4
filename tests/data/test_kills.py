"""Data commands that are killed, or interrupted by Ctrl-C, at random moments lose nothing and can be repeated.

``pytest tests/data/test_kills.py --kills 100`` does it a hundred times for each command.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

from madang.formats.dvc import listing
from madang.workspace.data.repo.initializing import initialize
from madang.workspace.data.repo.locks import PATIENCE

DATA = {f"d/{number:02}": b"%d" % number * 600 for number in range(20)} | {
    "d/같은 것/a": b"same",
    "d/같은 것/b": b"same",
    "d/empty": b"",
    "d/large": bytes(range(251)) * 5_000,
}
CHANGED = {f"d/{number:02}": b"changed %d" % number for number in range(0, 20, 3)} | {"d/large": b"L" * 1_200_000}
CONFIG = "[core]\n    remote = r\n['remote \"r\"']\n    url = ../../store\n"


@dataclass
class Scenario:
    """One command, what is there before it, and whether the workspace then is as recorded."""

    command: Sequence[str]
    prepare: Callable[[Path, Tool], None]
    config: str = ""
    is_clean: bool = True
    is_sound: bool = True  # no object is damaged before
    is_complete: bool = False  # the cache never holds a listing without its files
    is_once: bool = False  # a second time it has nothing to do, and says so by failing
    by_workers: bool = False  # forked processes do it


def nothing(repo: Path, madang: Tool) -> None:
    """Data that is not tracked yet."""


def added(repo: Path, madang: Tool) -> None:
    """Data in the cache."""
    assert madang(repo, "add", "d").code == 0


def pushed(repo: Path, madang: Tool) -> None:
    """Data in the remote alone, with its record."""
    added(repo, madang)
    assert madang(repo, "push").code == 0
    (repo / ".dvc" / "cache").rename(repo.parent / "old cache")
    (repo / "d").rename(repo.parent / "old data")


def two_versions(repo: Path, madang: Tool) -> None:
    """Two versions in the cache; the record names the first, the workspace holds the second."""
    added(repo, madang)
    first = (repo / "d.dvc").read_bytes()
    change(repo)
    added(repo, madang)
    (repo / "d.dvc").write_bytes(first)


def garbage(repo: Path, madang: Tool) -> None:
    """Two versions in the cache; the first is recorded nowhere."""
    added(repo, madang)
    change(repo)
    added(repo, madang)


def unsaved(repo: Path, madang: Tool) -> None:
    """Changes that no object holds."""
    added(repo, madang)
    change(repo)


def replaced(repo: Path, madang: Tool) -> None:
    """Changes that a forced checkout replaced."""
    unsaved(repo, madang)
    assert madang(repo, "checkout", "--force").code == 0


def sourced(repo: Path, madang: Tool) -> None:
    """Data elsewhere that is imported, to a place where there is other data that is saved nowhere."""
    make(repo.parent / "source", {name.removeprefix("d/"): body for name, body in DATA.items()})
    added(repo, madang)
    make(repo, {"e/mine": b"mine"})


def damaged(repo: Path, madang: Tool) -> None:
    """Objects that are damaged or gone; the remote and the workspace have them."""
    added(repo, madang)
    assert madang(repo, "push").code == 0
    for path in sorted((repo / ".dvc" / "cache" / "files" / "md5").glob("??/*"))[::3]:
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    (repo / "d" / "large").rename(repo.parent / "large")


def change(repo: Path) -> None:
    """Other bytes in some files, one file less, one more."""
    for name in CHANGED:
        (repo / name).unlink()
    make(repo, {**CHANGED, "d/new/one": b"new"})
    (repo / "d" / "01").unlink()


HARD = "[cache]\n    type = hardlink\n"
SCENARIOS = {
    "add": Scenario(["add", "d"], nothing, is_complete=True),
    "add with links": Scenario(["add", "d"], nothing, HARD),
    "add of a change": Scenario(["add", "d"], unsaved),
    "checkout": Scenario(["checkout"], two_versions),
    "checkout with links": Scenario(["checkout"], two_versions, HARD),
    "checkout by force": Scenario(["checkout", "--force"], unsaved),
    "push": Scenario(["push"], added),
    "fetch": Scenario(["fetch"], pushed, is_clean=False),
    "pull": Scenario(["pull"], pushed),
    "commit": Scenario(["commit", "--force", "d.dvc"], unsaved),
    "import": Scenario(["import-url", "--force", "../source", "e"], sourced),
    "remove": Scenario(["remove", "--outs", "d.dvc"], unsaved, is_once=True),
    "move": Scenario(["move", "d", "e"], added, is_once=True),
    "undo": Scenario(["undo"], replaced, is_clean=False, is_once=True),
    "repair": Scenario(["fsck", "--repair"], damaged, is_clean=False, is_sound=False),
    "gc": Scenario(["gc", "--workspace", "--force"], garbage, is_complete=True),
    "add by workers": Scenario(["add", "d"], unsaved, is_complete=True, by_workers=True),
    "checkout by workers": Scenario(["checkout"], two_versions, by_workers=True),
    "push by workers": Scenario(["push"], added, by_workers=True),
    "pull by workers": Scenario(["pull"], pushed, by_workers=True),
}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("signal", ["KILL", "INT"])
def test_stopped_at_any_moment(
    tmp_path: Path,
    madang: Tool,
    dvc: Tool,
    name: str,
    signal: str,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No byte of the user is lost, nothing lies about, and the command repeated ends where it would have ended."""
    monkeypatch.setenv(PATIENCE, "true")  # workers of what was killed hold its locks until they have ended their item
    scenario = SCENARIOS[name]
    template, runs = tmp_path / "template", tmp_path / "runs"
    repo = template / "repo"
    repo.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--template=", str(repo)], check=True)
    initialize(str(repo))
    (repo / ".dvc" / "config").write_text(CONFIG + scenario.config)
    make(repo, DATA)
    scenario.prepare(repo, madang)
    before = tree(repo)
    kept = {hashlib.md5(body).hexdigest() for path, body in before.items() if path.startswith(("d/", "e/"))}
    kills = int(pytestconfig.getoption("kills"))
    count = kills if signal == "KILL" else (kills + 1) // 2
    driver = Path(__file__).with_name("kill_driver.py")
    arguments = [str(template), str(runs), signal, str(count), str(len(name)), *scenario.command]
    command = [sys.executable, str(driver), *arguments]
    environment = os.environ | ({"WORKERS": "1"} if scenario.by_workers else {})
    ended = subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout
    codes = {line.split()[1] for line in ended.splitlines()}
    assert codes <= ({"0", "-9"} if signal == "KILL" else {"0", "130", "252"})
    done = tree(runs / "-1" / "repo")
    for number in range(count):
        folder = runs / str(number)
        here = tree(folder / "repo")
        assert here.keys() <= before.keys() | done.keys(), "a file lies about"
        assert kept <= everything(folder / "repo"), "bytes are lost"
        if scenario.is_sound:
            check_objects(folder / "repo" / ".dvc" / "cache", is_complete=scenario.is_complete)
        check_objects(folder / "store", is_complete=True)
        if not scenario.is_once or here != done:
            answer = madang(folder / "repo", *scenario.command)
            assert answer.code == 0, answer.err
            assert not [path for path in folder.rglob("repo/**/.incoming/*") if path.is_dir()]
            assert not [path for path in folder.rglob("store/.incoming/*/*") if path.is_file() and path.name != "lock"]
        assert tree(folder / "repo") == done
        assert kept <= everything(folder / "repo"), "bytes are lost by the repetition"
        if scenario.is_clean:
            assert madang(folder / "repo", "status", "-q").code == 0
            if number % 4 == 0:
                assert dvc(folder / "repo", "status", "-q").code == 0


def tree(repo: Path) -> dict[str, bytes]:
    """What the user sees: everything but git's, the objects, and what is on its way."""
    hidden = (".git/", ".dvc/tmp/", ".dvc/cache/files/", ".dvc/cache/.incoming/")
    return {name: body for name, body in read(repo).items() if not name.startswith(hidden)}


def everything(repo: Path) -> set[str]:
    """MD5 of all bytes that are anywhere below a repository."""
    return {hashlib.md5(body).hexdigest() for body in read(repo).values()}


def check_objects(store: Path, *, is_complete: bool = False) -> None:
    """Every object is whole, and (in a remote) a listing is there only with everything in it."""
    objects = {path.parent.name + path.name: path.read_bytes() for path in (store / "files" / "md5").glob("??/*")}
    for name, body in objects.items():
        assert hashlib.md5(body).hexdigest() == name[:32]
        if is_complete and name.endswith(".dir"):
            assert set(listing.decode(body, name).values()) <= objects.keys()
