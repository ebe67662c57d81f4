"""A damaged index of a workspace is moved aside once and made anew; the database of a hub is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.conftest import ME, RUN, Place, make_segment

from madang.backends.records import open_sqlite
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange
from madang.errors import CorruptData
from madang.wiring import open_store

_READ = """
import sys
from madang.wiring import local_reader
from madang.domain.query import RunQuery
reader = local_reader(store=sys.argv[1])
print([run.name for run in reader.runs(RunQuery()).runs])
reader.close()
"""


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2 + 100]


def _garbage(data: bytes) -> bytes:
    return b"\xff\x00garbage" * 999


def _holed(data: bytes) -> bytes:
    return data[:4096] + b"\xff" * (len(data) - 4096)


@pytest.fixture
def filled(at: Place, tmp_path: Path) -> Path:
    """A store with one run, named by a change from outside."""
    at.write("a" * 32, make_segment(tmp_path, [(0, {"loss": 1.0})]))
    at.tracking.change(ME, RUN, RunChange(name="이름"))
    at.records.close()
    return Path(at.store)


@pytest.mark.parametrize("spoil", [_cut, _garbage, _holed])
def test_it_is_made_anew(filled: Path, spoil: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]) -> None:
    """All that the index held is there again, and the damaged file is kept and named."""
    index = filled / "records.db"
    spoiled = spoil(index.read_bytes())
    index.write_bytes(spoiled)
    engine = open_store(store=str(filled))
    assert [run.name for run in engine.search.runs(ME, RunQuery()).runs] == ["이름"]
    engine.close()
    (aside,) = filled.glob("records.db.damaged-*Z")
    assert aside.read_bytes() == spoiled
    assert str(aside) in capsys.readouterr().err


def test_many_commands_at_once(filled: Path) -> None:
    """Of several processes that find the damage together one moves the file, and all read the same."""
    (filled / "records.db").write_bytes(_garbage(b""))
    readers = [
        subprocess.Popen([sys.executable, "-c", _READ, str(filled)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(5)
    ]
    said = [reader.communicate() for reader in readers]
    assert [out.decode() for out, _ in said] == ["['이름']\n"] * 5, said
    assert len([err for _, err in said if err]) == 1
    assert len(list(filled.glob("records.db.damaged-*"))) == 1


def test_two_that_make_the_index_at_once(tmp_path: Path) -> None:
    """Who opens an index that another process is just making waits for it."""
    path = str(tmp_path / "records.db")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    maker = threading.Timer(0.1, other.rollback)
    maker.start()
    open_sqlite(path, durable=False).close()
    maker.join()
    other.close()


def test_a_hub_is_left_alone(tmp_path: Path) -> None:
    """The database of a hub is the only copy: it is named and stays where it is."""
    path = tmp_path / "hub.db"
    path.write_bytes(_garbage(b""))
    with pytest.raises(CorruptData, match=r"hub\.db"):
        open_sqlite(str(path), durable=True)
    assert [file.name for file in tmp_path.iterdir()] == ["hub.db"]
    assert path.read_bytes() == _garbage(b"")


def test_two_damaged_indexes_are_kept(filled: Path) -> None:
    """Each time it happens the damaged file is kept, but never more than the newest two."""
    index = filled / "records.db"
    for day in range(1, 5):
        for ending in ("", "-wal"):
            (filled / f"records.db.damaged-2020010{day}T000000Z{ending}").write_bytes(b"old")
    index.write_bytes(_garbage(index.read_bytes()))
    open_store(store=str(filled)).close()
    names = sorted(path.name for path in filled.glob("records.db.damaged-*"))
    assert names[:2] == ["records.db.damaged-20200104T000000Z", "records.db.damaged-20200104T000000Z-wal"]
    assert [name.endswith("Z") for name in names[2:]] == [True]
    assert (filled / names[2]).read_bytes().startswith(b"\xff\x00garbage")
