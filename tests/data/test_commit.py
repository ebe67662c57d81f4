"""commit records the same as the real dvc, byte for byte, and keeps what it records."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, objects
from tests.data.test_status import both, drop, edit, make_everything, write
from tests.data.test_trees import commit, git

from madang.errors import Refused
from madang.workspace.data.files.committing import commit as record
from madang.workspace.data.records.outs import chosen
from madang.workspace.data.repo.repository import Repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository with data of every kind, made once; tests work on copies."""
    root = tmp_path_factory.mktemp("commit") / "저장소 repo"
    root.mkdir()
    git(root, "init", "-q")
    assert dvc(root, "init").code == 0
    make_everything(root, dvc)
    (root / "pipe" / "dvc.lock").write_text("# a comment\n" + (root / "pipe" / "dvc.lock").read_text())
    commit(root, "two")
    return root


def edited(root: Path) -> None:
    """Outputs, dependencies, parameters and data are other ones."""
    make(root, {"pipe/clean/a": b"A", "pipe/model-1": b"m", "pipe/m-2.json": b"{}", "s.csv": b"S", "d/one": b"x"})
    make(root, {"pipe/params.yaml": b"lr: 1e-5\nlayers: [7]\n", "pipe/raw/b": b"other", "got": b"changed"})
    make(
        root, {"pipe/p.py": b"class C:\n    a = -2\nt = (1, (2, 3))\n", "pipe/other.json": b'{"x": {"y": {"k": null}}}'}
    )
    (root / "pipe" / "clean" / "a").chmod(0o755)
    (root / "s.csv").chmod(0o755)


LONG = "a long command " + "and more " * 20 + "'한글' \\"
CASES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "nothing": (lambda root: None, "commit -d pipe/dvc.yaml:train@1", "."),
    "without asking": (edited, "commit", "."),
    "a stage": (edited, "commit -f prepare", "pipe"),
    "a group": (edited, "commit -f train", "pipe"),
    "with dependencies": (edited, "commit -f -d train@2", "pipe"),
    "data": (edited, "commit -f s.csv d.dvc", "."),
    "an import": (edited, "commit -f got.dvc", "."),
    "a folder": (edited, "commit -f -R pipe/raw", "."),
    "an output": (edited, "commit -f clean", "pipe"),
    "commands": (edit("pipe/dvc.yaml", "echo x >", f"echo {LONG} >"), "commit -f frozen", "pipe"),
    "gone": (both(edited, drop("pipe/clean")), "commit -f prepare", "pipe"),
    "dependency gone": (both(edited, drop("pipe/raw")), "commit -f prepare", "pipe"),
    "parameter gone": (write("pipe/params.yaml", b"layers: [1]\n"), "commit -f prepare", "pipe"),
    "never ran": (write("pipe/nosuch", b"") , "commit -f never", "pipe"),
    "new lock": (drop("pipe/dvc.lock"), "commit -f prepare train callback", "pipe"),
    "not cached yet": (drop(".dvc/cache/files"), "commit s.csv d pipe/dvc.yaml:prepare", "."),
    "ignored": (both(edited, write(".dvcignore", b"/d\n")), "commit -f d", "."),
    "unknown": (edited, "commit nosuch", "."),
}  # fmt: skip


def told(root: Path) -> dict[str, str]:
    """All records and ignore files."""
    names = (*root.rglob("*.dvc"), *root.rglob("dvc.lock"), *root.rglob(".gitignore"))
    return {str(path.relative_to(root)): path.read_text() for path in names if path.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_it_records_as_dvc_does(name: str, made: Path, tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Records, ignore files, cache and exit code are the same after the same commit."""
    change, line, folder = CASES[name]
    results = []
    for tool in (dvc, madang):
        root = tmp_path / "repo"
        shutil.copytree(made, root, symlinks=True)
        change(root)
        answer = tool(root / folder, *line.split())
        results.append((answer.code, told(root), set(objects(root / ".dvc" / "cache" / "files"))))
        if answer.code:
            results[-1] = (answer.code, {}, set())  # what was recorded before the failure may differ
        shutil.rmtree(root)
    assert results[1][0] == results[0][0]
    assert results[1][1] == results[0][1]
    assert results[1][2] == results[0][2]


def test_one_path_of_a_folder(repo: Repository, root: Path, dvc: Tool) -> None:
    """A path inside tracked data is recorded alone, and what is recorded is in the cache (not so in dvc)."""
    make(root, {"d/a": b"1", "d/b": b"2"})
    assert dvc(root, "add", "d").code == 0
    make(root, {"d/a": b"one", "d/b": b"two"})
    record(repo, chosen(repo, ["d/a"]), force=True)
    (root / "d" / "b").write_bytes(b"2")
    assert dvc(root, "status").out == "Data and pipelines are up to date.\n"


def test_it_asks(repo: Repository, root: Path, dvc: Tool, madang: Tool) -> None:
    """Changes are named in the question; no is an error and changes nothing; without a terminal the answer is no."""
    make(root, {"dvc.yaml": b"stages: {s: {cmd: cp in out, deps: [in], outs: [out]}}\n", "in": b"i"})
    assert dvc(root, "repro").code == 0
    make(root, {"in": b"I", "out": b"O"})
    before = (root / "dvc.lock").read_text()
    asked: list[str] = []

    def answer(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(Refused, match="stage: 's'"):
        record(repo, chosen(repo, []), ask=answer)
    assert asked == [
        "dependencies ['in'] and outputs ['out'] of stage: 's' changed. Are you sure you want to commit it?"
    ]
    assert madang(root, "commit").code == dvc(root, "commit").code == 1
    assert (root / "dvc.lock").read_text() == before
    assert record(repo, chosen(repo, []), ask=lambda question: True).git_files == [str(root / "dvc.lock")]
    assert dvc(root, "status").out == "Data and pipelines are up to date.\n"
    assert record(repo, chosen(repo, [])).git_files == []


def test_old_data_stays_old_until_it_changes(repo: Repository, root: Path, dvc: Tool) -> None:
    """What dvc 2 recorded is recorded anew by the rules of dvc 3 only when it changed, as dvc does it."""
    from tests.data.test_legacy import make_old

    make_old(root)
    before = told(root)
    record(repo, chosen(repo, []), force=True)
    after = told(root)
    assert {name: text for name, text in after.items() if ".gitignore" not in name} == {
        name: text for name, text in before.items() if ".gitignore" not in name
    }
    make(root, {"made": b"new", "d/new": b"new"})
    record(repo, chosen(repo, []), force=True)
    assert "hash: md5" in (root / "dvc.lock").read_text()
    assert "hash: md5" in (root / "d.dvc").read_text()
    assert "hash: md5" not in (root / "s.dvc").read_text()
    assert dvc(root, "status").out == "Data and pipelines are up to date.\n"
