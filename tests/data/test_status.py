"""status says of data, stages and imports what the real dvc says of them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.data.helpers import Answer, Tool, make
from tests.data.test_import_url import web
from tests.data.test_trees import commit, git

from madang.formats.dvc.dvcfile import Content
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.progress import Meter
from madang.workspace.data.repo.repository import Repository

__all__ = ["web"]  # a fixture

DVC_YAML = """\
stages:
  prepare:
    cmd: mkdir -p clean/sub && cp raw/a clean/a && cp raw/a clean/sub/b
    deps: [raw]
    params: [lr, layers.0, "other.json": [x.y], "whole.toml": , "p.py": [C.a, t]]
    outs: [clean]
  train:
    matrix: {seed: [1, 2]}
    cmd: cat clean/a > model-${item.seed} && echo '{"a":1}' > m-${item.seed}.json
    deps: [clean/a, ../s.csv]
    outs: ["model-${item.seed}": {persist: true}]
    metrics: ["m-${item.seed}.json": {cache: false}]
  always:
    cmd: echo 1 > now
    always_changed: true
    deps: [raw/a]
    outs: [now: {push: false}]
  callback:
    cmd: echo hello
  frozen:
    cmd: echo x > frozen.txt
    deps: [raw/a]
    frozen: true
    outs: [frozen.txt]
  never:
    cmd: echo y > never.txt
    deps: [raw/a, nosuch]
    params: [lr]
    outs: [never.txt]
