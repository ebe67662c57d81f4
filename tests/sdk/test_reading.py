"""What one process logs, another reads: at once, whether the first still runs, has ended or was killed."""

from __future__ import annotations

import math
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

import madang
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import segments
from madang.testing.programs import Place


def test_a_run_is_read_back(place: Place) -> None:
    """get_run() has status, config, summary, tags, metrics and history by id, part of an id, and name."""
    with madang.init("p", "이름", {"lr": 0.1, "net": {"depth": 2}}, tags=["a"]) as run:
        run.define_metric("loss", goal="min")
        for step, loss in enumerate((3.0, 1.0, 2.0)):
            run.log({"loss": loss, "n": step * 2**60})
        run.log({"late": True}, step=5)
    for name in (run.id, run.id[:12], "이름"):
        read = madang.get_run(name)
        assert read.id == run.id
    assert (read.status, read.project, read.tags) == ("finished", "p", {"a": ""})
    assert read.config == {"lr": 0.1, "net.depth": 2}
    assert read.summary == {"loss": 1.0, "n": 2**61, "late": True}
    assert read.metrics["loss"].max == 3.0
    history = read.history(["loss", "late"])
    assert list(history.columns) == ["step", "loss", "late"]
    assert list(history["step"]) == [0, 1, 2, 5]
    assert list(history["loss"][:3]) == [3.0, 1.0, 2.0]
    assert math.isnan(history["loss"][3])
    assert list(read.history("n")["n"]) == [0, 2**60, 2**61]
    with pytest.raises(madang.NotFound):
        madang.get_run("f" * 32)


