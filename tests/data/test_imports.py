"""Imports leave the records of the real dvc, byte for byte, and each tool goes on with what the other imported."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, objects, read
from tests.data.source import DATA, git

from madang.workspace.data.sources import clones


@pytest.fixture
def other(source: Path, tmp_path: Path) -> Path:
    """A copy of the source that a test may change."""
    copy = Path(shutil.copytree(source, tmp_path / "src 원본"))
    store = shutil.copytree(source.parent / "store", tmp_path / "store")
    (copy / ".dvc" / "config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n    url = {store}\n")
    git(copy, "commit", "-q", "-a", "-m", "store")
    return copy


@pytest.fixture
def pair(tmp_path: Path, dvc: Tool) -> tuple[Path, Path]:
    """Two equal empty repositories beside the source: ours and theirs."""
    template = tmp_path / "ours"
    template.mkdir()
    git(template, "init", "-q", "-b", "main")
    git(template, "config", "user.name", "a")
    git(template, "config", "user.email", "a@b")
    assert dvc(template, "init", "-q").code == 0
    (template / "sub").mkdir()
    return template, Path(shutil.copytree(template, tmp_path / "theirs"))


def state(folder: Path) -> dict[str, bytes]:
    """Every file of a work tree, and every object of its cache, but nothing else of the tools' own."""
    hidden = {".git", ".dvc"}
    found = {name: body for name, body in read(folder).items() if not hidden & set(Path(name).parts)}
    cache = folder / ".dvc" / "cache"
    return {**found, **{f"cache/{name}": body for name, (_, body) in objects(cache).items()}}


def both(pair: tuple[Path, Path], madang: Tool, dvc: Tool, *line: str, code: int = 0) -> None:
    """The same command line in both repositories ends alike and leaves the same files and objects."""
    ours, theirs = madang(pair[0], *line), dvc(pair[1], *line)
    assert (ours.code, theirs.code) == (code, code), (line, ours.err + theirs.err)
    found, wanted = state(pair[0]), state(pair[1])
    # Listings of folders within a folder that was brought as a whole are kept by madang, too.
    assert {name for name in found.keys() - wanted.keys() if not name.endswith(".dir")} == set(), line
    assert {name: found.get(name) for name in wanted} == wanted, line


def test_import(pair: tuple[Path, Path], other: Path, madang: Tool, dvc: Tool) -> None:
    """Data, files of Git, parts of folders, mixed folders and outputs give the same records, objects and files."""
    (other.parent / "extra config").write_text("[core]\n    checksum_jobs = 2\n")
    for line in (
        ["file.csv"],
        ["data", "-o", "dd", "--rev", "v1"],
        ["gitfile"],
        ["gd"],
        ["mix"],
        ["od"],
        ["data/x"],
        ["data/deep", "-o", "sub"],
        ["file.csv", "--no-exec", "-o", "noexec"],
        ["file.csv", "--no-download", "-o", "nodl"],
        ["file.csv", "--no-exec", "--remote", "store", "-o", "named"],
        ["file.csv", "--no-exec", "--remote-config", "jobs=2", "verify=true", "-o", "options"],
        ["file.csv", "--no-exec", "--remote", "store", "--remote-config", "jobs=2", "-o", "both"],
        ["file.csv", "--config", "../extra config", "-o", "added"],
        [".", "-o", "whole"],
    ):
        both(pair, madang, dvc, "import", "../src 원본", *line)
    assert read(pair[0] / "dd") == DATA
    both(pair, madang, dvc, "move", "dd", "sub/moved")
    both(pair, madang, dvc, "move", "od", "od2")
    both(pair, madang, dvc, "import", "../src 원본", "file.csv", code=1)
    both(pair, madang, dvc, "import", "../src 원본", "gd", "-o", "no/folder", code=1)
    both(pair, madang, dvc, "import", "../src 원본", "gd", "--rev", "nothing", "-o", "x", code=1)
    assert madang(pair[0], "import", "../src 원본", "nothing").code == 1
    ours, theirs = madang(pair[0], "status", "--json"), dvc(pair[1], "status", "--json")
    assert json.loads(ours.out) == json.loads(theirs.out)
    assert json.loads(dvc(pair[0], "status", "--json").out) == json.loads(theirs.out)


