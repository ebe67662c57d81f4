"""Other repositories are listed and copied from as the real dvc does it, and a stranger's one can do no harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from hashlib import md5, sha256
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read
from tests.data.source import DATA, git

LISTS = [
    [],
    ["data"],
    ["data/deep"],
    ["data/x"],
    ["gd"],
    ["mix", "--dvc-only"],
    ["-R"],
    ["-R", "--dvc-only"],
    ["-R", "-L", "1"],
    ["-R", "-L", "2"],
    ["mix", "-R"],
    ["nothing"],
]


@pytest.mark.parametrize("way", ["folder", "tag", "bare"])
def test_list(way: str, source: Path, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """The same entries as the real dvc, of a folder as it lies there, of a tag, and of a bare repository by URL."""
    url = f"file://{source.parent}/bare.git" if way == "bare" else str(source)
    rev = [] if way == "folder" else ["--rev", "v1"] if way == "tag" else ["--rev", "main"]
    for line in LISTS if way != "bare" else LISTS[3:8:2]:
        ours = madang(tmp_path, "list", url, *line, *rev, "--json")
        theirs = dvc(tmp_path, "list", url, *line, *rev, "--json")
        assert ours.code == theirs.code, line
        if ours.code:
            continue
        found, wanted = json.loads(ours.out), json.loads(theirs.out)
        assert [one["path"] for one in found] == [one["path"] for one in wanted], line
        for one, other in zip(found, wanted, strict=True):
            for key in ("isout", "isdir", "md5"):
                assert one[key] == other[key], (line, one, other)
            if not one["isdir"]:
                assert one["isexec"] == other["isexec"], (line, one, other)
                assert one["size"] == other["size"] or other["size"] is None, (line, one, other)


def test_list_as_text(source: Path, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Plain, with hashes and as a tree, the text is that of the real dvc but for line breaks in names."""
    for line in (["gd"], ["data/deep"], ["mix", "-R", "--show-hash"], ["mix", "--tree"], ["gd", "-T", "-L", "1"]):
        ours, theirs = madang(tmp_path, "list", str(source), *line), dvc(tmp_path, "list", str(source), *line)
        assert ours.out.strip() == theirs.out.strip(), line
    assert "line\\nbreak" in madang(tmp_path, "list", str(source), "data").out


