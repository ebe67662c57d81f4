"""A repository with parameters, metrics and plots in several commits, and how commands are compared on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.helpers import Tool, make
from tests.data.test_trees import commit, git

DVC_YAML = """\
vars:
- conf/한글.json
- hidden.toml
- local: {unused: 1}
params: [extra.yaml]
metrics: [top.yaml, sub/ignored.toml]
stages:
  train:
    cmd: python train.py ${model.lr} ${model.layers[1]} ${local.unused} ${depth}
    deps: [train.py]
    params: [train.lr, train.epochs, params.py: [seed, Opt.rate], whole.toml: null]
    outs: [model]
    metrics: [scores/cached.json, plain.json: {cache: false}]
  each:
    foreach: ${names}
    do:
      cmd: mkdir -p many; echo '{"v":' ${item.size} '}' > many/${key}.json
      metrics: ["many/${key}.json"]
"""
FILES = {
    "dvc.yaml": DVC_YAML.encode(),
    "conf/한글.json": (
        '{"model": {"lr": 0.1, "layers": [1, 2], "이름": "x"}, "names": {"a": {"size": 3}, "b": {"size": 4}}}'.encode()
    ),
    "hidden.toml": b"depth = 4\nspare = 1\n",
    "params.yaml": b"train: {lr: 0.1, epochs: 3, tags: [a, b]}\nother: 1\nwhen: text\nnone: null\n",
    "params.py": b"seed = 1\nunseen = 2\nclass Opt:\n    rate = 0.5\n    def __init__(self):\n        self.x = (1, 2)",
    "whole.toml": b"[a]\nb = 1\nc = 'x'\n",
    "extra.yaml": b"e: {f: [1], g: true}\n",
    "train.py": b"""\
import os
os.makedirs('scores', exist_ok=True)
nested = '{"deep": {"f1": 1e-7, "list": [1]}, "s": "text"}'
open('scores/cached.json', 'w').write('{"acc": 0.123456789, "nested": ' + nested + ', "b": true, "n": null}')
open('plain.json', 'w').write('5')
open('model', 'w').write('m')
""",
    "top.yaml": b"loss: 0.5\nsteps: 10\nnan: .nan\nempty: {}\n",
    "sub/ignored.toml": b"[x]\ny = 2\n",
}


def make_repository(root: Path, dvc: Tool) -> Path:
    """Two commits (tags v1 and v2), a branch at the first, and a changed work tree; the cache holds what was made."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    assert dvc(root, "init").code == 0
    make(root, FILES)
    assert dvc(root, "repro").code == 0
    commit(root, "first")
    git(root, "tag", "v1")
    git(root, "branch", "old/branch")
    make(
        root,
        {
            "params.yaml": b"train: {lr: 0.2, epochs: 3, tags: [a, c]}\nother: 2\n",
            "params.py": b"seed = 2\nclass Opt:\n    rate = 0.25\n",
            "hidden.toml": b"depth = 5\nspare = 2\n",
            "conf/한글.json": b'{"model": {"lr": 0.3, "layers": [1, 5]}, "names": {"a": {"size": 9}, "b": {"size": 4}}}'
            b"\n",
            "top.yaml": b"loss: 0.25\nsteps: 12\n",
            "train.py": FILES["train.py"].replace(b"0.123456789", b"0.9").replace(b"'5'", b"'7.5'"),
        },
    )
    assert dvc(root, "repro").code == 0
    commit(root, "second")
    git(root, "tag", "v2")
    make(
        root,
        {
            "params.yaml": b"train: {lr: 0.2, epochs: 30}\nnew: [1, 2]\n",
            "top.yaml": b"loss: 0.125\nmore: {x: 1}\n",
            "extra.yaml": b"e: {f: [2], g: false}\n",
            "whole.toml": b"[a]\nb = 1\nc = 'y'\n[d]\n",
        },
    )
    return root


def check_as_dvc(root: Path, dvc: Tool, madang: Tool, command: str) -> None:
    """Exit code and what is printed equal dvc's."""
    theirs, ours = dvc(root, *command.split()), madang(root, *command.split())
    assert ours.code == theirs.code
    if "--json" in command:
        assert value(ours.out) == value(theirs.out)
    else:
        assert lines(ours.out or "\n") == lines(theirs.out or "\n")


def value(text: str) -> Any:
    """What a command printed with ``--json``; numbers that are none are texts here and there."""
    return json.loads(text, parse_constant=lambda name: name) if text.strip() else None


def lines(text: str) -> list[str]:
    """A table's lines in one order, without blanks at their ends: dvc has no order of files."""
    head, *rest = [line.rstrip() for line in text.splitlines()]
    return [head, *sorted(rest)]