"""

FILES = {
    "pipe/dvc.yaml": DVC_YAML.encode(),
    "pipe/raw/a": b"a\n",
    "pipe/raw/b": b"b\n",
    "pipe/params.yaml": b"lr: 0.1\nlayers: [1, 2]\n",
    "pipe/other.json": b'{"x": {"y": [1, 2], "z": 3}}',
    "pipe/whole.toml": b"a = 1\n[b]\nc = 2\n",
    "pipe/p.py": b"class C:\n    a = 1.5\nt = (1, 2)\n",
    "pipe/frozen.txt": b"x\n",
    "s.csv": b"s",
    "d/one": b"1",
    "d/sub/two": b"2",
    "outside/source": b"from here",
}


def make_everything(root: Path, dvc: Tool) -> None:
    """A repository with data of every kind, everything recorded; ``never`` never ran."""
    make(root, FILES)
    other = root.parent / "other"
    make(other, {"file": b"imported"})
    git(other, "init", "-q")
    commit(other, "one")
    for line in (
        "add s.csv d",
        "import-url outside/source got",
        f"import {other} file -o imported",
    ):
        answer = dvc(root, *line.split())
        assert answer.code == 0, answer.err
    answer = dvc(root / "pipe", "repro", "prepare", "train", "always", "callback", "frozen")
    assert answer.code == 0, answer.err
    commit(root, "one")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """The repository, made once; tests work on copies in its place."""
    root = tmp_path_factory.mktemp("status") / "저장소 repo"
    root.mkdir()
    git(root, "init", "-q")
    assert dvc(root, "init").code == 0
    make_everything(root, dvc)
    time.sleep(0.05)
    return root


def write(name: str, body: bytes) -> Callable[[Path], None]:
    """A change: a file with other bytes."""

    def change(root: Path) -> None:
        make(root, {name: body})

    return change


def drop(*names: str) -> Callable[[Path], None]:
    """A change: files or folders are gone."""

    def change(root: Path) -> None:
        for name in names:
            path = root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    return change


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    """Several changes."""

    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    """A change inside a text."""

    def change(root: Path) -> None:
        path = root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def nothing(root: Path) -> None:
    """No change."""


CASES: dict[str, tuple[Callable[[Path], None], list[str], str]] = {
    "clean": (nothing, ["", "-q", "pipe/dvc.yaml", "s.csv d", "pipe/dvc.yaml:train -d", "-R pipe"], "."),
    "in the folder": (nothing, ["", "train", "train@2", "never", "../s.csv", "-d train@1", "clean/a"], "pipe"),
    "data": (both(write("s.csv", b"S"), drop("d/one")), ["", "-q", "d", "s.csv.dvc", "d/sub/two", "nosuch"], "."),
    "data gone": (drop("s.csv", "d"), ["", "d"], "."),
    "data replaced": (both(drop("d"), write("d", b"a file"), drop("s.csv"), write("s.csv/x", b"a folder")), [""], "."),
    "deps": (both(write("pipe/raw/a", b"A"), write("pipe/raw/new", b"n")), ["", "pipe/dvc.yaml:prepare"], "."),
    "deps gone": (drop("pipe/raw"), ["", "prepare always"], "pipe"),
    "outs": (both(write("pipe/clean/a", b"A"), drop("pipe/model-1"), write("pipe/m-2.json", b"{}")), [""], "."),
    "params": (
        both(
            write("pipe/params.yaml", b"lr: 0.2\nlayers: [3]\n"),
            write("pipe/other.json", b'{"x": {}}'),
            write("pipe/whole.toml", b"a = 1\nd = 3\n[b]\nc = 3\n"),
            write("pipe/p.py", b"class C:\n    a = 2\nt = (1, 2)\n"),
        ),
        ["", "pipe/dvc.yaml:prepare"],
        ".",
    ),
    "params gone": (drop("pipe/params.yaml", "pipe/other.json"), ["", "-q"], "pipe"),
    "command": (edit("pipe/dvc.yaml", "cp raw/a clean/sub/b", "cp raw/b clean/sub/b"), ["", "prepare"], "pipe"),
    "new output": (edit("pipe/dvc.yaml", "outs: [clean]", "outs: [clean, more, raw2]"), [""], "pipe"),
    "new dependency": (edit("pipe/dvc.yaml", "deps: [raw]", "deps: [raw, ../s.csv, none]"), ["", "prepare"], "pipe"),
    "unfrozen": (both(edit("pipe/dvc.yaml", "frozen: true", "frozen: false"), write("pipe/raw/a", b"x")), [""], "pipe"),
    "frozen": (both(write("pipe/raw/a", b"x"), write("pipe/frozen.txt", b"y")), ["frozen"], "pipe"),
    "no lock": (drop("pipe/dvc.lock"), ["", "-q"], "pipe"),
    "lock of less": (edit("pipe/dvc.lock", "  train@2:", "  gone@2:"), [""], "."),
    "cache gone": (drop(".dvc/cache/files"), ["", "d", "-q"], "."),
    "cache and data gone": (both(drop(".dvc/cache/files"), drop("d", "s.csv")), [""], "."),
    "import changed": (write("imported", b"other"), ["", "imported.dvc", "--no-updates"], "."),
    "import-url": (write("got", b"other"), ["", "got.dvc"], "."),
    "import-url source": (write("outside/source", b"newer"), ["", "got"], "."),
    "import-url thawed": (
        both(edit("got.dvc", "frozen: true\n", ""), write("outside/source", b"newer")),
        ["", "got.dvc"],
        ".",
    ),
    "checksum": (edit("got.dvc", "path: got", "path: other"), [""], "."),
    "ignored": (write(".dvcignore", b"/d/one\nraw/b\n"), [""], "."),
    "ignored data": (write(".dvcignore", b"*.csv\n/d\n"), ["", "-q", "d"], "."),
    "ignored pipeline": (write(".dvcignore", b"pipe\n"), [""], "."),
    "subrepo": (both(write("nested/.dvc/config", b""), write("nested/x.dvc", b"outs: [{path: x}]\n")), [""], "."),
    "partial": (write("p.dvc", b"outs:\n- hash: md5\n  path: p\n"), ["", "p.dvc"], "."),
    "partial there": (both(write("p.dvc", b"outs:\n- hash: md5\n  path: p\n"), write("p", b"x")), [""], "."),
    "wrong record": (write("w.dvc", b"outs: [{nosuch: 1}]\n"), ["", "-q"], "."),
    "wrong pipeline": (edit("pipe/dvc.yaml", "cmd: echo hello", "cmds: x"), ["", "prepare"], "pipe"),
    "wrong template": (edit("pipe/dvc.yaml", "cmd: echo hello", "cmd: ${nosuch}"), ["", "prepare"], "pipe"),
    "options": (nothing, ["-a", "-T", "-A", "-j 3", "--nosuch"], "."),
    "folder": (nothing, ["pipe", "-R pipe", "-R nosuch", "pipe/raw", "."], "."),
}


@pytest.mark.parametrize("name", CASES)
def test_status_is_that_of_dvc(name: str, made: Path, tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """JSON, exit codes and the named stages are the same for every kind of change, target and folder."""
    change, lines, folder = CASES[name]
    before = tmp_path / "before"
    shutil.copytree(made, before, symlinks=True, copy_function=shutil.copy2)
    try:
        change(made)
        for line in lines:
            args = ["status", *line.split(), *([] if "-q" in line else ["--json"])]
            theirs, ours = dvc(made / folder, *args), madang(made / folder, *args)
            assert ours.code == theirs.code, (line, theirs, ours)
            assert value(ours) == value(theirs), line
            if line == lines[0] and not theirs.code:
                theirs, ours = (
                    dvc(made / folder, "status", *line.split()),
                    madang(made / folder, "status", *line.split()),
                )
                if not theirs.code:  # it reads everything to say that nothing changed
                    assert sorted(ours.out.splitlines()) == sorted(theirs.out.splitlines())
    finally:
        shutil.rmtree(made)
        os.rename(before, made)


def value(answer: Answer) -> Any:
    """What a command printed, without the order in which it printed it."""
    return json.loads(answer.out) if answer.out.strip().startswith("{") else None


def test_update_available(made: Path, tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """A newer commit of an import's source is told, unless it is not to be asked for."""
    other = made.parent / "other"
    make(other, {"file": b"newer"})
    commit(other, "two")
    expected = {"imported.dvc": [{"changed deps": {f"file ({other})": "update available"}}]}
    for tool in (dvc, madang):
        assert value(tool(made, "status", "--json", "imported.dvc")) == expected
        assert value(tool(made, "status", "--json", "--no-updates", "imported.dvc")) == {}
    git(other, "reset", "-q", "--hard", "HEAD~1")


