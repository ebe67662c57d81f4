"""What madang writes the real dvc reads, and the reverse, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import ODD, Tool, make, objects, read

SINGLES = {"s.csv": b"a,b\n1,2\n", "한글 파일.bin": b"\0\1", "run.sh": b"#!/bin/sh\n", "빈 파일": b"", "[x]*.dat": b"x"}


def two_repositories(tmp_path: Path, dvc: Tool) -> tuple[Path, Path]:
    """Two repositories of the real dvc with the same data in them."""
    folders = []
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        assert dvc(folder, "init", "-q").code == 0
        make(folder / "odd data", ODD)
        make(folder, SINGLES)
        (folder / "run.sh").chmod(0o755)
        folders.append(folder)
    return folders[0], folders[1]


def test_add_writes_the_same_bytes(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """The .dvc files, .gitignore and every object of the cache are those that the real dvc writes, modes included."""
    ours, theirs = two_repositories(tmp_path, dvc)
    names = ["odd data", *SINGLES]
    assert madang(ours, "add", *names).code == 0
    assert dvc(theirs, "add", *names).code == 0
    for name in names:
        assert (ours / f"{name}.dvc").read_text() == (theirs / f"{name}.dvc").read_text()
    assert (ours / ".gitignore").read_bytes() == (theirs / ".gitignore").read_bytes()
    assert objects(ours / ".dvc" / "cache") == objects(theirs / ".dvc" / "cache")
    assert read(ours / "odd data") == ODD
    status = subprocess.run(
        ["git", "-C", str(ours), "status", "--short", "-uall", "-z"], capture_output=True, check=True
    )
    assert b"odd data/" not in status.stdout


def test_each_is_clean_for_the_other(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """After an add by one tool the other sees nothing to do; after a change both say the same."""
    ours, theirs = two_repositories(tmp_path, dvc)
    assert madang(ours, "add", "odd data", "s.csv").code == 0
    assert dvc(theirs, "add", "odd data", "s.csv").code == 0
    for folder in (ours, theirs):
        assert json.loads(dvc(folder, "status", "--json").out) == {}
        assert json.loads(madang(folder, "status", "--json").out) == {}
        (folder / "odd data" / "plain.txt").write_bytes(b"changed")
        (folder / "s.csv").unlink()
        expected = {
            "odd data.dvc": [{"changed outs": {"odd data": "modified"}}],
            "s.csv.dvc": [{"changed outs": {"s.csv": "deleted"}}],
        }
        assert json.loads(dvc(folder, "status", "--json").out) == expected
        assert json.loads(madang(folder, "status", "--json").out) == expected


def test_checkout_of_what_the_other_added(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Data that one tool added the other restores, exec bit of a single file included."""
    ours, theirs = two_repositories(tmp_path, dvc)
    assert madang(ours, "add", "odd data", "run.sh").code == 0
    assert dvc(theirs, "add", "odd data", "run.sh").code == 0
    for folder, restore in ((ours, dvc), (theirs, madang)):
        shutil.rmtree(folder / "odd data")
        (folder / "run.sh").unlink()
        assert restore(folder, "checkout").code == 0
        assert read(folder / "odd data") == ODD
        assert (folder / "run.sh").read_bytes() == SINGLES["run.sh"]
        assert (folder / "run.sh").stat().st_mode & 0o100