def test_update(pair: tuple[Path, Path], other: Path, madang: Tool, dvc: Tool) -> None:
    """Records follow the source, or another revision, as with the real dvc; comments and notes stay."""
    for line in (["file.csv", "--rev", "main"], ["gd"], ["data", "--rev", "v1"], ["gitfile", "--no-download"]):
        both(pair, madang, dvc, "import", "../src 원본", *line)
    both(pair, madang, dvc, "import", "../src 원본", "gd", "--no-exec", "-o", "noexec")
    make(other, {"file.csv": b"newest", "gd/4": b"4"})
    (other / "gd" / "1").unlink()
    assert dvc(other, "add", "-q", "file.csv").code == 0
    assert dvc(other, "push", "-q").code == 0
    git(other, "commit", "-q", "-a", "-m", "3")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "4")
    for folder in pair:
        path = folder / "file.csv.dvc"
        path.write_text("# why\n" + path.read_text() + "  desc: hello\nmeta:\n  a: 1\n")
    both(pair, madang, dvc, "update", "file.csv.dvc")
    assert (pair[0] / "file.csv").read_bytes() == b"newest"
    both(pair, madang, dvc, "update", "gd.dvc", "data.dvc")
    both(pair, madang, dvc, "update", "data.dvc", "--rev", "main")
    both(pair, madang, dvc, "update", "noexec.dvc")
    both(pair, madang, dvc, "update", "gitfile.dvc", "--no-download")
    assert json.loads(madang(pair[0], "status", "--json").out) == json.loads(dvc(pair[1], "status", "--json").out)
    assert madang(pair[0], "update", "file.csv.dvc").out == "file.csv.dvc is up to date\n"
    assert "skipping" in dvc(pair[0], "update", "gd.dvc").out


def test_update_without_download(pair: tuple[Path, Path], other: Path, madang: Tool, dvc: Tool) -> None:
    """What was brought before goes, as the record does not describe it any more; changes of one's own do not."""
    assert other.name == "src 원본"
    both(pair, madang, dvc, "import", "../src 원본", "file.csv", "--rev", "v1")
    line = ("update", "file.csv.dvc", "--no-download", "--rev", "main")
    (pair[0] / "file.csv").write_bytes(b"mine")
    before = (pair[0] / "file.csv.dvc").read_bytes()
    assert madang(pair[0], *line).code == 1
    assert (pair[0] / "file.csv.dvc").read_bytes() == before
    (pair[0] / "file.csv").unlink()
    assert madang(pair[0], "checkout").code == 0
    assert (madang(pair[0], *line).code, dvc(pair[1], *line).code) == (0, 0)
    assert not (pair[0] / "file.csv").exists()
    assert not (pair[1] / "file.csv").exists()
    ours, theirs = ((folder / "file.csv.dvc").read_text().splitlines() for folder in pair)
    assert ours[1:] == theirs[1:]  # the first line is an MD5 that in theirs is still of the old output
    found = [json.loads(dvc(folder, "status", "--json").out)["file.csv.dvc"] for folder in pair]
    assert found == [
        [{"changed outs": {"file.csv": "deleted"}}],
        [{"changed outs": {"file.csv": "deleted"}}, "changed checksum"],
    ]
    assert madang(pair[0], "pull").code == 0
    assert (pair[0] / "file.csv").exists()


def test_copies_of_repositories_go(pair: tuple[Path, Path], other: Path, madang: Tool, tmp_path: Path) -> None:
    """A copy of a repository that nobody asked for in a month goes when another is made; used ones stay."""
    area = Path(os.environ["XDG_CACHE_HOME"]) / "madang" / "repositories"
    urls = []
    for name in ("one", "two", "three"):
        git(tmp_path, "clone", "-q", "--bare", str(other), str(tmp_path / f"{name}.git"))
        urls.append(f"file://{tmp_path / name}.git")
    assert madang(pair[0], "list", urls[0]).code == 0
    (first,) = area.iterdir()
    assert madang(pair[0], "list", urls[1]).code == 0
    (second,) = set(area.iterdir()) - {first}
    old = time.time() - clones.KEPT_SECONDS - 60
    os.utime(first / "lock", (old, old))
    (area / "not ours").mkdir()
    assert madang(pair[0], "list", urls[2]).code == 0
    assert not first.exists()
    assert second.exists()
    assert len(list(area.iterdir())) == 3
    assert madang(pair[0], "list", urls[0]).code == 0


