"""`madang run PROJECT`: entry points, parameters, environments, repositories; and `mlflow run` against a hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mlflow.conftest import serving

from madang.config import HubConfig
from madang.domain.query import RunQuery
from madang.services.reader import LocalReader
from madang.testing.project import Project
from madang.wiring import local_user, open_hub

MLPROJECT = """\
name: 집값
entry_points:
  main:
    parameters:
      lr: {type: float, default: 0.1}
      이름: {type: string, default: 그냥}
      data: {type: path, default: data.csv}
    command: "python train.py --lr {lr} --name {이름} --data {data}"
  shell:
    parameters: {x: string}
    command: "python say.py {x} \\"{x}\\" '{x}' `python say.py {x}` | cat"
"""
TRAIN = """\
import json, sys
json.dump(sys.argv[1:], open("seen.json", "w"))
json.dump({"loss": 0.5}, open("metrics.json", "w"))
"""
SAY = "import sys; print(len(sys.argv) - 1, sys.argv[1:])\n"
ODD = """a b'"$(touch pwned)`touch pwned`; touch pwned\n${HOME} \\ 가"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with a project of MLflow's."""
    made = Project(tmp_path / "내 프로젝트", tmp_path)
    made.commit(
        {
            "MLproject": MLPROJECT, "train.py": TRAIN, "say.py": SAY, "data.csv": "1\n",
            ".gitignore": "metrics.json\nseen.json\n",
        }
    )  # fmt: skip
    return made


def test_a_project_of_the_present_folder(project: Project) -> None:
    """Defaults and given parameters reach the command and the record; options may follow the project's name."""
    said = project.madang("run", ".", "-P", "lr=0.01", "--name", "첫째", "-P", f"이름={ODD}", "-P", "more=5")
    seen = json.loads((project.root / "seen.json").read_text())
    assert seen == ["--lr", "0.01", "--name", ODD, "--data", "data.csv", "--more", "5"]
    run = project.madang("runs", "show", said.err.splitlines()[0], "--json").json
    assert run["name"] == "첫째"
    assert run["config"] == {"lr": 0.01, "이름": ODD, "data": "data.csv", "more": 5}
    assert run["metrics"]["loss"]["last"] == 0.5
    assert run["code"]["commit"] == project.git("rev-parse", "HEAD").strip()
    assert run["tags"]["mlflow.project.entryPoint"] == "main"
    assert not (project.root / "pwned").exists()


def test_no_value_becomes_part_of_a_script(project: Project) -> None:
    """A value with quotes, substitutions and newlines stays one word, in whatever quotes its place stands."""
    said = project.madang("run", ".", "-e", "shell", "-P", f"x={ODD}")
    assert said.out.startswith(f"{3 + len(f'1 [{ODD!r}]'.split())} [{ODD!r}, {ODD!r}, {ODD!r}, '1', ")
    assert not (project.root / "pwned").exists()
    plain = project.madang("run", ".", "-e", "shell", "-P", "x=0.5")
    assert plain.out.startswith("5 ['0.5', '0.5', '0.5', ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-P", "lr=fast"], "is a number"),
        (["-e", "shell"], "needs the parameters x"),
        (["-e", "nothing"], "no entry point 'nothing'"),
        (["-P", "data=gone.csv"], "nothing at 'gone.csv'"),
        (["-P", "lr"], "not a parameter"),
        (["-P", "lr=1", "-P", "lr=2"], "given twice"),
        (["-P", "b ad;=1"], "name of letters"),
        (["other"], "'other' is too much"),
        (["--version", "gone"], "no commit 'gone'"),
        (["-A", "gpus=all"], "does not run in a container"),
    ],
)
def test_mistakes(project: Project, arguments: list[str], told: str) -> None:
    """What cannot be run is told before a run begins."""
    said = project.madang("run", ".", *arguments, ok=None)
    assert said.code in (1, 2)
    assert told in said.err
    assert project.madang("runs", "list", "--json").json["runs"] == []