def test_one_remote_for_both(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """What one tool pushes the other pulls, and a second push of either sends nothing."""
    ours, theirs = two_repositories(tmp_path, dvc)
    for folder, tool, other in ((ours, madang, dvc), (theirs, dvc, madang)):
        # The real dvc reads an address in Korean, and cannot write one.
        store = tmp_path / ("공유 store" if tool is madang else "store")
        assert tool(folder, "add", "odd data", "s.csv").code == 0
        assert tool(folder, "remote", "add", "-d", "Store", str(store)).code == 0
        assert tool(folder, "push").code == 0
        assert "up to date" in other(folder, "push").out
        assert json.loads(other(folder, "status", "-c", "--json").out) == {}
        shutil.rmtree(folder / ".dvc" / "cache")
        shutil.rmtree(folder / "odd data")
        assert other(folder, "pull").code == 0
        assert read(folder / "odd data") == ODD
        assert json.loads(tool(folder, "status", "--json").out) == {}


def test_init_and_remotes_write_the_same_configuration(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """init, remote add, modify, default, rename and remove leave the files that the real dvc leaves."""
    texts = []
    for name, tool in (("a", dvc), ("b", madang)):
        folder = tmp_path / name / "repo"
        folder.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        assert tool(folder, "init", "-q").code == 0
        staged = subprocess.run(["git", "-C", str(folder), "status", "--short"], capture_output=True, check=True).stdout
        for line in (
            "remote add -d Main ../store",
            "remote add s3 s3://bucket/path",
            "remote modify s3 endpointurl http://127.0.0.1:9",
            "remote modify --local s3 secret_access_key a,b#c",
            "remote add gone /tmp/x",
            "remote remove gone",
            "remote rename main second",
            "remote add -f s3 s3://other",
        ):
            assert tool(folder, *line.split()).code == 0, line
        files = [".dvc/config", ".dvc/config.local", ".dvc/.gitignore", ".dvcignore"]
        texts.append([staged, *((folder / one).read_bytes() for one in files)])
    assert texts[0] == texts[1]


def test_an_update_keeps_comments_and_annotations(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Descriptions, labels, metadata, comments and the order of keys survive an add, as with the real dvc."""
    ours, theirs = two_repositories(tmp_path, dvc)
    texts = []
    for folder, tool in ((ours, madang), (theirs, dvc)):
        assert dvc(folder, "add", "s.csv").code == 0
        text = (folder / "s.csv.dvc").read_text()
        text = "# 맨 위 comment\n" + text.replace("- md5", "- desc: 설명 text\n  md5") + "  type: table\n"
        text += "  labels: [a, b]   # beside\n  meta:\n    owner: '김'\n    n: 1e-3\nmeta: {x: [1, 2]}\n"
        (folder / "s.csv.dvc").write_text(text)
        (folder / "s.csv").write_bytes(b"another\n")
        assert tool(folder, "add", "s.csv").code == 0
        texts.append((folder / "s.csv.dvc").read_text())
    assert texts[0] == texts[1]
    assert "# 맨 위 comment" in texts[0]


def test_adding_one_file_inside_a_tracked_folder(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Only the named path's entry of the folder changes, in the same listing as with the real dvc."""
    ours, theirs = two_repositories(tmp_path, dvc)
    texts = []
    for folder, tool in ((ours, madang), (theirs, dvc)):
        assert dvc(folder, "add", "odd data").code == 0
        (folder / "odd data" / "plain.txt").write_bytes(b"named")
        (folder / "odd data" / "a0").write_bytes(b"not named")
        assert tool(folder, "add", "odd data/plain.txt").code == 0
        texts.append(((folder / "odd data.dvc").read_text(), objects(folder / ".dvc" / "cache")))
        assert "modified" in dvc(folder, "status").out
    # The real dvc forgets the folder's size here; ours is the true one.
    size = sum(map(len, ODD.values())) - len(ODD["plain.txt"]) + len(b"named")
    assert texts[0][0].replace(f"  size: {size}\n", "") == texts[1][0]
    assert f"size: {size}" in texts[0][0]
    assert texts[0][1] == texts[1][1]


def test_adding_where_the_rest_of_the_folder_is_not(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Who brought one path of a folder, or nothing of it, adds one: the other files stay in the folder's listing."""
    source = tmp_path / "source"
    found: list[str] = []
    subprocess.run(["git", "init", "-q", str(source)], check=True)
    make(source / "d", {"a": b"1", "s/b": b"22", "s/c": b"333"})
    for line in ("init -q", "add -q d", "remote add -q -d r ../r", "push -q"):
        assert madang(source, *line.split()).code == 0
    for tool in (madang, dvc):
        folder = shutil.copytree(source, tmp_path / f"copy {len(found)}", ignore=shutil.ignore_patterns("cache", "d"))
        make(folder, {"d/new": b"4444"})
        for line in ("add d/new", "pull d/s/b", "add d/s/b", "push"):
            if line == "add d/s/b":
                make(folder, {"d/s/b": b"changed"})
            assert tool(folder, *line.split()).code == 0, line
        found.append((folder / "d.dvc").read_text())
        assert tool(folder, "pull", "-f").code == 0
        assert read(folder / "d") == {"a": b"1", "new": b"4444", "s/b": b"changed", "s/c": b"333"}
        shutil.rmtree(tmp_path / "r")
        assert madang(source, "push", "-q").code == 0
    # The real dvc forgets the folder's size here, too.
    assert found[0].replace("  size: 15\n", "") == found[1].replace("  size: 15\n", "")
    assert "size: 15" in found[0]


def test_ignored_files_are_in_neither(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """.dvcignore rules, .git folders and folders with their own .dvc are left out, as the real dvc leaves them out."""
    ours, theirs = two_repositories(tmp_path, dvc)
    rules = "*.tmp\n!keep.tmp\n/odd data/a/\nsame/*\n!same/2\n# comment\n  spaced  \n**/deep2/**/x\nabc[0-9]\n"
    texts = []
    for folder, tool in ((ours, madang), (theirs, dvc)):
        (folder / ".dvcignore").write_text(rules)
        extra = ["x.tmp", "keep.tmp", "b/keep.tmp", "spaced", "q/deep2/r/x", "deep2/x", "abc1", "abcd", "sub/.git/x"]
        make(folder / "odd data", dict.fromkeys([*extra, "nested/.dvc/config", "nested/file"], b"e"))
        assert tool(folder, "add", "odd data").code == 0
        texts.append((folder / "odd data.dvc").read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_links_to_the_cache(tmp_path: Path, dvc: Tool, madang: Tool, kind: str) -> None:
    """With cache.type hardlink or symlink both tools leave links to read-only objects, and clean for the other."""
    ours, theirs = two_repositories(tmp_path, dvc)
    for folder, tool, other in ((ours, madang, dvc), (theirs, dvc, madang)):
        assert dvc(folder, "config", "cache.type", kind).code == 0
        assert tool(folder, "add", "odd data", "s.csv").code == 0
        for path in (folder / "s.csv", folder / "odd data" / "plain.txt"):
            assert path.is_symlink() == (kind == "symlink")
            assert path.stat().st_nlink == (2 if kind == "hardlink" else 1)
            assert path.stat().st_mode & 0o777 == 0o444
        assert json.loads(other(folder, "status", "--json").out) == {}
        shutil.rmtree(folder / "odd data")
        assert other(folder, "checkout").code == 0
        assert (folder / "odd data" / "plain.txt").is_symlink() == (kind == "symlink")
        assert read(folder / "odd data") == ODD
        assert json.loads(tool(folder, "status", "--json").out) == {}


def test_exit_codes_are_those_of_dvc(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Each failure ends with the exit code that scripts around dvc expect."""
    ours, theirs = two_repositories(tmp_path, dvc)
    outside = tmp_path / "outside"
    outside.mkdir()
    cases = [
        ("add nosuch", None),
        ("status nosuch", None),
        ("checkout nosuch", None),
        ("push nosuch", None),
        ("pull nosuch", None),
        ("push", None),
        ("remote remove nosuch", None),
        ("remote default nosuch", None),
        ("remote add r /tmp/x", None),
        ("remote add r /tmp/y", None),
        ("remote modify r nosuch 1", None),
        ("status --nosuch", None),
        ("status", outside),
        ("add x", outside),
        ("push", outside),
        ("status -q", None),
        ("add s.csv", None),
        ("status -q", None),
    ]
    for line, where in cases:
        expected = dvc(where or theirs, *line.split()).code
        assert madang(where or ours, *line.split()).code == expected, line
    for folder in (ours, theirs):
        (folder / "s.csv").write_bytes(b"unsaved")
    for line in ("status -q", "checkout", "checkout -f", "status -q"):
        assert madang(ours, *line.split()).code == dvc(theirs, *line.split()).code, line
    for folder in (ours, theirs):
        shutil.rmtree(folder / ".dvc" / "cache")
        os.unlink(folder / "s.csv")
    for line in ("checkout", "pull", "push"):
        assert madang(ours, *line.split()).code == dvc(theirs, *line.split()).code, line


def test_the_lock_is_shared(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """While the real dvc (or another madang) holds the repository, a command says who does and changes nothing."""
    import zc.lockfile

    ours, _ = two_repositories(tmp_path, dvc)
    lock = zc.lockfile.LockFile(str(ours / ".dvc" / "tmp" / "lock"))
    answer = madang(ours, "add", "s.csv")
    lock.close()
    assert answer.code == 1
    assert str(os.getpid()) in answer.err
    assert not (ours / "s.csv.dvc").exists()
    assert madang(ours, "add", "s.csv").code == 0