def test_unsaved_changes_are_not_replaced(pair: tuple[Path, Path], other: Path, madang: Tool) -> None:
    """An update over a changed file is refused and leaves record and file; with --force the change is kept."""
    ours = pair[0]
    assert madang(ours, "import", "../src 원본", "file.csv").code == 0
    record = (ours / "file.csv.dvc").read_bytes()
    make(other, {"gitfile": b"newer"})
    git(other, "commit", "-q", "-a", "-m", "3")
    (ours / "file.csv").write_bytes(b"mine")
    assert madang(ours, "update", "file.csv.dvc").code == 1
    assert (ours / "file.csv").read_bytes() == b"mine"
    assert (ours / "file.csv.dvc").read_bytes() == record
    assert madang(ours, "update", "-f", "file.csv.dvc").code == 0
    assert (ours / "file.csv").read_bytes() == b"ff"
    assert madang(ours, "undo").code == 0
    assert (ours / "file.csv").read_bytes() == b"mine"
    (ours / "there").write_bytes(b"there")
    assert madang(ours, "import", "../src 원본", "gd", "-o", "there").code == 1
    assert madang(ours, "import", "../src 원본", "gd", "-o", "there", "-f").code == 0
    assert (ours / "there" / "3").read_bytes() == b"3"


def test_imports_and_updates_that_were_killed(pair: tuple[Path, Path], other: Path, madang: Tool) -> None:
    """The record was written, the work tree not: repeated, an update does the rest; an import says what does it."""
    ours = pair[0]
    for line in (["file.csv"], ["gd"]):
        assert madang(ours, "import", "../src 원본", *line).code == 0
    before = read(ours / "gd")
    make(other, {"gd/4": b"4"})
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "3")
    assert madang(ours, "update", "gd.dvc").code == 0
    after = read(ours / "gd")
    (ours / "gd" / "4").unlink()
    assert read(ours / "gd") == before
    assert madang(ours, "update", "gd.dvc").code == 0
    assert read(ours / "gd") == after
    (ours / "gd" / "4").write_bytes(b"mine")
    assert madang(ours, "update", "gd.dvc").code == 0
    assert (ours / "gd" / "4").read_bytes() == b"mine"
    (ours / "file.csv").unlink()
    answer = madang(ours, "import", "../src 원본", "file.csv")
    assert answer.code == 1
    assert "madang pull file.csv.dvc" in answer.err


def test_pull_brings_imports_from_their_source(pair: tuple[Path, Path], other: Path, madang: Tool, dvc: Tool) -> None:
    """A clone gets imported data from where it comes, also what was never downloaded; a push sends none of it."""
    for folder, tool, puller in ((pair[0], madang, dvc), (pair[1], dvc, madang)):
        for line in (["data"], ["file.csv"], ["gd"], ["mix"], ["gitfile", "--no-download", "-o", "nodl"]):
            assert tool(folder, "import", "../src 원본", *line).code == 0
        assert tool(folder, "remote", "add", "-q", "-d", "own", str(folder / "../own")).code == 0
        assert madang(folder, "push").code == 0
        assert not (folder / ".." / "own").exists() or not objects(folder / ".." / "own")
        expected = {name: body for name, body in state(folder).items() if not name.startswith("cache/")}
        shutil.rmtree(folder / ".dvc" / "cache")
        for name in ("data", "gd", "mix"):
            shutil.rmtree(folder / name)
        (folder / "file.csv").unlink()
        answer = puller(folder, "pull")
        assert answer.code == 0, answer.err
        found = {name: body for name, body in state(folder).items() if not name.startswith("cache/")}
        assert found == {**expected, "nodl": b"g"}


def test_a_source_that_lost_something(pair: tuple[Path, Path], other: Path, tmp_path: Path, madang: Tool) -> None:
    """What the source cannot give any more is named; the rest is brought; nothing half is left."""
    ours = pair[0]
    assert madang(ours, "import", "../src 원본", "gd").code == 0
    assert madang(ours, "import", "../src 원본", "file.csv").code == 0
    shutil.rmtree(ours / ".dvc" / "cache")
    (ours / "file.csv").unlink()
    shutil.rmtree(ours / "gd")
    shutil.rmtree(other / ".dvc" / "cache")
    (other / ".dvc" / "config").write_text("")
    answer = madang(ours, "pull")
    assert answer.code == 1
    assert read(ours / "gd") == {"1": b"1", "s/2": b"2", "3": b"3"}
    assert not (ours / "file.csv").exists()


