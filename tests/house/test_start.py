"""Commands that are typed often load what they need and no more: each module costs its user time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from madang.testing.project import PROGRAM, Project
from madang.testing.typed import typed

HEAVY = {
    "asyncio", "concurrent.futures", "configobj", "difflib", "email", "_hashlib", "http.client", "importlib.metadata",
    "importlib.resources", "logging", "multiprocessing", "pathlib", "pathspec", "rich", "ruamel", "shutil", "socket",
    "ssl", "tempfile", "traceback", "urllib.request", "urllib3", "zipfile",
}  # fmt: skip
RECORDS = {"msgspec", "madang.wiring", "madang.backends.records"}
RUNS = ("runs", "runs show latest", "compare old latest", "models", "artifacts", "sync")
DATA = (
    "status", "add data.csv", "diff", "commit", "checkout", "push", "pull", "fetch", "repro --dry", "dag", "stage list",
    "params diff", "metrics show", "data status", "remote list", "config --list", "root",
)  # fmt: skip
STAGES = """
stages:
  train:
    cmd: cp data.csv out.csv
    deps: [data.csv]
    params: [lr]
    outs: [out.csv]
"""
TRAIN = """
import sys, madang
with madang.init(project="start", name=sys.argv[1]) as run:
    run.log({"loss": 0.5})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A workspace in which each command finds something and has nothing to do."""
    folder = tmp_path_factory.mktemp("start")
    made = Project(folder / "repo", folder)
    made.env["MADANG_FOLLOWER"] = "0"
    made.write({"data.csv": "a\n1\n", "params.yaml": "lr: 0.1\n", "dvc.yaml": STAGES, "train.py": TRAIN})
    made.madang("init", "-q")
    made.madang("add", "-q", "data.csv")
    made.madang("remote", "add", "-d", "there", str(folder / "remote"))
    made.madang("repro")
    made.commit()
    made.madang("push")
    for name in ("old", "latest"):
        subprocess.run([sys.executable, "train.py", name], cwd=made.root, env=made.env, check=True)
    for command in ("runs", "status", "commit"):  # so that no file is hashed once more
        made.madang(command)
    return made


def loaded(project: Project, command: str) -> set[str]:
    """The modules that one command loads."""
    script = (
        "import sys\nfrom madang.cli.main import run\n"
        f"code = run({command.split()!r})\nopen(sys.argv[1], 'w').write(' '.join(sys.modules))\nsys.exit(code)"
    )
    answer = Path(project.env["HOME"], "modules")
    done = subprocess.run(
        [sys.executable, "-c", script, str(answer)], cwd=project.root, env=project.env, capture_output=True, check=False
    )
    assert done.returncode in (0, 2 if command == "sync" else 0), done.stderr.decode()
    return set(answer.read_text().split())


@pytest.mark.parametrize("command", [*RUNS, *DATA])
def test_daily_commands_start_light(project: Project, command: str) -> None:
    """Nothing heavy is loaded by a command that finds everything as it should be; data commands load no records."""
    unwanted = HEAVY | (RECORDS if command in DATA else set())
    if command == "commit":
        unwanted -= {"_hashlib"}  # it looks for what it commits in the run cache, by its hash
    assert not loaded(project, command) & unwanted


def test_a_server_loads_no_graphql() -> None:
    """A hub, and what answers a command's calls, load GraphQL and the search of parameters when a client asks."""
    program = "import sys, madang.server.app, madang.server.launched; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"graphql", "optuna", "numpy"} & set(loaded)


def test_a_command_that_tests_type_is_as_the_program(project: Project) -> None:
    """It loads no module of the folder it is typed in, and answers with the same words and exit code."""
    project.write({"uvicorn.py": "raise SystemExit('loaded')"})
    words = ["hub", "--store", "../hub", "--database", "mysql://nowhere", "--port", "0"]
    asked = subprocess.run([PROGRAM, *words], cwd=project.root, env=project.env, capture_output=True, check=False)
    done = typed(words, str(project.root), project.env)
    assert (done.returncode, done.stdout, done.stderr) == (asked.returncode, asked.stdout, asked.stderr)
    assert b"mysql" in done.stderr
