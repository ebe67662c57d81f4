"""Data of dvc 2 works in place: its hash, its cache, its records, beside data of dvc 3."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.helpers import Tool, make, read

from madang.errors import Refused
from madang.formats.dvc import listing
from madang.formats.dvc.dos2unix import Dos2UnixMD5
from madang.workspace.data.files.adding import add
from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
from madang.workspace.data.files.comparing import changes
from madang.workspace.data.records.outs import resolve, tracked
from madang.workspace.data.repo.repository import Repository
from madang.workspace.tracked_files import TrackedFiles

FILES = {
    "unix.txt": b"one\ntwo\n",
    "dos.txt": b"eins\r\nzwei\r\n",
    "한글/binary": bytes(range(256)) * 9 + b"\r\n",
    "long.txt": b"x" * ((1 << 20) - 1) + b"\r\n" + b"y\r\n" * 40,  # the first CR LF stands across two chunks
    "mixed": b"t\r\n" * (1 << 19) + b"\0\r\n",
    "empty": b"",
}


def folded(body: bytes) -> str:
    """The hash of dvc 2, by the real dvc."""
    import io

    from dvc_data.hashfile.hash import fobj_md5

    return fobj_md5(io.BytesIO(body), name="md5-dos2unix")


def keep(root: Path, name: str, body: bytes) -> None:
    """Write an object where dvc 2 kept it."""
    path = root / ".dvc" / "cache" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(body)
        path.chmod(0o444)


def make_old(root: Path) -> None:
    """A folder, a file and an output of a stage, as dvc 2 left them."""
    make(root / "d", FILES)
    for body in FILES.values():
        keep(root, folded(body), body)
    body = listing.encode({name: folded(text) for name, text in FILES.items()})
    name = listing.name_of_bytes(body)
    keep(root, name, body)
    size = sum(map(len, FILES.values()))
    (root / "d.dvc").write_text(f"outs:\n- md5: {name}\n  size: {size}\n  nfiles: {len(FILES)}\n  path: d\n")
    make(root, {"s": FILES["dos.txt"], "made": b"made\r\n"})
    (root / "s.dvc").write_text(f"outs:\n- md5: {folded(FILES['dos.txt'])}\n  size: 12\n  path: s\n")
    keep(root, folded(b"made\r\n"), b"made\r\n")
    (root / "dvc.yaml").write_text("stages:\n  m:\n    cmd: x\n    outs: [made]\n")
    (root / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  m:\n    cmd: x\n    outs:\n"
        f"    - path: made\n      md5: {folded(b'made' + bytes([13, 10]))}\n      size: 6\n"
    )


@given(st.lists(st.sampled_from([b"a", b"\r\n", b"\r", b"\n", b"\0", b"\xff" * 200, b"text " * 100]), max_size=30))
def test_the_hash_is_that_of_dvc(pieces: list[bytes]) -> None:
    """Any mixture of text, line ends and binary bytes has dvc 2's hash, however it comes in."""
    body = b"".join(pieces)
    for pad in (0, (1 << 20) - 1):
        digest = Dos2UnixMD5()
        for piece in (b"x" * pad, *pieces):
            digest.update(piece)
        assert digest.hexdigest() == folded(b"x" * pad + body)


def test_status_and_checkout_in_place(repo: Repository, root: Path, dvc: Tool) -> None:
    """Untouched old data is clean for both tools; what is missing comes back; what changed is seen; nothing moves."""
    make_old(root)
    assert all(out.is_legacy for out in tracked(repo))
    assert json.loads(dvc(root, "status", "--json").out) == {}
    assert changes(repo, resolve(repo, [])) == []
    shutil.rmtree(root / "d")
    (root / "s").unlink()
    (root / "made").unlink()
    assert {change.state for change in changes(repo, resolve(repo, []))} == {"deleted"}
    raise_if_incomplete(checkout(repo, resolve(repo, [])), str(root))
    assert read(root / "d") == FILES
    assert (root / "made").read_bytes() == b"made\r\n"
    assert json.loads(dvc(root, "status", "--json").out) == {}
    (root / "d" / "unix.txt").write_bytes(b"one\r\ntwo\r\n")  # the same text to dvc 2
    assert changes(repo, resolve(repo, [])) == []
    (root / "d" / "unix.txt").write_bytes(b"three\n")
    assert [change.state for change in changes(repo, resolve(repo, ["d"]))] == ["modified"]
    assert not (root / ".dvc" / "cache" / "files").exists()
    file = TrackedFiles(repo).digest_of(str(root / "d" / "dos.txt"))
    assert file is not None
    assert not file.is_changed


