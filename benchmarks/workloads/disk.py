"""Bytes a point on the disk, with step and time, values never repeating (53 random bits: no codec can shrink them)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import Bench, disk
from report import Check, Table


def measure(bench: Bench) -> list[Table]:
    table = Table(
        "Disk, bytes a point (random float64 values; apparent sizes)",
        "| points | records.db | history alone | segments | packed segments | whole store",
    )
    runs = 100 if bench.quick else 500
    long = _fill(bench, table, "1 run × 20,000 steps × 10 keys", 1, 20_000)
    short = _fill(bench, table, f"{runs} runs × 10 steps × 10 keys", runs, 10)
    kept = long["records"] + (0 if long["records"] > 6 else long["segments"])  # no fewer can hold 53 random bits
    table.checks.append(Check("long series: where the points are read from", kept, 10, unit=" B/point"))
    table.checks.append(Check("short runs: history alone", short["history"], 25, unit=" B/point"))
    table.checks.append(
        Check("short runs: records.db, with all else of the runs", short["records"], 25, unit=" B/point")
    )
    table.checks.append(Check("long series: packed segments", long["packed"], 15, unit=" B/point"))
    table.checks.append(Check("short runs: packed segments", short["packed"], 15, unit=" B/point"))
    table.notes.append(
        "packed segments: what a store keeps of the segments when their runs have ended, and drops when a hub holds"
        " them; every point was read back from them alone. The whole store is with them"
    )
    table.notes.append(
        "history alone: records.db less that of the same runs without metrics; points are read from records.db, or from"
        " the segments where it does not hold them"
    )
    return [table]


def _fill(bench: Bench, table: Table, what: str, runs: int, calls: int) -> dict[str, float]:
    store, bare = bench.folder("disk"), bench.folder("disk-bare")
    points: int = bench.drive("madang_fill", "lay_many", store=store, count=runs, calls=calls).result["points"]
    bench.drive("madang_fill", "lay_many", store=bare, count=runs, calls=0)
    if points != runs * calls * 10:
        raise AssertionError(f"{points} points of {runs * calls * 10} can be read")
    records, plain = _records(store), _ending(store, ".seg")
    packed = bench.drive("madang_fill", "pack_many", store=store, count=runs).result["packed"]
    whole, left = disk(store)[0], _ending(store, ".seg")
    again: int = bench.drive("madang_fill", "read_packed", store=store, count=runs).result["points"]
    if (packed, left, again) != (runs, 0, points):
        raise AssertionError(f"{packed} of {runs} segments were packed; {again} points of {points} are read from them")
    found: dict[str, Any] = {
        "records": records / points,
        "history": (records - _records(bare)) / points,
        "segments": plain / points,
        "packed": _ending(store, ".zst") / points,
        "whole": whole / points,
    }
    table.row(what, points, *found.values())
    bench.drop(store, bare)
    return found


def _records(store: Path) -> int:
    return sum(path.stat().st_size for path in store.glob("records.db*"))


def _ending(store: Path, ending: str) -> int:
    return sum(path.stat().st_size for path in store.rglob(f"*{ending}"))
