"""Where the real dvc loses or mistakes data, madang does not. Both run on the same damage, side by side."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.helpers import Answer, Tool, make, objects, read

from madang.formats.dvc import listing

FILES = {"d/a": b"aaaa", "d/b": b"bbbb", "d/sub/c": b"cccc", "s": b"single"}
Damage = Callable[[Path], None]


class Pair:
    """The same repository twice, one for each tool, and what each of them answered last."""

    def __init__(self, base: Path, madang: Tool, dvc: Tool) -> None:
        self.ours, self.theirs = base / "ours" / "repo", base / "theirs" / "repo"
        self.madang, self.dvc = madang, dvc

    def both(self, change: Damage) -> None:
        """Do the same to both."""
        for root in (self.ours, self.theirs):
            change(root)

    def run(self, *arguments: str) -> tuple[Answer, Answer]:
        """Ours, theirs."""
        return self.madang(self.ours, *arguments), self.dvc(self.theirs, *arguments)


@pytest.fixture
def pair(tmp_path: Path, madang: Tool, dvc: Tool) -> Pair:
    """Data that was added and pushed by the real dvc."""
    for name in ("ours", "theirs"):
        root = make(tmp_path / name / "repo", FILES)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        assert dvc(root, "init").code == 0
        assert dvc(root, "remote", "add", "-d", "r", "../store").code == 0
        assert dvc(root, "add", "d", "s").code == 0
        assert dvc(root, "push").code == 0
    return Pair(tmp_path, madang, dvc)


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


def test_a_damaged_listing_does_not_empty_the_folder(pair: Pair) -> None:
    """Stock dvc removes every file of the folder; madang touches nothing and names the listing, and a pull mends it."""

    def damage(root: Path) -> None:
        make(root, {"d/a": b"version 2"})
        known = listing_of(root)
        assert pair.madang(root, "add", "d").code == 0  # a listing that dvc has not read yet
        (new,) = set((root / ".dvc" / "cache" / "files" / "md5").glob("??/*.dir")) - {known}
        overwrite(new, b"not a listing")
        (root / "d" / "a").unlink()

    pair.both(damage)
    ours, theirs = pair.run("checkout")
    left = {name: body for name, body in FILES.items() if name != "d/a"}
    assert data(pair.theirs) == {"s": b"single"}
    assert data(pair.ours) == left
    assert ours.code == theirs.code == 255
    assert "is damaged" in ours.err
    make(pair.ours, {"d/a": b"version 2"})
    assert pair.madang(pair.ours, "fsck", "--repair").code == 0
    assert pair.dvc(pair.ours, "status", "-q").code == 0


def test_a_hostile_listing_writes_nothing_outside(pair: Pair) -> None:
    """A listing with the right name that leads out of the folder: dvc writes there, madang refuses it."""
    body = listing.encode({"../../escaped": hashlib.md5(b"aaaa").hexdigest()})
    name = listing.name_of_bytes(body)

    def plant(root: Path) -> None:
        make(root / ".dvc" / "cache" / "files" / "md5" / name[:2], {name[2:]: body})
        text = (root / "d.dvc").read_text()
        old = next(line for line in text.splitlines() if "md5: " in line)
        (root / "d.dvc").write_text(text.replace(old, f"- md5: {name}"))

    pair.both(plant)
    ours, _ = pair.run("checkout", "--force")
    assert (pair.theirs.parent / "escaped").exists()
    assert ours.code == 255
    assert not (pair.ours.parent / "escaped").exists()
    assert data(pair.ours) == FILES


def test_damaged_bytes_are_not_restored(pair: Pair) -> None:
    """Stock dvc restores the wrong bytes and exits 0; madang sets the object aside, and a pull mends it."""
    pair.both(lambda root: overwrite(object_of(root, b"aaaa"), b"AAAA"))
    pair.both(lambda root: (root / "d" / "a").unlink())
    ours, theirs = pair.run("checkout")
    assert theirs.code == 0
    assert data(pair.theirs)["d/a"] == b"AAAA"
    assert ours.code == 255
    assert "d/a" not in data(pair.ours)
    assert pair.madang(pair.ours, "pull").code == 0
    assert data(pair.ours) == FILES
    assert b"AAAA" in read(pair.ours / ".dvc" / "tmp" / "madang" / "damaged").values()


def test_damaged_bytes_are_not_pushed(pair: Pair) -> None:
    """Stock dvc sends wrong bytes under the right name to a new remote; madang does not, and says which."""
    pair.both(lambda root: overwrite(object_of(root, b"aaaa"), b"AAAA"))
    pair.both(lambda root: shutil.rmtree(root.parent / "store"))
    ours, theirs = pair.run("push")
    assert theirs.code == 0
    assert b"AAAA" in read(pair.theirs.parent / "store").values()
    assert ours.code == 1
    assert b"AAAA" not in read(pair.ours.parent / "store").values()


def test_a_writable_object_is_not_deleted(pair: Pair) -> None:
    """Stock dvc deletes a damaged object that is not write-protected when it looks at it; madang keeps its bytes."""
    pair.both(lambda root: overwrite(object_of(root, b"single"), b"SINGLE", 0o644))
    pair.both(lambda root: (root / "s").unlink())
    pair.run("status")
    ours, _ = pair.run("checkout")
    assert b"SINGLE" not in read(pair.theirs).values()
    assert ours.code == 255
    assert b"SINGLE" in read(pair.ours).values()


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_the_remote_is_asked_for_every_object(pair: Pair, damage: str) -> None:
    """Stock dvc takes a listing in a remote as proof for its files; madang sees what is not there, and sends it."""

    def spoil(root: Path) -> None:
        name = hashlib.md5(b"bbbb").hexdigest()
        path = root.parent / "store" / "files" / "md5" / name[:2] / name[2:]
        path.unlink()
        if damage == "short":
            path.write_bytes(b"bb")

    pair.both(spoil)
    ours, theirs = pair.run("status", "--cloud", "--json")
    assert theirs.out.strip().endswith("{}")
    assert "d/b" in ours.out
    pair.run("push")
    assert b"bbbb" not in read(pair.theirs.parent / "store").values()
    assert b"bbbb" in read(pair.ours.parent / "store").values()


def test_wrong_bytes_from_a_remote_are_refused(pair: Pair) -> None:
    """Stock dvc takes wrong bytes from a remote into cache and workspace; madang refuses them."""

    def spoil(root: Path) -> None:
        name = hashlib.md5(b"single").hexdigest()
        (root.parent / "store" / "files" / "md5" / name[:2] / name[2:]).write_bytes(b"SINGLE")
        shutil.rmtree(root / ".dvc" / "cache")
        (root / "s").unlink()

    pair.both(spoil)
    ours, theirs = pair.run("pull")
    assert (ours.code, theirs.code) == (1, 0)
    assert (pair.theirs / "s").read_bytes() == b"SINGLE"
    assert not (pair.ours / "s").exists()
    assert b"SINGLE" in read(pair.ours.parent / "store").values()


def test_history_goes_to_the_remote(pair: Pair) -> None:
    """With a relative address stock dvc sends objects of other commits to the file system's root; madang does not."""
    root = pair.ours

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)

    git("add", "-A")
    git("commit", "-qm", "first")
    make(root, {"s": b"second"})
    assert pair.madang(root, "add", "s").code == 0
    git("commit", "-qam", "second")
    make(root, {"s": b"third"})
    assert pair.madang(root, "add", "s").code == 0
    shutil.rmtree(root.parent / "store")
    before = set(os.listdir("/"))
    assert pair.madang(root, "push", "-A").code == 0
    assert set(os.listdir("/")) == before
    assert {b"single", b"second", b"third"} <= {body for _, body in objects(root.parent / "store").values()}