def test_a_command_and_a_project_are_told_apart(project: Project) -> None:
    """After `--` there is a command, also one that is called like a folder; options of projects do not fit it."""
    assert project.madang("run", "--", ".", ok=None).code == 127
    assert "options of a project" in project.madang("run", "-e", "main", "--", "true", ok=2).err
    assert project.madang("run", "ls", "-d", ".").out == ".\n"
    (project.root / "bare").mkdir()
    assert "has no file MLproject" in project.madang("run", "bare", ok=1).err


def test_a_version_of_a_repository(project: Project, tmp_path: Path) -> None:
    """A commit of a repository runs in a copy: its code and address are recorded, outputs kept, the copy gone."""
    project.git("tag", "v1")
    project.commit({"train.py": "raise SystemExit(3)"})
    other = Project(tmp_path / "other", tmp_path)
    address = f"file://{project.root}"
    said = other.madang("run", address, "-P", "lr=7", "--version", "v1", "--out", "seen.json", TMPDIR=str(tmp_path))
    run = other.madang("runs", "show", said.err.splitlines()[-1], "--json").json
    assert run["project"] == "other"
    assert run["code"]["commit"] == project.git("rev-parse", "v1").strip()
    assert run["code"]["remote"] == address
    assert [item["path"] for item in run["outputs"]] == ["seen.json"]
    assert not list(tmp_path.glob("madang-project-*"))
    assert project.madang("run", ".", ok=None).code == 3
    assert project.madang("run", f"{project.root}#", "--version", "v1").code == 0


def test_environments(project: Project, tmp_path: Path) -> None:
    """A python_env is made once and used; conda and docker that are not there are refused; `--env local` takes none."""
    project.write(
        {
            "python_env.yaml": f"python: '{sys.version_info[0]}.{sys.version_info[1]}'\ndependencies: [-r req.txt]\n",
            "req.txt": "",
            "where.py": "import sys; print(sys.prefix)\n",
        }
    )
    first = project.madang("run", ".", "-e", "where.py")
    assert "Making an environment" in first.err
    assert "/madang/environments/" in first.out
    again = project.madang("run", ".", "-e", "where.py")
    assert "Making an environment" not in again.err
    assert project.madang("run", ".", "-e", "where.py", "--env", "local").out.strip() == sys.prefix
    for told, word in (("docker_env: {image: 'x:1'}", "docker"), ("conda_env: conda.yaml", "conda")):
        project.write({f"{word}/MLproject": f"{told}\nentry_points: {{main: {{command: 'true'}}}}\n"})
    project.write({"conda/conda.yaml": "dependencies: [python=3.11, cudatoolkit]\n"})
    minor = ".".join(map(str, sys.version_info[:2]))
    project.write(
        {
            "pip/MLproject": "conda_env: c.yaml\nentry_points: {main: {command: python ../where.py}}\n",
            "pip/c.yaml": f"dependencies: [python={minor}, pip, {{pip: []}}]\n",
        }
    )
    assert "/madang/environments/" in project.madang("run", "pip").out  # conda has nothing to bring
    (tmp_path / "few").mkdir()
    for program in ("git", "sh", "bash", "python"):
        found = subprocess.run(["which", program], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / "few" / program).symlink_to(found)
    for word in ("docker", "conda"):
        said = project.madang("run", word, ok=1, PATH=str(tmp_path / "few"))
        assert f"{word} is not installed here" in said.err


CONDA = """\
#!/bin/sh
printf '%s|' "$@" "$CONDA_ALWAYS_YES" "$MAMBA_ALWAYS_YES" >>"$0.calls"; echo >>"$0.calls"
while [ "$1" != -p ]; do shift; done
PYTHON -m venv --without-pip "$2" && mkdir "$2/conda-meta" && touch "$2/conda-meta/history"
if [ -e "$0.fails" ]; then echo "no channel has cudatoolkit" >&2; exit 1; fi
"""


