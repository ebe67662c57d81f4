"""What a sceptical auditor tries: a repetition that differs is never called identical, and what is missing is named."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from madang.testing.project import Project

METRIC = "import json\njson.dump({'score': SCORE}, open('metrics.json', 'w'))\n"
IGNORED = "metrics.json\nout/\n"


def _reproduce(project: Project, run: str, *options: str, ok: int | None = None) -> Any:
    return project.madang("reproduce", run, "--json", *options, ok=ok).json


def _script(body: str, score: str = "1") -> dict[str, str]:
    return {"train.py": body + METRIC.replace("SCORE", score), ".gitignore": IGNORED}


def test_same_size_and_time(project: Project) -> None:
    """Code that was edited to the same length, with its old modification time, is what ran, and what is repeated."""
    project.commit(_script("", "1"))
    script = project.root / "train.py"
    before = script.stat()
    script.write_text(script.read_text().replace("1", "2"))
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
    run = project.run("--", "python", "train.py")
    project.git("checkout", "-q", ".")
    found = _reproduce(project, run)
    assert found["verdict"] == "IDENTICAL"
    again = project.madang("runs", "show", found["run"], "--json").json
    assert again["metrics"]["score"]["last"] == 2


def test_data_of_the_same_size_and_time(project: Project) -> None:
    """Tracked data that was changed in the same way before the run comes back as the run read it, or is missing."""
    project.commit(_script("text = open('data.txt').read()\n", "int(text)"))
    project.write({"data.txt": "11"})
    project.madang("init")
    project.madang("add", "data.txt")
    project.commit()
    data = project.root / "data.txt"
    before = data.stat()
    os.chmod(data, 0o644)
    data.write_text("22")
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    run = project.run("--", "python", "train.py")
    found = _reproduce(project, run, ok=2)
    assert found["missing"][0].startswith("data.txt (md5:")
    project.madang("commit", "-f")
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"


def test_input_that_the_run_changes(project: Project) -> None:
    """A run that overwrites what it has read is not repeated on its own results."""
    project.commit(_script("n = int(open('data.txt').read())\nopen('data.txt', 'w').write(str(n + 1))\n", "n"))
    project.write({"data.txt": "1"})
    project.madang("init")
    project.madang("add", "data.txt")
    project.commit()
    project.madang("unprotect", "data.txt")
    run = project.run("--", "python", "train.py")
    found = _reproduce(project, run)
    assert found["verdict"] in ("CANNOT", "IDENTICAL")
    if found["verdict"] == "IDENTICAL":
        assert project.madang("runs", "show", found["run"], "--json").json["metrics"]["score"]["last"] == 1


@pytest.mark.parametrize(
    ("body", "score", "verdict", "where"),
    [
        ("import time\n", "time.time()", "DIFFERS", "score"),
        ("import os\n", "float('nan') if 'MADANG_REPRODUCES' in os.environ else 1.0", "DIFFERS", "score"),
        ("import os\n", "0.0 if 'MADANG_REPRODUCES' in os.environ else -0.0", "WITHIN TOLERANCE", "score"),
        ("import os\n", "1 if 'MADANG_REPRODUCES' in os.environ else True", "DIFFERS", "score"),
        ("import os\n", "'1' if 'MADANG_REPRODUCES' in os.environ else 1", "DIFFERS", "score"),
        ("", "float('nan')", "IDENTICAL", None),
        ("", "float('inf')", "IDENTICAL", None),
        ("", "2**70", "IDENTICAL", None),
    ],
)
def test_numbers(project: Project, body: str, score: str, verdict: str, where: str | None) -> None:
    """Clocks, NaN, signed zeros, types, infinities and huge numbers are told apart as numbers are."""
    project.commit(_script(body, score))
    found = _reproduce(project, project.run("--", "python", "train.py"))
    assert found["verdict"] == verdict
    assert (found["first_difference"] or {}).get("key") == where


@pytest.mark.parametrize(
    ("body", "verdict", "place"),
    [
        ("open('out/a', 'w').write('x')\n", "IDENTICAL", None),
        ("if first: open('out/a', 'w').write('x')\n", "DIFFERS", "out/a"),
        ("open('out/a', 'w').write('x')\nif not first: open('out/b', 'w').write('y')\n", "IDENTICAL", None),
        ("open('out/a', 'w').write('x' if first else 'y')\n", "WITHIN TOLERANCE", "out/a"),
        ("import zipfile\nwith zipfile.ZipFile('out/a', 'w') as z: z.writestr('m', 'x')\n", "IDENTICAL", None),
        (
            "import zipfile\nwith zipfile.ZipFile('out/a', 'w') as z: z.writestr('m', 'x' if first else 'y')\n",
            "WITHIN TOLERANCE",
            "out/a",
        ),
        ("import pickle, time\npickle.dump(time.time(), open('out/a', 'wb'))\n", "WITHIN TOLERANCE", "out/a"),
        ("os.symlink('/etc/hostname', 'out/a')\n", None, None),
    ],
)
def test_outputs(project: Project, body: str, verdict: str | None, place: str | None) -> None:
    """Missing, extra and changed outputs, archives and pickles with times in them."""
    start = "import os\nfirst = 'MADANG_REPRODUCES' not in os.environ\nos.makedirs('out')\n"
    project.commit(_script(start + body))
    run = project.run("--out", "out", "--", "python", "train.py")
    found = _reproduce(project, run)
    if verdict is None:
        assert found["verdict"] != "DIFFERS"
        return
    assert found["verdict"] == verdict
    assert (found["first_difference"] or {}).get("path") == place


def test_words_of_the_command(project: Project) -> None:
    """Blanks, quotes, Korean letters, empty words, line ends and dashes of the command come back as they were."""
    words = ["두 낱말", "it's", '"', "", "a\nb", "--lr=0.1", "*", "$HOME", "정확도"]
    project.commit(_script("import sys\n", "sum(map(len, sys.argv[1:])) + len(sys.argv)"))
    found = _reproduce(project, project.run("--", "python", "train.py", *words))
    assert found["verdict"] == "IDENTICAL"
    again = project.madang("runs", "show", found["run"], "--json").json
    assert again["command"][2:] == words


def test_submodule(project: Project) -> None:
    """What lies in a submodule is not in the record, and is named."""
    other = Project(project.root.parent / "lib", project.root.parent)
    other.commit({"value.txt": "5"})
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "lib")
    project.commit(_script("n = int(open('lib/value.txt').read())\n", "n"))
    found = _reproduce(project, project.run("--", "python", "train.py"), ok=2)
    assert found["missing"] == [
        "lib/value.txt: the run read it, and it lies in the submodule lib, which is not restored"
    ]


def test_moved_data(project: Project, tmp_path: Path) -> None:
    """Data that left the cache is fetched from the remote; when it is not there either, both places are named."""
    project.commit(_script("text = open('data.txt').read()\n", "len(text)"))
    project.write({"data.txt": "1 2 3", "more/a": "a", "more/b": "b"})
    project.madang("init")
    project.madang("add", "data.txt", "more")
    project.madang("remote", "add", "-d", "place", str(tmp_path / "remote"))
    project.commit()
    project.madang("push")
    run = project.run("--", "python", "train.py")
    shutil.rmtree(project.root / ".dvc" / "cache")
    (project.root / "data.txt").unlink()
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"
    shutil.rmtree(project.root / ".dvc" / "cache")
    shutil.rmtree(tmp_path / "remote")
    found = _reproduce(project, run, ok=2)
    assert len(found["missing"]) == 1
    assert found["missing"][0].startswith("data.txt (md5:")
    assert "remote place" in found["missing"][0]


def test_folder_of_data_from_the_remote(project: Project, tmp_path: Path) -> None:
    """Of a tracked folder whose listing and files are only in the remote, what the run read is brought."""
    project.commit(_script("n = len(open('데이터/a').read())\n", "n"))
    project.write({"데이터/a": "12345", "데이터/b": "b"})
    project.madang("init")
    project.madang("add", "데이터")
    project.madang("remote", "add", "-d", "place", str(tmp_path / "remote"))
    project.commit()
    project.madang("push")
    run = project.run("--", "python", "train.py")
    shutil.rmtree(project.root / ".dvc" / "cache")
    shutil.rmtree(project.root / "데이터")
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"


@pytest.mark.parametrize(("command", "where"), [("./prog", ""), ("prog", " on PATH")])
def test_command_that_is_gone(project: Project, command: str, where: str) -> None:
    """A program that is not here any more is named before anything runs."""
    tools = project.root.parent / "tools"
    tools.mkdir()
    for folder in (tools, project.root):
        (folder / "prog").write_text("#!/bin/sh\necho '{\"a\": 1}' > metrics.json\n")
        (folder / "prog").chmod(0o755)
    project.commit({".gitignore": "metrics.json\nprog\n"})
    run = project.run("--", command, "1", PATH=f"{tools}:{project.env['PATH']}")
    found = _reproduce(project, run, ok=2)
    assert found["missing"] == [f"the command: There is no program {command!r}{where}."]
    kept = project.madang("runs", "show", found["run"], "--json").json
    assert (kept["status"], kept["verdict"]["verdict"], kept["verdict"]["missing"]) == (
        "failed",
        "CANNOT",
        found["missing"],
    )


def test_secret_variable(project: Project) -> None:
    """A variable whose value was a secret has to be given again."""
    project.commit(_script(""))
    project.env["HF_TOKEN"] = "hf_" + "aB3dE6gH9jK2mN5pQ8sT1uV4wX7yZ0cD5f"
    run = project.run("--", "python", "train.py")
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"
    del project.env["HF_TOKEN"]
    found = _reproduce(project, run, ok=2)
    assert found["missing"] == [
        "the variable HF_TOKEN: its value was not recorded, as it is a secret, and it is not set here"
    ]


def test_leniency(project: Project) -> None:
    """Metrics can be left out, and bounds widened, by who reproduces; it is counted, and part of what is signed."""
    project.commit(_script("import os, time\n", "1.0 + 0.01 * ('MADANG_REPRODUCES' in os.environ)"))
    run = project.run("--", "python", "train.py")
    assert _reproduce(project, run, ok=1)["verdict"] == "DIFFERS"
    assert _reproduce(project, run, "--rtol", "0.1", ok=0)["verdict"] == "WITHIN TOLERANCE"
    found = _reproduce(project, run, "--ignore", "sco*", ok=2)
    assert "nothing to compare" in found["missing"][0]


def test_history_of_metrics(project: Project) -> None:
    """The first step in which a metric differs is named, and each metric that differs once."""
    code = (
        "import madang, os\nagain = 'MADANG_REPRODUCES' in os.environ\n"
        "with madang.init(project='p') as run:\n"
        "    for step in range(8):\n"
        "        b, c = step + (again and step >= 3), step + (again and step >= 5)\n"
        "        run.log({'a': float(step), 'b': b, 'c': c}, step=step)\n"
    )
    project.commit({"train.py": code})
    run = project.run("--", "python", "train.py")
    found = _reproduce(project, run, ok=1)
    assert found["first_difference"] == {"kind": "metric", "key": "b", "step": 3, "expected": 3, "found": 4}
    assert [(one["key"], one["step"]) for one in found["differences"]] == [("b", 3), ("c", 5)]


def test_nested_runs(project: Project) -> None:
    """A run that starts others is repeated with them; each may be repeated alone."""
    project.commit(_script("") | {"outer.sh": "madang run -- python train.py && echo '{\"o\": 1}' > metrics.json\n"})
    outer = project.run("--", "sh", "outer.sh")
    assert _reproduce(project, outer, ok=0)["verdict"] == "IDENTICAL"
    runs = project.madang("runs", "--json").json["runs"]
    inner = next(run["id"] for run in runs if run["parent"] == outer)
    assert _reproduce(project, inner, ok=0)["verdict"] == "IDENTICAL"


RANK = """\
import json, os, pathlib
import madang
run = madang.init(project='p')
for step in range(3):
    run.log({f"loss/{os.environ['RANK']}": 0.5 / (step + 1 + int(os.environ['RANK']))}, step=step)
