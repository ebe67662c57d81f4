"""`madang why` on repositories with a planted cause: it is named, and never another one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from madang.domain.runs import RunChange, RunRecord
from madang.services.comparing.explaining import MEASURED_TAG, recalled
from madang.testing.project import Project
from madang.wiring import local_user, open_store

TRAIN = """\
import argparse, json, os, random
import helper
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
parser.add_argument("--seed", type=int, default=0)
given = parser.parse_args()
settings = json.load(open("settings.json"))
depth = int(open("params.yaml").read().split("depth: ")[1].split()[0])
rows = [float(row) for row in open("자료/표.csv").read().split()]
chance = random.Random(settings.get("random_seed", given.seed))
value = helper.score(sum(rows) / len(rows), given.lr, depth) + chance.random() / 10
json.dump({"score": value + settings["bonus"]}, open("metrics.json", "w"))
"""
REMARK = "print('a remark')\n"
HELPER = "def score(mean, lr, depth):\n    return mean + lr * 2 + depth\n"


@pytest.fixture
def repository(project: Project) -> Project:
    """A training that depends on code, tracked data, two kinds of settings, options and a seed."""
    project.madang("init")
    project.write({"자료/표.csv": "1 2 3", "자료/rest.csv": "5"})
    project.madang("add", "자료")
    project.commit(
        {
            "train.py": TRAIN, "helper.py": HELPER, "unused.py": "x = 1\n", "params.yaml": "depth: 3\nname: 이름\n",
            "settings.json": '{"bonus": 0}', ".gitignore": "metrics.json\n__pycache__/\n/자료\n",
        }
    )  # fmt: skip
    return project


def _run(project: Project, *options: str) -> str:
    project.commit()
    return project.run("--", "python", "train.py", *options)


def _why(project: Project, before: str, after: str, *options: str) -> Any:
    found = project.madang("why", "score", after, "--against", before, "--json", *options).json
    assert {part["part"] for part in found["parts"]} == {"code", "data", "params", "environment", "seed", "hardware"}
    assert "reproduce" not in project.git("worktree", "list").replace(str(project.root.parent), "")
    return found


def _data(project: Project) -> None:
    project.write({"자료/표.csv": "1 2 9"})
    project.madang("add", "자료")


def _code(project: Project) -> None:
    project.write({"helper.py": HELPER.replace("lr * 2", "lr * 4")})


PLANTED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "data": (_data, ()),
    "code": (_code, ()),
    "params": (lambda project: project.write({"params.yaml": "depth: 5\nname: 이름\n"}), ()),
    "params of a settings file": (lambda project: project.write({"settings.json": '{"bonus": 2}'}), ()),
    "seed in a file": (lambda project: project.write({"settings.json": '{"bonus": 0, "random_seed": 4}'}), ()),
    "params on the command line": (lambda _: None, ("--lr", "0.9")),
    "seed": (lambda _: None, ("--seed=7",)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_one_cause_is_named(repository: Project, name: str) -> None:
    """What alone changed is the cause, told from the records; a file that no run uses is none."""
    first = _run(repository)
    change, options = PLANTED[name]
    change(repository)
    repository.write({"unused.py": "x = 2\n", "README.md": "words\n"})
    found = _why(repository, first, _run(repository, *options))
    assert found["cause"] == name.split()[0]
    assert [part["part"] for part in found["parts"] if part["changed"]] == [name.split()[0]]
    assert all(part["share"] is None for part in found["parts"])


def test_among_several_changes(repository: Project) -> None:
    """With a harmless change beside it, only running again can tell; then the cause has the whole share."""
    first = _run(repository)
    _data(repository)
    repository.write({"helper.py": HELPER + REMARK, "params.yaml": "depth: 3\nname: 다른\n"})
    last = _run(repository)
    assert _why(repository, first, last)["cause"] == "cannot be separated"
    found = _why(repository, first, last, "--rerun")
    assert found["cause"] == "data"
    shares = {part["part"]: part["share"] for part in found["parts"]}
    assert shares["data"] == pytest.approx(1)
    assert shares["code"] == pytest.approx(0)
    ran = len(repository.madang("runs", "-n", "100", "--json").json["runs"])
    assert _why(repository, first, last, "--rerun")["cause"] == "data"
    assert len(repository.madang("runs", "-n", "100", "--json").json["runs"]) == ran  # no variant runs twice
    said = repository.madang("why", "score", last, "--against", first, "--rerun")
    assert said.out.splitlines()[-1] == "cause: data"


def test_what_was_measured_is_remembered(repository: Project) -> None:
    """The shares that a rerun has shown stay with the later run; broken notes are passed over."""
    first = _run(repository)
    _data(repository)
    repository.write({"params.yaml": "depth: 4\nname: 이름\n"})
    last = _run(repository)
    _why(repository, first, last, "--rerun")
    engine = open_store(str(repository.root))
    try:
        found = engine.explaining.explain(local_user(), last, "score")
        assert (found.was_measured, found.cause, found.before.run) == (True, ["data", "params"], first)
        assert {part.part: part.share for part in found.parts if part.share}["data"] == pytest.approx(2 / 3)
        assert {tuple(variant.from_run) for variant in found.variants} >= {("data",), ("params",), ()}
        for broken in ("", "[]", "{", '{"score": 1}', json.dumps({f"score {first}": {"cause": 3}})):
            engine.tracking.change(local_user(), last, RunChange(tags={MEASURED_TAG: broken}))
            found = engine.explaining.explain(local_user(), last, "score", first)
            assert (found.was_measured, found.cause) == (False, "cannot be separated")
    finally:
        engine.close()


def test_several_causes(repository: Project) -> None:
    """Two parts that both matter are both named, the larger first, and their shares add up."""
    first = _run(repository)
    _data(repository)  # + 2
    repository.write({"params.yaml": "depth: 4\nname: 이름\n"})  # + 1
    found = _why(repository, first, _run(repository), "--rerun")
    assert found["cause"] == ["data", "params"]
    shares = {part["part"]: part["share"] for part in found["parts"]}
    assert (shares["data"], shares["params"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_seed_beside_params(repository: Project) -> None:
    """A seed and a parameter on one command line are told apart."""
    first = _run(repository, "--lr", "0.5", "--seed", "1")
    last = _run(repository, "--lr", "0.50", "--seed", "2")
    assert _why(repository, first, last, "--rerun")["cause"] == "seed"


def test_seed_and_parameter_in_one_file(repository: Project) -> None:
    """A seed and a parameter in one file are told apart by files that have one from each run."""
    first = _run(repository)
    repository.write({"settings.json": '{"bonus": 2, "seed": 4}'})
    last = _run(repository)
    assert _why(repository, first, last)["cause"] == "cannot be separated"
    assert _why(repository, first, last, "--rerun")["cause"] == "params"
    repository.write({"settings.json": '{"bonus": 2, "random_seed": 9}'})
    found = _why(repository, last, _run(repository), "--rerun")
    assert found["cause"] == "seed"
    assert [part["part"] for part in found["parts"] if part["changed"]] == ["seed"]


def test_nothing_changed_but_chance(repository: Project, tmp_path: Path) -> None:
    """A metric that comes out otherwise each time has no cause among the parts."""
    drawn = str(tmp_path / "drawn")
    os.mkdir(drawn)
    draw = f"(tempfile.mkdtemp(dir={drawn!r}), len(os.listdir({drawn!r})) % 3)[1]"  # 1, 2, 0, 1, … in turn
    repository.write({"train.py": TRAIN.replace("chance.random()", draw).replace("helper\n", "helper, tempfile\n", 1)})
    first, last = _run(repository), _run(repository)
    assert _why(repository, first, last)["cause"] == "cannot be separated"
    _data(repository)
    repository.write({"자료/표.csv": "1 2 3.001"})
    repository.madang("add", "자료")
    found = _why(repository, first, _run(repository), "--rerun", "--times", "3")
    assert found["cause"] == "cannot be separated"
    assert found["reason"]


def test_parts_that_need_each_other(repository: Project) -> None:
    """New code that needs a new parameter fails without it: their shares cannot be separated."""
    first = _run(repository)
    repository.write(
        {
            "params.yaml": "layers: 9\n",
            "train.py": TRAIN.replace('split("depth: ")', 'split("layers: ")').replace("{ ", "{"),
        }
    )
    found = _why(repository, first, _run(repository), "--rerun")
    assert found["cause"] == "cannot be separated"
    assert found["reason"] == "code and params fail without each other"


def test_parameters_held_by_the_code(repository: Project) -> None:
    """A value that stands in the code and is recorded as a parameter is a changed parameter, not changed code."""
    code = (
        TRAIN + "import madang\nLR = 0.1\nwith madang.init(config={'rate': LR}) as run:\n    run.log({'score': LR})\n"
    )
    repository.write({"train.py": code.replace("json.dump(", "print(json, ")})
    first = _run(repository)
    repository.write(
        {"train.py": "# 바꿈\n" + code.replace("json.dump(", "print(json, ").replace("LR = 0.1", "LR = 0.3")}
    )
    found = _why(repository, first, _run(repository))
    assert found["cause"] == "params"
    assert (
        _why(repository, first, repository.madang("runs", "--json").json["runs"][0]["id"], "--rerun")["cause"]
        == "params"
    )


PIPELINE = """\
stages:
  prepare: {cmd: python prepare.py, deps: [prepare.py, raw.csv], outs: [clean.csv]}
  train:
    cmd: mkdir -p out && python train.py
    deps: [train.py, clean.csv]
    params: [w]
    metrics: [out/metrics.json: {cache: false}]
