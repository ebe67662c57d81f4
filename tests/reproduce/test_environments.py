"""The environment of a run is made again from its record, or what it lacks is named before anything runs."""

from __future__ import annotations

import http.server
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.reproduce.forging import forge
from tests.reproduce.wheels import install, make_environment, source_tree, tiny

from madang.cli.reproducing import describe
from madang.domain.environments import lock_of
from madang.domain.events import Environment
from madang.domain.runs import RunRecord
from madang.formats import segment as codec
from madang.testing.project import Project
from madang.workspace.environments.interpreters import Interpreter
from madang.workspace.environments.planning import planned

TRAIN = "import json, tinypkg\njson.dump({'value': tinypkg.VALUE}, open('metrics.json', 'w'))\n"


class Bench:
    """A project with an environment of its own and a folder that serves as the index."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.home = project.root.parent
        self.index = self.home / "wheels"
        for version in ("1.0", "2.0"):
            tiny(self.index, version)
        self.python = make_environment(self.home / "env")
        self.install("tinypkg==1.0")
        project.env |= {
            "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index), "PIP_CONFIG_FILE": "/dev/null",
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }  # fmt: skip

    def install(self, *packages: str) -> None:
        """Bring packages into the environment of the project."""
        install(self.python, *packages, links=self.index)

    def train(self, text: str = TRAIN, *command: str) -> str:
        """Commit a script and run it."""
        self.project.commit({"train.py": text, ".gitignore": "metrics.json\n"})
        return self.project.run("--", *(command or (str(self.python), "train.py")))

    def reproduce(self, run: str, *options: str, ok: int | None = 0) -> Any:
        """The verdict."""
        return self.project.madang("reproduce", run, "--json", *options, ok=ok).json

    def remove(self, version: str) -> None:
        """Take a version out of the index."""
        (self.index / f"tinypkg-{version}-py3-none-any.whl").unlink()

    def made(self) -> list[Path]:
        """The environments that were made."""
        return [path for path in (self.home / "cache" / "madang" / "environments").glob("*") if path.is_dir()]


@pytest.fixture
def bench(project: Project) -> Bench:
    """See `Bench`."""
    return Bench(project)


def _by_uv(bench: Bench) -> None:
    """Let the packages come by uv."""
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del bench.project.env[name]
    bench.project.env |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(bench.index), "UV_OFFLINE": "1"}


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_changed_environment_is_rebuilt(bench: Bench, tool: str) -> None:
    """A package that was upgraded since is brought back for the repetition; the second time nothing is asked for."""
    run = bench.train()
    bench.install("tinypkg==2.0")
    if tool == "uv":
        _by_uv(bench)
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])
    again = bench.project.madang("runs", "show", found["run"], "--json").json
    assert ["tinypkg", "1.0", "index"] in again["environment"]["packages"]
    assert again["metrics"]["value"]["last"] == 1.0
    bench.remove("1.0")
    bench.remove("2.0")
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_packages_that_were_taken_from_the_index(bench: Bench, tool: str) -> None:
    """Versions that are nowhere any more are named, each of them, and nothing runs."""
    for name in ("other_one", "third"):
        tiny(bench.index, "1.0", name)
        tiny(bench.index, "2.0", name)
    bench.install("other_one==1.0", "third==1.0")
    run = bench.train()
    bench.install("tinypkg==2.0", "other_one==2.0", "third==2.0")
    bench.remove("1.0")
    (bench.index / "other_one-1.0-py3-none-any.whl").unlink()
    if tool == "uv":
        _by_uv(bench)
    found = bench.reproduce(run, ok=2)
    assert found["verdict"] == "CANNOT"
    named = [text.partition(": not available from ")[0] for text in found["missing"]]
    assert named == ["package other-one 1.0", "package tinypkg 1.0"]
    assert found["environment"] == ["other-one: 1.0 → 2.0", "third: 1.0 → 2.0", "tinypkg: 1.0 → 2.0"]
    runs = bench.project.madang("runs", "--json").json["runs"]
    assert {told["id"] for told in runs} == {run, found["run"]}  # that of the verdict, in which nothing ran
    assert bench.made() == []


def test_present_environment_is_used_as_it_is(bench: Bench) -> None:
    """With the packages as recorded nothing is made; with ``--env current`` the present ones are used, and told."""
    run = bench.train()
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"
    assert not (bench.home / "cache").exists()
    bench.install("tinypkg==2.0")
    found = bench.reproduce(run, "--env", "current", ok=1)
    assert (found["verdict"], found["first_difference"]["found"]) == ("DIFFERS", 2.0)
    assert found["environment"] == ["tinypkg: 1.0 → 2.0"]


def test_interpreter_that_is_gone(bench: Bench) -> None:
    """When the whole environment is gone, all of it is made again."""
    run = bench.train()
    (bench.home / "env").rename(bench.home / "elsewhere")
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])


def test_rebuilt_from_where_packages_came(bench: Bench) -> None:
    """With ``--env rebuilt`` nothing is taken from the present environment: does the index still have it all?"""
    run = bench.train()
    found = bench.reproduce(run, "--env", "rebuilt")
    assert (found["verdict"], len(bench.made())) == ("IDENTICAL", 1)
    (bench.home / "cache").rename(bench.home / "old cache")
    bench.remove("1.0")
    found = bench.reproduce(run, "--env", "rebuilt", ok=2)
    assert found["missing"][0].startswith("package tinypkg 1.0: ")


def test_package_that_was_changed_in_place(bench: Bench) -> None:
    """A package of which a file was edited is not taken over as it is: it comes from the index."""
    bench.install("tinypkg==1.0")
    tiny(bench.index, "1.0", "other")
    bench.install("other==1.0")
    run = bench.train()
    (module,) = (bench.home / "env").glob("lib/*/site-packages/tinypkg.py")
    module.write_text("VALUE = 9.0\n")
    assert bench.reproduce(run, ok=1)["first_difference"]["found"] == 9.0  # the versions are as recorded
    tiny(bench.index, "2.0", "other")
    bench.install("other==2.0")
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"


def test_made_environment_that_was_damaged(bench: Bench) -> None:
    """An environment that is not what it was when it was made is made again."""
    run = bench.train()
    bench.install("tinypkg==2.0")
    bench.reproduce(run)
    (made,) = bench.made()
    install(made / "bin" / "python", "tinypkg==2.0", links=bench.index)
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"
    (made / "bin" / "python").unlink()
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"


@pytest.mark.parametrize("by_name", [True, False])
def test_program_of_a_package(bench: Bench, by_name: bool) -> None:
    """A program that a package brings is the one of the rebuilt environment, by its path and by its name in a shell."""
    programs = bench.home / "env" / "bin"
    bench.project.env["PATH"] = f"{programs}:{bench.project.env['PATH']}"
    bench.project.env["VIRTUAL_ENV"] = str(bench.home / "env")
    bench.project.commit({".gitignore": "metrics.json\n"})
    run = bench.project.run("--", *(("sh", "-c", "tinypkg") if by_name else (str(programs / "tinypkg"),)))
    bench.install("tinypkg==2.0")
    del bench.project.env["VIRTUAL_ENV"]
    found = bench.reproduce(run)
    assert (found["verdict"], len(bench.made())) == ("IDENTICAL", 1)


@pytest.mark.parametrize("program", ["python", "tinypkg"])
def test_environment_inside_the_work_tree(bench: Bench, program: str) -> None:
    """An environment that lies, ignored, in the work tree, whose path has blanks, counts as any other."""
    python = make_environment(bench.project.root / ".venv")
    install(python, "tinypkg==1.0", links=bench.index)
    bench.project.commit({"train.py": "import tinypkg\ntinypkg.main()\n", ".gitignore": "metrics.json\n.venv\n"})
    run = bench.project.run("--", f".venv/bin/{program}", *(["train.py"] if program == "python" else []))
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"
    assert bench.made() == []
    (bench.project.root / ".venv").rename(bench.home / "gone")
    assert (bench.reproduce(run)["verdict"], len(bench.made())) == ("IDENTICAL", 1)


def test_script_that_names_its_python(bench: Bench) -> None:
    """A script whose first line names the Python of the run's environment runs by the rebuilt one."""
    bench.project.commit({"train.py": f"#!{bench.python} -u\n{TRAIN}", ".gitignore": "metrics.json\n"})
    (bench.project.root / "train.py").chmod(0o755)
    bench.project.commit()
    run = bench.project.run("--", "./train.py")
    bench.install("tinypkg==2.0")
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"


