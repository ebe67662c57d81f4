"""The environment of a run is made again from its record, or what it lacks is named before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.reproduce.wheels import install, make_environment, tiny

from madang.testing.project import Project

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
        """Bring packages from the index into the environment of the project."""
        install(self.python, *packages, links=self.index)

    def train(self, text: str = TRAIN) -> str:
        """Commit a script and run it."""
        self.project.commit({"train.py": text, ".gitignore": "metrics.json\n"})
        return self.project.run("--", str(self.python), "train.py")

    def reproduce(self, run: str, *options: str, ok: int | None = 0, **env: str) -> Any:
        """The verdict."""
        return self.project.madang("reproduce", run, "--json", *options, ok=ok, **env).json


@pytest.fixture
def bench(project: Project) -> Bench:
    """See `Bench`."""
    return Bench(project)


def test_changed_environment_is_rebuilt(bench: Bench) -> None:
    """A package that was upgraded since is brought back for the repetition; the second time nothing is asked for."""
    run = bench.train()
    bench.install("tinypkg==2.0")
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])
    again = bench.project.madang("runs", "show", found["run"], "--json").json
    assert ["tinypkg", "1.0", "index"] in again["environment"]["packages"]
    assert again["metrics"]["value"]["last"] == 1.0
    for wheel in bench.index.iterdir():
        wheel.unlink()
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"


def test_present_environment_is_used_as_it_is(bench: Bench) -> None:
    """With the packages as recorded nothing is made; with ``--env current`` the present ones are used, and told."""
    run = bench.train()
    assert bench.reproduce(run)["verdict"] == "IDENTICAL"
    assert not (bench.home / "cache").exists()
    bench.install("tinypkg==2.0")
    found = bench.reproduce(run, "--env", "current", ok=1)
    assert (found["verdict"], found["first_difference"]["found"]) == ("DIFFERS", 2.0)
    assert found["environment"] == ["tinypkg: 1.0 → 2.0"]


def test_package_that_was_taken_from_the_index(bench: Bench) -> None:
    """A version that is nowhere any more is named, and nothing runs."""
    run = bench.train()
    bench.install("tinypkg==2.0")
    (bench.index / "tinypkg-1.0-py3-none-any.whl").unlink()
    found = bench.reproduce(run, ok=2)
    assert (found["verdict"], found["run"]) == ("CANNOT", None)
    assert len(found["missing"]) == 1
    assert found["missing"][0].startswith("package tinypkg 1.0: not available from ")
    assert len(bench.project.madang("runs", "--json").json["runs"]) == 1


def test_interpreter_that_is_gone(bench: Bench) -> None:
    """When the whole environment is gone, all of it is made again."""
    run = bench.train()
    (bench.home / "env").rename(bench.home / "elsewhere")
    found = bench.reproduce(run)
    assert (found["verdict"], found["environment"]) == ("IDENTICAL", [])