def test_du(source: Path, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Sizes are those of the real dvc, per entry and summed."""
    for line in (["data/deep"], ["gd"], ["mix"], ["file.csv"], ["-s"], ["nothing"]):
        ours, theirs = madang(tmp_path, "du", str(source), *line), dvc(tmp_path, "du", str(source), *line)
        assert ours.code == theirs.code, line
        if not ours.code:
            assert sorted(ours.out.strip().split("\n")) == sorted(theirs.out.strip().split("\n")), line


def test_du_without_listings(source: Path, tmp_path: Path, madang: Tool) -> None:
    """A tracked folder is as large as its record says: nothing is asked of a remote, where its listing may be lost."""
    root = shutil.copytree(source, tmp_path / "bare", symlinks=True)
    lines: list[list[str]] = [[], ["mix"], ["-s"]]
    whole = [madang(tmp_path, "du", str(root), *line).out for line in lines]
    shutil.rmtree(root / ".dvc" / "cache")
    (root / ".dvc" / "config").write_text("")
    assert [madang(tmp_path, "du", str(root), *line).out for line in lines] == whole


@pytest.mark.parametrize("way", ["folder", "bare"])
def test_get(way: str, source: Path, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Data, files of Git, parts of folders, mixed folders and outputs come whole, as the real dvc brings them."""
    url = f"file://{source.parent}/bare.git" if way == "bare" else str(source)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for path in ("data", "data/deep", "data/x", "gitfile", "gd", "mix", "mix/sub", "od", "file.csv"):
        for folder, tool in ((ours, madang), (theirs, dvc)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if tool is madang or way == "folder":
                assert tool(folder, "get", url, path, "-o", path.replace("/", "_")).code == 0, path
    if way == "folder":
        assert read(ours) == read(theirs)
    assert read(ours / "data") == DATA
    assert (ours / "gitfile").read_bytes() == b"g"
    assert (ours / "mix" / "dvced").read_bytes() == b"n"
    assert madang(ours, "get", url, "file.csv", "--rev", "v1", "-o", "old").code == 0
    assert (ours / "old").read_bytes() == b"f"
    assert (ours / "old").stat().st_mode & 0o777 == 0o644
    assert madang(ours, "get", url, "data").code == 1
    assert madang(ours, "get", url, "nothing").code == 1
    assert madang(ours, "get", url, "data", "--rev", "nothing").code == 1
    assert madang(ours, "get", url, "data/x", "-o", "gd").code == 0
    assert (ours / "gd" / "x").exists()
    assert not (ours / ".incoming").exists()


def test_get_replaces_only_when_asked(source: Path, tmp_path: Path, madang: Tool) -> None:
    """What is there stays without --force, and also when with it nothing can be got."""
    make(tmp_path, {"file.csv": b"mine", "data/own": b"mine"})
    for line in (["file.csv"], ["data/x", "-o", "file.csv"], ["data"]):
        assert madang(tmp_path, "get", str(source), *line).code == 1
    assert madang(tmp_path, "get", str(source), "nothing", "-o", "file.csv", "-f").code == 1
    assert (tmp_path / "file.csv").read_bytes() == b"mine"
    assert madang(tmp_path, "get", str(source), "file.csv", "-f").code == 0
    assert (tmp_path / "file.csv").read_bytes() == b"ff"
    assert madang(tmp_path, "get", str(source), "gd", "-o", "g").code == 0
    assert madang(tmp_path, "get", str(source), "data/x", "-o", "g/1", "-f").code == 0
    assert (tmp_path / "g" / "1").read_bytes() == b"1\n"


def test_get_in_a_repository_keeps_what_it_replaces(source: Path, root: Path, madang: Tool) -> None:
    """In a data repository `madang undo` brings back what --force replaced; nothing else is left behind."""
    make(root, {"file.csv": b"mine", "gd/own": b"own"})
    for path in ("file.csv", "gd"):
        assert madang(root, "get", str(source), path, "-f", "-q").code == 0
    assert (root / "gd" / "3").read_bytes() == b"3"
    assert madang(root, "undo").code == madang(root, "undo", "2").code == 0
    assert (root / "file.csv").read_bytes() == b"mine"
    assert read(root / "gd") == {"own": b"own"}
    assert {path.name for path in root.iterdir()} == {".git", ".dvc", ".dvcignore", "file.csv", "gd"}


def test_get_needs_no_cache_of_the_source(source: Path, tmp_path: Path, madang: Tool) -> None:
    """Without its cache the source's remote is used; a wrong object there is refused; --remote names another one."""
    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    shutil.rmtree(copy / ".dvc" / "cache")
    store = tmp_path / "store"
    shutil.copytree(source.parent / "store", store)
    git(copy, "config", "receive.denyCurrentBranch", "ignore")
    assert madang(copy, "remote", "add", "-f", "store", str(store)).code == 0
    assert madang(tmp_path, "get", str(copy), "data/x").code == 0
    victim = next(path for path in store.rglob("*") if path.is_file() and path.read_bytes() == b"ff")
    victim.chmod(0o644)
    victim.write_bytes(b"ba")
    answer = madang(tmp_path, "get", str(copy), "file.csv")
    assert answer.code == 1
    assert "wrong bytes" in answer.err
    assert not (tmp_path / "file.csv").exists()
    line = ["--remote", "store", "--remote-config", f"url={source.parent / 'store'}"]
    assert madang(tmp_path, "get", str(copy), "file.csv", *line).code == 0
    assert (tmp_path / "file.csv").read_bytes() == b"ff"


def test_addresses_that_are_refused(source: Path, tmp_path: Path, madang: Tool) -> None:
    """Transports that run programs, options in disguise and paths that leave the repository are never tried."""
    mark = tmp_path / "mark"
    for url in (
        f"ext::sh -c touch% {mark}",
        f"ext::touch {mark}",
        "--upload-pack=touch x",
        "-x",
        "ftp://h/x",
        "ssh://-oX/y",
    ):
        assert madang(tmp_path, "get", "--", url, "x").code == 1, url
    for path in (
        "../store",
        "/etc/passwd",
        "data/../../store",
        "..",
        ".git/config",
        ".dvc/config",
        "data/../.git/HEAD",
    ):
        assert madang(tmp_path, "get", str(source), path, "-o", "got").code == 1, path
    assert not mark.exists()
    assert not (tmp_path / "got").exists()


def test_a_hostile_repository(tmp_path: Path, madang: Tool) -> None:
    """Hooks, filters and file-system monitors of a stranger's repository are not run, links out of it not followed,
    records of places outside of it are not seen.
    """
    evil = tmp_path / "evil"
    mark = tmp_path / "mark"
    evil.mkdir()
    git(evil, "init", "-q", "-b", "main")
    for key, value in (("user.name", "a"), ("user.email", "a@b")):
        git(evil, "config", key, value)
    script = f"#!/bin/sh\ntouch '{mark}'\ncat\n"
    make(
        evil,
        {
            ".gitattributes": b"* filter=evil\n",
            ".dvc/config": b"",
            "plain": b"p",
            "run.sh": script.encode(),
            "up.dvc": b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  hash: md5\n  path: ../../victim\n",
            "abs.dvc": b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  hash: md5\n  path: /tmp/victim\n",
        },
    )
    (tmp_path / "secret").write_bytes(b"secret")
    os.symlink("../secret", evil / "link")
    os.symlink("/etc", evil / "etc")
    git(evil, "add", "-A")
    git(evil, "commit", "-q", "-m", "1")
    (evil / "run.sh").chmod(0o755)
    for name in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        shutil.copy(evil / "run.sh", evil / ".git" / "hooks" / name)
    for key in ("filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "core.sshCommand", "core.pager"):
        git(evil, "config", key, str(evil / "run.sh"))
    mark.unlink(missing_ok=True)
    for url, rev in ((str(evil), []), (str(evil), ["--rev", "main"]), (f"file://{evil}", [])):
        out = tmp_path / f"out{len(url)}{len(rev)}"
        out.mkdir()
        answer = madang(out, "get", url, ".", "-o", "all", *rev)
        assert answer.code == 0, answer.err
        found = read(out / "all")
        assert b"secret" not in found.values()
        assert not any(name.startswith("etc") for name in found)
        assert "victim" not in madang(out, "list", url, "-R", "--dvc-only", *rev).out
    assert not mark.exists()


def test_a_copy_is_brought_up_to_date(source: Path, tmp_path: Path, madang: Tool) -> None:
    """A second look at a URL sees new commits, moved tags and other branches; a known commit needs no contact."""
    away = tmp_path / "away.git"
    git(tmp_path, "clone", "-q", "--bare", str(source.parent / "bare.git"), str(away))
    url = f"file://{away}"
    assert madang(tmp_path, "get", url, "gitfile", "-o", "1").code == 0
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(away), str(work))
    make(work, {"gitfile": b"newer"})
    git(work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-a", "-m", "3")
    git(work, "push", "-q", "origin", "main", "HEAD:refs/heads/feature/x")
    git(work, "push", "-q", "-f", "origin", "HEAD:refs/tags/v1")
    for rev in ([], ["--rev", "feature/x"], ["--rev", "v1"], ["--rev", git(work, "rev-parse", "--short", "HEAD")]):
        assert madang(tmp_path, "get", url, "gitfile", "-o", "2", "-f", *rev).code == 0
        assert (tmp_path / "2").read_bytes() == b"newer"
    full = git(work, "rev-parse", "HEAD~1")
    shutil.rmtree(away)
    assert madang(tmp_path, "get", url, "gitfile", "-o", "3", "--rev", full).code == 0
    assert (tmp_path / "3").read_bytes() == b"g"
    assert madang(tmp_path, "get", url, "gitfile", "-o", "4").code == 1


def test_inside_a_hook(source: Path, tmp_path: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git's variables of a hook in another repository do not lead reading astray."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert madang(tmp_path, "get", f"file://{source.parent}/bare.git", "gitfile", "--rev", "v1").code == 0
    assert madang(tmp_path, "get", str(source), "gd", "--rev", "v1").code == 0
    assert (tmp_path / "gd" / "1").read_bytes() == b"1"


def test_repositories_in_folders(source: Path, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Data repositories in folders of one Git repository are seen from its top, each with its own remote."""
    mono = tmp_path / "mono"
    for name in ("one", "two/deep"):
        (mono / name).mkdir(parents=True)
    git(mono, "init", "-q", "-b", "main")
    make(mono, {"top": b"t", "one/data/a": b"a", "two/deep/file": b"f", "two/plain": b"p"})
    for name, what in (("one", "data"), ("two/deep", "file")):
        assert dvc(mono / name, "init", "-q", "--subdir").code == 0
        assert dvc(mono / name, "add", "-q", what).code == 0
        assert dvc(mono / name, "remote", "add", "-q", "-d", "r", str(tmp_path / "store" / name)).code == 0
        assert dvc(mono / name, "push", "-q").code == 0
    git(mono, "add", "-A")
    git(mono, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "1")
    for url in (f"file://{mono}", str(mono)):
        for line in ([], ["-R"], ["one"], ["two", "-R", "--dvc-only"], ["one/data"]):
            ours, theirs = madang(tmp_path, "list", url, *line), dvc(tmp_path, "list", url, *line)
            assert ours.out.split() == theirs.out.split(), (url, line)
    for path, body in (("one/data/a", b"a"), ("two/deep/file", b"f"), ("two/plain", b"p")):
        assert madang(tmp_path, "get", f"file://{mono}", path, "-o", path.replace("/", "_")).code == 0
        assert (tmp_path / path.replace("/", "_")).read_bytes() == body
    assert madang(tmp_path, "get", f"file://{mono}", "one", "-o", "whole").code == 0
    assert read(tmp_path / "whole") == {"data/a": b"a", ".gitignore": b"/data\n"}
    assert madang(tmp_path, "get", str(mono / "two/deep"), "file", "-o", "f").code == 0


def test_a_source_of_dvc_2(tmp_path: Path, madang: Tool) -> None:
    """Data of a repository that dvc 2 wrote is found in its old places and recorded by its real MD5."""
    old = tmp_path / "old"
    old.mkdir()
    git(old, "init", "-q", "-b", "main")
    body, folded = b"a\r\nb\r\n", "dd8c6a395b5dd36c56d23275028f526c"
    listing = f'[{{"md5": "{folded}", "relpath": "x"}}]'.encode()
    name = md5(listing).hexdigest()
    make(
        old,
        {
            ".dvc/config": f"[core]\n    remote = r\n['remote \"r\"']\n    url = {tmp_path}/store\n".encode(),
            "file.dvc": f"outs:\n- md5: {folded}\n  size: 6\n  path: file\n".encode(),
            "data.dvc": f"outs:\n- md5: {name}.dir\n  size: 6\n  nfiles: 1\n  path: data\n".encode(),
        },
    )
    make(tmp_path / "store", {f"{folded[:2]}/{folded[2:]}": body, f"{name[:2]}/{name[2:]}.dir": listing})
    git(old, "add", "-A")
    git(old, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "1")
    assert madang(tmp_path, "get", f"file://{old}", "file").code == 0
    assert madang(tmp_path, "get", f"file://{old}", "data").code == 0
    assert (tmp_path / "file").read_bytes() == (tmp_path / "data" / "x").read_bytes() == body
    assert madang(tmp_path, "list", f"file://{old}", "data").out == "x\n"
    ours = tmp_path / "ours"
    ours.mkdir()
    assert madang(ours, "init", "--no-scm", "-q").code == 0
    assert madang(ours, "import", f"file://{old}", "data", "-q").code == 0
    assert f"md5: {md5(body).hexdigest()}" not in (ours / "data.dvc").read_text()
    assert read(ours / "data") == {"x": body}
    assert madang(ours, "status").out.startswith("Data is up to date") or madang(ours, "status").code == 0


@pytest.mark.parametrize("name", [b"..", b".git", b"a/b", b"."])
def test_names_that_leave_their_folder(name: bytes, tmp_path: Path, madang: Tool) -> None:
    """A commit that was made by hand, with a name that no checkout would make, writes nothing outside."""
    evil = tmp_path / "evil"
    evil.mkdir()
    git(evil, "init", "-q", "-b", "main")

    def store(kind: str, body: bytes) -> bytes:
        line = ["git", "-C", str(evil), "hash-object", "-w", "-t", kind, "--literally", "--stdin"]
        return bytes.fromhex(subprocess.run(line, input=body, capture_output=True, check=True).stdout.decode())

    blob = store("blob", b"bad")
    inner = store("tree", b"100644 evil\0" + blob)
    tree = store("tree", b"40000 " + name + b"\0" + inner + b"100644 good\0" + blob)
    commit = store("commit", f"tree {tree.hex()}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nx\n".encode())
    git(evil, "update-ref", "refs/heads/main", commit.hex())
    before = read(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    answer = madang(out, "get", f"file://{evil}", ".", "-o", "all")
    assert answer.code == (0 if name == b".git" else 1)
    left = {name: body for name, body in read(tmp_path).items() if not name.startswith("out/all/")}
    assert left == before
    assert not (out / "all" / ".git").exists()


def test_pointers_of_git_lfs(tmp_path: Path, madang: Tool) -> None:
    """A file that Git LFS keeps is never copied as its pointer: its bytes come from a clone here, or it is refused."""
    folder = tmp_path / "lfs"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    body = b"large" * 1000
    digest = sha256(body).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(body)}\n".encode()
    make(folder, {"model.bin": pointer, "small": b"s"})
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "1")
    for url in (str(folder), f"file://{folder}"):
        answer = madang(tmp_path, "get", url, "model.bin", "--rev", "main")
        assert answer.code == 1
        assert "git-lfs" in answer.err
        assert not (tmp_path / "model.bin").exists()
        assert madang(tmp_path, "get", url, "small", "-f").code == 0
    make(folder / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4], {digest: body})
    assert madang(tmp_path, "get", str(folder), "model.bin", "--rev", "main").code == 0
    assert (tmp_path / "model.bin").read_bytes() == body


def test_submodules_are_left_out(tmp_path: Path, madang: Tool) -> None:
    """A commit with a submodule is listed and copied without it; nothing of it is fetched."""
    folder = tmp_path / "with module"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    make(folder, {"a": b"a", ".gitmodules": b'[submodule "m"]\n\tpath = m\n\turl = ext::sh -c touch% mark\n'})
    git(folder, "add", "-A")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},m")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "1")
    for number, url in enumerate((str(folder), f"file://{folder}")):
        assert madang(tmp_path, "list", url, "--rev", "main").out.split() == [".gitmodules", "a"]
        assert madang(tmp_path, "get", url, ".", "-o", f"all{number}", "--rev", "main").code == 0
        assert set(read(tmp_path / f"all{number}")) == {"a", ".gitmodules"}


@pytest.mark.parametrize("way", ["folder", "url"])
def test_a_configuration_that_cannot_be_used(way: str, tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """A key of DVC 0 is told by the name of the source, not by that of our copy; the exit code is dvc's."""
    root = tmp_path / "src"
    make(root, {".dvc/config": b"[core]\ncloud = AWS\n", "f": b"f"})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm1")
    url = str(root) if way == "folder" else f"file://{root}"
    for words in (["list", url], ["get", url, "f", "-o", "g"]):
        ours = madang(tmp_path, *words)
        assert ours.code == dvc(tmp_path, *words).code == 1, ours.err
        assert "'cloud'" in ours.err
        assert (url if way == "url" else f"{root}/.dvc/config") in ours.err
        assert "repositories" not in ours.err