run.finish()
"""
LAUNCH = """\
import os, subprocess, sys
for rank in range(2):
    env = {**os.environ, 'RANK': str(rank), 'WORLD_SIZE': '2'}
    subprocess.run([sys.executable, 'rank.py'], env=env, check=True)
"""


def test_ranks(project: Project) -> None:
    """Ranks that a launcher started are repeated by it; without one only the first rank's command is known."""
    project.commit({"rank.py": RANK, "launch.py": LAUNCH})
    found = _reproduce(project, project.run("--", "python", "launch.py"), ok=0)
    assert (found["verdict"], found["compared"]["points"]) == ("IDENTICAL", 6)
    subprocess.run(
        ["python", "launch.py"], cwd=project.root, env={**project.env, "MADANG_RUN_ID": "ab" * 16}, check=True
    )
    found = _reproduce(project, "ab" * 16, ok=2)
    assert "the command that started the 2 ranks: only that of the first was recorded" in found["missing"]


def test_notebook(project: Project) -> None:
    """A notebook is no script that could be started again, and that is said."""
    project.commit({"x": ""})
    code = "import sys; sys.orig_argv = ['python', '-m', 'ipykernel_launcher', '-f', 'k.json']; import madang\n"
    code += "run = madang.init(project='p'); run.log({'a': 1}); run.finish()\n"
    subprocess.run(["python", "-c", code], cwd=project.root, env=project.env, check=True)
    run = project.madang("runs", "--json").json["runs"][0]["id"]
    assert _reproduce(project, run, ok=2)["missing"] == ["a script: the run was made in a notebook"]
