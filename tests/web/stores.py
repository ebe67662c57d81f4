"""Stores to look at: one with thousands of runs, one with a few runs that have everything."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from madang.formats import segment as codec
from madang.formats import store as layout
from madang.testing.project import Project

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = "<img src=x onerror=alert(1)>"
ODD = [
    HOSTILE, "\"><script>window.hacked=1</script>", "javascript:window.hacked=1", "';window.hacked=1;//",
    "${window.hacked=1}", "{{constructor.constructor('window.hacked=1')()}}", "<svg/onload=window.hacked=1>",
    "\u202eevil", "../../etc/passwd", "%3Cscript%3Ewindow.hacked=1%3C/script%3E", "a" * 2000, "이름 😀",
    "__proto__", "constructor", "\\\"]['",
]  # fmt: skip


def many_runs(store: Path, count: int) -> None:
    """Finished runs, newest last, as their training processes would have left them."""
    layout.ensure(str(store))
    now = time.time_ns() // 1000
    for number in range(count):
        chance = random.Random(number)
        writer = _begun(store, "many", f"run-{number:05}", chance, now - (count - number) * 1_000_000)
        writer.append(codec.CONFIG, {"set": {"lr": chance.random(), "number": number}})
        writer.metrics({"val/acc": number / count, "train/loss": chance.random()}, 0)
        writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
        writer.close()


def coloured_run(store: Path) -> None:
    """A run whose console lines have colours."""
    writer = _begun(store, "와인", "coloured", random.Random(-1), time.time_ns() // 1000)
    for number in range(50):
        writer.append(codec.CONSOLE, {"n": number + 1, "stream": "out", "text": f"\x1b[32mepoch\x1b[0m {number}"})
    writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
    writer.close()


def _begun(store: Path, project: str, name: str, chance: random.Random, now: int, **more: str) -> codec.SegmentWriter:
    run, segment = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(128):032x}"
    path = layout.segment_path(str(store), run, segment)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    header = {"run": run, "project": project, "writer": "process", "host": "h", "user": "u", "version": "0"}
    writer = codec.SegmentWriter(path, segment, header, now=now)
    writer.append(codec.STARTED, {"name": name, **more})
    return writer


TRAIN = f"""
import sys, time
import madang

with madang.init(project="와인", name="first", config={{"lr": 0.1, "model": {{"depth": 2}}}}, notes="처음") as run:
    run.define_metric("val/acc", goal="max")
    for step in range(50):
        run.log({{"train/loss": 1 / (step + 1), "val/acc": step / 50}}, step=step)
        print(f"epoch {{step}}")
    run.log_table("samples", [[1, "하나"], [2, "둘"]], columns=["id", "이름"])
    run.log_artifact(sys.argv[1], name="weights", type="model")
    open(sys.argv[1], "a").write("more")
    run.log_artifact(sys.argv[1], name="weights", type="model")
with madang.init(project="와인", name={HOSTILE!r}, config={{"lr": {HOSTILE!r}}}) as run:
    run.log({{{HOSTILE!r}: 1.0}}, step=0)
try:
    with madang.init(project="와인", name="broken", config={{"lr": 0.3}}) as run:
        run.log({{"train/loss": 2.0}}, step=0)
        raise RuntimeError("out of memory")
except RuntimeError:
    pass
"""

LIVE = """
import sys, time
import madang

with madang.init(project="와인", name="live") as run:
    for step in range(100_000):
        run.log({"train/loss": 1 / (step + 1)}, step=step)
        print("line", step)
        time.sleep(0.05)
