"""Commands that die, or meet a full disk, at each of their operations leave nothing half done, and can be repeated."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

from madang.formats.dvc import dvcfile, listing
from madang.workspace.data.repo.initializing import initialize

DATA = {"d/a": b"a" * 10, "d/b": b"b" * 3000, "d/한/c": b"", "d/한/e": b"a" * 10}
CHANGED = {"d/a": b"A" * 10, "d/new": b"n", "d/한/e": b"E"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository with data that is not tracked yet, and a remote."""
    folder = tmp_path / "template"
    repo = folder / "repo"
    repo.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--template=", str(repo)], check=True)
    initialize(str(repo))
    (repo / ".dvc" / "config").write_text("[core]\n    remote = r\n['remote \"r\"']\n    url = ../../store\n")
    make(repo, DATA)
    return folder


def run_all(template: Path, target: Path, mode: str, *command: str, step: int = 1) -> dict[Path, int]:
    """Run the command with a failure at each operation. Returns the exit code by folder."""
    target.mkdir()
    driver = Path(__file__).with_name("crash_driver.py")
    arguments = [sys.executable, str(driver), str(template), str(target), mode, "1", str(step), *command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines() if line and line[0].isdigit() and line.count(" ") == 1]
    assert len(lines) > 3, done.stderr
    assert lines[-1][1] == "99"
    assert mode != "kill" or all(code == "137" for _, code in lines[:-1])
    return {target / number: int(code) for number, code in lines[:-1]}


def check_store(store: Path) -> set[str]:
    """Every object is what its name says, and a listing is there only with everything in it. Returns the names."""
    names = set()
    for path in (store / "files" / "md5").glob("??/*"):
        name = path.parent.name + path.name
        assert hashlib.md5(path.read_bytes()).hexdigest() == name[:32]
        names.add(name)
    for name in names:
        if name.endswith(".dir"):
            body = (store / "files" / "md5" / name[:2] / name[2:]).read_bytes()
            assert set(listing.decode(body, name).values()) <= names
    return names


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_add(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """The data is untouched, the cache sound, the .dvc file absent or complete; the next add completes the work."""
    for folder in run_all(template, tmp_path / "runs", mode, "add", "d", step=7 if mode == "kill" else 11):
        repo = folder / "repo"
        assert read(repo / "d") == {name[2:]: body for name, body in DATA.items()}
        names = check_store(repo / ".dvc" / "cache")
        if (repo / "d.dvc").exists():
            (entry,) = dvcfile.parse((repo / "d.dvc").read_text(), "d.dvc").outs
            assert entry.md5 in names
        assert madang(repo, "add", "d").code == 0
        assert madang(repo, "status", "-q").code == 0
        assert "/d\n" in (repo / ".gitignore").read_text()
        assert {path.name for path in (repo / ".dvc" / "cache" / ".incoming").iterdir()} == {"in-use"}
        assert not list(repo.glob(".*.madang"))


@pytest.mark.parametrize("mode", ["kill", "full"])
@pytest.mark.parametrize("kind", ["copy", "hardlink", "symlink"])
def test_checkout(template: Path, tmp_path: Path, madang: Tool, mode: str, kind: str) -> None:
    """Every file is the old one or the new one, whole; the next checkout brings the recorded state."""
    repo = template / "repo"
    with (repo / ".dvc" / "config").open("a") as file:
        file.write(f"[cache]\n    type = {kind}\n")
    assert madang(repo, "add", "d").code == 0
    old = (repo / "d.dvc").read_text()
    for name in CHANGED:
        (repo / name).unlink(missing_ok=True)
    make(repo, CHANGED)
    (repo / "d" / "b").unlink()
    assert madang(repo, "add", "d").code == 0
    changed = read(repo / "d")
    (repo / "d.dvc").write_text(old)
    expected = {name[2:]: body for name, body in DATA.items()}
    for folder in run_all(template, tmp_path / "runs", mode, "checkout", step=7 if kind == "copy" else 11):
        here = read(folder / "repo" / "d")
        for name, body in here.items():
            assert body in (expected.get(name), changed.get(name)), name
        assert madang(folder / "repo", "checkout").code == 0
        assert read(folder / "repo" / "d") == expected
        assert madang(folder / "repo", "status", "-q").code == 0


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_checkout_of_an_absent_folder(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """The folder appears whole or not at all."""
    repo = template / "repo"
    assert madang(repo, "add", "d").code == 0
    (repo / "d").rename(tmp_path / "away")
    expected = {name[2:]: body for name, body in DATA.items()}
    for folder in run_all(template, tmp_path / "runs", mode, "checkout", step=5):
        if (folder / "repo" / "d").exists():
            assert read(folder / "repo" / "d") == expected
        assert madang(folder / "repo", "checkout").code == 0
        assert read(folder / "repo" / "d") == expected


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_push_and_pull(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """Remote and cache hold whole objects only, a listing after its files; the next command completes the work."""
    repo = template / "repo"
    assert madang(repo, "add", "d").code == 0
    for folder in run_all(template, tmp_path / "pushes", mode, "push", step=13):
        check_store(folder / "store")
        assert madang(folder / "repo", "push").code == 0
        assert len(check_store(folder / "store")) == 4
    assert madang(repo, "push").code == 0
    (repo / "d").rename(tmp_path / "away")
    (repo / ".dvc" / "cache").rename(tmp_path / "cache away")
    for folder in run_all(template, tmp_path / "pulls", mode, "pull", step=13):
        for path in (folder / "repo" / ".dvc" / "cache").glob("files/md5/??/*"):
            assert hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.name.removesuffix(".dir")
        assert madang(folder / "repo", "pull").code == 0
        assert read(folder / "repo" / "d") == {name[2:]: body for name, body in DATA.items()}


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_add_with_links(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """Nothing but the data lies in the user's folder, whenever a file is being replaced by a link."""
    repo = template / "repo"
    with (repo / ".dvc" / "config").open("a") as file:
        file.write("[cache]\n    type = hardlink\n")
    expected = {name[2:]: body for name, body in DATA.items()}
    for folder in run_all(template, tmp_path / "runs", mode, "add", "d", step=11 if mode == "kill" else 17):
        assert read(folder / "repo" / "d") == expected
        assert madang(folder / "repo", "add", "d").code == 0
        assert madang(folder / "repo", "status", "-q").code == 0


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_gc(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """A listing goes before what it names; the next collection removes the rest, and nothing that is needed."""
    repo = template / "repo"
    assert madang(repo, "add", "d").code == 0
    make(repo, CHANGED)
    assert madang(repo, "add", "d").code == 0
    for folder in run_all(template, tmp_path / "runs", mode, "gc", "-w", "-f", step=5 if mode == "kill" else 3):
        check_store(folder / "repo" / ".dvc" / "cache")
        assert madang(folder / "repo", "gc", "-w", "-f").code == 0
        assert len(check_store(folder / "repo" / ".dvc" / "cache")) == 6
        assert madang(folder / "repo", "status", "-q").code == 0
