"""A repository with plots of every kind in two commits and a changed work tree."""

from __future__ import annotations

import json
import math
import random
import struct
import zlib
from pathlib import Path

from tests.data.helpers import Tool, make
from tests.data.test_trees import commit, git

DVC_YAML = """\
plots:
- logs/loss.csv: {x: step, y: loss, title: "학습 손실 <b>&"}
- both:
    title: Train and test
    x: step
    y: {logs/loss.csv: [loss, acc], logs/test.tsv: loss}
- conf:
    template: confusion
    x: actual
    y: {pred.csv: predicted}
- norm: {template: confusion_normalized, x: actual, y: {pred.csv: [predicted, guess]}}
- imp.json: {template: bar_horizontal_sorted, x: importance, y: name, title: Importance}
- bars: {template: bar_horizontal, x: importance, y: {imp.json: name}, x_label: "a.b[c]"}
- scatter: {template: scatter, x: a, y: {pts.json: [b, c]}}
- jitter: {template: scatter_jitter, x: a, y: {pts.json: b}}
- smooth: {template: smooth, x: step, y: {logs/loss.csv: loss}}
- two: {x: {logs/loss.csv: step, logs/test.tsv: at}, y: {logs/loss.csv: loss, logs/test.tsv: loss}}
- other: {x: {logs/loss.csv: step}, y: {logs/test.tsv: loss}}
- dates.csv: {x: day, y: v}
- pictures
- custom: {template: mine, x: step, y: {logs/loss.csv: acc}}
- data: {y: v}
- data/deep: {y: w}
stages:
  s:
    cmd: python make.py
    deps: [make.py]
    plots: [out.csv: {x: s, y: m}, nested.json, simple.json: {template: simple, cache: false}, "한글 폴더"]
"""
MINE = {
    "data": {"values": "<DVC_METRIC_DATA>"},
    "title": "<DVC_METRIC_TITLE>!",
    "layer": [{"mark": "point"}],
    "encoding": {"x": {"field": "<DVC_METRIC_X>"}, "y": {"field": "<DVC_METRIC_Y>"}},
}
MAKE = """\
import json, os
open("out.csv", "w").write("s,m\\n1,{seed}\\n2,{more}\\n")
rows = [{{"i": 1, "v": {seed}}}, {{"i": 2, "v": 3}}]
json.dump({{"a": rows, "b": [{{"w": 1}}, {{"w": 2}}]}}, open("nested.json", "w"))
json.dump([{{"v": {seed}}}, {{"v": 2.5}}], open("simple.json", "w"))
os.makedirs("한글 폴더", exist_ok=True)
open("한글 폴더/값.yaml", "w").write("- {{v: {seed}}}\\n- {{v: 4}}\\n")
"""


def png(width: int, height: int, red: int) -> bytes:
    """A small picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + bytes((red, 60, 90)) * width for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def files(seed: int) -> dict[str, bytes]:
    """The data of one commit."""
    chance = random.Random(seed)
    classes = ["cat", "dog", "mouse", "이름이 아주 긴 동물"]
    loss = [f"{i},{math.exp(-i / 20) + chance.random() * 0.1},{1 - math.exp(-i / 20)}\n" for i in range(30)]
    test = [f"{i}\t{i / 2}\t{math.exp(-i / 30)}\n" for i in range(30)]
    pred = [f"{one},{chance.choice(classes)},{one}\n" for one in chance.choices(classes, k=60)]
    points = [{"a": chance.gauss(0, 1), "b": chance.gauss(0, 1), "c": chance.gauss(1, 1)} for _ in range(40)]
    return {
        "logs/loss.csv": ("step,loss,acc\n" + "".join(loss)).encode(),
        "logs/test.tsv": ("step\tat\tloss\n" + "".join(test)).encode(),
        "pred.csv": ("actual,predicted,guess\n" + "".join(pred)).encode(),
        "imp.json": json.dumps(
            [{"importance": chance.random() - 0.2, "name": f"feature {i}"} for i in range(9)]
        ).encode(),
        "pts.json": json.dumps({"k": {"rows": points}}).encode(),
        "dates.csv": ("day,v\n" + "".join(f"2026-01-{i:02d},{i * seed}\n" for i in range(1, 25))).encode(),
        "data/a.json": json.dumps([{"v": seed}, {"v": 2}]).encode(),
        "data/deep/b.json": json.dumps([{"v": seed, "w": 1}, {"v": 2, "w": 2}]).encode(),
        "pictures/1.png": png(30, 20, 40 * seed),
        "pictures/sub/10.png": png(20, 20, 60 * seed),
        "make.py": MAKE.format(seed=seed, more=seed * 3).encode(),
    }


def make_repository(root: Path, dvc: Tool) -> Path:
    """Commits v1 and v2 and a work tree with other data, all outputs in the cache but those of the work tree."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    assert dvc(root, "init").code == 0
    make(root, {"dvc.yaml": DVC_YAML.encode(), ".dvc/plots/mine.json": json.dumps(MINE).encode(), **files(1)})
    assert dvc(root, "repro").code == 0
    commit(root, "one")
    git(root, "tag", "v1")
    make(root, files(2))
    assert dvc(root, "repro").code == 0
    commit(root, "two")
    git(root, "tag", "v2")
    make(root, files(3))
    return root
