"""Tracked data as the page sees it: versions from git and from runs, files of a version, what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang import wiring
from madang.config import HubConfig
from madang.domain.access import local
from madang.errors import InvalidInput, NotFound
from madang.testing.project import Project
from madang.wiring import Engine

WHO = local("tester")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with two versions of a folder and a file, read by runs. Nobody changes it."""
    tmp_path = tmp_path_factory.mktemp("data")
    made = Project(tmp_path / "저장소", tmp_path)
    made.madang("init")
    train = 'open("자료/a.txt").read(); open("표.csv").read()'
    made.write({"train.py": train, "자료/a.txt": "1", "자료/b/c.txt": "same", "표.csv": "x\n"})
    made.madang("add", "자료", "표.csv")
    made.commit()
    made.git("commit", "-q", "--amend", "-m", "처음")
    made.run("--project", "p", "--", "python", "train.py")
    made.write({"자료/a.txt": "changed", "자료/새.txt": "same"})
    made.madang("add", "자료")
    made.commit()
    made.git("commit", "-q", "--amend", "-m", "둘째")
    return made


@pytest.fixture
def engine(project: Project) -> Iterator[Engine]:
    """The store of the repository."""
    made = wiring.open_store(str(project.root))
    yield made
    made.close()


def test_what_is_tracked(engine: Engine) -> None:
    """Every tracked path is listed with what is recorded now and how many runs read it."""
    found = {item.name: item for item in engine.datasets.datasets(WHO, "p")}
    assert set(found) == {"자료", "표.csv"}
    current = found["자료"].current
    assert current is not None
    assert (current.files, current.size, found["자료"].runs) == (3, 15, 1)


def test_versions_and_their_runs(engine: Engine, project: Project) -> None:
    """Versions come from commits, newest first, with the runs that read each."""
    new, old = engine.datasets.versions(WHO, "p", "자료")
    assert (new.recorded.message, new.is_current, new.is_stored, new.runs) == ("둘째", True, True, [])
    assert (old.recorded.message, old.is_current, len(old.runs)) == ("처음", False, 1)
    assert old.recorded.commit == project.git("rev-parse", "HEAD~1").strip()
    (table,) = engine.datasets.versions(WHO, "p", "표.csv")
    assert len(table.runs) == 1
    assert engine.datasets.versions(WHO, "p", "없음") == []


def test_files_of_a_version(engine: Engine) -> None:
    """Changed files come first, each with its sign; equal files are counted once in what is stored."""
    new, old = (item.recorded.version for item in engine.datasets.versions(WHO, "p", "자료"))
    tree = engine.datasets.tree(WHO, "p", new, old)
    assert [(item.path, item.change, item.size) for item in tree.files] == [
        ("a.txt", "~", 7), ("새.txt", "+", 4), ("b/c.txt", "", 4),
    ]  # fmt: skip
    assert (tree.size, tree.stored, tree.added, tree.removed, tree.changed) == (15, 11, 1, 0, 1)
    assert engine.datasets.tree(WHO, "p", old, new).removed == 1
    assert len(engine.datasets.tree(WHO, "p", new, old, limit=1).files) == 1
    file, size, _ = engine.datasets.open(WHO, "p", old, "a.txt")
    with file:
        assert (file.read(), size) == (b"1", 1)


@pytest.mark.parametrize("version", ["", "md5:../../etc/passwd", "/etc/passwd", "md5:" + "A" * 32])
def test_a_version_is_a_digest(engine: Engine, version: str) -> None:
    """Nothing but a digest names a version."""
    with pytest.raises(InvalidInput):
        engine.datasets.tree(WHO, "p", version)
    with pytest.raises(InvalidInput):
        engine.datasets.open(WHO, "p", version, "")


def test_what_is_not_here(engine: Engine) -> None:
    """A version or file that is not in the cache is not found, by name."""
    with pytest.raises(NotFound, match="0" * 32):
        engine.datasets.tree(WHO, "p", "md5:" + "0" * 32 + ".dir")
    version = engine.datasets.versions(WHO, "p", "자료")[0].recorded.version
    with pytest.raises(NotFound, match="없음"):
        engine.datasets.open(WHO, "p", version, "없음")


def test_a_hub_shows_what_was_pushed(tmp_path: Path) -> None:
    """A hub has no work tree: files of a version are those that were pushed to the project, and no other's."""
    hub = wiring.open_hub(HubConfig(store=str(tmp_path / "hub")))
    try:
        body = b"x\n"
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        listing = json.dumps([{"md5": md5, "relpath": "a"}, {"md5": "0" * 32, "relpath": "b"}]).encode()
        name = hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"
        for one, data in ((md5, body), (name, listing)):
            hub.data.put(WHO, "p", f"files/md5/{one[:2]}/{one[2:]}", [data])
        tree = hub.datasets.tree(WHO, "p", f"md5:{name}")
        assert [(item.path, item.size) for item in tree.files] == [("a", 2), ("b", None)]
        with hub.datasets.open(WHO, "p", f"md5:{name}", "a")[0] as file:
            assert file.read() == body
        for call in (
            lambda: hub.datasets.tree(WHO, "other", f"md5:{name}"),
            lambda: hub.datasets.open(WHO, "p", f"md5:{name}", "b"),
        ):
            with pytest.raises(NotFound):
                call()
    finally:
        hub.close()
