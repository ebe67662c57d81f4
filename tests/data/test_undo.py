"""``madang undo``: whatever a forced command replaced comes back, and that can be taken back too."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

from madang.errors import Conflict, Refused
from madang.formats.dvc.ignore import FILE_NAME
from madang.workspace.data.files import applying, undoing
from madang.workspace.data.files.adding import add
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.repo.repository import Repository

RECORDED = {"d/a": b"a", "d/sub/b": b"b", "s": b"single"}
MINE = {"d/a": b"mine", "d/sub/b": b"b", "d/한글 새 것": b"new", "s": b"my own"}


@pytest.fixture
def replaced(repo: Repository, root: Path) -> Path:
    """A repository in which a forced checkout has just replaced changes of the user."""
    make(root, RECORDED)
    add(repo, ["d", "s"])
    make(root, MINE)
    checkout(repo, resolve(repo, []), force=True)
    assert data(root) == RECORDED
    return root


def data(root: Path) -> dict[str, bytes]:
    """The tracked data of the workspace."""
    return {name: body for name, body in read(root).items() if name == "s" or name.startswith("d/")}


def test_undo_and_redo(replaced: Path, madang: Tool) -> None:
    """Each undo swaps the two states, however often; the list says what is kept, how large and by which command."""
    listed = json.loads(madang(replaced, "undo", "--list", "--json").out)
    assert [(entry["command"], entry["files"], entry["size"]) for entry in listed] == [("checkout --force", 3, 13)]
    assert set(listed[0]["paths"]) == {"d/a", "d/한글 새 것", "s"}
    for expected in (MINE, RECORDED, MINE, RECORDED):
        assert madang(replaced, "undo").code == 0
        assert data(replaced) == expected
        assert len(json.loads(madang(replaced, "undo", "--list", "--json").out)) == 1
    assert "replaced by" in madang(replaced, "undo", "--list").out


def test_an_older_entry(replaced: Path, madang: Tool) -> None:
    """A number chooses the entry; what it replaces in its turn is kept; one that is not there is named."""
    make(replaced, {"s": b"third"})
    assert madang(replaced, "checkout", "-f", "s").code == 0
    assert madang(replaced, "undo", "2").code == 0
    assert data(replaced) == MINE
    assert madang(replaced, "undo", "2").code == 0
    assert (replaced / "s").read_bytes() == b"third"
    answer = madang(replaced, "undo", "7")
    assert answer.code == 1
    assert "There is no entry 7" in answer.err


def test_nothing_to_undo(root: Path, madang: Tool) -> None:
    """Without an entry the command says so and fails."""
    assert madang(root, "undo").code == 1
    assert madang(root, "undo", "--list", "--json").out == "[]\n"


def test_an_undo_that_was_killed_goes_on(replaced: Path, repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before any of its moves, the next undo ends where the first would have; later changes are kept too."""
    moves = 0
    limit = 0
    move = undoing._move

    def stop_at(source: str, target: str) -> None:
        nonlocal moves
        moves += 1
        if moves == limit:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(undoing, "_move", stop_at)
    expected = [MINE, RECORDED]
    for turn, limit in enumerate((1, 3, 4, 5, 2)):
        moves = 0
        with pytest.raises(KeyboardInterrupt):
            undoing.undo(repo)
        if limit == 2:
            make(replaced, {"d/a": b"made meanwhile"})
        undoing.undo(repo)
        assert data(replaced) == expected[turn % 2]
    kept = {path.read_bytes() for path in Path(undoing.folder_of(repo)).rglob("*") if path.is_file()}
    assert b"made meanwhile" in kept


def test_what_the_walk_does_not_see_is_kept_too(repo: Repository, root: Path, tmp_path: Path) -> None:
    """An ignored file and a link to a folder that stand in the way are refused, or kept by force, never followed."""
    make(root, {"d/a.tmp": b"recorded", "d/sub/x": b"x"})
    add(repo, ["d"])
    (root / FILE_NAME).write_text("*.tmp\n")
    (root / "d" / "a.tmp").write_bytes(b"ignored, mine")
    (root / "d" / "sub" / "x").unlink()
    (root / "d" / "sub").rmdir()
    make(tmp_path / "elsewhere", {"x": b"not yours"})
    (root / "d" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match=r"d/a\.tmp"):
        checkout(repo, resolve(repo, []))
    assert (root / "d" / "a.tmp").read_bytes() == b"ignored, mine"
    checkout(repo, resolve(repo, []), force=True)
    assert read(root / "d") == {"a.tmp": b"recorded", "sub/x": b"x"}
    undoing.undo(repo)
    assert (root / "d" / "a.tmp").read_bytes() == b"ignored, mine"
    assert os.readlink(root / "d" / "sub") == str(tmp_path / "elsewhere")
    assert read(tmp_path / "elsewhere") == {"x": b"not yours"}