"""
PREPARE = "open('clean.csv', 'w').write(open('raw.csv').read())\n"
TRAIN_STAGE = """\
import json
w = float(open("params.yaml").read().split("w: ")[1])
json.dump({"score": w * sum(map(float, open("clean.csv").read().split()))}, open("out/metrics.json", "w"))
"""


def _stage(project: Project) -> str:
    """The run of the last stage of the pipeline, which is brought up to date."""
    project.madang("repro")
    project.commit()
    runs = project.madang("runs", "list", "--filter", "name = 'train'", "--json").json["runs"]
    return str(runs[0]["id"])


def test_stages_name_their_programs_as_dependencies(project: Project) -> None:
    """A program among a stage's dependencies is code, a file that another stage makes is data."""
    project.madang("init")
    project.write({"dvc.yaml": PIPELINE, "prepare.py": PREPARE, "train.py": TRAIN_STAGE, "params.yaml": "w: 2\n"})
    project.commit({"raw.csv": "1 2 3", ".gitignore": "/clean.csv\n"})
    first = _stage(project)
    project.commit({"train.py": TRAIN_STAGE.replace("w * sum", "3 * w * sum")})
    second = _stage(project)
    assert _why(project, first, second)["cause"] == "code"
    project.commit({"raw.csv": "1 2 30", "train.py": TRAIN_STAGE.replace("w * sum", "3 * w * sum") + REMARK})
    third = _stage(project)
    assert _why(project, second, third)["cause"] == "cannot be separated"
    assert _why(project, second, third, "--rerun")["cause"] == "data"
    assert '"score"' in project.git("show", "HEAD:out/metrics.json")  # and yet it is no code
    project.commit({"prepare.py": PREPARE.replace("read()", "read() + ' 7'")})
    fourth = _stage(project)
    assert _why(project, third, fourth)["cause"] == "code"  # of the stage before
    project.commit({"prepare.py": PREPARE, "raw.csv": "1 2 30 8"})
    fifth = _stage(project)
    assert _why(project, fourth, fifth)["cause"] == "cannot be separated"
    found = _why(project, fourth, fifth, "--rerun")
    shares = {part["part"]: part["share"] for part in found["parts"] if part["share"] is not None}
    assert shares == pytest.approx({"code": -7.0, "data": 8.0})


