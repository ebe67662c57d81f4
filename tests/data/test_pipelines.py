"""Outputs of pipelines are tracked data: what the real dvc ran, madang restores, names and moves."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make
from tests.data.test_trees import commit, git

from madang.errors import NotFound, Refused
from madang.workspace.data.files.adding import add
from madang.workspace.data.records.outs import chosen, resolve, stages, tracked
from madang.workspace.data.records.trees import CommitTree
from madang.workspace.data.repo.repository import Repository

DVC_YAML = """\
vars:
- root: raw
stages:
  prepare:
    cmd: mkdir -p clean/sub && cp ${root}/a clean/a && cp ${root}/a clean/sub/b
    deps: ["${root}"]
    params: [lr, "other.json": [x.y]]
    outs: [clean]
  train:
    matrix: {seed: [1, 2]}
    cmd: cat clean/a > model-${item.seed} && echo '{"a":1}' > m-${item.seed}.json
    deps: [clean/a]
    outs: ["model-${item.seed}"]
    metrics: ["m-${item.seed}.json": {cache: false}]
  frozen:
    cmd: echo x > frozen.txt
    frozen: true
    outs: [frozen.txt: {persist: true, push: false}]
"""


def make_pipeline(root: Path, dvc: Tool) -> None:
    """A repository with tracked data, a pipeline in a folder of its own, and everything run once."""
    make(root, {"pipe/dvc.yaml": DVC_YAML.encode(), "pipe/raw/a": b"a\n", "pipe/params.yaml": b"lr: 0.1\n"})
    make(root, {"pipe/other.json": b'{"x": {"y": [1, 2]}}', "s.csv": b"s", "pipe/frozen.txt": b"x\n"})
    assert dvc(root, "add", "s.csv").code == 0
    answer = dvc(root / "pipe", "repro")
    assert answer.code == 0, answer.err


def test_outputs_of_stages_are_tracked(
    repo: Repository, root: Path, dvc: Tool, madang: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every output is known with its record, its stage and its flags, also in a commit; the walk stays out of them."""
    make_pipeline(root, dvc)
    make(root / "pipe" / "clean", {"not.dvc": b"no record: it is data"})
    outs = {repo.relative(out.path): out for out in tracked(repo)}
    assert set(outs) == {
        "s.csv", "pipe/clean", "pipe/model-1", "pipe/model-2", "pipe/m-1.json", "pipe/m-2.json", "pipe/frozen.txt",
    }  # fmt: skip
    assert outs["pipe/clean"].stage == "pipe/dvc.yaml:prepare"
    assert outs["pipe/clean"].is_dir
    assert outs["pipe/clean"].nfiles == 2
    assert not outs["pipe/m-1.json"].entry.cache
    assert outs["pipe/m-1.json"].entry.kind == "metric"
    assert outs["pipe/frozen.txt"].entry.persist
    assert not outs["pipe/frozen.txt"].entry.push
    assert outs["s.csv"].stage == ""
    first = commit(root, "one")
    (root / "pipe" / "dvc.yaml").unlink()
    (root / "pipe" / "params.yaml").unlink()
    old = tracked(repo, tree=CommitTree(repo, first))
    assert {repo.relative(out.path) for out in old} == set(outs)
    assert {out.md5 for out in old} == {out.md5 for out in outs.values()}
    git(root, "checkout", "--", "pipe")
    found = {stage.name: stage for stage in stages(repo)}
    assert found["prepare"].recorded_cmd == found["prepare"].cmd
    assert [(one.written, one.recorded) for one in found["prepare"].params] == [
        ("params.yaml", {"lr": 0.1}),
        ("other.json", {"x.y": [1, 2]}),
    ]
    assert found["train@2"].group == "train"
    assert found["frozen"].frozen


