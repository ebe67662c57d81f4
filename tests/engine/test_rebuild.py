"""records.db is an index: a workspace store without it comes back from its segments and its log of changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ME, Place, event, make_segment, place

from madang.domain.runs import RunChange
from madang.domain.versions import CollectionChange, Entry, PointerChange, VersionChange, VersionRecord
from madang.errors import StorageError
from madang.formats import segment as codec

FILE = Entry("a", "blake3:" + "0" * 64, 5)


def version(name: str, digit: str, **more: Any) -> VersionRecord:
    return VersionRecord("p", name, "model", 0, "blake3:" + digit * 64, 0, 0, 5, **more)


def state(at: Place) -> Any:
    """Everything that readers see."""
    runs = [f"{number:032x}" for number in range(3)]
    names = ("모델", "api", "shared")
    return (
        [at.search.run(ME, run) for run in runs],
        [at.records.versions.versions("p", name) for name in names],
        [at.records.versions.pointer_history("p", name) for name in names],
        at.records.versions.collections("p"),
        at.search.projects(ME),
        at.records.versions.of_runs(runs),
    )


def rebuilt(at: Place) -> Place:
    """The same store after its records were deleted."""
    at.records.close()
    for path in Path(at.store).glob("records.db*"):
        path.unlink()
    return place(Path(at.store))


def fill(at: Place, tmp_path: Path) -> None:
    """Runs that write versions, in an order other than that of their ids, and changes of every kind."""
    for number in (2, 0, 1):
        run = f"{number:032x}"
        entries = [["a", "blake3:" + "0" * 64, 5 + number]]
        body = {"name": "모델", "type": "model", "entries": entries, "aliases": ["best"], "metadata": {"n": number}}
        at.write("a" * 32, make_segment(tmp_path, [event(codec.VERSION, **body)], run=run), run)
        at.tracking.catch_up()
        at.records.versions.add(version("모델", str(number), run=run), [FILE])
    for number in (1, 0):  # the same content from two runs is one version
        run = f"{number:032x}"
        body = {
            "name": "shared",
            "type": "model",
            "entries": [["a", "blake3:" + "0" * 64, 5]],
            "metadata": {"n": number},
        }
        at.write("b" * 32, make_segment(tmp_path, [event(codec.VERSION, **body)], run=run, segment="b" * 32), run)
        at.tracking.catch_up()
    at.records.versions.point(PointerChange("p", "모델", "best", 1, None, "나", 7, "왜냐하면"))
    at.records.versions.point(PointerChange("p", "모델", "production", 2, None, "나", 8))
    at.records.versions.point(PointerChange("p", "모델", "production", None, None, "나", 9))
    first = at.records.versions.add(version("api", "9", aliases=("x",)), [FILE])
    at.records.versions.add(version("api", "9", run=f"{0:032x}"), [FILE])  # the same once more
    at.records.versions.add_writer(first, f"{1:032x}")
    at.records.versions.edit("p", "api", 1, VersionChange("설명", {"huge": 2**80}))
    at.records.versions.edit_collection("p", "모델", CollectionChange("모음", {"a": "b"}))
    at.records.runs.describe_project("p", "과제", 5)
    at.tracking.change(ME, f"{0:032x}", RunChange(name="새 이름", tags={"x": "y"}))
    at.tracking.change(ME, f"{0:032x}", RunChange(tags_removed=("x",), deleted=True))


def test_a_deleted_index_comes_back(at: Place, tmp_path: Path) -> None:
    """Numbers, aliases, history, texts, names and deletions are the same after the index was deleted, twice."""
    fill(at, tmp_path)
    before = state(at)
    again = rebuilt(at)
    assert state(again) == before
    last = rebuilt(again)
    assert state(last) == before
    assert last.records.versions.add(version("모델", "8"), [FILE]).number == 1 + len(before[1][0])
    last.records.close()


def test_a_torn_log_costs_its_last_line(at: Place, tmp_path: Path) -> None:
    """A line cut by a power failure is passed over, and later ones are still written and read."""
    fill(at, tmp_path)
    log = Path(at.store) / "changes.log"
    log.write_bytes(log.read_bytes() + b'{"change": {"run": "00')
    again = rebuilt(at)
    again.tracking.change(ME, f"{1:032x}", RunChange(name="뒤에"))
    before = state(again)
    last = rebuilt(again)
    assert state(last) == before
    assert last.search.run(ME, f"{1:032x}").name == "뒤에"
    last.records.close()


def test_a_change_whose_commit_was_lost_is_taken_in(at: Place, tmp_path: Path) -> None:
    """A line that is in the log but not in the records counts: it was about to be acknowledged."""
    fill(at, tmp_path)
    backup = (Path(at.store) / "changes.log").read_bytes()
    at.tracking.change(ME, f"{1:032x}", RunChange(notes="뒤늦은"))
    line = (Path(at.store) / "changes.log").read_bytes()[len(backup) :]
    (Path(at.store) / "changes.log").write_bytes(backup)
    again = rebuilt(at)
    assert again.search.run(ME, f"{1:032x}").notes == ""
    with (Path(at.store) / "changes.log").open("ab") as file:
        file.write(line)
    again.records.close()
    last = place(Path(at.store))
    assert last.search.run(ME, f"{1:032x}").notes == "뒤늦은"
    last.records.close()


def test_a_log_that_cannot_be_written_refuses_the_change(at: Place, tmp_path: Path) -> None:
    """When the change cannot be made to last, it has not happened."""
    fill(at, tmp_path)
    log = Path(at.store) / "changes.log"
    log.unlink()
    log.mkdir()
    before = state(at)
    with pytest.raises(StorageError, match=r"changes\.log"):
        at.tracking.change(ME, f"{1:032x}", RunChange(name="nie"))
    assert state(at) == before
