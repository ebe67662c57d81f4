"""Tracked data in a workspace: nothing is lost, nothing wrong is restored, nothing is read twice."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tests.data.helpers import ODD, Tool, make, read

from madang import staging
from madang.errors import Conflict, CorruptData, Incompatible, MadangError, NotFound, Refused
from madang.formats.dvc import dvcfile, listing
from madang.formats.dvc.dvcfile import Content
from madang.workspace import tracked_files
from madang.workspace.data.files.adding import Manner, add
from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
from madang.workspace.data.files.comparing import changes
from madang.workspace.data.objects import reading
from madang.workspace.data.records.outs import resolve, tracked
from madang.workspace.data.repo.repository import Repository, on_network


def states(repo: Repository) -> dict[str, str]:
    """State by path, as status shows it."""
    return {repo.relative(change.out.path): change.state for change in changes(repo, resolve(repo, []))}


def settle() -> None:
    """Let the clock move on, so that what was just written counts as unchanged afterwards."""
    time.sleep(0.05)


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, reading a file to hash it is a failure of the test."""

    def refuse(path: str, *rest: object, **others: object) -> None:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("madang.workspace.data.objects.cache.hash_file", refuse)
    monkeypatch.setattr("madang.workspace.data.files.folding.hash_file", refuse)


def damage(path: Path, body: bytes) -> None:
    """Change an object behind madang's back."""
    path.chmod(0o644)
    path.write_bytes(body)
    path.chmod(0o444)


