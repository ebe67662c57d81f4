"""``madang fsck`` finds every kind of damage, mends it from a copy that is whole, and never deletes the only one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.data.helpers import Answer, Tool, make, objects, read

from madang.formats.dvc import listing
from madang.workspace.data.files.adding import add
from madang.workspace.data.keeping import checking
from madang.workspace.data.keeping.checking import share_of
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.state import key_of
from madang.workspace.data.repo.repository import Repository

FILES = {"d/a": b"aaaa", "d/b": b"bbbb", "d/sub/한글": b"cccc", "s": b"single"}


@pytest.fixture
def tracked(repo: Repository, root: Path, madang: Tool) -> Repository:
    """A repository with data in the cache and in a remote."""
    make(root, FILES)
    add(repo, ["d", "s"])
    repo.close()
    assert madang(root, "remote", "add", "-d", "r", str(root.parent / "store")).code == 0
    assert madang(root, "push").code == 0
    return Repository(repo.root)


def md5(body: bytes) -> str:
    """The name of an object."""
    return hashlib.md5(body).hexdigest()


def spoil(cache: Cache, body: bytes, other: bytes, *, trusted: bool = False) -> Path:
    """Put other bytes into an object; ``trusted``: in a way that no time and no size shows."""
    path = Path(cache.path(md5(body)))
    path.chmod(0o644)
    path.write_bytes(other)
    path.chmod(0o444)
    if trusted:
        cache.state.add_files([(key_of(path.stat()), md5(body))])
    return path


def checked(madang: Tool, root: Path, *arguments: str) -> tuple[Counter[tuple[str, str]], dict[str, Any]]:
    """How often each (kind, place) of problem comes, and the whole answer."""
    answer: Answer = madang(root, "fsck", *arguments, "--json")
    found: dict[str, Any] = json.loads(answer.out)
    assert answer.code == (0 if found["ok"] else 1)
    return Counter((problem["kind"], problem["where"]) for problem in found["problems"]), found


def test_all_is_well(tracked: Repository, root: Path, madang: Tool) -> None:
    """A sound repository has no problem, however deep the look; everything was read that was to be read."""
    for arguments in ([], ["--read-data"], ["--cloud", "--read-data"], ["--read-data-subset", "50%"]):
        problems, found = checked(madang, root, *arguments)
        assert not problems
        assert found["cache"]["objects"] == 5
    assert checked(madang, root, "--cloud", "--read-data")[1]["remote"]["read"] == 5
    assert madang(root, "fsck").out.endswith("Everything is in order.\n")


def test_wrong_bytes_are_found_by_reading(tracked: Repository, root: Path, madang: Tool) -> None:
    """Bytes that rotted under a trusted object are found, also what the state believes; the workspace mends them."""
    spoil(tracked.cache, b"aaaa", b"AAAA", trusted=True)
    assert not checked(madang, root)[0]
    problems, _ = checked(madang, root, "--read-data")
    assert problems == {("corrupt", "cache"): 1, ("state", "cache"): 1}
    assert madang(root, "fsck", "--read-data", "--repair").code == 0
    assert Path(tracked.cache.path(md5(b"aaaa"))).read_bytes() == b"aaaa"
    aside = root / ".dvc" / "tmp" / "madang" / "damaged"
    assert b"AAAA" in read(aside).values()
    assert not checked(madang, root, "--read-data")[0]


def test_a_repair_from_the_remote(tracked: Repository, root: Path, madang: Tool) -> None:
    """Without a good workspace file the remote's bytes are taken, verified; without any the bad ones are set aside."""
    spoil(tracked.cache, b"aaaa", b"AAAA")
    os.unlink(tracked.cache.path(md5(b"single")))
    spoil(tracked.cache, b"bbbb", b"BBBB")
    make(root, {"d/a": b"changed", "d/b": b"changed too", "s": b"changed as well"})
    store = root.parent / "store" / "files" / "md5"
    (store / md5(b"bbbb")[:2] / md5(b"bbbb")[2:]).write_bytes(b"bad!")
    problems, found = checked(madang, root, "--read-data", "--repair")
    assert problems == {("corrupt", "cache"): 2, ("missing", "cache"): 1}
    repaired = {problem["name"]: problem["repaired"] for problem in found["problems"]}
    assert repaired == {md5(b"aaaa"): "fetched from 'r'", md5(b"single"): "fetched from 'r'", md5(b"bbbb"): ""}
    assert b"BBBB" in read(root / ".dvc" / "tmp" / "madang" / "damaged").values()
    assert checked(madang, root, "--read-data")[0] == {("missing", "cache"): 1}