def test_other_line_ends_are_not_lost(repo: Repository, root: Path) -> None:
    """Bytes that dvc 2 takes for the same text, but are not those of the object, are replaced by force only."""
    make_old(root)
    (root / "s").write_bytes(b"eins\nzwei\r\n")
    (root / "s.dvc").write_text(f"outs:\n- md5: {folded(b'')}\n  size: 0\n  path: s\n")
    with pytest.raises(Refused, match="saved nowhere"):
        checkout(repo, resolve(repo, ["s"]))
    report = checkout(repo, resolve(repo, ["s"]), force=True)
    assert report.kept is not None
    assert (root / "s").read_bytes() == b""


def test_damage_is_seen(repo: Repository, root: Path) -> None:
    """A wrong old object is set aside, not restored."""
    make_old(root)
    name = folded(FILES["dos.txt"])
    path = root / ".dvc" / "cache" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    (root / "s").unlink()
    report = checkout(repo, resolve(repo, ["s"]))
    assert report.missing == [str(root / "s")]
    assert not (root / "s").exists()
    assert not path.exists()


def test_adding_converts_the_record(repo: Repository, root: Path, dvc: Tool) -> None:
    """Changed data gets a record of dvc 3, unchanged data keeps its own, as in dvc; a path in an old folder is refused.

    Other line ends are a change: the object does not have them.
    """
    make_old(root)
    with pytest.raises(Refused, match="written by dvc 2"):
        add(repo, ["d/empty"])
    before = [(root / name).read_text() for name in ("d.dvc", "s.dvc")]
    assert dvc(root, "add", "d", "s").code == 0
    assert [(root / name).read_text() for name in ("d.dvc", "s.dvc")] == before
    add(repo, ["d", "s"])
    assert [(root / name).read_text() for name in ("d.dvc", "s.dvc")] == before
    make(root, {"s": b"eins\nzwei\r\n"})
    add(repo, ["s"])
    md5 = hashlib.md5(b"eins\nzwei\r\n").hexdigest()
    assert (root / "s.dvc").read_text() == f"outs:\n- md5: {md5}\n  size: 11\n  path: s\n  hash: md5\n"
    (root / "s.dvc").write_text(f"outs:\n- md5: {folded(b'x')}\n  size: 1\n  path: s\n")
    (root / "s").write_bytes(b"x")
    add(repo, ["s"])  # the same MD5 by both rules, but no object holds it
    assert (root / "s.dvc").read_text().endswith("hash: md5\n")
    assert json.loads(dvc(root, "status", "--json").out) == {}


@pytest.mark.parametrize("lines", ["/lock\n/state\n/cache\n", None])
def test_what_is_for_this_machine_alone_stays_out_of_git(tmp_path: Path, madang: Tool, lines: str | None) -> None:
    """``.dvc/.gitignore`` of DVC 0 says nothing of ``tmp``, where replaced files are kept: git must not be shown it."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    make(tmp_path, {".dvc/config": b"", "a": b"1"})
    if lines is not None:
        (tmp_path / ".dvc" / ".gitignore").write_text(lines)
    assert madang(tmp_path, "add", "-q", "a").code == 0
    seen = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=tmp_path, capture_output=True, text=True)
    shown = [".dvc/.gitignore", ".dvc/config", ".gitignore", "a.dvc"]
    assert sorted(line[3:] for line in seen.stdout.splitlines()) == shown
    written = (tmp_path / ".dvc" / ".gitignore").read_text()
    assert written.startswith(lines or "")
    assert madang(tmp_path, "add", "-q", "a").code == 0
    assert (tmp_path / ".dvc" / ".gitignore").read_text() == written


def test_the_same_data_by_the_other_hash(root: Path, madang: Tool, dvc: Tool) -> None:
    """A record that names another hash with the same value (`cache migrate --dvc-files`) is no change, as for dvc."""
    make(root, {"f": b"\0", "d/x": b"one\n", "d/y": b"\0\r\n"})
    assert madang(root, "add", "-q", "f", "d").code == 0
    old = {name: (root / name).read_text() for name in ("f.dvc", "d.dvc")}
    for name, text in old.items():
        (root / name).write_text(text.replace("  hash: md5\n", ""))
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm1"], cwd=root, check=True)
    for name, text in old.items():
        (root / name).write_text(text)
    for tool in (dvc, madang):
        assert not any(json.loads(tool(root, "diff", "--json", "--hide-missing").out).values())
        assert "committed" not in json.loads(tool(root, "data", "status", "--json").out)


def test_stages_of_dvc_0_are_told(root: Path, madang: Tool, dvc: Tool) -> None:
    """A stage in a ``.dvc`` file, which dvc 2 and 3 refuse as well, is refused with the way to go on."""
    (root / "s.dvc").write_text("cmd: make\nouts:\n- path: o\n  metric: false\n")
    assert dvc(root, "status").code == madang(root, "status").code == 1
    assert "madang stage add" in madang(root, "status").err