def test_what_cannot_be_restored_is_not_taken_away(replaced: Path, repo: Repository) -> None:
    """A forced checkout of data whose object is missing leaves the changed file where it is."""
    make(replaced, {"s": b"mine again"})
    out = next(target.out for target in resolve(repo, ["s"]))
    os.unlink(repo.cache.path(out.md5 or ""))
    report = checkout(repo, resolve(repo, ["s"]), force=True)
    assert report.missing == [str(replaced / "s")]
    assert (replaced / "s").read_bytes() == b"mine again"


def test_a_file_that_changes_during_a_checkout(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes written between the look and the replacement are not lost: the command fails, repeated it refuses."""
    make(root, RECORDED)
    add(repo, ["d", "s"])
    make(root, {"d/a": b"saved", "s": b"saved"})
    old = {name: (root / name).read_text() for name in ("d.dvc", "s.dvc")}
    add(repo, ["d", "s"])
    for name, text in old.items():
        (root / name).write_text(text)
    make_files = applying._make_files

    def write_then_make(*args: object) -> object:
        make(root, {"d/a": b"just now", "s": b"just now"})
        return make_files(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(applying, "_make_files", write_then_make)
    with pytest.raises(Conflict, match="was changed while"):
        checkout(repo, resolve(repo, []))
    monkeypatch.undo()
    assert (root / "d" / "a").read_bytes() == b"just now"
    with pytest.raises(Refused):
        checkout(repo, resolve(repo, []))


def test_other_disks(replaced: Path, repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that lies on another disk than .dvc is copied aside, then removed."""
    rename = os.rename

    def refuse(source: str, target: str) -> None:
        if "/files/" in target and not source.endswith(".part"):
            raise OSError(18, "Invalid cross-device link")
        rename(source, target)

    make(replaced, {"d/sub/deep/c": b"c", "s": b"mine"})
    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(undoing, "_is_one_disk", lambda source, target: False)
    undoing.keep(repo, [str(replaced / "d"), str(replaced / "s")], "test")
    assert data(replaced) == {}
    monkeypatch.undo()
    undoing.undo(repo)
    assert data(replaced) == {"d/a": b"a", "d/sub/b": b"b", "d/sub/deep/c": b"c", "s": b"mine"}


def test_copies_that_replace(root: Path, tmp_path: Path, madang: Tool) -> None:
    """What get, get-url and import replace by force comes back too; each entry names its command."""
    other = tmp_path / "other"
    make(other, {"x": b"theirs"})
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    assert madang(other, "init").code == 0
    assert madang(other, "add", "x").code == 0
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(other), *who, "commit", "-qam", "x"], check=True)
    subprocess.run(["git", "-C", str(other), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(other), *who, "commit", "-qm", "x"], check=True)
    commands = [["get", str(other), "x"], ["get-url", str(other / "x")], ["import-url", str(other / "x")]]
    for command in commands:
        for mine in ({"x": b"mine"}, {"x/1": b"mine", "x/2": b"also mine"}):
            make(root, mine)
            assert madang(root, *command).code != 0
            assert madang(root, *command, "--force").code == 0
            assert (root / "x").read_bytes() == b"theirs"
            (newest, *_) = json.loads(madang(root, "undo", "--list", "--json").out)
            assert newest["command"] == f"{command[0]} --force"
            assert madang(root, "undo").code == 0
            assert {name: body for name, body in read(root).items() if name.split("/")[0] == "x"} == mine
            for name in mine:
                (root / name).unlink()
            if (root / "x").is_dir():
                (root / "x").rmdir()
        (root / "x.dvc").unlink(missing_ok=True)


def test_a_copy_outside_of_any_repository(tmp_path: Path, madang: Tool) -> None:
    """There a forced copy replaces a folder when the new stands ready, and leaves nothing else behind."""
    make(tmp_path, {"source/x": b"theirs", "target/source/y": b"mine"})
    assert madang(tmp_path / "target", "get-url", "../source", "--force").code == 0
    assert read(tmp_path / "target") == {"source/x": b"theirs"}
