"""What a stranger's repository and a careless user may ask for, and small things that users of dvc rely on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from hashlib import md5
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

from madang.errors import InvalidInput, NotFound, Refused
from madang.workspace.data.files.adding import add
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.repo.repository import Repository

BODY = b"#!/bin/sh\n"


def record(root: Path, name: str, path: str, digest: str = md5(BODY).hexdigest()) -> str:
    """A record as anybody may commit it; its bytes are in the cache."""
    (root / name).write_text(f"outs:\n- md5: {digest}\n  size: 10\n  isexec: true\n  hash: md5\n  path: {path}\n")
    return name


def git(root: Path, *line: str) -> None:
    """Git in a folder."""
    subprocess.run(["git", "-C", str(root), *line], check=True, capture_output=True)


PLACES = [
    "../beside/x", "/{tmp}/beside/x", ".git/hooks/post-checkout", ".GIT/hooks/x", ".dvc/config.local", "link/x", "in/x",
    "sub/.git/config", "inner/.dvc/config", ".",
]  # fmt: skip


@pytest.mark.parametrize("path", PLACES)
def test_no_record_writes_where_data_does_not_belong(repo: Repository, root: Path, tmp_path: Path, path: str) -> None:
    """Outside the repository, in git's and dvc's folders, through committed links: refused, and nothing is written."""
    (tmp_path / "beside").mkdir()
    (root / "link").symlink_to(tmp_path / "beside")
    (root / "in").symlink_to(".git/hooks")
    git(root, "add", "link", "in")
    make(root, {"data": BODY})
    add(repo, ["data"])
    before = {**read(tmp_path / "beside"), **read(root / ".git/hooks")}
    name = record(root, "evil.dvc", path.format(tmp=str(tmp_path).lstrip("/")))
    with pytest.raises(Refused):
        checkout(repo, resolve(repo, [name]), force=True)
    assert {**read(tmp_path / "beside"), **read(root / ".git/hooks")} == before
    assert not (root / ".dvc/config.local").exists()


def test_a_link_of_ones_own_leads_data_elsewhere(repo: Repository, root: Path, tmp_path: Path) -> None:
    """A folder that the user linked to a larger disk, which git does not know, takes data as with dvc."""
    (tmp_path / "large").mkdir()
    make(root, {"data": BODY})
    add(repo, ["data"])
    (root / "disk").symlink_to(tmp_path / "large")
    checkout(repo, resolve(repo, [record(root, "mine.dvc", "disk/x")]))
    assert (tmp_path / "large/x").read_bytes() == BODY


@pytest.mark.parametrize("name", [".git/config", "sub/.Git/hooks/x", ".dvc/config"])
def test_no_listing_makes_a_git_repository(repo: Repository, root: Path, name: str) -> None:
    """A folder of tracked data never brings files that git would read as its own settings and hooks."""
    make(root, {"data": BODY})
    add(repo, ["data"])
    body = json.dumps([{"md5": md5(BODY).hexdigest(), "relpath": name}]).encode()
    digest = md5(body).hexdigest()
    make(Path(repo.cache.objects), {f"{digest[:2]}/{digest[2:]}.dir": body})
    record(root, "evil.dvc", "evil", digest + ".dir")
    with pytest.raises(Refused, match="no name of data"):
        checkout(repo, resolve(repo, ["evil.dvc"]))
    assert not (root / "evil").exists()


@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock", ".gitignore", ".dvcignore", "inner/x", "n" * 252])
def test_what_is_no_data_is_not_hidden_from_git(repo: Repository, root: Path, name: str) -> None:
    """Pipelines, rules, another repository's data and names too long for a record are refused; nothing is written."""
    make(root, {"inner/.dvc/config": b"", name: b""})
    before = read(root)
    with pytest.raises((Refused, InvalidInput)):
        add(repo, [name])
    assert {path for path in read(root) if "tmp" not in path} == {path for path in before if "tmp" not in path}