def test_listings(tracked: Repository, root: Path, madang: Tool) -> None:
    """A listing that is damaged is found without reading data, and made again from an unchanged folder."""
    shutil.rmtree(root.parent / "store")
    (name,) = [name for name in tracked.cache.names() if name.endswith(".dir")]
    path = Path(tracked.cache.path(name))
    body = path.read_bytes()
    for damage in (b"", b"[]", b'[{"md5": "x"}]', body[:-1]):
        path.chmod(0o644)
        path.write_bytes(damage)
        path.chmod(0o444)
        problems, found = checked(madang, root)
        assert problems == {("corrupt", "cache"): 1}
        assert not found["orphans"]["objects"]  # nobody can tell what the listing names
        assert checked(madang, root, "--repair")[1]["problems"][0]["repaired"] == "made from d"
        assert path.read_bytes() == body
    hostile = b'[{"md5": "%s", "relpath": "../../x"}]' % md5(b"aaaa").encode()
    other = Path(tracked.cache.path(listing.name_of_bytes(hostile)))
    make(other.parent, {other.name: hostile})
    other.chmod(0o444)
    assert checked(madang, root)[0] == {("listing", "cache"): 1}


def test_sizes_modes_and_leftovers(tracked: Repository, root: Path, madang: Tool, dvc: Tool) -> None:
    """A wrong size in a record, a writable object, a dead command's leftovers and files that are no objects."""
    record = (root / "s.dvc").read_text()
    (root / "s.dvc").write_text(record.replace("size: 6", "size: 7"))
    assert checked(madang, root)[0] == {("size", "cache"): 1}
    (root / "s.dvc").write_text(record)
    path = Path(tracked.cache.path(md5(b"aaaa")))
    path.chmod(0o644)
    make(root / ".dvc" / "cache" / ".incoming" / "1-dead", {"lock": b"", "0": b"half"})
    make(root / ".dvc" / "tmp" / "madang" / ".incoming" / "2-dead", {"lock": b""})
    make(path.parent, {"notes.txt": b"mine"})
    problems, _ = checked(madang, root)
    expected = {("mode", "cache"): 1, ("staging", "cache"): 1, ("staging", "workspace"): 1, ("stray", "cache"): 1}
    assert problems == expected
    assert madang(root, "fsck", "--repair").code == 1
    assert checked(madang, root)[0] == {("stray", "cache"): 1}
    assert path.stat().st_mode & 0o777 == 0o444
    assert (path.parent / "notes.txt").read_bytes() == b"mine"
    assert dvc(root, "status", "-q").code == 0


def test_files_that_were_to_replace_others(tracked: Repository, root: Path, madang: Tool) -> None:
    """What a dead command left beside records and settings is found, and goes with a repair or a collection."""
    old = [root / ".0123456789abcdef.madang", root / ".dvc" / ".fedcba9876543210.madang"]
    names = [str(path) for path in (*old, root / ".aaaaaaaaaaaaaaaa.madang")]
    for command in (("fsck", "--repair"), ("gc", "-w", "-f")):
        make(root, dict.fromkeys((name.removeprefix(f"{root}/") for name in names), b"half"))
        for path in old:
            os.utime(path, (0, 0))
        problems, found = checked(madang, root)
        assert problems == {("staging", "workspace"): 2}
        assert sorted(one["name"] for one in found["problems"]) == sorted(map(str, old))
        assert madang(root, *command).code == 0
        assert not checked(madang, root)[0]
        assert [os.path.exists(name) for name in names] == [False, False, True]