def test_what_a_name_means(repo: Repository, root: Path, dvc: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages, groups, files of pipelines and paths inside outputs are found as dvc finds them."""
    make_pipeline(root, dvc)

    def named(*names: str, recursive: bool = False, with_deps: bool = False) -> list[str]:
        found = resolve(repo, names, recursive=recursive, with_deps=with_deps)
        return [os.path.relpath(os.path.join(one.out.path, one.inside)) for one in found]

    assert named("pipe/dvc.yaml:prepare") == ["pipe/clean"]
    assert named("pipe/clean/sub/b") == ["pipe/clean/sub/b"]
    assert sorted(named("pipe", recursive=True)) == sorted(named("pipe/dvc.yaml"))
    monkeypatch.chdir(root / "pipe")
    assert named("prepare") == ["clean"]
    assert named("train") == ["model-1", "m-1.json", "model-2", "m-2.json"]
    assert named("train@2") == ["model-2", "m-2.json"]
    assert named("dvc.yaml:train@1", "../s.csv.dvc") == ["model-1", "m-1.json", "../s.csv"]
    assert named("model-1", "clean/sub", "clean") == ["model-1", "clean"]
    assert named("train@1", with_deps=True) == ["model-1", "m-1.json", "clean"]
    assert [one.stage.address for one in chosen(repo, ["train@1"], with_deps=True)] == ["train@1", "prepare"]
    for name in ("nosuch", "train@3", "dvc.yaml:nosuch", "prepare@1", "../dvc.yaml", "nosuch.dvc"):
        with pytest.raises(NotFound):
            named(name)


def test_a_stage_in_a_wrong_file_is_told_with_its_place(repo: Repository, root: Path, madang: Tool) -> None:
    """A dvc.yaml that cannot be read stops commands over everything with one sentence; data beside it still works."""
    make(root, {"dvc.yaml": b"stages:\n  s:\n    cmd: x\n    outs:\n    - o: {cache: 1}\n", "d": b"d"})
    answer = madang(root, "status")
    assert answer.code == 1
    assert "dvc.yaml, line 5, stages.s.outs[0].o.cache" in answer.err


def test_outputs_are_not_added(repo: Repository, root: Path, dvc: Tool) -> None:
    """What a stage makes is recorded by its stage: add refuses it, and its dvc.yaml stays as it is."""
    make_pipeline(root, dvc)
    before = (root / "pipe" / "dvc.yaml").read_bytes()
    for name in ("pipe/clean", "pipe/clean/a", "pipe/m-1.json"):
        with pytest.raises(Refused, match="made by the stage"):
            add(repo, [name])
    assert (root / "pipe" / "dvc.yaml").read_bytes() == before


def test_outputs_come_back(root: Path, dvc: Tool, madang: Tool, tmp_path: Path) -> None:
    """checkout, push, fetch and pull move outputs of stages, and dvc finds its pipeline unchanged afterwards."""
    make_pipeline(root, dvc)
    store = tmp_path / "store"
    assert dvc(root, "remote", "add", "-d", "r", str(store)).code == 0
    for name in ("pipe/clean/a", "pipe/clean/sub/b", "pipe/model-1", "s.csv"):
        (root / name).unlink()
    assert madang(root / "pipe", "checkout").code == 0
    assert json.loads(dvc(root, "status", "--json").out) == {}
    assert madang(root, "push", "pipe/dvc.yaml:prepare", "pipe/model-1").code == 0
    assert dvc(root, "push").out.startswith("1 file pushed")  # s.csv; the outputs are there, frozen.txt never goes
    assert dvc(root, "status", "-c", "--json").code == 0
    (root / "pipe" / "model-2").unlink()
    shutil.rmtree(root / ".dvc" / "cache" / "files")
    assert madang(root / "pipe", "pull", "train", "prepare").code == 0
    assert (root / "pipe" / "model-2").read_bytes() == b"a\n"


def test_what_git_ignores_holds_no_records(repo: Repository, root: Path, dvc: Tool, madang: Tool) -> None:
    """Records in folders that git ignores (virtual environments, build folders) are not ours, as in dvc."""
    make(root, {"a": b"a", "venv/lib/pkg/dvc.yaml": b"no pipeline", "venv/x.dvc": b"none", "hidden.dvc": b"none"})
    make(root, {"kept/.gitignore": b"*.dvc\n!own.dvc\n", "kept/b": b"b", ".gitignore": b"/venv/\n/hidden.dvc\n"})
    add(repo, ["a"])
    (root / "kept" / "own.dvc").write_text("outs: [{path: b, hash: md5}]\n")
    (root / "kept" / "other.dvc").write_text("nothing\n")
    assert [repo.relative(out.path) for out in tracked(repo)] == ["a", "kept/b"]
    assert dvc(root, "status", "--json").code == madang(root, "status", "--json").code == 0


def test_what_never_ran_is_told(root: Path, dvc: Tool, madang: Tool, tmp_path: Path) -> None:
    """Checkout and pull of an output without a record end as in dvc, and leave what is there as it is."""
    text = b"stages:\n  a: {cmd: x, outs: [o]}\n  b: {cmd: x, outs: [n: {cache: false}]}\n"
    make(root, {"dvc.yaml": text, "s": b"s"})
    assert dvc(root, "remote", "add", "-d", "r", str(tmp_path / "store")).code == 0
    assert dvc(root, "add", "s").code == 0
    for line in ("push", "checkout", "checkout a", "checkout b", "checkout --allow-missing", "pull", "pull s", "fetch"):
        assert madang(root, *line.split()).code == dvc(root, *line.split()).code, line
    (root / "o").write_bytes(b"mine")
    for line in ("checkout", "pull"):
        assert madang(root, line).code == dvc(root, line).code
    assert (root / "o").read_bytes() == b"mine"


def test_a_hidden_path_is_not_added(root: Path, dvc: Tool, madang: Tool) -> None:
    """What .dvcignore hides is refused by name, as its folder would look empty."""
    make(root, {"n/a": b"a", "d/n": b"b", ".dvcignore": b"/n\nd/n\n"})
    for name in ("n", "n/a", "d/n"):
        assert madang(root, "add", name).code == dvc(root, "add", name).code == 1
        assert not (root / f"{name}.dvc").exists()
    assert ".dvcignore:1:/n" in madang(root, "add", "n").err


def test_a_hidden_record_is_changed(root: Path, dvc: Tool, madang: Tool) -> None:
    """What .dvcignore hides of a record, but not of its data, leaves it the record of that data."""
    make(root, {"d/n": b"b"})
    for body, tool in ((b"b", dvc), (b"c", madang), (b"d", madang)):
        make(root, {"d/n": body})
        assert tool(root, "add", "d").code == 0
        (root / ".dvcignore").write_text("*.dvc\n")
    found = (root / "d.dvc").read_text()
    assert dvc(root, "add", "d").code == 0
    assert (root / "d.dvc").read_text() == found


def test_commits_that_share_a_pipeline(repo: Repository, root: Path) -> None:
    """The same dvc.yaml gives other stages where its values or its lock are other ones, and is shared elsewhere."""
    make(root, {"dvc.yaml": b"stages: {s: {cmd: x, outs: ['${name}'], vars: [more.yaml]}}\n"})
    make(root, {"params.yaml": b"name: one\n", "more.yaml": b"a: 1\n"})
    commits = [commit(root, "one")]
    make(root, {"other": b"o"})
    commits.append(commit(root, "two"))
    make(root, {"params.yaml": b"name: two\n"})
    commits.append(commit(root, "three"))
    make(
        root,
        {"dvc.lock": b"schema: '2.0'\nstages: {s: {cmd: x, outs: [{path: two, hash: md5, md5: %s}]}}\n" % (b"a" * 32)},
    )
    commits.append(commit(root, "four"))
    found = [tracked(repo, tree=CommitTree(repo, name))[0] for name in (*commits, *commits)]
    assert [(repo.relative(out.path), out.md5) for out in found] == [
        ("one", None), ("one", None), ("two", None), ("two", "a" * 32),
    ] * 2  # fmt: skip
    assert found[0] is found[1]
    (root / "params.yaml").write_text("name: three\n")
    assert [repo.relative(out.path) for out in tracked(repo)] == ["three"]