"""


def tracked_data(project: Project) -> None:
    """Two versions of a folder and one of a table, with a run that read the first."""
    project.madang("init")
    rows = "".join(f'{number},"이름, {number}"\n' for number in range(100))
    project.write({"자료/a.txt": "첫째", "자료/b/gone.txt": "x", "자료/empty.csv": "", "표 1.csv": "id,name\n" + rows})
    (project.root / "자료" / "점.png").write_bytes(PNG)
    (project.root / "자료" / "엑셀.csv").write_bytes("번호;이름\n1;가\n2;나\n".encode("cp949"))
    project.write({"train.py": 'open("자료/a.txt").read(); open("표 1.csv").read()'})
    project.madang("add", "자료", "표 1.csv")
    project.commit()
    project.run("--project", "p", "--name", "reader", "--", "python", "train.py")
    (project.root / "자료" / "b" / "gone.txt").unlink()
    project.write({"자료/a.txt": HOSTILE, "자료/new.html": f"<script>document.title = 'no'</script>{HOSTILE}"})
    (project.root / "자료" / "엑셀.csv").write_bytes("번호;이름\n1;가\n2;뷁\n3;다\n".encode("cp949"))
    project.madang("add", "자료")
    project.commit()


PIPELINE = """\
stages:
  first:
    cmd: echo "first says 하나" && cp data.csv first.txt
    deps: [data.csv]
    outs: [first.txt]
  left:
    cmd: cp first.txt left.txt && echo LEFT
    deps: [first.txt]
    params: [left]
    outs: [left.txt]
  right:
    cmd: RIGHT
    deps: [first.txt]
    params: [side]
    outs: [right.txt]
  last:
    cmd: cat left.txt right.txt > last.txt
    deps: [left.txt, right.txt]
    outs: [last.txt]
"""
SLOW = """\
import os, time
for number in range(5):
    print(f"line {number}", flush=True)
while not os.path.exists("gate"):
    time.sleep(0.02)
open("waited.txt", "w").write("x")
"""


def reproduced(project: Project) -> None:
    """A pipeline that ran, and then one in which a stage failed; in ``slow`` are stages that wait for a file."""
    project.madang("init")
    good = PIPELINE.replace("RIGHT", "cp first.txt right.txt")
    slow = f"stages:\n  wait:\n    cmd: {sys.executable} slow.py\n    deps: [slow.py]\n    outs: [waited.txt]\n"
    slow += "  after:\n    cmd: cp waited.txt after.txt\n    deps: [waited.txt]\n    outs: [after.txt]\n"
    project.write({"data.csv": "id\n1\n", "dvc.yaml": good, "params.yaml": "side: 1\nleft: 1\n"})
    project.write({"slow/dvc.yaml": slow, "slow/slow.py": SLOW})
    project.madang("add", "data.csv")
    project.commit()
    project.madang("repro", "-q")
    project.commit()
    bad = PIPELINE.replace("RIGHT", "echo no luck today; exit 3")
    project.write({"dvc.yaml": bad, "params.yaml": "side: 2\nleft: 2\n"})
    project.madang("repro", "-q", "--keep-going", ok=255)


SCORE = """\
import argparse, csv, json
import helper
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
depth = int(open("params.yaml").read().split("depth: ")[1].split()[0])
rows = list(csv.DictReader(open("자료/표.csv")))
value = helper.score(sum(float(row["x"]) for row in rows), parser.parse_args().lr, depth)
json.dump({"score": value}, open("metrics.json", "w"))
"""
HELPER = "def score(mean, lr, depth):\n    return mean + lr * 2 + depth\n"
CHAIN = """\
stages:
  make:
    cmd: cp params.yaml made.txt
    params: [depth]
    outs: [made.txt]
  pass-on:
    cmd: cat made.txt > passed.txt && echo '{"lines":' $(cat made.txt | wc -c)0 '}' > lines.json
    deps: [made.txt]
    outs: [passed.txt]
    metrics: [lines.json: {cache: false}]
  finish:
    cmd: cp passed.txt finished.txt
    deps: [passed.txt]
    outs: [finished.txt]
"""
MAKER = """\
import madang
with madang.init(project="changed", name="maker") as run:
    open("table.csv", "w").write(open("raw.csv").read())
    run.log_artifact("table.csv", "표", "dataset")