def test_a_change_behind_equal_times_is_seen(pair: Pair) -> None:
    """Other bytes of the same size under the same time of change: dvc sees nothing and loses them, madang refuses."""

    def change(root: Path) -> None:
        facts = (root / "s").stat()
        (root / "s").write_bytes(b"SINGLE")
        os.utime(root / "s", ns=(facts.st_atime_ns, facts.st_mtime_ns))

    pair.run("status")
    pair.both(change)
    ours, theirs = pair.run("status", "-q")
    assert (ours.code, theirs.code) == (1, 0)


def test_a_collection_without_a_listing(pair: Pair) -> None:
    """When the listing of a folder in use is lost dvc's gc removes all its files; madang removes nothing."""
    pair.both(lambda root: listing_of(root).unlink())
    pair.both(lambda root: shutil.rmtree(root.parent / "store"))
    ours, theirs = pair.run("gc", "--workspace", "--force")
    assert not object_of(pair.theirs, b"aaaa").exists()
    assert theirs.code == 0
    assert ours.code == 255
    assert object_of(pair.ours, b"aaaa").exists()
    assert pair.madang(pair.ours, "fsck", "--repair").code == 0
    assert pair.madang(pair.ours, "gc", "--workspace", "--force").code == 0
    assert pair.dvc(pair.ours, "status", "-q").code == 0