@pytest.mark.parametrize("name", ["conda", "mamba", "micromamba"])
def test_a_conda_environment(project: Project, tmp_path: Path, name: str) -> None:
    """Whichever program is there makes it once, without asking; what it left unfinished is never taken for it."""
    program = tmp_path / "bin" / name
    project.write(
        {
            "MLproject": "conda_env: 환경.yaml\nentry_points: {main: {command: python where.py}}\n",
            "환경.yaml": "dependencies: [python=3.11, cudatoolkit, {pip: [-r more.txt]}]\n",
            "more.txt": "a==1\n",
            "where.py": "import sys; print(sys.prefix)\n",
            f"../bin/{name}": CONDA.replace("PYTHON", sys.executable),
            f"../bin/{name}.fails": "",
        }
    )
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), *(str(Path(found).parent) for found in ("/usr/bin/git", "/bin/sh"))])

    def run() -> str:
        return project.madang("run", ".", PATH=path, CONDA_EXE="").out.strip()

    said = project.madang("run", ".", ok=1, PATH=path, CONDA_EXE="")
    assert f"{name} cannot make the environment" in said.err
    assert "no channel has cudatoolkit" in said.err
    Path(f"{program}.fails").unlink()
    place = run()
    assert Path(place).name.startswith("conda-")
    assert run() == place
    calls = Path(f"{program}.calls").read_text().splitlines()
    assert calls == [f"env|create|--quiet|-p|{place}|-f|{project.root}/환경.yaml|true|true|"] * 2
    (Path(place) / "madang.json").unlink()  # killed before its end
    assert run() == place
    assert len(Path(f"{program}.calls").read_text().splitlines()) == 3
    project.write({"more.txt": "a==2\n"})
    assert run() != place


def test_the_call_of_docker(project: Project, tmp_path: Path) -> None:
    """A container gets the folder, the volumes and variables that the project names, and options that were typed."""
    project.write(
        {
            "box/MLproject": "docker_env: {image: 'x:1', volumes: ['/data:/data'], environment: [HOME, [A, b c]]}\n"
            "entry_points: {main: {command: 'python train.py {lr}', parameters: {lr: float}}}\n",
            "../bin/docker": '#!/bin/sh\nprintf "%s\\n" "$@"\n',
        }
    )
    (tmp_path / "bin" / "docker").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{project.env['PATH']}"
    said = project.madang("run", "box", "-P", "lr=0.5", "-A", "gpus=all", PATH=path)
    words = said.out.splitlines()
    assert words[:3] == ["run", "--rm", "--network"]
    assert f"{project.root}/box:/mlflow/projects/code" in words
    for word in ("/data:/data", "HOME", "A=b c", "--gpus", "all"):
        assert word in words
    assert words[-4:] == ["x:1", "python", "train.py", "0.5"]


def test_mlflow_run_lands_in_a_hub(project: Project, tmp_path: Path) -> None:
    """`mlflow run` by the real client: parameters, tags, and the commit and repository as the code of the run."""
    project.git("remote", "add", "origin", "https://me:secret@example.com/집.git")
    hubs = serving(open_hub(HubConfig(store=str(tmp_path / "hub"))))
    hub = next(hubs)
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", ".", "-P", "lr=0.01", "--env-manager", "local"],
        cwd=project.root,
        env={**project.env, "MLFLOW_TRACKING_URI": hub.address, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reader = LocalReader(local_user(), hub.engine)
    run = reader.run(reader.runs(RunQuery()).runs[0].id)
    assert run.status == "finished"
    assert run.config["lr"] == "0.01"
    assert run.tags["mlflow.project.entryPoint"] == "main"
    assert run.code is not None
    assert run.code.commit == project.git("rev-parse", "HEAD").strip()
    assert "secret" not in run.code.remote
    assert run.code.remote.endswith("example.com/집.git")
    next(hubs, None)