def test_package_of_a_repository(bench: Bench) -> None:
    """A package that came from a commit comes from it again; when the repository is gone, that is said."""
    source = Project(source_tree(bench.home / "tiny source", "tinypkg", "3.0"), bench.home)
    commit = source.commit()
    bench.install(f"tinypkg @ {source.root.as_uri().replace('file:', 'git+file:')}@{commit}")
    run = bench.train()
    source.commit({"tinypkg.py": "VALUE = 4.0\n"})
    bench.install("tinypkg==1.0")
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])
    (bench.home / "cache").rename(bench.home / "old cache")
    source.root.rename(bench.home / "gone")
    (missing,) = bench.reproduce(run, ok=2)["missing"]
    assert missing == f"package tinypkg 3.0: it was installed from {source.root}, which is gone"


def test_package_of_a_file(bench: Bench) -> None:
    """A package that came from a file comes from it again, if it is the same file."""
    wheel = tiny(bench.home / "other wheels", "5.0")
    install(bench.python, wheel, by_pip=True)  # it writes down the digest
    run = bench.train()
    bench.install("tinypkg==1.0")
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"
    (bench.home / "cache").rename(bench.home / "old cache")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("more.py", "")
    (missing,) = bench.reproduce(run, ok=2)["missing"]
    assert missing.startswith("package tinypkg 5.0: not available from file://"), missing


