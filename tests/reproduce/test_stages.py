"""Runs that executed stages of pipelines are reproduced like any other: alone, on the inputs that they had."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

import pytest

from madang.testing.project import Project

PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, raw.txt]
    outs: [준비]
  train:
    cmd:
      - mkdir model
      - python train.py
    wdir: .
    deps: [train.py, 준비]
    params: [lr]
    outs: [model]
    metrics: [{score.json: {cache: false}}]
"""
PREPARE = """\
import os
os.makedirs('준비', exist_ok=True)
for n, line in enumerate(open('raw.txt')): open(f'준비/{n}.txt', 'w').write(line)
"""
TRAIN = """\
import json, os
n = sum(len(open(f'준비/{name}').read()) for name in os.listdir('준비'))
json.dump({'n': n}, open('score.json', 'w'))
open('model/weights', 'w').write(str(n) + EXTRA)
"""


def _reproduce(project: Project, run: str, ok: int | None = None) -> Any:
    return project.madang("reproduce", run, "--json", ok=ok).json


@pytest.fixture
def pipeline(project: Project) -> Project:
    """A pipeline of two stages that was reproduced once, with everything committed."""
    project.madang("init")
    project.commit(
        {
            "dvc.yaml": PIPELINE, "prepare.py": PREPARE, "train.py": TRAIN.replace(" + EXTRA", ""),
            "raw.txt": "1\n22\n333\n", "params.yaml": "lr: 0.1\n",
        }
    )  # fmt: skip
    project.madang("repro")
    project.commit()
    return project


def _run_of(project: Project, stage: str) -> str:
    runs = project.madang("runs", "--json").json["runs"]
    return next(str(run["id"]) for run in runs if run["name"] == stage and run["job_type"] == "stage")


def test_each_stage_by_itself(pipeline: Project) -> None:
    """A stage is repeated on what it had read, and its outputs are compared by their digests."""
    for stage, compared in (("prepare", 1), ("train", 2)):
        found = _reproduce(pipeline, _run_of(pipeline, stage), ok=0)
        assert (found["verdict"], found["compared"]["outputs"]) == ("IDENTICAL", compared)


def test_inputs_that_have_moved_on(pipeline: Project) -> None:
    """The inputs are those of the time, though the stage before gives others by now; without them they are named."""
    run = _run_of(pipeline, "train")
    pipeline.commit({"raw.txt": "other\n"})
    pipeline.madang("repro")
    assert _reproduce(pipeline, run, ok=0)["verdict"] == "IDENTICAL"
    shutil.rmtree(pipeline.root / ".dvc" / "cache")
    found = _reproduce(pipeline, run, ok=2)
    assert found["missing"][0].startswith("준비 (md5:")


def test_an_output_that_differs(pipeline: Project) -> None:
    """The file inside an output folder that came out otherwise is named."""
    changed = TRAIN.replace("EXTRA", "('!' if 'MADANG_REPRODUCES' in os.environ else '')")
    pipeline.commit({"train.py": changed})
    pipeline.madang("repro")
    found = _reproduce(pipeline, _run_of(pipeline, "train"), ok=0)
    assert found["verdict"] == "WITHIN TOLERANCE"
    assert found["first_difference"]["path"] == "model/weights"
    pipeline.commit({"prepare.py": PREPARE + "if 'MADANG_REPRODUCES' in os.environ: os.unlink('준비/0.txt')\n"})
    pipeline.madang("repro")
    found = _reproduce(pipeline, _run_of(pipeline, "prepare"), ok=1)
    assert found["verdict"] == "DIFFERS"
    assert found["first_difference"] == {
        "kind": "output", "path": "준비/0.txt", "found": None,
        "expected": "md5:" + hashlib.md5(b"1\n").hexdigest(),
    }  # fmt: skip
