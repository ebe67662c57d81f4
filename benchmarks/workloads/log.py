"""One `log()` of ten scalars, in the calling thread."""

from __future__ import annotations

import functools
from typing import Any

from harness import Bench, Failed, disk, median, ratio
from report import Check, Table

PEERS = ["floor", "floor_msgpack", "madang", "expman", "trackio", "wandb", "tensorboardx", "aim", "mlflow"]
SLOWER = ["trackio", "wandb", "aim", "mlflow", "tensorboardx"]


def measure(bench: Bench) -> list[Table]:
    calls, seconds = (5_000, 2.0) if bench.quick else (20_000, 4.0)
    taken = bench.interleave({peer: functools.partial(_once, bench, peer, calls, seconds) for peer in PEERS})
    table = Table(
        f"log(): {calls:,} calls of 10 scalars, µs in the calling thread",
        "| mean | min | max | p50 | p99 | worst | CPU/call | calls | kept | × floor | to the end, s | B/point",
        raw=taken,
    )
    mean = {peer: median(item["mean"] for item in items) for peer, items in taken.items() if items}
    for peer, items in taken.items():
        if not items:
            table.row(peer, *["failed"] * 12)
            continue
        middle = {key: median(item[key] for item in items) for key in items[0]}
        table.row(
            peer,
            mean[peer],
            min(item["mean"] for item in items),
            max(item["mean"] for item in items),
            middle["p50"],
            middle["p99"],
            middle["worst"],
            middle["cpu"],
            int(middle["calls"]),
            middle["kept"],
            ratio(mean[peer], mean["floor"]),
            middle["whole"],
            middle["bytes"],
        )
    if "madang" in mean:
        table.checks.append(
            Check("madang / floor (the same frame encoded and written)", ratio(mean["madang"], mean["floor"]), 2)
        )
        for peer in SLOWER:
            if peer in mean:
                table.checks.append(Check(f"{peer} / madang", ratio(mean[peer], mean["madang"]), 5, at_most=False))
        kept = min(item["kept"] for item in taken["madang"])
        table.checks.append(Check("madang: part of the calls read back", kept, 1, at_most=False, unit=""))
    table.notes.append(
        "`to the end` = 20,000 calls until the run has ended (scaled up where the loop was cut off after "
        f"{seconds:.0f} s); `kept` = part of the calls another process read back whole"
    )
    return [table]


def _once(bench: Bench, peer: str, calls: int, seconds: float) -> dict[str, Any]:
    store = bench.folder(f"log-{peer}")
    took = bench.drive(peer, "log", store=store, name="r1", calls=calls, seconds=seconds, timeout=300).result
    found = bench.drive(
        peer, "check", store=store, runs={"r1": (1, took["calls"])}, single=peer == "tensorboardx", timeout=300
    ).result
    kept = found["kept"]["r1"] / took["calls"]
    if kept < 1 and peer != "madang":
        raise Failed(f"{peer} kept {kept:.1%} of its calls: not a fair figure")
    size = disk(store)[0]
    bench.drop(store)
    return {
        **{key: took[key] for key in ("mean", "p50", "p99", "cpu", "calls")},
        "worst": took["max"],
        "kept": kept,
        "whole": took["closed"] * 20_000 / took["calls"],
        "bytes": size / took["calls"] / 10,
    }