def test_package_installed_in_place(bench: Bench) -> None:
    """A package installed in place from elsewhere is used as it is there; when its folder is gone, that is said."""
    source = source_tree(bench.home / "tiny source", "tinypkg", "3.0")
    subprocess.run(["cp", "-r", str(source), str(bench.home / "copy")], check=True)
    install(bench.python, "-e", str(source))
    run = bench.train()
    install(bench.python, str(tiny(bench.index, "1.0", "another")))
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])
    source.rename(bench.home / "gone")
    bench.install("tinypkg==2.0")
    (bench.home / "cache").rename(bench.home / "old cache")
    (missing,) = bench.reproduce(run, ok=2)["missing"]
    assert missing == f"package tinypkg 3.0: it was installed from {source}, which is gone"


def test_package_installed_in_place_from_the_work_tree(bench: Bench) -> None:
    """The project itself, installed in place, comes from the clean work tree, not from today's."""
    source_tree(bench.project.root / "lib", "mypkg", "3.0")
    bench.project.commit({".gitignore": "metrics.json\n__pycache__/\n"})
    install(bench.python, "-e", str(bench.project.root / "lib"))
    run = bench.train("import mypkg\n" + TRAIN.replace("tinypkg.VALUE", "mypkg.VALUE + tinypkg.VALUE"))
    bench.project.commit({"lib/mypkg.py": "VALUE = 8.0\n"})
    bench.install("tinypkg==2.0")
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])
    (bench.home / "env").rename(bench.home / "gone")
    (bench.home / "cache").rename(bench.home / "old cache")
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"


ROWS = [["mkl", "1", "conda"], ["apt", "1", "system"], ["--index-url=https://evil.example/ #", "1", "index"]]


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"python": "3.1.4"}, ["Python 3.1.4: it is not installed here"]),
        (
            {"gpus": ["NVIDIA H200 (139 GiB)"], "packages": ROWS},
            [
                "GPU: the run had NVIDIA H200 (139 GiB), and there is none here",
                "package mkl 1: conda installed it, and it is not there as recorded",
                "package apt 1: the operating system installed it",
                "package --index-url=https://evil",
            ],
        ),
    ],
)
def test_what_a_machine_lacks(bench: Bench, change: dict[str, Any], missing: list[str]) -> None:
    """A Python, a GPU or a package of conda that is not here is named; ``--env current`` takes the machine as it is."""
    run = bench.train()
    forge(bench.project, run, codec.ENVIRONMENT, lambda _, body: {**body, **change})
    found = bench.reproduce(run, ok=2)
    for text in missing:
        assert [line for line in found["missing"] if line.startswith(text)], found["missing"]
    found = bench.reproduce(run, "--env", "current")
    assert found["verdict"] == "IDENTICAL"
    assert found["environment"]