def test_an_object_cut_short(tracked: Repository, root: Path, madang: Tool) -> None:
    """An object with another size than its record is hashed at once: it is the object that is wrong."""
    spoil(tracked.cache, b"single", b"sing")
    assert checked(madang, root)[0] == {("corrupt", "cache"): 1}


def test_records_that_cannot_be_read(tracked: Repository, root: Path, madang: Tool) -> None:
    """Each broken record is named; the data of the others is checked all the same."""
    make(root, {"broken.dvc": b"outs: [", "p/dvc.yaml": b"stages: {a: {cmd: x, nosuch: 1}}"})
    os.unlink(tracked.cache.path(md5(b"single")))
    make(root, {"q/dvc.yaml": b"stages: {a: {cmd: x, outs: [y]}}", "q/dvc.lock": b"garbage: ["})
    problems, found = checked(madang, root)
    assert problems == {("record", "workspace"): 3, ("missing", "cache"): 1}
    assert found["orphans"] == {"objects": 0, "bytes": 0}
    assert "cannot be read" in found["notes"][0]


def test_what_the_disk_does_not_give(
    tracked: Repository, root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing or a record that cannot be read is one problem among the others: the rest is checked all the same."""
    (name,) = [name for name in tracked.cache.names() if name.endswith(".dir")]
    refused = {tracked.cache.path(name), str(root / "s.dvc")}
    whole = open

    def refusing(file: Any, *arguments: Any, **options: Any) -> Any:
        if os.fspath(file) in refused:
            raise PermissionError(errno.EACCES, "Permission denied", file)
        return whole(file, *arguments, **options)

    os.unlink(tracked.cache.path(md5(b"aaaa")))
    monkeypatch.setattr("builtins.open", refusing)
    found = checking.check_cache(tracked)
    checking.count_orphans(tracked, checking.all_roots(tracked), [], found)
    assert [(one.kind, one.name) for one in found.problems] == [("record", "s.dvc")]
    assert any("not counted" in note for note in found.notes)
    refused.remove(tracked.cache.path(name))
    kinds = Counter(one.kind for one in checking.check_cache(tracked).problems)
    assert kinds == {"record": 1, "missing": 1}


def test_pipelines_and_old_data(root: Path, repo: Repository, madang: Tool, dvc: Tool) -> None:
    """Outputs of stages are needed as well: fsck misses them when they go, gc keeps them."""
    make(root, {"in": b"input", "dvc.yaml": b"stages:\n  s:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n"})
    assert dvc(root, "repro").code == 0
    assert not checked(madang, root)[0]
    assert madang(root, "gc", "-w", "-f").code == 0
    assert set(objects(root / ".dvc" / "cache")) >= {f"files/md5/{md5(b'input')[:2]}/{md5(b'input')[2:]}"}
    os.unlink(repo.cache.path(md5(b"input")))
    assert checked(madang, root)[0] == {("missing", "cache"): 1}
    assert madang(root, "fsck", "--repair").code == 0


def test_what_the_state_believes_of_the_workspace(tracked: Repository, root: Path, madang: Tool) -> None:
    """A workspace file that is not what it is believed to be is found by reading, and hashed again after a repair."""
    (root / "s").write_bytes(b"other!")
    tracked.state.add_files([(key_of((root / "s").stat()), md5(b"single"))])
    tracked.close()
    assert madang(root, "status", "-q").code == 0
    assert checked(madang, root, "--read-data")[0] == {("state", "workspace"): 1}
    assert madang(root, "fsck", "--read-data", "--repair").code == 0
    assert madang(root, "status", "-q").code == 1


def test_remotes(tracked: Repository, root: Path, madang: Tool) -> None:
    """What a remote lacks, cut short or changed is found, though its listing is there, and sent again."""
    store = root.parent / "store" / "files" / "md5"

    def place(body: bytes) -> Path:
        return store / md5(body)[:2] / md5(body)[2:]

    place(b"aaaa").unlink()
    place(b"bbbb").write_bytes(b"bb")
    place(b"cccc").write_bytes(b"CCCC")
    assert checked(madang, root, "--cloud")[0] == {("missing", "remote 'r'"): 1, ("size", "remote 'r'"): 1}
    problems, _ = checked(madang, root, "-r", "r", "--read-data")
    assert problems == {("missing", "remote 'r'"): 1, ("corrupt", "remote 'r'"): 2}
    assert madang(root, "fsck", "--cloud", "--read-data", "--repair").code == 0
    assert not checked(madang, root, "--cloud", "--read-data")[0]
    assert place(b"cccc").read_bytes() == b"cccc"
    place(b"single").write_bytes(b"gone")
    spoil(tracked.cache, b"single", b"GONE")
    (root / "s").write_bytes(b"neither")
    assert checked(madang, root, "--cloud", "--read-data", "--repair")[1]["ok"] is False
    assert place(b"single").read_bytes() == b"gone"


def test_parts_of_the_data() -> None:
    """All parts of n together are everything, each object once; nonsense is refused."""
    names = [md5(str(number).encode()) for number in range(500)]
    parts = [share_of(f"{part}/7") for part in range(1, 8)]
    assert all(sum(part(name) for part in parts) == 1 for name in names)
    assert all(map(share_of("100%"), names))
    assert 0 < sum(map(share_of("20%"), names)) < 400
    for wrong in ("0%", "101%", "8/7", "0/7", "5", "x%", ""):
        with pytest.raises(Exception, match="no part"):
            share_of(wrong)


def test_why(tracked: Repository, root: Path, madang: Tool) -> None:
    """For an object, its path in the cache or a workspace path: every state that needs it, and who has a copy."""

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)

    git("add", "-A")
    git("commit", "-qm", "first")
    git("tag", "v1")
    make(root, {"d/a": b"new"})
    assert madang(root, "add", "d").code == 0
    git("stash")
    for text in (md5(b"aaaa"), str(tracked.cache.path(md5(b"aaaa"))), "d/a"):
        (why,) = json.loads(madang(root, "fsck", "--why", text, "--json").out)
        assert why["name"] == md5(b"aaaa")
        assert [use["label"].split()[0] for use in why["uses"]] == ["the", "stash@{0}", "commit"]
        assert {use["path"] for use in why["uses"]} == {"d/a"}
        assert "v1" in why["uses"][-1]["names"]
    git("checkout", "-q", "d.dvc")
    (why,) = json.loads(madang(root, "fsck", "--why", md5(b"new"), "--json").out)
    assert [use["kind"] for use in why["uses"]] == ["stash"]
    assert madang(root, "fsck", "--why", "0" * 32).code == 1
    assert madang(root, "fsck", "--why", "nosuch").code == 1
    assert "If it goes" in madang(root, "fsck", "--why", "s").out


def test_orphans_are_counted(tracked: Repository, root: Path, madang: Tool) -> None:
    """What nothing needs is no problem, but its number and size are told."""
    make(root, {"s": b"another"})
    assert madang(root, "add", "s").code == 0
    problems, found = checked(madang, root)
    assert not problems
    assert found["orphans"] == {"objects": 1, "bytes": 6}


def test_the_state_of_an_imported_folder(tracked: Repository, root: Path, madang: Tool) -> None:
    """What dvc keeps of a folder in a cloud, its tags in the form of a listing, is no problem; a damaged one is."""
    body = b'[{"etag": "0a1b", "relpath": "x"}]'
    name = hashlib.md5(body, usedforsecurity=False).hexdigest() + ".dir"
    path = root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    make(path.parent, {path.name: body})
    path.chmod(0o444)
    assert madang(root, "fsck", "--read-data").code == 0
    path.chmod(0o644)
    path.write_bytes(body[:-1])
    path.chmod(0o444)
    assert madang(root, "fsck").code == 1