def test_imports_behind_imports(pair: tuple[Path, Path], other: Path, tmp_path: Path, madang: Tool) -> None:
    """Data that a source imports itself is brought from where that comes from, folders and files of Git alike."""
    middle, ours = pair
    for line in (["data"], ["gd"], ["mix/sub", "-o", "msub"], ["file.csv"]):
        assert madang(middle, "import", str(other), *line).code == 0
    git(middle, "add", "-A")
    git(middle, "commit", "-q", "-m", "1")
    shutil.rmtree(middle / ".dvc" / "cache")
    for name in ("data", "gd", "msub", "file.csv"):
        assert madang(ours, "import", str(middle), name, "-o", f"from {name}").code == 0
    assert read(ours / "from data") == DATA
    assert read(ours / "from gd") == {"1": b"1", "s/2": b"2", "3": b"3"}
    assert (ours / "from file.csv").read_bytes() == b"ff"
    shutil.rmtree(ours / ".dvc" / "cache")
    answer = madang(ours, "import", f"file://{middle}", "gd", "-o", "far")
    assert answer.code == 1
    assert "a folder of another machine" in answer.err
    assert not (ours / "far.dvc").exists()


def test_import_of_a_plain_git_repository(pair: tuple[Path, Path], tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """A repository without any data is a source too, by folder and by URL."""
    plain = tmp_path / "plain"
    plain.mkdir()
    git(plain, "init", "-q", "-b", "main")
    make(plain, {"a/한 글.txt": b"text", "a/empty": b"", "readme": b"r"})
    git(plain, "add", "-A")
    git(plain, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "1")
    both(pair, madang, dvc, "import", "../plain", "a")
    both(pair, madang, dvc, "import", f"file://{plain}", "readme", "-o", "r")
    make(plain, {"a/new": b"uncommitted"})
    assert madang(pair[0], "import", "../plain", "a", "-o", "b").code == 0
    assert "new" not in read(pair[0] / "b")


def test_one_source_that_does_not_answer(pair: tuple[Path, Path], other: Path, tmp_path: Path, madang: Tool) -> None:
    """A pull goes on with everything else, says which source failed, and fails."""
    ours = pair[0]
    assert madang(ours, "import", "http://127.0.0.1:1/x.git", "f", "--no-exec").code == 0
    assert madang(ours, "import", "../src 원본", "gd", "--no-exec").code == 0
    assert madang(ours, "import", "../src 원본", "gitfile").code == 0
    make(ours, {"own": b"own"})
    assert madang(ours, "add", "own").code == 0
    (ours / "own").unlink()
    (ours / "gitfile").unlink()
    assert madang(ours, "remote", "add", "-d", "st", str(tmp_path / "own store")).code == 0
    assert madang(ours, "push").code == 0
    answer = madang(ours, "pull")
    assert answer.code == 1
    assert "f: The Git repository" in answer.err
    assert (ours / "own").read_bytes() == b"own"
    assert (ours / "gitfile").read_bytes() == b"g"
    assert read(ours / "gd")["s/2"] == b"2"
    assert madang(ours, "pull", "--allow-missing").code == 0


def test_a_source_is_fetched_once(
    pair: tuple[Path, Path], source: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many imports from one repository cost one fetch a command."""
    url = f"file://{source.parent}/bare.git"
    for name in ("gd", "gitfile", "mix/git"):
        assert madang(pair[0], "import", url, name).code == 0
    fetched: list[str] = []
    real = clones._fetch

    def counted(folder: str, address: str, *refs: str, must: bool = True) -> bool:
        fetched.append(address)
        return real(folder, address, *refs, must=must)

    monkeypatch.setattr(clones, "_fetch", counted)
    assert madang(pair[0], "status").code == 0
    assert madang(pair[0], "update", "gd.dvc", "gitfile.dvc", "git.dvc").code == 0
    assert fetched == [url, url]
