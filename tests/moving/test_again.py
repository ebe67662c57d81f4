"""An import may be repeated: after the source has grown, after it broke off anywhere, and beside work done here."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.moving.conftest import Place, left_out

from madang.domain.foreign import Run
from madang.domain.reviews import Protection
from madang.domain.runs import RunChange
from madang.errors import Unavailable
from madang.wiring import local_user
from madang.workspace.moving.store import OwnStore

_KILLED = """
import os, signal, sys
limit, left = int(sys.argv[1]), [int(sys.argv[1])]
for name in ("fsync", "rename", "link", "replace"):
    def counted(*given, _real=getattr(os, name), **more):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return _real(*given, **more)
    setattr(os, name, counted)
from madang.cli.main import run
sys.exit(run(sys.argv[2:]))
"""


def grown(database: Path) -> None:
    """Add a point, a parameter, a tag and a run to a database of MLflow, change a tag and delete a run."""
    with sqlite3.connect(database) as db:
        [run] = db.execute("SELECT run_uuid FROM runs WHERE name = 'run-0'").fetchone()
        [other] = db.execute("SELECT run_uuid FROM runs WHERE name = 'run-1'").fetchone()
        db.execute("INSERT INTO metrics VALUES ('loss', 0.001, 1700000005000, ?, 20, 0)", [run])
        db.execute("INSERT INTO params VALUES ('new', '1', ?)", [run])
        db.execute("INSERT INTO tags VALUES ('new', '새 꼬리표', ?)", [run])
        db.execute("UPDATE tags SET value = 'changed' WHERE key = 'k' AND run_uuid = ?", [run])
        db.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", [other])
        columns = "name, source_type, user_id, status, start_time, lifecycle_stage, experiment_id"
        new = "f" * 32
        db.execute(
            f"INSERT INTO runs (run_uuid, {columns}) SELECT ?, {columns} FROM runs WHERE run_uuid = ?", [new, run]
        )


def test_only_what_is_new_comes(unpacked: Callable[[str], Path], here: Place) -> None:
    """After the source has grown exactly the new things come, a deleted run is deleted, and nothing is there twice."""
    source = unpacked("mlflow-2.9") / "mlflow.db"
    here.bring(source)
    before = here.runs()
    grown(source)
    report = here.bring(source)
    assert report.ok, left_out(report)
    assert report.new == {"runs": 1, "runs that have grown": 1}
    after = here.runs()
    assert len(after) == len(before) + 1
    [changed] = [run for run in after.values() if run.tags.get("k") == "changed"]
    assert (changed.params["new"], changed.tags["new"], changed.metrics["loss"][-1][0]) == ("1", "새 꼬리표", 20)
    assert len(changed.metrics["loss"]) == len(before[changed.id].metrics["loss"]) + 1
    assert sum(run.is_deleted for run in after.values()) == sum(run.is_deleted for run in before.values()) + 1
    assert here.bring(source).new == {}


def test_what_was_changed_here_stays(unpacked: Callable[[str], Path], here: Place) -> None:
    """Notes, tags, deletions and pointers that somebody has set here since outlive the next import."""
    source = unpacked("mlflow-2.9") / "mlflow.db"
    here.bring(source)
    engine = here.opened()
    who = local_user()
    first, second, *_ = [run for run in OwnStore(engine, who).runs(_home(engine, "iris")) if not run.is_deleted]
    engine.tracking.change(who, first.id, RunChange(tags={"mine": "1"}))
    engine.tracking.change(who, second.id, RunChange(deleted=True))
    engine.registry.point(who, "Default", "위스키 model", "champion", 3)
    engine.close()
    report = here.bring(source)
    assert left_out(report) == ["models 위스키 model@Champion: the alias was moved here"]
    engine = here.opened()
    own = OwnStore(engine, who)
    kept = own.run(first.id)
    assert kept is not None
    assert kept.tags["mine"] == "1"
    deleted = own.run(second.id)
    assert deleted is not None
    assert deleted.is_deleted
    assert engine.registry.models(who)[-1].aliases["champion"] == 3
    engine.close()


def _home(engine: Any, name: str) -> Any:
    own = OwnStore(engine, local_user())
    found = [item for item in own.experiments() if item.name == name]
    return found[0]


@pytest.mark.parametrize("count", [3, 11, 19, 27])
def test_a_killed_import_is_finished_by_the_next(count: int, unpacked: Callable[[str], Path], here: Place) -> None:
    """Killed at any write, an import leaves a store that the next one completes, as if nothing had happened."""
    source = unpacked("mlflow-2.9") / "mlflow.db"
    command = [sys.executable, "-c", _KILLED, str(count), "import", "mlflow", str(source)]
    env = {**os.environ, "MADANG_DIR": str(here.folder), "MADANG_HUB": ""}
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    report = here.bring(source)
    assert report.ok, left_out(report)
    clean = Place(here.folder.parent / "clean")
    clean.bring(source)
    assert sorted(map(_told, here.runs().values())) == sorted(map(_told, clean.runs().values()))


def test_ids_that_are_taken(unpacked: Callable[[str], Path], here: Place) -> None:
    """An experiment whose id is another's gets the next one, which the report says; its runs keep theirs."""
    engine = here.opened()
    engine.projects.create(local_user(), "ours")
    engine.close()
    source = unpacked("mlflow-2.22") / "mlflow.db"
    report = here.bring(source)
    assert report.ok, left_out(report)
    assert [item.name for item in report.changed] == ["iris (experiment 1)"]
    assert here.bring(source).new == {}
    engine = here.opened()
    assert {item.title: item.number for item in engine.projects.all(local_user())} == {
        "Default": 0, "ours": 1, "iris": 4, "한국어 실험 1e3": 2, "gone": 3
    }  # fmt: skip
    engine.close()