with madang.init(project="changed", name="user") as run:
    open("weights", "w").write(open(run.use("표:latest")).read())
    run.log_artifact("weights", "모델", "model", aliases=["production"])
"""


def changed(project: Project) -> tuple[str, str]:
    """Two runs between which code, data and parameters changed, with the shares measured; and a model of a table."""
    project.madang("init")
    project.write(
        {"자료/표.csv": "id,x\n1,1\n2,1\n3,0\n", "자료/gone.txt": "x", "raw.csv": "a,b\n1,2\n", "maker.py": MAKER}
    )
    project.write({"score.py": SCORE, "helper.py": HELPER, "params.yaml": "depth: 3\nname: x\n"})
    project.madang("add", "자료", "raw.csv")
    project.write({"dvc.yaml": CHAIN})
    project.madang("repro")
    project.commit({".gitignore": "metrics.json\n__pycache__/\ntable.csv\nweights\n/자료\n/raw.csv\n/*.txt\n"})
    first = project.run("--name", "first", "--", "python", "score.py")
    (project.root / "자료" / "gone.txt").unlink()
    project.write({"자료/표.csv": "id,x,새 열\n1,1,a\n2,1,b\n4,1,c\n5,1,d\n", f"자료/{HOSTILE}": "x"})
    project.madang("add", "자료")
    project.write({"params.yaml": "depth: 4\nname: x\n"})
    project.madang("repro")
    helper = "def score(mean, lr, depth):\n    scale = 2\n    return mean + lr * scale + depth\n"
    project.commit({"helper.py": helper, "params.yaml": "depth: 4\nname: x\n", f"{HOSTILE}.py": HOSTILE})
    project.write({"helper.py": helper + "# not committed\n"})
    second = project.run("--name", "second", "--", "python", "score.py")
    project.madang("why", "score", second, "--against", first, "--rerun", "--json")
    project.run("-p", "changed", "--", "python", "maker.py")
    return first, second


def staged(store: Path) -> None:
    """A reproduction of two hundred stages that has just begun, and one whose names try to be markup."""
    now = time.time_ns() // 1000
    names = [f"stage-{number:03}" for number in range(200)]
    needs = [names[max(0, number - 3) : number : 2] for number in range(200)]
    plan = [{"name": name, "needs": need, "writes": [name]} for name, need in zip(names, needs, strict=True)]
    later = now + 3600_000_000  # it was heard of: after a minute of silence a reproduction is over
    _stage_run(store, names[0], "many", later, {"plan": plan})
    odd = {"name": HOSTILE, "reads": [HOSTILE], "writes": ["out" + HOSTILE], "needs": ["fine"]}
    found = {"name": HOSTILE, "status": "failed", "error": HOSTILE, "outs": []}
    odd_stages(store)
    _stage_run(store, "fine", "hostile", now, {"plan": [{"name": "fine"}, odd], "found": [found], "ended_at": now})


def odd_stages(store: Path) -> None:
    """A reproduction whose stages have names that break pages; each needs the one before."""
    now = time.time_ns() // 1000
    plan = [
        {"name": name, "needs": [*ODD[at - 1 : at]], "reads": [name], "writes": [name]} for at, name in enumerate(ODD)
    ]
    _stage_run(store, ODD[0], "odd", now, {"plan": plan, "ended_at": now})


def _stage_run(store: Path, name: str, group: str, now: int, news: dict[str, object]) -> None:
    writer = _begun(store, "wide", name, random.Random(name), now, group=group)
    writer.append(codec.TAGS, {"set": {"madang.stage": name}})
    writer.append(codec.PIPELINE, news)
    writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
    writer.close()


def train(folder: Path, store: Path, script: str) -> subprocess.Popen[bytes]:
    """Start a training process that logs into the store."""
    weights = folder / "weights.bin"
    weights.write_bytes(b"weights")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    return subprocess.Popen(
        [sys.executable, "-c", script, str(weights)],
        cwd=folder,
        env={**environment, "MADANG_DIR": str(store)},
        stdout=subprocess.DEVNULL,
    )