def test_data_that_nothing_tracks(project: Project) -> None:
    """A file in no record is told by the digest of what was read; a secret has none, and then no cause is named."""
    code = "import json, sys\nsize = sum(len(open(name).read()) for name in sys.argv[1:])\n"
    code += "json.dump({'score': size}, open('metrics.json', 'w'))\n"
    project.write({"자료/열.csv": "1 2\n", ".env": "KEY=1\n", "big.key": "x"})
    project.commit({"train.py": code, ".gitignore": "metrics.json\n/자료\n.env\n*.key\n"})
    first = project.run("--", "python", "train.py", "자료/열.csv")
    assert project.madang("runs", "show", first, "--json").json["inputs"][0]["digest"].startswith("md5:")
    project.write({"자료/열.csv": "1 2 3\n"})
    second = project.run("--", "python", "train.py", "자료/열.csv")
    assert _why(project, first, second)["cause"] == "data"
    found = _why(project, first, second, "--rerun")
    assert (found["cause"], "neither in Git nor tracked" in found["reason"]) == ("data", True)
    project.commit({"train.py": code.replace("size}", "size * 2}"), "params.yaml": "a: 1\n"})
    twice = project.run("-P", "a=2", "--", "python", "train.py", "자료/열.csv", "자료/열.csv")
    found = _why(project, second, twice, "--rerun")  # the file is still what both have read
    assert (found["cause"], found["values"]) == (["code", "params"], {"before": 6.0, "after": 24.0})
    project.commit({"train.py": code})
    third = project.run("--", "python", "train.py", "자료/열.csv", ".env", "big.key")
    assert [item["path"] for item in project.madang("runs", "show", third, "--json").json["inputs"]] == ["자료/열.csv"]
    assert _why(project, second, third)["cause"] == "cannot be separated"


