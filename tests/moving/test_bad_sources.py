"""Damaged and hostile stores: what can be carried is, the rest is named, and nothing outside the source is read."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.moving.conftest import Place, left_out

from madang.errors import CorruptData, InvalidInput, NotFound, Unavailable
from madang.formats.mlflow import metafile
from madang.formats.mlflow.metrics import metric_points
from madang.workspace.moving.database import SqliteDatabase

META = (
    "artifact_uri: {uri}\nend_time: 1700000001000\nrun_id: {run}\nstart_time: 1700000000000\nstatus: 3\nuser_id: ann\n"
)


def make_run(root: Path, number: int = 1, uri: str = "''") -> Path:
    """A file store with one more run in experiment 1; the run's folder."""
    home = root / "1"
    home.mkdir(parents=True, exist_ok=True)
    (home / "meta.yaml").write_text("experiment_id: '1'\nlifecycle_stage: active\nname: '1e3'\n")
    run = home / f"{number:032x}"
    for folder in ("params", "metrics", "tags", "artifacts"):
        (run / folder).mkdir(parents=True)
    (run / "meta.yaml").write_text(META.format(uri=uri, run=run.name))
    (run / "params" / "C").write_text("1")
    (run / "artifacts" / "a.txt").write_text("hello")
    return run


def test_the_rest_of_a_damaged_store_comes(here: Place, tmp_path: Path) -> None:
    """Corrupt YAML, cut metrics, no meta.yaml, odd files: each is named, and everything else is here."""
    root = tmp_path / "mlruns"
    good, corrupt = make_run(root), make_run(root, 2)
    (corrupt / "meta.yaml").write_text("a: [1, 2\nb: }")
    (root / "1" / ("e" * 32) / "params").mkdir(parents=True)
    (good / "metrics" / "cut").write_text("1700000000000 0.5 1\n1700000000001 0.")
    (good / "metrics" / "bad").write_text("x y z\n1700000000000\n1700000000000 nan 2\n1 1 99999999999999999999\n")
    (good / "metrics" / "loss 한글").write_bytes(b"1700000000000 inf -5\n" * 2)
    (good / "params" / "no-text").write_bytes(b"\xff\xfe")
    (good / "params" / "huge").write_text("x" * (17 << 20))
    (good / "params" / "폴더").mkdir()
    (good / "tags" / "big").write_text("y" * (1 << 20))
    os.mkfifo(good / "artifacts" / "pipe")
    (good / "artifacts" / "가.txt").write_text("NFD")
    report = here.bring(root)
    assert sorted(line.partition(": ")[0] for line in left_out(report)) == sorted([
        "runs 1/" + "e" * 32, f"runs 1/{corrupt.name}", f"points {good.name}", f"points {good.name}",
        f"points {good.name}", f"params {good.name}", f"params {good.name}", f"files {good.name}",
    ])  # fmt: skip
    assert report.same
    [run] = here.runs().values()
    assert {key: [(step, repr(value)) for step, _, value in points] for key, points in run.metrics.items()} == {
        "cut": [(0, "0.0"), (1, "0.5")], "bad": [(2, "nan")], "loss 한글": [(-5, "inf")]
    }  # fmt: skip
    assert (run.params, len(run.tags["big"])) == ({"C": "1"}, 1 << 20)
    assert sorted(item.path for item in run.files) == ["a.txt", "가.txt"]


@pytest.mark.parametrize("named", [False, True])
def test_nothing_outside_the_source_is_read(named: bool, here: Place, tmp_path: Path) -> None:
    """An address that leads elsewhere, also by dots or links, is refused unless the user names that folder."""
    secret, root = tmp_path / "secret", tmp_path / "mlruns"
    secret.mkdir()
    (secret / "key").write_text("secret")
    for number, uri in enumerate((str(secret), f"file://{root}/../secret", f"file://{secret}"), 1):
        shutil.rmtree(make_run(root, number, uri) / "artifacts")
    linked = make_run(root, 4)
    (linked / "artifacts" / "link").symlink_to(secret / "key")
    (linked / "artifacts" / "folder").symlink_to(secret)
    (linked / "params" / "link").symlink_to(secret / "key")
    shutil.rmtree(make_run(root, 5) / "artifacts")
    (root / "1" / f"{5:032x}" / "artifacts").symlink_to(secret)
    report = here.bring(root, folders=(str(secret),) if named else ())
    found = {item.path for run in here.runs().values() for item in run.files}
    assert found == ({"a.txt", "key", "link"} if named else {"a.txt"})
    assert any("outside of the source" in line for line in left_out(report)) is not named
    assert any("link to a folder" in line for line in left_out(report))


def test_what_is_no_source(here: Place, tmp_path: Path) -> None:
    """A folder, file or address without an MLflow store is told apart from one, before anything is written."""
    (tmp_path / "text").write_text("x")
    (tmp_path / "empty").mkdir()
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE t (a)")
    for source in ("nothing", "text", "empty", "other.db"):
        with pytest.raises(NotFound):
            here.bring(tmp_path / source)
    with pytest.raises(CorruptData):
        here.bring(f"sqlite:///{tmp_path}/text")
    with pytest.raises(InvalidInput):
        here.bring("ftp://host/x")
    assert not here.folder.exists() or not here.runs()


def test_a_database_that_is_used(unpacked: Callable[[str], Path], here: Place) -> None:
    """A database in WAL mode with a writer comes with what was committed last; a damaged one is told."""
    path = unpacked("mlflow-2.9") / "mlflow.db"
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE experiments SET name = '새 이름' WHERE name = 'iris'")
    writer.commit()
    before = path.read_bytes()
    assert here.bring(path).ok
    assert path.read_bytes() == before
    engine = here.opened()
    assert "새 이름" in engine.projects.named(["새 이름"])
    engine.close()
    writer.close()
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(20_000))
    with pytest.raises((CorruptData, Unavailable)):
        here.bring(path)


def test_a_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another process does not let go of is named, after a while."""
    monkeypatch.setattr("madang.workspace.moving.database._PATIENCE", 0.05)
    path = tmp_path / "x.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match="locked"):
        SqliteDatabase(str(path)).rows("SELECT * FROM t", ())
    holder.execute("ROLLBACK")


def test_no_statement_can_write(tmp_path: Path) -> None:
    """The source is opened so that SQLite itself refuses to write."""
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (a)")
    opened = SqliteDatabase(str(path))
    with pytest.raises(Unavailable, match="readonly"):
        opened.rows("DELETE FROM t", ())


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=120) | st.sampled_from(
    ["1e3", "null", "~", "yes", "0o7", "012", "1:20", "", "a: b", "a #b", "'", '"', "- x", "{}", "[]", "2020-01-01"]
)


NOTHING = ("null", "Null", "NULL", "~")


@given(st.dictionaries(st.sampled_from(["name", "user_id", "source", "profile"]), TEXTS, min_size=1))
def test_fields_are_read_as_they_were_written(fields: dict[str, str]) -> None:
    """Whatever a text looks like, it comes back from PyYAML's form as it was; `null` stands for nothing."""
    written = yaml.safe_dump(fields, default_flow_style=False, allow_unicode=True)
    read = metafile.load(written, "x")
    for key, text in fields.items():
        assert metafile.text_of(read, key) in ((text, "") if text in NOTHING else (text,))


@given(st.binary(max_size=300))
def test_no_metric_file_is_fatal(data: bytes) -> None:
    """Any bytes are points and complaints, never an error."""
    found = metric_points(data)
    assert all(len(point) == 3 for point in found.points)
