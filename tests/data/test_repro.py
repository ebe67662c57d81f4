"""`repro` beside the real dvc: the same stages run, the same records come of it, either goes on from the other."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read

PIPELINE = """\
vars:
- root: raw
stages:
  prepare:
    cmd:
    - mkdir -p clean/sub
    - cp ${root}/a clean/a
    - cp ${root}/a clean/sub/b && echo a long command that the writer of yaml folds, since it is so long >&2
    deps: ["${root}"]
    params: [lr, "other.json": [x.y], "whole.toml": null]
    outs: [clean]
  train:
    matrix: {seed: [1, 2]}
    cmd: |
      cat clean/a > model-${item.seed}
      echo '{"acc":0.5}' > m-${item.seed}.json
    deps: [clean/a]
    params: [lr]
    outs: ["model-${item.seed}"]
    metrics: ["m-${item.seed}.json": {cache: false}]
  report:
    wdir: sub
    cmd: "cat ../model-1 ../model-2 > all && chmod +x all && echo a,b > p.csv && echo 'y: 1' > y.yaml"
    deps: [../model-1, ../model-2, ../data.csv]
    outs: [all]
    plots: [p.csv: {x: a}]
    metrics: [y.yaml]
  kept:
    cmd: echo more >> log.txt
    deps: [raw/a]
    outs: [log.txt: {persist: true}]
  loose:
    cmd: echo 1 > loose.txt
    deps: [raw/a]
    outs: [loose.txt: {cache: false}]
  callback:
    cmd: echo called
  each:
    cmd: "true"
    always_changed: true
    deps: [raw/a]
  frozen:
    cmd: exit 1
    frozen: true
    deps: [raw/a]
    outs: [frozen.txt]
"""


def files() -> dict[str, bytes]:
    """A repository with a pipeline that has everything."""
    return {
        "dvc.yaml": PIPELINE.encode(),
        "raw/a": b"a\n",
        "raw/b": b"b\n",
        "params.yaml": b"lr: 0.1\nextra: 1\n",
        "other.json": b'{"x": {"y": [1, {"z": 2.5}]}}',
        "whole.toml": b'[t]\nv = 1\nw = "x"\n',
        "data.csv": b"d\n",
        "frozen.txt": b"f\n",
        "sub/keep": b"",
    }


def twin(root: Path, name: str) -> Path:
    """A copy of a repository beside it."""
    other = root.parent / name
    shutil.copytree(root, other, symlinks=True)
    return other


def records(folder: Path) -> dict[str, bytes]:
    """What a reproduction leaves: files, objects, entries of the run cache. Not what either tool keeps for itself.

    dvc also enters what a frozen stage never made into the run cache; madang does not.
    """
    cache = folder / ".dvc" / "cache"
    found = {name: body for name, body in read(folder).items() if not name.startswith((".git/", ".dvc/"))}
    for part in ("runs", "files"):
        kept = {f"{part}/{name}": body for name, body in read(cache / part).items()}
        found.update((name, body) for name, body in kept.items() if not body.startswith(b"cmd: exit 1"))
    return found


def statuses(answer_out: str) -> dict[str, str]:
    """Stage → what became of it."""
    return {one["stage"]: one["status"] for one in json.loads(answer_out)}


def test_a_whole_pipeline_leaves_what_dvc_leaves(root: Path, dvc: Tool, madang: Tool) -> None:
    """Lock, .gitignore, cache and run cache are the same bytes; then each tool finds the other's work up to date."""
    make(root, files())
    assert dvc(root, "add", "data.csv").code == 0
    theirs = twin(root, "theirs")
    expected = dvc(theirs, "repro")
    assert expected.code == 0, expected.err
    answer = madang(root, "repro")
    assert answer.code == 0, answer.err
    assert records(root) == records(theirs)
    always = {"callback", "each"}
    for folder in (root, theirs):
        assert json.loads(dvc(folder, "status", "--json").out).keys() == always
        again = madang(folder, "repro", "--json")
        assert again.code == 0, again.err
        assert {name for name, status in statuses(again.out).items() if status != "unchanged"} == always
    assert "didn't change" in dvc(root, "repro", "prepare").out


CHANGES: dict[str, dict[str, bytes]] = {
    "a dependency": {"raw/a": b"new\n"},
    "a parameter": {"params.yaml": b"lr: 0.2\nextra: 1\n"},
    "another value of the file": {"params.yaml": b"lr: 0.1\nextra: 2\n"},
    "an output": {"model-1": b"by hand\n"},
    "tracked data": {"data.csv": b"other\n"},
}


def test_after_a_change_the_same_stages_run(root: Path, dvc: Tool, madang: Tool) -> None:
    """Whatever changes, dvc and madang bring the twins to the same records, run the same and restore the same."""
    make(root, files())
    assert dvc(root, "add", "data.csv").code == 0
    assert dvc(root, "repro").code == 0
    theirs = twin(root, "theirs")
    for what, changed in CHANGES.items():
        for folder in (root, theirs):
            make(folder, changed)
        expected = dvc(theirs, "repro")
        answer = madang(root, "repro")
        assert (answer.code, expected.code) == (0, 0), (what, answer.err, expected.err)
        assert ran(answer.out) == ran(expected.out), what
        assert records(root) == records(theirs), what
    for folder in (root, theirs):
        (folder / "model-2").unlink()
        shutil.rmtree(folder / "clean")
        make(folder, {"raw/a": b"a\n"})
    expected, answer = dvc(theirs, "repro"), madang(root, "repro")
    assert ran(answer.out) == ran(expected.out)
    assert records(root) == records(theirs)