def test_chance_that_is_known(repository: Project) -> None:
    """Where runs that were the same differ in the metric by as much, a single changed part is not named."""
    repository.write({"train.py": TRAIN.replace('random.Random(settings.get("random_seed", given.seed))', "random")})
    first = _run(repository)
    for _ in range(6):
        repository.run("--", "python", "train.py")
    repository.write({"helper.py": HELPER + REMARK})
    last = _run(repository)
    found = _why(repository, first, last)
    assert any("runs that were the same" in note for note in found["notes"])
    assert found["cause"] in ("cannot be separated", "code")  # the last may lie outside of what chance did so far
    assert [part["part"] for part in found["parts"] if part["changed"]] == ["code"]


def test_programs_that_read_what_others_wrote(project: Project) -> None:
    """Without stages it is told by rerunning all of them, as no digest proves who wrote what nothing tracks."""
    files = {
        "clean.py": "open('clean.csv', 'w').write(open('raw.csv').read() * 2)\n",
        "fit.py": "open('model.txt', 'w').write(str(sum(map(float, open('clean.csv').read().split()))))\n",
        "score.py": "import json\njson.dump({'score': float(open('model.txt').read())}, open('metrics.json', 'w'))\n",
    }
    project.commit(files | {"raw.csv": "1 2 3 ", ".gitignore": "clean.csv\nmodel.txt\nmetrics.json\n"})
    runs = []
    for _ in range(2):
        runs.append([project.run("--", "python", name) for name in files][-1])
        project.commit({"fit.py": files["fit.py"].replace("sum(", "2 * sum("), "score.py": files["score.py"] + REMARK})
    assert _why(project, *runs)["cause"] == "cannot be separated"
    assert _why(project, *runs, "--rerun")["cause"] == "code"


def test_what_no_variant_shows_is_of_the_environment(repository: Project) -> None:
    """The other changes have no effect here, where the later environment is not: it is what remains."""
    folders = []
    for number in (1, 2):
        folder = repository.root.parent / f"lib{number}"
        (folder / f"lib-{number}.dist-info").mkdir(parents=True)
        (folder / f"lib-{number}.dist-info" / "METADATA").write_text(f"Name: lib\nVersion: {number}\n")
        (folder / "lib.py").write_text(f"FACTOR = {number}\n")
        folders.append(str(folder))
    text = TRAIN.replace("import helper\n", "import helper\ntry:\n    from lib import FACTOR\n" + IMPORT_ERROR)
    repository.commit({"train.py": text.replace('"score": value', '"score": FACTOR * value')})
    first = repository.run("--", "python", "train.py", PYTHONPATH=folders[0])
    repository.commit({"helper.py": HELPER + REMARK})
    last = repository.run("--", "python", "train.py", PYTHONPATH=folders[1])
    assert _why(repository, first, last)["cause"] == "cannot be separated"
    found = _why(repository, first, last, "--rerun")
    assert found["cause"] == "environment"
    assert {part["part"]: part["share"] for part in found["parts"]}["code"] == pytest.approx(0)


IMPORT_ERROR = "except ImportError:\n    FACTOR = 1\n"


def test_default_runs(repository: Project) -> None:
    """Without names the latest run is compared with the one before of the same program."""
    first = _run(repository)
    repository.run("--", "python", "-c", "import json; json.dump({'score': 100}, open('metrics.json', 'w'))")
    _data(repository)
    last = _run(repository)
    found = repository.madang("why", "score", "--json").json
    assert (found["run"], found["against"], found["cause"]) == (last, first, "data")


def test_bad_names(repository: Project) -> None:
    """A metric or run that is not there is named, with what there is."""
    first = _run(repository)
    said = repository.madang("why", "nope", first, "--against", first, ok=1)
    assert "score" in said.err
    assert "first of its program" in repository.madang("why", "score", first, ok=1).err
    assert repository.madang("why", "score", first, "--against", first, "--json").json["cause"] == []


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[]", '{"loss 2": 5}', '{"loss 2": {"cause": 1}}'])
def test_findings_that_are_none(text: str) -> None:
    """Anyone may set the tag that keeps what was measured: what makes no sense there was not measured."""
    after, before = RunRecord("1", "p", tags={MEASURED_TAG: text}), RunRecord("2", "p")
    assert recalled(after, before, "loss") is None