def test_a_server_that_dies_midway(here: Place, unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    """From a server the same comes as from its store; where it dies, what came stays and the next import goes on."""
    old = Place(tmp_path / "old", hub=True)
    old.bring(unpacked("mlflow-2.22") / "mlruns")
    for hub in old.served():
        with pytest.raises(Unavailable, match="0 runs were brought"):
            here.bring("http://127.0.0.1:9")
        report = here.bring(hub.address)
        assert report.ok, left_out(report)
        assert here.bring(hub.address).new == {}
    theirs, ours = old.runs(), here.runs()
    assert ours.keys() == theirs.keys()
    for run in ours.values():
        assert str(run).replace(run.experiment, "-") == str(theirs[run.id]).replace(theirs[run.id].experiment, "-")


def test_nothing_is_in_the_index_alone(unpacked: Callable[[str], Path], here: Place) -> None:
    """Runs, experiments with their ids and the registry with its numbers are the same when records.db is made anew."""
    here.bring(unpacked("mlflow-2.9") / "mlflow.db")
    before = _whole(here)
    for path in here.folder.glob("records.db*"):
        path.unlink()
    assert _whole(here) == before


def _told(run: Run) -> str:
    """A run as text, whatever the order of its metrics."""
    return str(replace(run, metrics=dict(sorted(run.metrics.items()))))


def _whole(place: Place) -> list[str]:
    engine = place.opened()
    own = OwnStore(engine, local_user())
    found = [str(item) for item in (*own.experiments(), *own.models())]
    found += sorted(_told(run) for item in own.experiments() for run in own.runs(item))
    engine.close()
    return found


def test_a_protected_pointer_is_not_moved(unpacked: Callable[[str], Path], here: Place) -> None:
    """An import passes no rule by: a stage that needs approval is left as it is, and everything else comes."""
    engine = here.opened()
    engine.models.create(local_user(), "Default", "위스키 model")
    engine.records.registry.protect(Protection("Default", "위스키 model", "staging", approvals=1, reviewers=("ann",)))
    engine.close()
    report = here.bring(unpacked("mlflow-2.9") / "mlflow.db")
    assert [line.partition(":")[0] for line in left_out(report)] == ["models 위스키 model 3"]
    assert report.here.counts["versions"] == 2
    assert not report.is_same("stages")