@pytest.mark.parametrize(
    "row",
    [
        ("-e.", "1", "index"),
        ("a\n--index-url=https://evil.example/", "1", "index"),
        ("a", "1\n-rother.txt", "index"),
        ("a", "1 --hash=sha256:0", "index"),
        ("../../../a", "1", "editable file:///work/src"),
        ("a", "../../1", "editable file:///work/src"),
        ("a", "1", "-r+x:///etc/passwd"),
        ("a", "1", "editable --x+file:///work"),
    ],
)
def test_rows_that_are_no_packages(row: tuple[str, str, str], tmp_path: Path) -> None:
    """A row of a stranger's record that an installer would read as options, or that leads elsewhere, is left out."""
    lock = lock_of(Environment(python="3.11.0", packages=[row, ("sound", "1.0+local.1", "index")]))
    python = Interpreter("", "3.11.0", "cpython", "", "", (), {})
    plan = planned(lock, python, [], "/work", anew=False)
    assert [package.name for package in plan.missing] == [row[0]]
    assert [package.name for package in plan.fetched] == ["sound"]
    assert not plan.named


def test_what_is_asked_about_moves_no_cursor() -> None:
    """Whoever decides whether to run a stranger's command sees all of it, and where its packages come from."""
    packages = [("a", "1", "git+https://evil.example/a@1")]
    run = RunRecord(
        "1" * 32,
        "p",
        name="a\x1b[8mb",
        command=["sh", "-c", "rm -rf ~\r\x1b[2Ktrue"],
        environment=Environment(python="3.11.0", packages=packages),
    )
    lines: list[str] = []
    describe(run, lines.append)
    assert all(line.isprintable() for line in lines)
    assert any("rm -rf ~" in line for line in lines)
    assert any("git+https://evil.example/a@1" in line for line in lines)


@pytest.fixture
def yanked(bench: Bench) -> Iterator[str]:
    """A simple index on loopback whose only release is yanked."""
    wheel = tiny(bench.home / "served", "1.0")
    page = f'<a href="/{wheel.name}" data-yanked="wrong numbers">{wheel.name}</a>'.encode()

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = wheel.read_bytes() if self.path.endswith(".whl") else page
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if body is page else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


def test_yanked_package(bench: Bench, yanked: str) -> None:
    """A release that was yanked can still be had by its exact version; why it was yanked is told."""
    run = bench.train()
    bench.install("tinypkg==2.0")
    bench.remove("1.0")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del bench.project.env[name]
    bench.project.env["PIP_INDEX_URL"] = yanked
    found = bench.reproduce(run)
    assert found["verdict"] == "IDENTICAL"
    assert any("wrong numbers" in note for note in found["notes"]), found["notes"]


def test_madang_itself(bench: Bench) -> None:
    """A script that logs by itself is repeated in a rebuilt environment, with the madang that is at hand."""
    run = bench.train("import madang, tinypkg\nwith madang.init() as run: run.log({'value': tinypkg.VALUE})\n")
    forge(
        bench.project, run, codec.ENVIRONMENT,
        lambda _, body: {**body, "packages": [["madang", "0.0.1", "index"], ["tinypkg", "1.0", "index"]]},
    )  # fmt: skip
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"  # another madang alone asks for no other environment
    assert bench.made() == []
    bench.install("tinypkg==2.0")
    found = bench.reproduce(run)
    assert (found["verdict"], len(bench.made())) == ("IDENTICAL", 1)
    assert [line.partition(":")[0] for line in found["environment"]] == ["madang"]