def ran(text: str) -> dict[str, set[str]]:
    """Stages that ran, that were restored, and that were left alone, as both tools say it."""
    lines = text.splitlines()
    return {
        "ran": {line.split("'")[1] for line in lines if line.startswith("Running stage")},
        "restored": {line.split("'")[1] for line in lines if "is cached - skipping run" in line},
        "unchanged": {line.split("'")[1] for line in lines if "didn't change" in line},
    }


OPTIONS: dict[str, tuple[str, ...]] = {
    "single": ("-s", "report"),
    "downstream": ("--downstream", "train@1"),
    "pipeline": ("-p", "kept"),
    "recursive": ("-R", "."),
    "glob": ("--glob", "tra*"),
    "no run cache": ("--no-run-cache", "prepare"),
    "force downstream": ("--force-downstream", "-f", "train@1"),
    "no commit": ("--no-commit", "report"),
    "dry": ("--dry",),
    "unknown": ("nothing",),
    "keep going": ("-k",),
    "ignore": ("--ignore-errors",),
    "fail": (),
}


@pytest.fixture
def options_root(root: Path, dvc: Tool) -> Path:
    """A pipeline that was run, and of which data has changed."""
    make(root, files())
    text = PIPELINE[: PIPELINE.index("  loose:")] + PIPELINE[PIPELINE.index("  frozen:") :]
    (root / "dvc.yaml").write_text(text)
    assert dvc(root, "add", "data.csv").code == 0
    assert dvc(root, "repro").code == 0
    make(root, {"raw/a": b"second\n"})
    return root


def test_options_mean_what_they_mean_for_dvc(options_root: Path, dvc: Tool, madang: Tool) -> None:
    """Of each option: the same exit code, the same stages, the same records."""
    for name, given in OPTIONS.items():
        ours, theirs = twin(options_root, f"ours {name}"), twin(options_root, f"theirs {name}")
        if name in ("keep going", "ignore", "fail"):
            for folder in (ours, theirs):
                text = (folder / "dvc.yaml").read_text()
                text = text.replace("cat clean/a > model", "test ${item.seed} = 2 && cat clean/a > model")
                (folder / "dvc.yaml").write_text(text)
        expected, answer = dvc(theirs, "repro", *given), madang(ours, "repro", *given)
        assert answer.code == expected.code, (name, answer.err, expected.err)
        found, wanted = ran(answer.out), ran(expected.out)
        if name == "dry":  # here dvc looks for results of the inputs before the change
            wanted["restored"] = set()
        if name == "ignore":  # here the old output of the failed stage is still there to be read
            assert found.pop("ran") == wanted.pop("ran") | {"report"}
        if name == "fail":  # the order of stages that do not depend on each other is free
            found.pop("unchanged")
            wanted.pop("unchanged")
        assert found == wanted, (name, answer.out, expected.out, answer.err)
        left = records(ours)
        if name in ("keep going", "ignore", "fail"):
            assert left["model-1"] == b"a\n", "the old output of the stage that failed is there"
            assert left["dvc.lock"] == records(theirs)["dvc.lock"] or name == "ignore"
            continue
        assert left == records(theirs), name


def test_missing_data_is_pulled_or_left_out(options_root: Path, dvc: Tool, madang: Tool) -> None:
    """--pull brings data and results of others from the remote without a run; --allow-missing leaves stages alone."""
    assert dvc(options_root, "repro").code == 0
    remote = options_root.parent / "remote"
    assert dvc(options_root, "remote", "add", "-d", "store", str(remote)).code == 0
    assert dvc(options_root, "push", "--run-cache").code == 0
    for name in ("clean", "raw-is-kept"):
        shutil.rmtree(options_root / name, ignore_errors=True)
    shutil.rmtree(options_root / ".dvc" / "cache")
    for name in ("model-1", "model-2", "data.csv"):
        (options_root / name).unlink()
    for index, given in enumerate(
        (("--allow-missing", "--dry"), ("--pull", "--allow-missing"), ("--pull",), ("--pull", "train@1"))
    ):
        ours, theirs = twin(options_root, f"ours {index}"), twin(options_root, f"theirs {index}")
        expected, answer = dvc(theirs, "repro", *given), madang(ours, "repro", *given)
        assert answer.code == expected.code, (given, answer.err, expected.err)
        assert ran(answer.out) == ran(expected.out), (given, answer.out, expected.out)
        assert (ours / "dvc.lock").read_bytes() == (theirs / "dvc.lock").read_bytes()
        assert {path.name for path in ours.iterdir()} == {path.name for path in theirs.iterdir()}
    lock = (options_root / "dvc.lock").read_bytes()
    os.unlink(options_root / "dvc.lock")
    answer = madang(options_root, "repro", "--pull", "prepare", "train", "report")
    assert answer.code == 0, answer.err
    assert ran(answer.out)["ran"] <= {"train@1"}, "results are fetched, not computed; dvc pushes no uncached metrics"
    assert len(lock) > len((options_root / "dvc.lock").read_bytes()) > 1000