def test_a_file_deleted_inside_a_tracked_folder(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Adding it takes it, or a folder of it, out of the listing, as with dvc; what was never there is an error."""
    records: list[str] = []
    for tool, other in ((dvc, madang), (madang, dvc)):
        root = tmp_path / f"{len(records)}"
        root.mkdir()
        git(root, "init", "-q")
        assert dvc(root, "init", "-q").code == 0
        make(root, {"d/a": b"1", "d/s/b": b"2", "d/s/c": b"3", "d/t": b"4"})
        assert dvc(root, "add", "d").code == 0
        os.unlink(root / "d/a")
        assert tool(root, "add", "d/a").code == 0
        for name in ("b", "c"):
            os.unlink(root / "d/s" / name)
        os.rmdir(root / "d/s")
        assert tool(root, "add", "d/s").code == 0
        assert json.loads(other(root, "status", "--json").out) == {}
        records.append((root / "d.dvc").read_text().splitlines()[1])
    assert records[0] == records[1]
    with pytest.raises(NotFound):
        add(Repository(str(tmp_path / "1")), [str(tmp_path / "1/d/never")])


def test_what_a_clone_has_to_fetch(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """The status of an empty cache in the cloud names the files to fetch, as dvc does: not the folder's listing."""
    git(tmp_path, "init", "-q")
    assert dvc(tmp_path, "init", "-q").code == 0
    assert dvc(tmp_path, "remote", "add", "-d", "r", str(tmp_path / "remote")).code == 0
    make(tmp_path, {"d/a": b"1", "d/b": b"2", "f": b"3"})
    assert dvc(tmp_path, "add", "d", "f").code == 0
    new = madang(tmp_path, "status", "-c", "--json").out
    assert json.loads(new) == json.loads(dvc(tmp_path, "status", "-c", "--json").out)
    assert dvc(tmp_path, "push").code == 0
    (tmp_path / ".dvc/cache").rename(tmp_path / "gone")
    ours = json.loads(madang(tmp_path, "status", "-c", "--json").out)
    assert (
        ours == json.loads(dvc(tmp_path, "status", "-c", "--json").out) == dict.fromkeys(("d/a", "d/b", "f"), "deleted")
    )


def test_an_address_that_git_cannot_read(tmp_path: Path, madang: Tool) -> None:
    """The message says what git said first, not the end of its advice."""
    done = madang(tmp_path, "list", str(tmp_path))
    assert "does not appear to be a git repository" in done.err


def test_data_that_a_commit_does_not_track_goes(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """After git went back, a checkout removes data that is tracked later only, as dvc's does, and later restores it."""
    seen = []
    for number, tool in enumerate((dvc, madang)):
        root = tmp_path / f"{number}"
        root.mkdir()
        git(root, "init", "-q", "-b", "main")
        git(root, "config", "user.email", "a@b")
        git(root, "config", "user.name", "a")
        assert dvc(root, "init", "-q").code == 0
        make(root, {"old": b"1"})
        assert tool(root, "add", "old").code == 0
        git(root, "add", "-A")
        git(root, "commit", "-qm", "1")
        make(root, {"new": b"2", "d/s/x": b"3", "d/y": b"4"})
        assert tool(root, "add", "new", "d").code == 0
        git(root, "add", "-A")
        git(root, "commit", "-qm", "2")
        git(root, "checkout", "-q", "HEAD~1")
        assert tool(root, "checkout").code == 0
        back = {name for name in read(root) if not name.startswith((".dvc", ".git"))}
        git(root, "checkout", "-q", "main")
        assert tool(root, "checkout").code == 0
        seen.append((back, {name for name in read(root) if not name.startswith((".dvc", ".git"))}))
    assert seen[0] == seen[1]
    assert "d/s/x" not in seen[1][0]


def test_what_is_saved_nowhere_or_ones_own_stays(root: Path, madang: Tool) -> None:
    """Changed data, files beside it, data that was released with remove, and all when the cache is gone."""
    make(root, {"kept": b"1", "changed": b"2", "d/x": b"3", "d/ignored": b"4", "free": b"5", "lost": b"6"})
    (root / ".dvcignore").write_text("ignored\n")
    assert madang(root, "add", "kept", "changed", "d", "free", "lost").code == 0
    assert madang(root, "remove", "free.dvc").code == 0
    for name in ("changed", "d", "lost"):
        (root / f"{name}.dvc").unlink()
    (root / "changed").write_bytes(b"new")
    digest = md5(b"6").hexdigest()
    (root / f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}").unlink()
    done = madang(root, "checkout")
    assert (done.code, done.out.split()) == (0, ["D", "d/"])
    assert {name for name in read(root) if not name.startswith((".dvc", ".git"))} == {
        "kept", "kept.dvc", "changed", "d/ignored", "free", "lost",
    }  # fmt: skip
    (root / "kept.dvc").unlink()
    assert madang(root, "checkout", "--json").code == 0
    assert not (root / "kept").exists()


def test_only_data_of_the_repository_goes(root: Path, tmp_path: Path, madang: Tool) -> None:
    """What is remembered of tracked paths may have come from a stranger: nothing outside, and nothing of git's goes."""
    make(root, {"a": BODY})
    assert madang(root, "add", "a").code == 0
    make(tmp_path, {"beside/x": BODY})
    make(root, {".git/x": BODY, "b": BODY})
    names = ["../beside/x", str(tmp_path / "beside/x"), "b/../../beside/x", ".git/x", "", ".", 5, "b"]
    (root / ".dvc/tmp/madang/placed.json").write_text(json.dumps(names))
    assert json.loads(madang(root, "checkout", "--json").out)["deleted"] == ["b"]
    assert (tmp_path / "beside/x").exists()
    assert (root / ".git/x").exists()


def test_a_configuration_that_is_no_text(root: Path, madang: Tool) -> None:
    """It is named, with the exit code of a broken configuration; a value that dvc refuses is not written."""
    assert madang(root, "config", "core.checksum_jobs", "0").code == 251
    assert madang(root, "config", "cache.shared", "all").code == 251
    assert (root / ".dvc/config").read_bytes() == b""
    (root / ".dvc/config").write_bytes(b"\xff")
    done = madang(root, "config", "core.remote")
    assert done.code == 251
    assert "not UTF-8" in done.err


FAILING = """\
stages:
  one:
    cmd: exit 1
    deps: [in]
    outs: [out]
    metrics:
    - m.json:
        cache: false
"""


def test_a_commit_of_stages_is_found_by_what_it_was_made_of(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Committing fills the run cache with the entries and objects that the real dvc writes, which it then uses."""
    kept = []
    for number, tool in enumerate((dvc, madang)):
        root = tmp_path / f"{number}"
        root.mkdir()
        git(root, "init", "-q")
        assert dvc(root, "init", "-q").code == 0
        (root / "dvc.yaml").write_text(FAILING)
        make(root, {"in": b"1", "out": b"2", "m.json": b"{}"})
        assert tool(root, "commit", "-f").code == 0
        kept.append({name: body for name, body in read(root / ".dvc/cache").items() if ".incoming" not in name})
        os.unlink(root / "dvc.lock")
        os.unlink(root / "out")
        assert dvc(root, "repro", "-q").code == 0, "its command fails, so it must come from the run cache"
        assert (root / "out").read_bytes() == b"2"
    assert kept[0] == kept[1]


def test_committed_data_of_dvc_2_is_kept(root: Path, dvc: Tool, madang: Tool) -> None:
    """An output with an old record whose object is nowhere is taken into the cache, not only said to be unchanged."""
    make(root, {"o": b"1\r\n", "dvc.yaml": b"stages:\n  one: {cmd: x, outs: [o]}\n"})
    digest = md5(b"1\n").hexdigest()
    (root / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  one:\n    cmd: x\n    outs:\n    - path: o\n      md5: {digest}\n      size: 3\n"
    )
    assert madang(root, "commit", "-f").code == 0
    assert b"1\r\n" in read(root / ".dvc/cache").values()
    for tool in (madang, dvc):
        assert json.loads(tool(root, "status", "--json").out) == {}


def test_a_summary_of_a_checkout(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """The option --summary counts as dvc's does; --with-deps restores what the named stages read."""
    answers = []
    for number, tool in enumerate((dvc, madang)):
        root = tmp_path / f"{number}"
        root.mkdir()
        git(root, "init", "-q")
        assert dvc(root, "init", "-q").code == 0
        (root / "dvc.yaml").write_text("stages:\n  one: {cmd: cp a b, deps: [a], outs: [b]}\n")
        make(root, {"a": b"1", "d/x": b"2"})
        assert dvc(root, "add", "a", "d").code == 0
        assert dvc(root, "repro", "-q").code == 0
        (root / "a").unlink()
        (root / "b").unlink()
        (root / "d/x").unlink()
        done = [tool(root, "checkout", "--summary", "-d", "one").out]
        (root / "a").write_bytes(b"other")
        done += [tool(root, "checkout", "--summary", "-f").out, tool(root, "checkout", "--summary").out]
        assert dvc(root, "remote", "add", "-d", "r", str(tmp_path / f"store {number}")).code == 0
        assert dvc(root, "push").code == 0
        for name in (".dvc/cache", "d"):
            shutil.rmtree(root / name)
        make(root, {"d/y": b"y", "d/z": b"z"})
        done.append(tool(root, "pull", "-f").out.splitlines()[-1])
        answers.append((done, sorted(read(root / "d"))))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_a_linked_program_can_be_run(tmp_path: Path, dvc: Tool, madang: Tool, kind: str) -> None:
    """With links to the cache an added file keeps its exec bit, as with dvc, and is clean for both tools."""
    for number, tool in enumerate((dvc, madang)):
        root = tmp_path / f"{number}"
        root.mkdir()
        git(root, "init", "-q")
        assert dvc(root, "init", "-q").code == 0
        assert dvc(root, "config", "cache.type", kind).code == 0
        make(root, {"run": BODY})
        (root / "run").chmod(0o755)
        assert tool(root, "add", "run").code == 0
        assert (root / "run").stat().st_mode & 0o777 == 0o544
        for other in (dvc, madang):
            assert json.loads(other(root, "status", "--json").out) == {}
    assert madang(tmp_path / "1", "fsck", "--read-data").code == 0


@pytest.mark.parametrize("name", ["x.dvc", "dvc.yaml", "dvc.lock", "params.yaml"])
def test_a_file_nested_without_end(root: Path, madang: Tool, name: str) -> None:
    """A file that is nested too deeply is named; no stack trace."""
    make(root, {"dvc.yaml": b"stages:\n  one: {cmd: 'x ${a}', outs: [o]}\n", "params.yaml": b"a: 1\n"})
    (root / name).write_text("outs: " + "[" * 1500 + "]" * 1500)
    done = madang(root, "status")
    assert done.code != 0
    assert name in done.err