def test_what_did_not_change_is_not_read(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an add, status, add and checkout read no file again; after a change only that file is read."""
    make(root, {"d/a": b"a", "d/sub/b": b"b", "s": b"s"})
    settle()
    add(repo, ["d", "s"])
    settle()
    assert states(repo) == {}
    checkout(repo, resolve(repo, []))
    with monkeypatch.context() as patch:
        forbid_reading(patch)
        assert states(repo) == {}
        add(repo, ["d", "s"])
        assert checkout(repo, resolve(repo, [])).modified == []
        (root / "d" / "a").write_bytes(b"A")
        with pytest.raises(AssertionError, match="d/a was read"):
            states(repo)
    assert states(repo) == {"d": "modified"}


def test_a_very_large_file_is_not_read_again(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that is a portion of its own is trusted like any other."""
    make(root, {"s": b"s" * 3_000_000})
    settle()
    with monkeypatch.context() as patch:
        patch.setattr(staging, "_PORTION_BYTES", 1 << 20)
        add(repo, ["s"])
    with monkeypatch.context() as patch:
        forbid_reading(patch)
        add(repo, ["s"])
        (root / "s").rename(root.parent / "away")
        checkout(repo, resolve(repo, []))


def test_a_change_that_keeps_size_and_mtime_is_seen(repo: Repository, root: Path) -> None:
    """Other bytes of the same length under the same mtime are a modification (the real dvc does not see it)."""
    path = root / "s"
    path.write_bytes(b"one")
    settle()
    add(repo, ["s"])
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert states(repo) == {"s": "modified"}


def test_a_change_right_after_the_add_is_seen(repo: Repository, root: Path) -> None:
    """Also within one tick of the clock, where no time stamp differs."""
    for number in range(30):
        path = root / f"f{number}"
        path.write_bytes(b"one")
        add(repo, [path.name])
        path.write_bytes(b"two")
        assert states(repo)[path.name] == "modified"


@pytest.mark.parametrize("how", ["missing", "garbage", "newer"])
def test_the_state_may_be_lost(repo: Repository, root: Path, how: str) -> None:
    """Without its database, or with a damaged one, everything is still right."""
    make(root / "d", {"a": b"a", "b": b"b"})
    add(repo, ["d"])
    repo.close()
    path = root / ".git" / "madang" / "state.db"
    assert path.exists()
    if how == "missing":
        path.unlink()
    elif how == "garbage":
        path.write_bytes(b"garbage" * 1000)
    else:
        subprocess.run(["sqlite3", str(path), "PRAGMA user_version = 99"], check=False)
    again = Repository(str(root))
    assert states(again) == {}
    (root / "d" / "a").write_bytes(b"x")
    assert states(again) == {"d": "modified"}
    again.close()


def test_a_damaged_object_is_never_restored(repo: Repository, root: Path, tmp_path: Path, madang: Tool) -> None:
    """Changed bytes in the cache, protected or not, of the right length or not, are set aside; a fetch repairs."""
    make(root / "d", {"a": b"aaaa", "b": b"bbbb"})
    (root / "s").write_bytes(b"ssss")
    add(repo, ["d", "s"])
    assert madang(root, "remote", "add", "-d", "r", str(tmp_path / "store")).code == 0
    assert madang(root, "push").code == 0
    digests = listing.decode(Path(repo.cache.path(tracked(repo)[0].md5 or "")).read_bytes(), "x")
    damage(Path(repo.cache.path(digests["a"])), b"AAAA")
    damage(Path(repo.cache.path(tracked(repo)[1].md5 or "")), b"longer than before")
    for name in ("d/a", "d/b", "s"):
        (root / name).unlink()
    answer = madang(root, "checkout")
    assert answer.code == 255
    assert "damaged" in answer.err
    assert read(root / "d") == {"b": b"bbbb"}
    assert not (root / "s").exists()
    assert len(list((root / ".dvc" / "tmp" / "madang" / "damaged").iterdir())) == 2
    assert madang(root, "pull").code == 0
    assert read(root / "d") == {"a": b"aaaa", "b": b"bbbb"}
    assert (root / "s").read_bytes() == b"ssss"


def test_a_damaged_listing_touches_nothing(repo: Repository, root: Path) -> None:
    """A listing that is no listing, or another one, leaves the folder as it is (the real dvc empties it)."""
    files = make(root / "d", {"a": b"a", "b": b"b"})
    add(repo, ["d"])
    name = tracked(repo)[0].md5 or ""
    damage(Path(repo.cache.path(name)), b"[]")
    (root / "d" / "a").write_bytes(b"changed")
    for force in (False, True):
        with pytest.raises((CorruptData, NotFound)):
            raise_if_incomplete(checkout(repo, resolve(repo, []), force=force), str(root))
        assert read(files) == {"a": b"changed", "b": b"b"}


def test_add_replaces_a_damaged_object(repo: Repository, root: Path) -> None:
    """An object of the right name and wrong bytes is not believed when the right bytes are at hand."""
    (root / "s").write_bytes(b"good")
    add(repo, ["s"])
    path = Path(repo.cache.path(tracked(repo)[0].md5 or ""))
    damage(path, b"evil")
    (root / "t").write_bytes(b"good")
    add(repo, ["t"])
    assert path.read_bytes() == b"good"


def test_unsaved_bytes_are_refused_then_kept(repo: Repository, root: Path) -> None:
    """Without force nothing is touched, not even other files; with it what is replaced lies under .dvc/tmp."""
    make(root / "d", {"a": b"a", "b": b"b"})
    (root / "s").write_bytes(b"s")
    add(repo, ["d", "s"])
    (root / "d" / "a").write_bytes(b"precious")
    (root / "d" / "new").write_bytes(b"new")
    (root / "d" / "b").unlink()
    (root / "s").unlink()
    with pytest.raises(Refused, match="d/a") as refusal:
        checkout(repo, resolve(repo, []))
    assert "d/new" in refusal.value.message
    assert not (root / "s").exists()
    assert read(root / "d") == {"a": b"precious", "new": b"new"}
    report = checkout(repo, resolve(repo, []), force=True)
    assert read(root / "d") == {"a": b"a", "b": b"b"}
    assert read(Path(report.kept or "")) == {"d/a": b"precious", "d/new": b"new"}


def test_saved_bytes_are_replaced_without_force(repo: Repository, root: Path) -> None:
    """Bytes that are in the cache may go: they can be brought back."""
    make(root / "d", {"a": b"1", "b/c": b"x"})
    add(repo, ["d"])
    old = (root / "d.dvc").read_text()
    make(root / "d", {"a": b"2", "n/m": b"y"})
    add(repo, ["d"])
    (root / "d.dvc").write_text(old)
    checkout(repo, resolve(repo, []))
    assert read(root / "d") == {"a": b"1", "b/c": b"x"}
    assert not (root / "d" / "n").exists()


def test_files_and_folders_change_places(repo: Repository, root: Path) -> None:
    """A file where the record has a folder, and the reverse, inside a tracked folder and as one: what is saved goes.

    A folder with anything in it that no object holds stays.
    """
    make(root, {"d/x/1": b"1", "d/y": b"2", "f": b"3", "g/h": b"4"})
    add(repo, ["d", "f", "g"])
    old = {name: (root / name).read_text() for name in ("d.dvc", "f.dvc", "g.dvc")}
    for name in ("d/x/1", "d/y", "f", "g/h"):
        (root / name).unlink()
    for name in ("d/x", "g"):
        (root / name).rmdir()
    make(root, {"d/x": b"file", "d/y/deep": b"folder", "f/in": b"folder", "g": b"file"})
    add(repo, ["d", "f", "g"])
    new = {name: (root / name).read_text() for name in old}
    for texts, expected in ((old, {"x/1": b"1", "y": b"2"}), (new, {"x": b"file", "y/deep": b"folder"})):
        for name, text in texts.items():
            (root / name).write_text(text)
        raise_if_incomplete(checkout(repo, resolve(repo, [])), str(root))
        assert read(root / "d") == expected
        assert states(repo) == {}
    for name, text in old.items():
        (root / name).write_text(text)
    for other in ("mine", ".dvcignore", "link"):
        (root / "f" / other).symlink_to("nowhere") if other == "link" else make(root / "f", {other: b"precious"})
        with pytest.raises(Refused, match="f"):
            checkout(repo, resolve(repo, ["f"]))
        assert (root / "f" / "in").read_bytes() == b"folder"
        (root / "f" / other).unlink()
    md5 = resolve(repo, ["f"])[0].out.md5 or ""
    os.rename(repo.cache.path(md5), root / "object")
    assert checkout(repo, resolve(repo, ["f"])).missing == [str(root / "f")]
    assert (root / "f" / "in").read_bytes() == b"folder"
    os.rename(root / "object", repo.cache.path(md5))
    checkout(repo, resolve(repo, ["f"]))
    assert (root / "f").read_bytes() == b"3"


def test_one_path_inside_a_folder(repo: Repository, root: Path) -> None:
    """A named file or subfolder is restored; everything else of the folder stays as it is."""
    make(root / "d", {"a": b"1", "sub/b": b"2", "sub/c": b"3"})
    add(repo, ["d"])
    for name in ("a", "sub/b", "sub/c"):
        (root / "d" / name).unlink()
    make(root / "d", {"extra": b"mine"})
    checkout(repo, resolve(repo, ["d/sub/b"]))
    assert read(root / "d") == {"sub/b": b"2", "extra": b"mine"}
    checkout(repo, resolve(repo, ["d/sub"]))
    assert read(root / "d") == {"sub/b": b"2", "sub/c": b"3", "extra": b"mine"}
    with pytest.raises(NotFound, match="nosuch"):
        checkout(repo, resolve(repo, ["d/nosuch"]))


def test_what_is_missing_is_named_and_the_rest_restored(repo: Repository, root: Path) -> None:
    """One lost object costs one file; the report names the data that is incomplete."""
    make(root / "d", {"a": b"1", "b": b"2"})
    (root / "s").write_bytes(b"s")
    add(repo, ["d", "s"])
    for path in (root / "d" / "a", root / "d" / "b", root / "s"):
        path.unlink()
    os.unlink(repo.cache.path("c4ca4238a0b923820dcc509a6f75849b"))
    assert states(repo)["d"] == "not in cache"
    report = checkout(repo, resolve(repo, []))
    assert report.missing == [str(root / "d")]
    assert read(root / "d") == {"b": b"2"}
    assert (root / "s").exists()
    with pytest.raises(NotFound, match="d: not everything"):
        raise_if_incomplete(report, str(root))


def test_a_file_that_changes_while_it_is_added(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The add is refused, names the file, writes no .dvc; the next one succeeds."""
    path = make(root / "d", {"a": b"first"}) / "a"
    original = reading._read_all

    def read_and_change(descriptor: int, size: int) -> bytes:
        body = original(descriptor, size)
        path.write_bytes(b"second, longer")
        return body

    with monkeypatch.context() as patch:
        patch.setattr(reading, "_read_all", read_and_change)
        with pytest.raises(Conflict, match="d/a changed"):
            add(repo, ["d"])
    assert not (root / "d.dvc").exists()
    add(repo, ["d"])
    assert states(repo) == {}


def test_what_must_not_be_tracked(repo: Repository, root: Path, tmp_path: Path) -> None:
    """Each is refused by name before anything is written."""
    make(root, {"in git": b"x", "d/file": b"x", "real/file": b"x", "own.dvc": b"outs: []\n", "ok/x": b"1"})
    make(tmp_path, {"outside": b"x"})
    subprocess.run(["git", "-C", str(root), "add", "in git"], check=True)
    (root / "linked").symlink_to(root / "real")
    (root / "broken").mkdir()
    (root / "broken" / "link").symlink_to("nowhere")
    os.mkfifo(root / "d" / "pipe")
    (root / "rules").mkdir()
    (root / "rules" / ".dvcignore").write_text("*.tmp\n")
    os.mkdir(os.fsencode(root) + b"/raw")
    with open(os.fsencode(root) + b"/raw/\xff", "wb"):
        pass
    sock = socket.socket(socket.AF_UNIX)
    os.chdir(root)
    sock.bind("sock")
    sock.close()
    names = [
        "in git",
        "d",
        "linked",
        "linked/file",
        "broken",
        "broken/link",
        "rules",
        "own.dvc",
        ".dvc",
        "raw",
        "sock",
        ".",
    ]
    names += [str(tmp_path / "outside"), "nosuch"]
    before = sorted(root.rglob("*.dvc"))
    for name in names:
        with pytest.raises(MadangError) as refusal:
            add(repo, [name])
        assert not isinstance(refusal.value, CorruptData), name
    assert sorted(root.rglob("*.dvc")) == before
    add(repo, ["ok"])
    (root / "above").mkdir()
    (root / "ok").rename(root / "above" / "ok")
    (root / "ok.dvc").rename(root / "above" / "ok.dvc")
    with pytest.raises(Refused, match="tracked on its own"):
        add(repo, ["above"])


def test_links_to_files_are_added_as_their_targets(repo: Repository, root: Path, tmp_path: Path) -> None:
    """A link counts as the bytes behind it; a link to a folder is left out."""
    make(tmp_path, {"far/file": b"far"})
    make(root / "d", {"a": b"a"})
    (root / "d" / "link").symlink_to(tmp_path / "far" / "file")
    (root / "d" / "folder").symlink_to(tmp_path / "far")
    add(repo, ["d"])
    (out,) = tracked(repo)
    assert set(repo.cache.listing(out.md5 or "")) == {"a", "link"}
    assert states(repo) == {}


def test_a_link_in_the_workspace_is_not_followed_out(repo: Repository, root: Path, tmp_path: Path) -> None:
    """A folder that became a link is replaced by a folder: nothing is written behind it."""
    make(root / "d", {"sub/a": b"a", "b": b"b"})
    add(repo, ["d"])
    (root / "d" / "sub" / "a").unlink()
    (root / "d" / "sub").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "d" / "sub").symlink_to(tmp_path / "elsewhere")
    checkout(repo, resolve(repo, []), force=True)
    assert read(tmp_path / "elsewhere") == {}
    assert read(root / "d") == {"sub/a": b"a", "b": b"b"}


def test_a_stage_of_dvc_in_progress_is_respected(repo: Repository, root: Path) -> None:
    """A path that a living process of dvc writes may not be changed; a dead one's entry counts for nothing."""
    (root / "s").write_bytes(b"s")
    rwlock = root / ".dvc" / "tmp" / "rwlock"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        rwlock.write_text(json.dumps({"write": {str(root / "s"): {"pid": child.pid, "cmd": "dvc repro"}}, "read": {}}))
        with pytest.raises(Conflict, match=str(child.pid)):
            add(repo, ["s"])
    add(repo, ["s"])


def test_data_of_other_kinds_is_refused_by_name(repo: Repository, root: Path) -> None:
    """A record of a version-aware remote is not misread."""
    (root / "old.dvc").write_text("outs:\n- path: old\n  hash: md5\n  files:\n  - relpath: a\n")
    with pytest.raises(Incompatible, match="without their MD5"):
        states(repo)


def test_git_is_told_once(repo: Repository, root: Path) -> None:
    """One line a path, in the folder's own .gitignore; none where git ignores the path already."""
    make(root, {"data/a": b"1", "data/b.bin": b"2", "data/.gitignore": b"*.bin"})
    for _ in range(2):
        add(repo, ["data/a", "data/b.bin"])
    assert (root / "data" / ".gitignore").read_text() == "*.bin\n/a\n"


def test_without_git(tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """--no-scm works the same, keeps its state under .dvc/tmp, and writes no .gitignore beside data."""
    folder = tmp_path / "plain"
    make(folder / "d", {"a": b"a"})
    assert madang(folder, "init").code == 1
    assert madang(folder, "init", "--no-scm").code == 0
    assert madang(folder, "add", "d").code == 0
    assert not (folder / ".gitignore").exists()
    assert (folder / ".dvc" / "tmp" / "madang" / "state.db").exists()
    assert json.loads(dvc(folder, "status", "--json").out) == {}
    assert madang(folder, "init").code == 0


def test_the_index_names_versions_of_files(repo: Repository, root: Path) -> None:
    """For a file at or below tracked data: what it holds now and what is recorded; None elsewhere."""
    make(root, {"d/a": b"a", "d/sub/b": b"b", "s": b"s", "untracked": b"u"})
    add(repo, ["d", "s"])
    index = tracked_files.find_tracked_files(str(root / "d" / "sub"))
    assert index is not None
    assert [(out.path, out.is_dir, out.size, out.nfiles) for out in index.tracked()] == [
        (str(root / "d"), True, 2, 2),
        (str(root / "s"), False, 1, None),
    ]
    found = index.digest_of(str(root / "d" / "sub" / "b"))
    assert found is not None
    assert (found.md5, found.recorded, found.inside) == ("92eb5ffee6ae2fec3ad71c777531578f",) * 2 + ("sub/b",)
    assert not found.is_changed
    (root / "s").write_bytes(b"changed")
    make(root, {"d/new": b"n"})
    changed, new = index.digest_of(str(root / "s")), index.digest_of(str(root / "d" / "new"))
    assert changed is not None
    assert changed.is_changed
    assert new is not None
    assert new.recorded is None
    for path in ("untracked", "d", "d/nosuch", "/etc/passwd"):
        assert index.digest_of(str(root / path)) is None
    index.close()
    assert tracked_files.find_tracked_files(str(root.parent)) is None


def test_data_is_restored_into_another_work_tree(repo: Repository, root: Path, tmp_path: Path) -> None:
    """A git worktree gets the data of its own commit from this cache; what is missing is listed first."""
    make(root, {"d/a": b"old", "s": b"s"})
    add(repo, ["d", "s"])
    commit = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    subprocess.run(commit, check=True)
    make(root, {"d/a": b"new"})
    add(repo, ["d"])
    other = tmp_path / "다른 tree"
    subprocess.run(["git", "-C", str(root), "worktree", "add", "-q", "--detach", str(other)], check=True)
    index = tracked_files.find_tracked_files(str(root))
    assert index is not None
    assert index.missing_objects(str(other)) == []
    index.checkout_into(str(other))
    assert read(other / "d") == {"a": b"old"}
    assert (other / "s").read_bytes() == b"s"
    assert not (other / ".dvc" / "cache").exists()
    for path in (other / "d" / "a", other / "s"):
        path.unlink()
    os.unlink(repo.cache.path("03c7c0ace395d80182db07ae2c30f034"))
    missing = index.missing_objects(str(other))
    assert missing == [tracked_files.MissingObject(str(other / "s"), "03c7c0ace395d80182db07ae2c30f034")]
    assert not (other / "d" / "a").exists()
    with pytest.raises(NotFound, match="s: not everything"):
        index.checkout_into(str(other))
    index.close()


def test_content_of_an_empty_folder(repo: Repository, root: Path) -> None:
    """An empty folder is tracked and comes back empty; empty folders inside vanish, as with the real dvc."""
    (root / "empty" / "inside").mkdir(parents=True)
    done = add(repo, ["empty"])
    assert done.contents[str(root / "empty")] == Content("d751713988987e9331980363e24189ce.dir", 0, 0)
    (root / "empty" / "inside").rmdir()
    (root / "empty").rmdir()
    checkout(repo, resolve(repo, []))
    assert (root / "empty").is_dir()
    assert states(repo) == {}


def test_an_update_in_a_subfolder_with_a_working_folder(repo: Repository, root: Path) -> None:
    """The wdir of a .dvc file shifts its paths."""
    make(root, {"sub/data/x": b"x"})
    add(repo, ["sub/data"])
    text = (root / "sub" / "data.dvc").read_text()
    (root / "sub" / "data.dvc").unlink()
    (root / "moved.dvc").write_text(text + "wdir: sub\n")
    (out,) = tracked(repo)
    assert out.path == str(root / "sub" / "data")
    (root / "sub" / "data" / "x").write_bytes(b"y")
    add(repo, ["sub/data"])
    assert "wdir: sub" in (root / "moved.dvc").read_text()
    assert states(repo) == {}
    assert dvcfile.parse((root / "moved.dvc").read_text(), "moved.dvc").wdir == "sub"


def test_all_odd_names_come_back(repo: Repository, root: Path) -> None:
    """Every odd name survives add and checkout."""
    make(root / "odd", ODD)
    add(repo, ["odd"])
    (root / "odd").rename(root.parent / "away")
    checkout(repo, resolve(repo, ["odd"]))
    assert read(root / "odd") == ODD


def test_the_state_does_not_lie_on_a_network(tmp_path: Path) -> None:
    """The longest mount point decides; blanks in its name are escaped in the table."""
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\nh:/x /mnt/team\\040share nfs4 rw 0 0\n/dev/b /mnt/team\\040share/local xfs rw 0 0\n"
    )
    assert on_network("/mnt/team share/repo/.git", str(mounts))
    assert not on_network("/mnt/team share/local/repo", str(mounts))
    assert not on_network("/mnt/team sharex", str(mounts))
    assert not on_network("/anywhere", str(tmp_path / "none"))


def test_several_paths_inside_one_folder(repo: Repository, root: Path) -> None:
    """Each named path is updated, none undoes the one before; a file that became a folder is replaced."""
    make(root / "d", {"a": b"1", "b": b"2", "c": b"3"})
    add(repo, ["d"])
    make(root / "d", {"a": b"11", "b": b"22"})
    (root / "d" / "c").unlink()
    make(root / "d", {"c/deep": b"33"})
    add(repo, ["d/a", "d/b", "d/c/deep"])
    assert states(repo) == {}
    (out,) = tracked(repo)
    assert set(repo.cache.listing(out.md5 or "")) == {"a", "b", "c/deep"}
    assert out.size == 6


def test_one_path_of_a_folder_that_is_not_here(repo: Repository, root: Path) -> None:
    """Its listing may come from elsewhere; its size is the recorded one and the change, or is not told at all."""
    make(root / "d", {"a": b"1", "b": b"22", "c": b"333"})
    add(repo, ["d"])
    (before,) = tracked(repo)
    files = repo.cache.listing(before.md5 or "")
    for name in (before.md5 or "", files["a"]):
        os.unlink(repo.cache.path(name))
    make(root / "d", {"b": b"4444"})
    with pytest.raises(NotFound, match="listing"):
        add(repo, ["d/b"])
    add(repo, ["d/b"], elsewhere=lambda out: files if out.md5 == before.md5 else None)
    (out,) = tracked(repo)
    assert (out.size, out.entry.nfiles) == (8, 3)
    os.unlink(repo.cache.path(files["c"]))
    (root / "d" / "c").unlink()
    add(repo, ["d/c"])
    (out,) = tracked(repo)
    assert (out.size, out.entry.nfiles) == (None, 2)
    add(repo, ["d"])
    (out,) = tracked(repo)
    assert (out.size, out.entry.nfiles) == (5, 2)


def test_one_path_of_a_folder_that_is_recorded_only(repo: Repository, root: Path) -> None:
    """A folder recorded without a commit has no listing anywhere; unchanged since, it is taken whole."""
    make(root / "d", {"a": b"1", "b": b"2"})
    add(repo, ["d"], manner=Manner(commit=False))
    add(repo, ["d/b"])
    (out,) = tracked(repo)
    assert repo.cache.holds_all(str(out.md5))


def test_paths_that_overlap_are_refused(repo: Repository, root: Path) -> None:
    """A folder and something in it cannot be tracked apart; the same path twice is one."""
    make(root, {"d/a": b"1", "d-e": b"2"})
    with pytest.raises(Refused, match="d/a lies in"):
        add(repo, ["d/a", "d-e", "d"])
    assert not list(root.rglob("?*.dvc"))
    assert len(add(repo, ["d", "./d/", "d-e"]).dvc_files) == 2


def test_a_record_that_git_ignores_is_refused(repo: Repository, root: Path) -> None:
    """A .dvc file that would never be committed is not written."""
    make(root, {".gitignore": b"out/\n", "out/a": b"1"})
    with pytest.raises(Refused, match="git ignores"):
        add(repo, ["out/a"])
    assert not (root / "out" / "a.dvc").exists()


def test_objects_keep_their_mode_under_any_umask(repo: Repository, root: Path) -> None:
    """The real dvc trusts objects of mode 0444 only."""
    before = os.umask(0o077)
    try:
        make(root, {"s": b"s", "d/a": b"a"})
        add(repo, ["s", "d"])
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (root / ".dvc" / "cache" / "files").rglob("*") if path.is_file()}
    assert modes == {0o444}
