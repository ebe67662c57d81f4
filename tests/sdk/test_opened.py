"""Files that the program opens below the work tree's root become part of the run, without being asked."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

import madang
from madang.domain import events
from madang.sdk import inject, opened
from madang.testing.programs import Place


def paths(place: Place, run: str = "") -> dict[str, str]:
    """Path → r, w or rw, of files other than the program itself."""
    return {path: how for path, how in place.state(run).opened.items() if not path.startswith("program-")}


def test_reads_and_writes_are_told_apart(place: Place, tmp_path: Path) -> None:
    """Each way of opening is recorded once, relative to the root, whatever the name; what lies elsewhere is not."""
    nfd = unicodedata.normalize("NFD", "데이터/훈련 셋.csv")
    Path("데이터").mkdir()
    Path(os.path.dirname(nfd)).mkdir(exist_ok=True)
    for name in ("a.csv", "데이터/b 1.csv", nfd, "c\nd.txt", "old.txt"):
        Path(name).write_text("x")
    outside = tmp_path / "outside.txt"
    outside.write_text("x")
    with madang.init() as run:
        for _ in range(3):
            Path("a.csv").read_text()
        for path in ("데이터/b 1.csv", nfd, "c\nd.txt", outside, place.root / "a.csv", b"old.txt"):
            open(path).close()
        Path("new.txt").write_text("x")
        with open("old.txt", "a") as file:
            file.write("y")
        with open("both.bin", "w+b") as file, open("old.txt", "r+b") as other:
            file.write(other.read())
        os.close(os.open("low.bin", os.O_WRONLY | os.O_CREAT))
    assert paths(place, run.id) == {
        "a.csv": "r", "데이터/b 1.csv": "r", nfd: "r", "c\nd.txt": "r", "old.txt": "rw", "new.txt": "w",
        "both.bin": "w", "low.bin": "w",
    }  # fmt: skip
    assert len(place.events(events.Opened, run.id)) == 9


def test_what_is_no_data_is_left_out(place: Place) -> None:
    """Sources, environments, Git's and the store's own files, folders and missing files are not recorded."""
    for folder in (".venv/lib", "site-packages", "__pycache__", "pkg"):
        Path(folder).mkdir(parents=True)
    for name in (".venv/lib/x.txt", "site-packages/y.txt", "__pycache__/z.txt", "pkg/__init__.py", "pkg/data.txt"):
        Path(name).write_text("")
    with madang.init() as run:
        for name in (".venv/lib/x.txt", "site-packages/y.txt", "__pycache__/z.txt", "pkg/__init__.py", ".git/HEAD"):
            Path(name).read_text()
        os.close(os.open("pkg", os.O_RDONLY))
        for name in ("missing.txt", "/dev/null"):
            try:
                open(name).close()
            except FileNotFoundError:
                continue
        Path("pkg/data.txt").read_text()
        run.log({"x": 1})
    assert paths(place, run.id) == {"pkg/data.txt": "r"}


def test_a_missing_file_counts_when_it_comes(place: Place) -> None:
    """A name tried in vain is recorded once it is there; a relative name means another file in another folder."""
    Path("sub").mkdir()
    Path("sub/late.txt").write_text("")
    with madang.init() as run:
        assert not os.path.exists("late.txt")
        try:
            open("late.txt").close()
        except FileNotFoundError:
            Path("here.txt").write_text("")
        os.chdir("sub")
        Path("late.txt").read_text()
        os.chdir("..")
        with open("late.txt", "x"):
            pass
    assert paths(place, run.id) == {"here.txt": "w", "sub/late.txt": "r", "late.txt": "w"}


def test_links_count_by_their_place_in_the_tree(place: Place, tmp_path: Path) -> None:
    """A link to a cache elsewhere is recorded by its own name; the tree reached by a link is still the tree."""
    (tmp_path / "cache").write_text("x")
    Path("data.csv").symlink_to(tmp_path / "cache")
    (tmp_path / "alias").symlink_to(place.root)
    Path("other.csv").write_text("x")
    with madang.init() as run:
        Path("data.csv").read_text()
        (tmp_path / "alias" / "other.csv").read_text()
    assert paths(place, run.id) == {"data.csv": "r", "other.csv": "r"}


def test_a_killed_process_has_told_what_it_read(place: Place) -> None:
    """A path is recorded before it is open: SIGKILL right after loses nothing."""
    Path("a.csv").write_text("x")
    place.run("import os, madang\nmadang.init()\nopen('a.csv')\nos.kill(os.getpid(), 9)", expect=-9)
    assert paths(place) == {"a.csv": "r"}


def test_a_data_set_of_many_files_is_recorded_in_few_events(place: Place) -> None:
    """Thousands of files are all there, without an event for each."""
    Path("images").mkdir()
    names = {f"images/{number}.png" for number in range(4000)}
    with madang.init() as run:
        for name in names:
            open(name, "w").close()
    assert set(paths(place, run.id)) == names
    assert len(place.events(events.Opened, run.id)) < 1500


def test_every_open_run_has_it(place: Place) -> None:
    """Two open runs both have read the file; after the end of a run nothing is added to it, and nothing is watched."""
    Path("a.csv").write_text("x")
    first = madang.init()
    Path("a.csv").read_text()
    second = madang.init()
    Path("a.csv").read_text()
    first.finish()
    second.finish()
    Path("b.csv").write_text("x")
    assert paths(place, first.id) == paths(place, second.id) == {"a.csv": "r"}
    assert not [watcher for watcher in opened.watchers if watcher.root == f"{place.root}/"]


def test_odd_arguments_to_open_stay_the_programs_business(place: Place) -> None:
    """The hook raises nothing of its own: descriptors, wrong types and NUL bytes behave as without it."""
    with madang.init():
        read, write = os.pipe()
        os.fdopen(read).close()
        os.close(write)
        odd: list[Any] = [3.5, [], "a\0b", None]
        for path in odd:
            with pytest.raises((TypeError, ValueError), match=r"float|list|null|None"):
                open(path)  # noqa: SIM115 - it does not open


def test_imported_sources_are_recorded_at_the_end(place: Place) -> None:
    """Local modules with the times of their files, and the script itself; nothing from elsewhere."""
    Path("model").mkdir()
    Path("model/__init__.py").write_text("")
    Path("model/net.py").write_text("WIDTH = 3")
    os.utime("model/net.py", ns=(1_700_000_000_000_000_000, 1_700_000_000_123_456_000))
    place.run("import json, madang, model.net\nmadang.init()")
    imports = place.state().imports
    assert sorted(path for path in imports if not path.startswith("program-")) == ["model/__init__.py", "model/net.py"]
    assert len(imports) == 3
    assert imports["model/net.py"] == 1_700_000_000_123_456


LAUNCHED = """
import sys
import local_module
open("input.csv").read()
open("output.csv", "w").close()
if "fail" in sys.argv: raise RuntimeError("unten")
"""


def launch(place: Place, program: str, *args: str, extra_path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as `madang run` does, inside the run aaaa…"""
    env = inject.environment(place.store, "a" * 32, "p", "b" * 32, place.env(PYTHONPATH=extra_path))
    return subprocess.run(
        [sys.executable, program, *args],
        cwd=place.root,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_an_unchanged_script_below_the_launcher_is_recorded(place: Place) -> None:
    """Without a word in the script: opened files, imports, and an error as an alert; it ends as ever."""
    place.run("import madang\nmadang.init(id='a' * 32)")
    Path("train.py").write_text(LAUNCHED)
    Path("local_module.py").write_text("")
    Path("input.csv").write_text("x")
    done = launch(place, "train.py", "fail")
    assert done.returncode == 1
    assert "RuntimeError: unten" in done.stderr
    assert paths(place) == {"input.csv": "r", "output.csv": "w"}
    assert {"train.py", "local_module.py"} <= set(place.state().imports)
    (alert,) = place.events(events.Alert)
    assert alert.title == "RuntimeError: unten"
    assert place.status() == "finished"


def test_a_sitecustomize_of_the_users_own_still_runs(place: Place) -> None:
    """The module that ours hides is imported, as the module of that name."""
    own = place.root / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins\nbuiltins.mine = __file__")
    place.run("import madang\nmadang.init(id='a' * 32)")
    Path("train.py").write_text("import sys; print(mine, sys.modules['sitecustomize'].__file__)")
    done = launch(place, "train.py", extra_path=str(own))
    assert done.stderr == ""
    assert done.stdout.split("\n")[0].replace(f"{own}/sitecustomize.py", "X") == "X X"


def test_the_scripts_own_run_is_the_launched_one(place: Place) -> None:
    """The first run below the launcher is the launched run; a second one is its child."""
    Path("train.py").write_text(
        "import madang\nfor _ in range(2):\n"
        "    with madang.init() as run: run.log({'x': 1}); print(run.id); open('input.csv').read()"
    )
    Path("input.csv").write_text("x")
    done = launch(place, "train.py")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == "a" * 32
    assert place.events(events.Started, second)[0].parent == first
    assert paths(place, first) == paths(place, second) == {"input.csv": "r"}
