"""What changed between two versions of a table."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from tests.data.helpers import Tool, make

from madang.domain.tables import CellChange, TableChange
from madang.errors import InvalidInput
from madang.workspace.data.changes.tables import compare, is_table

_words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=0, max_size=4)
_tables = st.dictionaries(st.integers(0, 30), st.tuples(_words, st.sampled_from(["0.5", "1e3", "-2"])), max_size=12)


def _write(path: Path, head: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    return path


def _compared(tmp_path: Path, old: str, new: str, name: str = "표.csv") -> TableChange:
    (tmp_path / "old").write_text(old, encoding="utf-8")
    (tmp_path / "new").write_text(new, encoding="utf-8")
    return compare(str(tmp_path / "old"), str(tmp_path / "new"), name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_tables, _tables, st.randoms(use_true_random=False))
def test_rows_by_key(
    tmp_path: Path, old: dict[int, tuple[str, str]], new: dict[int, tuple[str, str]], random: object
) -> None:
    """Rows that are new, gone or different under their key are counted so, in whatever order they stand."""
    rows = [[[str(key), *values] for key, values in table.items()] for table in (old, new)]
    random.shuffle(rows[1])  # type: ignore[attr-defined]
    paths = [_write(tmp_path / f"{place}.csv", ["id", "이름", "v"], part) for place, part in enumerate(rows)]
    found = compare(str(paths[0]), str(paths[1]), "a.csv")
    assert found.rows == (len(old), len(new))
    assert (found.rows_added, found.rows_removed) == (len(new.keys() - old.keys()), len(old.keys() - new.keys()))
    changed = [key for key in old.keys() & new.keys() if old[key] != new[key]]
    assert found.rows_changed == len(changed)
    wanted = {
        column: sum(old[key][place] != new[key][place] for key in changed) for place, column in enumerate(["이름", "v"])
    }
    assert found.cells_changed == {column: count for column, count in wanted.items() if count}


def test_without_a_key(tmp_path: Path) -> None:
    """Where every column repeats or is measured, whole rows are matched, each as often as it stands there."""
    found = _compared(tmp_path, "a,b\n1,0.1\n1,0.1\n2,0.2\n", "a,b\n2,0.2\n1,0.1\n3,0.3\n1,0.9\n")
    assert (found.key, found.rows, found.rows_added, found.rows_removed) == ("", (3, 4), 2, 1)


def test_columns(tmp_path: Path) -> None:
    """Columns that come and go do not make the rows differ; repeated and empty heads are told apart."""
    found = _compared(tmp_path, "id,gone,x,x,\n1,a,1,2,3\n", "\ufeffid,x,x,,new\n1,1,5,3,z\n")
    assert (found.columns_added, found.columns_removed) == (["new"], ["gone"])
    assert found.columns_added == ["new"]
    assert found.rows_changed == 1
    assert found.examples == [CellChange("1", "x (2)", "2", "5")]


def test_json_lines(tmp_path: Path) -> None:
    """The columns of JSON lines are all the keys; numbers, lists and nulls are compared as they are written."""
    old = "".join(json.dumps(item) + "\n" for item in [{"id": "가", "v": [1, 2]}, {"id": "나", "v": None}])
    new = "".join(json.dumps(item) + "\n" for item in [{"id": "가", "v": [1, 3]}, {"id": "나"}, {"id": "다", "w": 1}])
    found = _compared(tmp_path, old, new, "표.JSONL")
    assert (found.rows_added, found.rows_changed, found.columns_added, found.key) == (1, 1, ["w"], "id")


def test_parquet(tmp_path: Path) -> None:
    """A Parquet file is compared like the others."""
    for name, values in (("old", ["a", "b"]), ("new", ["a", "c"])):
        parquet.write_table(pyarrow.table({"id": [1, 2], "v": values}), tmp_path / name)
    found = compare(str(tmp_path / "old"), str(tmp_path / "new"), "x.parquet")
    assert found.examples == [CellChange("2", "v", "b", "c")]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_no_table(tmp_path: Path, name: str) -> None:
    """Bytes that are no table are refused by name, not with a stack trace; empty files are empty tables."""
    for body in (b"\xff\xfe\x00", b"[1]\n\x80"):
        (tmp_path / "old").write_bytes(body)
        (tmp_path / "new").write_bytes(body)
        with pytest.raises(InvalidInput, match=name):
            compare(str(tmp_path / "old"), str(tmp_path / "new"), name)
    if name == "a.jsonl":
        with pytest.raises(InvalidInput, match="line 3 is no object"):
            _compared(tmp_path, "{}", '{"a": 1}\n\n{"a": 2\n', name)
    if name != "a.parquet":
        assert _compared(tmp_path, "", "", name) == TableChange((0, 0))


@pytest.mark.parametrize("encodings", [("cp949", "cp949"), ("cp949", "utf-8-sig"), ("utf-16", "utf-8")])
def test_encodings(tmp_path: Path, encodings: tuple[str, str]) -> None:
    """Text as spreadsheets write it is read, and the same text in another encoding is the same."""
    for name, encoding, value in zip(("old", "new"), encodings, ("뷁", "펲"), strict=True):
        (tmp_path / name).write_text(f"번호,이름,값\n1,가,x\n2,나,{value}\n", encoding=encoding)
    found = compare(str(tmp_path / "old"), str(tmp_path / "new"), "표.csv")
    assert (found.rows, found.columns_added, found.columns_removed) == ((2, 2), [], [])
    assert found.examples == [CellChange("2", "값", "뷁", "펲")]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separators(tmp_path: Path, separator: str) -> None:
    """A CSV file is separated by what its first line shows."""
    old, new = (f"id,a,b\n1,2,{value}\n".replace(",", separator) for value in "34")
    assert _compared(tmp_path, old, new).examples == [CellChange("1", "b", "3", "4")]


@pytest.mark.parametrize(
    ("old", "new", "rows", "changed"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "5.2,3.5,setosa\n4.9,3.0,setosa\n", (2, 2), {}),
        ("3\n5\n", "3\n6\n", (2, 2), {}),
        ("7,1\n8,2\n", "7,1\n8,3\n", (2, 2), {"#2": 1}),
        (",0,1\n0,a,b\n", ",0,1\n0,a,c\n", (1, 1), {"1": 1}),  # columns that nobody named
        ("id,2019,2020\n1,5,6\n", "id,2019,2020\n1,5,7\n", (1, 1), {"2020": 1}),
        ("0\n5\n", "0\n6\n", (1, 1), {}),
    ],
)
def test_without_a_head(tmp_path: Path, old: str, new: str, rows: tuple[int, int], changed: dict[str, int]) -> None:
    """A first row of values is a row: no column comes or goes when it changes."""
    found = _compared(tmp_path, old, new)
    assert (found.rows, found.columns_added, found.columns_removed, found.cells_changed) == (rows, [], [], changed)
    assert changed or (found.rows_added, found.rows_removed) == (1, 1)


def test_rows_of_other_lengths(tmp_path: Path) -> None:
    """What stands beyond the named columns is compared as well; a row that ends early has empty values."""
    found = _compared(tmp_path, "id,a\n1\n2,3,4\n", "id,a\n1,\n2,3,5,6\n")
    assert (found.columns_added, found.cells_changed) == (["#4"], {"#3": 1})


def test_told_of_tables(madang: Tool, tmp_path: Path) -> None:
    """What cannot be compared is named with the reason, and a name of a column does not write to the terminal."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert madang(tmp_path, "init", "-q").code == 0
    old = {"a.csv": b"\x80\xff", "b.csv": b"id,a\n1,2\n", "c.csv": b"id,a\n1,2\n2,3\n"}
    make(tmp_path, {f"t/{name}": body for name, body in old.items()})
    assert madang(tmp_path, "add", "-q", "t").code == 0
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm1"], cwd=tmp_path, check=True)
    make(tmp_path, {"t/a.csv": b"x", "t/b.csv": b"id,\x1b[31mred\n1,2\n", "t/c.csv": b"id,a\n2,3\n1,2\n"})
    said = madang(tmp_path, "diff").out.split("files summary: 3 modified\n")[1].splitlines()
    assert said[0] == "t/a.csv: not compared: it is no text in UTF-8, UTF-16 or CP949."
    assert said[1] == "t/b.csv: rows 1 -> 1, column \\x1b[31mred added, column a removed"
    assert said[2] == "t/c.csv: rows 2 -> 2, no value differs, only how they are ordered or written"


def test_names_of_tables() -> None:
    """A table is known by the end of its name, in any case."""
    assert is_table("자료/A.CSV")
    assert not is_table("a.csv.gz")