def test_a_chain_of_many_stages_is_asked_once(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dependency that many stages share is looked at once."""
    stages = "".join(f"  s{n}:\n    cmd: x {n}\n    deps: [big]\n    outs: [o{n}]\n" for n in range(50))
    make(root, {"dvc.yaml": f"stages:\n{stages}".encode(), "big/a": b"a"})
    asked: list[str] = []

    def asking(repository: Repository, path: str, meter: Meter) -> Content | None:
        asked.append(path)
        return current_content(repository, path, meter)

    monkeypatch.setattr("madang.workspace.data.files.comparing.current_content", asking)
    answer = madang(root, "status", "--json")
    assert len(json.loads(answer.out)) == 50
    assert asked.count(str(root / "big")) == 1


def test_what_lies_at_an_address(root: Path, web: tuple[Path, str], dvc: Tool, madang: Tool) -> None:
    """A dependency on a web server is compared by its entity tag, as in dvc; one of an unknown kind is named."""
    folder, url = web
    make(
        root, {"dvc.yaml": f"stages:\n  s:\n    cmd: echo 1 > out\n    deps: [{url}/f.txt]\n    outs: [out]\n".encode()}
    )
    assert dvc(root, "import-url", f"{url}/f.txt", "got").code == 0
    assert dvc(root, "repro").code == 0
    text = (root / "got.dvc").read_text().replace("frozen: true\n", "")
    (root / "got.dvc").write_text(text)
    for change in (nothing, write("f.txt", b"newer"), drop("f.txt")):
        change(folder)
        theirs, ours = dvc(root, "status", "--json"), madang(root, "status", "--json")
        assert (ours.code, value(ours)) == (theirs.code, value(theirs))
    make(root, {"dvc.yaml": b"stages: {s: {cmd: x, deps: ['gdrive://x/y'], outs: [out]}}\n"})
    assert "gdrive://x/y" in madang(root, "status", "--json", "s").err
