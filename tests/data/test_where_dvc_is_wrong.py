"""Where dvc 3.67 was seen to lose or mistake data, madang does not: on data that the real dvc made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, objects, read

from madang.formats.dvc import listing

FILES = {"d/a": b"aaaa", "d/b": b"bbbb", "d/sub/c": b"cccc", "s": b"single"}


@pytest.fixture
def repo(tmp_path: Path, dvc: Tool) -> Path:
    """Data that was added and pushed by the real dvc."""
    root = make(tmp_path / "repo", FILES)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert dvc(root, "init").code == 0
    assert dvc(root, "remote", "add", "-d", "r", "../store").code == 0
    assert dvc(root, "add", "d", "s").code == 0
    assert dvc(root, "push").code == 0
    return root


def object_of(root: Path, body: bytes) -> Path:
    """Where the cache keeps these bytes."""
    name = hashlib.md5(body).hexdigest()
    return root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]


def listing_of(root: Path) -> Path:
    """Where the cache keeps the listing of the folder."""
    return next((root / ".dvc" / "cache" / "files" / "md5").glob("??/*.dir"))


def overwrite(path: Path, body: bytes, mode: int = 0o444) -> None:
    """Put other bytes into an object."""
    path.chmod(0o644)
    path.write_bytes(body)
    path.chmod(mode)


def data(root: Path) -> dict[str, bytes]:
    """The tracked data in the workspace."""
    return {name: body for name, body in read(root).items() if name in FILES or name.startswith("d/")}


def test_a_damaged_listing_does_not_empty_the_folder(repo: Path, madang: Tool, dvc: Tool) -> None:
    """With its listing damaged a folder is left alone and the listing is named; a repair mends it."""
    make(repo, {"d/a": b"version 2"})
    known = listing_of(repo)
    assert madang(repo, "add", "d").code == 0
    (new,) = set((repo / ".dvc" / "cache" / "files" / "md5").glob("??/*.dir")) - {known}
    overwrite(new, b"not a listing")
    (repo / "d" / "a").unlink()
    answer = madang(repo, "checkout")
    assert answer.code == 255
    assert "is damaged" in answer.err
    assert data(repo) == {name: body for name, body in FILES.items() if name != "d/a"}
    make(repo, {"d/a": b"version 2"})
    assert madang(repo, "fsck", "--repair").code == 0
    assert dvc(repo, "status", "-q").code == 0


def test_a_hostile_listing_writes_nothing_outside(repo: Path, madang: Tool) -> None:
    """A listing with the right name that leads out of the folder is refused."""
    body = listing.encode({"../../escaped": hashlib.md5(b"aaaa").hexdigest()})
    name = listing.name_of_bytes(body)
    make(repo / ".dvc" / "cache" / "files" / "md5" / name[:2], {name[2:]: body})
    text = (repo / "d.dvc").read_text()
    old = next(line for line in text.splitlines() if "md5: " in line)
    (repo / "d.dvc").write_text(text.replace(old, f"- md5: {name}"))
    assert madang(repo, "checkout", "--force").code == 255
    assert not (repo.parent / "escaped").exists()
    assert data(repo) == FILES


def test_damaged_bytes_are_not_restored(repo: Path, madang: Tool) -> None:
    """Wrong bytes in the cache are set aside, not restored, and a pull mends it."""
    overwrite(object_of(repo, b"aaaa"), b"AAAA")
    (repo / "d" / "a").unlink()
    assert madang(repo, "checkout").code == 255
    assert "d/a" not in data(repo)
    assert madang(repo, "pull").code == 0
    assert data(repo) == FILES
    assert b"AAAA" in read(repo / ".dvc" / "tmp" / "madang" / "damaged").values()


def test_damaged_bytes_are_not_pushed(repo: Path, madang: Tool) -> None:
    """Wrong bytes do not go to a new remote under the right name."""
    overwrite(object_of(repo, b"aaaa"), b"AAAA")
    shutil.rmtree(repo.parent / "store")
    assert madang(repo, "push").code == 1
    assert b"AAAA" not in read(repo.parent / "store").values()


def test_a_writable_object_is_not_deleted(repo: Path, madang: Tool) -> None:
    """The bytes of a damaged object that is not write-protected are kept."""
    overwrite(object_of(repo, b"single"), b"SINGLE", 0o644)
    (repo / "s").unlink()
    madang(repo, "status")
    assert madang(repo, "checkout").code == 255
    assert b"SINGLE" in read(repo).values()


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_the_remote_is_asked_for_every_object(repo: Path, madang: Tool, damage: str) -> None:
    """A listing in a remote is no proof for its files: what is not there, or cut, is seen and sent."""
    name = hashlib.md5(b"bbbb").hexdigest()
    path = repo.parent / "store" / "files" / "md5" / name[:2] / name[2:]
    path.unlink()
    if damage == "short":
        path.write_bytes(b"bb")
    assert "d/b" in madang(repo, "status", "--cloud", "--json").out
    assert madang(repo, "push").code == 0
    assert path.read_bytes() == b"bbbb"


def test_wrong_bytes_from_a_remote_are_refused(repo: Path, madang: Tool) -> None:
    """Wrong bytes in a remote come neither into the cache nor into the workspace, and stay where they are."""
    name = hashlib.md5(b"single").hexdigest()
    path = repo.parent / "store" / "files" / "md5" / name[:2] / name[2:]
    path.write_bytes(b"SINGLE")
    shutil.rmtree(repo / ".dvc" / "cache")
    (repo / "s").unlink()
    assert madang(repo, "pull").code == 1
    assert not (repo / "s").exists()
    assert path.read_bytes() == b"SINGLE"


def test_history_goes_to_the_remote(repo: Path, madang: Tool) -> None:
    """A relative address means the same folder for objects of other commits."""

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(repo), *who, *arguments], check=True, capture_output=True)

    git("add", "-A")
    git("commit", "-qm", "first")
    for text in (b"second", b"third"):
        make(repo, {"s": text})
        assert madang(repo, "add", "s").code == 0
        git("commit", "-qam", text.decode())
    shutil.rmtree(repo.parent / "store")
    before = set(os.listdir("/"))
    assert madang(repo, "push", "-A").code == 0
    assert set(os.listdir("/")) == before
    assert {b"single", b"second", b"third"} <= {body for _, body in objects(repo.parent / "store").values()}


def test_a_change_behind_equal_times_is_seen(repo: Path, madang: Tool) -> None:
    """Other bytes of the same size under the same time of change are a change."""
    madang(repo, "status")
    facts = (repo / "s").stat()
    (repo / "s").write_bytes(b"SINGLE")
    os.utime(repo / "s", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert madang(repo, "status", "-q").code == 1


def test_a_collection_without_a_listing(repo: Path, madang: Tool, dvc: Tool) -> None:
    """While the listing of a folder in use is lost gc removes nothing; after a repair it does its work."""
    listing_of(repo).unlink()
    shutil.rmtree(repo.parent / "store")
    assert madang(repo, "gc", "--workspace", "--force").code == 255
    assert object_of(repo, b"aaaa").exists()
    assert madang(repo, "fsck", "--repair").code == 0
    assert madang(repo, "gc", "--workspace", "--force").code == 0
    assert dvc(repo, "status", "-q").code == 0
