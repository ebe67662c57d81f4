"""`madang cache`: where the cache lies, and the migration of what dvc 2 left."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from tests.data.helpers import Tool, make, objects, read
from tests.data.test_legacy import FILES, folded, make_old


def test_the_folder(root: Path, madang: Tool, dvc: Tool) -> None:
    """It is shown, set at each level and unset, and both tools find the same."""
    assert madang(root, "cache", "dir").out == dvc(root, "cache", "dir").out == f"{root}/.dvc/cache\n"
    assert madang(root, "cache", "dir", "../shared cache").code == 0
    assert "dir = ../../shared cache" in (root / ".dvc" / "config").read_text()
    assert madang(root, "cache", "dir", "--local", "/fast").code == 0
    assert madang(root, "cache", "dir").out == dvc(root, "cache", "dir").out == "/fast\n"
    assert madang(root, "cache", "dir", "--project").out == f"{root.parent}/shared cache\n"
    assert madang(root, "cache", "dir", "--local", "--unset").code == 0
    make(root, {"s": b"s"})
    assert madang(root, "add", "s").code == 0
    assert read(root.parent / "shared cache").keys() >= {"files/md5/03/c7c0ace395d80182db07ae2c30f034"}
    assert madang(root, "cache", "dir", "--unset").code == 0
    assert madang(root, "cache", "dir", "--unset").code == 251
    assert madang(root, "cache", "dir", "--global").code == 251
    assert madang(root, "cache", "dir", "x", "--unset").code == 254


def test_migration(root: Path, madang: Tool, dvc: Tool) -> None:
    """Objects get their new names without a copy, records their new form; both tools restore the same bytes then."""
    make_old(root)
    (root / "dvc.yaml").write_text("stages:\n  m:\n    cmd: x\n    deps: [in]\n    outs: [made]\n")
    make(root, {"in": b"in\r\n"})
    lock = (root / "dvc.lock").read_text()
    deps = f"    deps:\n    - path: in\n      md5: {folded(make_bytes('in'))}\n      size: 4\n    outs:\n"
    (root / "dvc.lock").write_text(lock.replace("    outs:\n", deps))
    before = objects(root / ".dvc" / "cache")
    dry = json.loads(madang(root, "cache", "migrate", "--dvc-files", "--dry", "--json").out)
    assert dry == {"objects": len(before), "records": ["d.dvc", "dvc.lock", "s.dvc"], "left": [], "damaged": []}
    assert objects(root / ".dvc" / "cache") == before
    answer = madang(root, "cache", "migrate", "--dvc-files", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) == dry
    after = objects(root / ".dvc" / "cache")
    assert before.items() <= after.items()
    for body in (*FILES.values(), make_bytes("made")):
        name = hashlib.md5(body, usedforsecurity=False).hexdigest()
        new = root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
        assert new.read_bytes() == body
        old = folded(body)
        assert os.path.samefile(new, root / ".dvc" / "cache" / old[:2] / old[2:]) or old in {
            folded(other) for other in (*FILES.values(), make_bytes("made")) if other != body
        }
    assert (root / "dvc.lock").read_text().count("hash: md5") == 2
    assert (root / "s.dvc").read_text().endswith("  path: s\n  hash: md5\n")
    for name in ("d", "s", "made"):
        path = root / name
        path.rename(root.parent / name)
    assert madang(root, "checkout").code == 0
    assert read(root / "d") == FILES
    assert json.loads(dvc(root, "status", "--json").out) == {}
    assert madang(root, "cache", "migrate", "--dvc-files").out.startswith(f"{len(before)} files were")
    assert objects(root / ".dvc" / "cache") == after


def make_bytes(word: str) -> bytes:
    """A word on a line of DOS."""
    return word.encode() + b"\r\n"


def test_what_cannot_be_migrated(root: Path, madang: Tool) -> None:
    """A damaged object is set aside, a record whose objects are not here stays and is named."""
    make_old(root)
    name = folded(FILES["unix.txt"])
    path = root / ".dvc" / "cache" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"flipped")
    record = (root / "d.dvc").read_text()
    answer = json.loads(madang(root, "cache", "migrate", "--dvc-files", "--json").out)
    assert answer["damaged"] == [name]
    assert answer["left"] == ["d"]
    assert (root / "d.dvc").read_text() == record
    assert "hash: md5" in (root / "s.dvc").read_text()
    assert not path.exists()


def test_remotes_of_dvc_2(root: Path, madang: Tool, dvc: Tool, tmp_path: Path) -> None:
    """Old data is pushed to where dvc keeps old data, and comes back from there; a wrong object does not."""
    make_old(root)
    store = tmp_path / "store"
    assert madang(root, "remote", "add", "-d", "r", str(store)).code == 0
    assert madang(root, "push").code == 0
    listing = next(line.split()[-1] for line in (root / "d.dvc").read_text().splitlines() if "md5" in line)
    assert (store / listing[:2] / listing[2:]).is_file()
    assert json.loads(dvc(root, "status", "-c", "--json").out) == {}
    assert json.loads(madang(root, "status", "-c", "--json").out) == {}
    wrong = folded(FILES["mixed"])
    (store / wrong[:2] / wrong[2:]).write_bytes(b"wrong")
    (root / ".dvc" / "cache").rename(root.parent / "cache")
    answer = madang(root, "fetch")
    assert answer.code == 1
    assert wrong in answer.err
    (store / wrong[:2] / wrong[2:]).write_bytes(FILES["mixed"])
    (root / "d").rename(root.parent / "d")
    assert madang(root, "pull").code == 0
    assert read(root / "d") == FILES