def test_without_pandas_there_are_plain_columns(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pandas is missing, history is a mapping of lists and runs() a list of mappings."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with madang.init("p") as run:
        run.log({"x": 1})
        run.log({"y": 2})
    assert madang.get_run(run.id).history() == {"step": [0, 1], "x": [1, None], "y": [None, 2]}
    (row,) = madang.runs("p")
    assert (row["id"], row["metrics.x"], row["status"]) == (run.id, 1, "finished")


def test_history_of_several_runs_is_one_table(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """history() takes ids, names, read runs and what runs() gave; what a run lacks is empty, private keys are out."""
    made = []
    for number in range(2):
        with madang.init("p", f"run-{number}") as run:
            for step in range(2):
                run.log({"x": number * 10 + step, "_own": 1, **({"y": "text"} if number else {})})
        made.append(run.id)
    frame = madang.history(madang.runs("p", order_by="created_at asc"))
    assert list(frame.columns) == ["run", "step", "x", "y"]
    assert [list(frame[name]) for name in ("run", "step", "x")] == [
        [made[0], made[0], made[1], made[1]], [0, 1, 0, 1], [0, 1, 10, 11],
    ]  # fmt: skip
    assert list(frame["y"].fillna("")) == ["", "", "text", "text"]
    assert not [name for name in madang.runs("p").columns if name.startswith("metrics._")]
    monkeypatch.setitem(sys.modules, "pandas", None)
    one = {"run": [made[1]] * 2, "step": [0, 1], "x": [10, 11], "_own": [1, 1]}
    for runs in (made[1], "run-1", [madang.get_run(made[1])], [{"id": made[1]}], [made[1], "run-1"][:1]):
        assert madang.history(runs, ["x", "_own"]) == one
    assert madang.history([], "x") == {"run": [], "step": []}
    with pytest.raises(madang.NotFound):
        madang.history(["nothing"])
    with pytest.raises(madang.InvalidInput):
        madang.history([1])


def test_another_process_is_read_while_it_runs(place: Place) -> None:
    """Every call that has returned in a living process is seen; after SIGKILL it still is."""
    process = place.start(
        """
import sys, madang
run = madang.init("p")
for n in range(1000): run.log({"n": n})
print(run.id, flush=True)
sys.stdin.read()
"""
    )
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    read = madang.get_run(run)
    assert read.status == "running"
    assert list(read.history(["n"])["n"]) == list(range(1000))
    process.kill()
    process.communicate()
    assert len(madang.get_run(run).history(["n"])) == 1000


def test_runs_are_searched(place: Place) -> None:
    """runs() filters, orders and limits; its columns are named after parameters, metrics and tags."""
    for number in range(4):
        with madang.init(
            "p", f"run {number}", {"lr": number / 10}, tags={"side": "left" if number % 2 else "right"}
        ) as run:
            run.log({"f1": number / 4})
    madang.init("other").finish()
    found = madang.runs("p", filter="metrics.f1 > 0.2 and tags.side = 'left'", order_by="metrics.f1 desc")
    assert list(found["name"]) == ["run 3", "run 1"]
    assert list(found["params.lr"]) == [0.3, 0.1]
    assert len(madang.runs("p", limit=3)) == 3
    assert len(madang.runs()) == 5
    assert len(madang.runs("no such project")) == 0
    with pytest.raises(madang.InvalidInput):
        madang.runs(filter="metrics.f1 >")


def test_reading_in_the_writing_process_keeps_the_lock(place: Place) -> None:
    """Looking at the store from within does not make the run's own owner look dead."""
    from madang.formats import store as layout

    run = madang.init("p")
    run.log({"x": 1})
    assert madang.get_run(run.id).status == "running"
    lock = layout.lock_path(run.places.store, run.id, run.segment)
    code = f"from madang.formats import store\nprint(store.is_held({lock!r}))"
    assert place.run(code).strip() == "True"


def test_logging_in_keeps_the_token(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """login() writes the token to a file that only the user can read, and wants both hub and token."""
    import os

    path = madang.login("https://hub.example.org/", "mdg_" + "a" * 40)
    assert os.stat(path).st_mode & 0o077 == 0
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(madang.InvalidInput, match="no token"):
        madang.login("https://hub.example.org")
    with pytest.raises(madang.InvalidInput):
        madang.login()


def test_every_public_name_is_there() -> None:
    """All that the package promises can be loaded; a wrong name is an AttributeError."""
    import madang as package

    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    wrong: Any = package
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = wrong.nonsense


def test_a_limit_below_zero_is_refused(place: Place) -> None:
    """A search that can find nothing is a mistake, not an empty answer."""
    with pytest.raises(madang.InvalidInput, match="limit"):
        madang.runs(limit=-1)
    assert len(madang.runs(limit=0)) == 0


def test_a_summary_shows_no_histograms(place: Place) -> None:
    """Of a picture, table or histogram the summary says what and where it is, not what is in it."""
    with madang.init() as run:
        run.log_histogram("h", [1, 2, 3])
        run.log_confusion_matrix("c", [0, 1], [1, 1])
        run.log_table("t", [[1, 2]])
        run.log({"x": 2})
    for summary in (madang.get_run(run.id).summary, dict(run.summary)):
        assert (summary["h"], summary["c"], summary["x"]) == ({"media": "histogram"}, {"media": "confusion-matrix"}, 2)
        assert (summary["t"]["media"], summary["t"]["rows"]) == ("table", 1)


def test_frames_without_sense_are_passed_over(tmp_path: Path) -> None:
    """A run goes on from what its segments say, whatever stands between: whole frames, but of no sense."""
    store, run, segment = str(tmp_path), "1" * 32, "2" * 32
    path, chance = layout.segment_path(store, run, segment), random.Random(5)
    os.makedirs(os.path.dirname(path))
    writer = codec.SegmentWriter(path, segment, {"run": run, "project": "p"})
    writer.metrics({"loss": 0.5}, 7)
    for kind in [*range(1, 40)] * 20:
        writer._write(bytes((kind,)) + chance.randbytes(chance.randrange(80)))
        writer._write(bytes((kind,)) + codec.encode_json({"t": 1, "id": 0, "names": ["a", "b"], "types": "?" * kind}))
    writer.metrics({"mine": 1.5}, 9, at=1 << 62)
    writer.close()
    local = segments.read(store, run)
    assert local.last_step == 9
    assert (local.metrics["loss"].count, local.metrics["mine"].last) == (1, 1.5)
