"""Segments as a training process writes them: decoded bare, taken into a store, or uploaded to a hub."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import data
from madang import wiring
from madang.domain.access import local
from madang.formats import journal
from madang.formats import segment as codec
from madang.formats import store as layout

_NOW = 1_790_000_000_000_000


def write(path: str, run: str, name: str, number: int = 0) -> codec.SegmentWriter:
    """A new segment of a new run, with what `init` puts at its start."""
    segment = f"{number + 1:032x}"
    header = {
        "run": run,
        "project": "bench",
        "writer": "process",
        "host": os.uname().nodename,
        "user": "bench",
        "version": "0",
    }
    writer = codec.SegmentWriter(path, segment, header, now=_NOW + number * 1_000_000)
    writer.append(codec.STARTED, {"name": name, "command": ["python", "train.py"], "cwd": "/bench"})
    return writer


def metrics_segment(path: str, run: str, calls: int, seed: int = 1) -> bytes:
    """A whole run with ``calls`` metrics frames of ten never-repeating scalars."""
    writer = write(path, run, "metrics")
    for step, row in enumerate(data.rows(calls, seed)):
        writer.metrics(row, step)
    writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
    writer.close()
    return Path(path).read_bytes()


def many(folder: str, count: int, metrics: bool = True) -> Iterator[tuple[str, str, bytes]]:
    """(run, segment, bytes) of the runs of the search workload."""
    for number, (params, scalars) in enumerate(data.many_runs(count)):
        run, path = f"{number + 1:032x}", f"{folder}/one.seg"
        if os.path.exists(path):
            os.unlink(path)
        writer = write(path, run, f"run-{number:05}", number)
        writer.append(codec.CONFIG, {"set": params})
        if metrics:
            writer.metrics(scalars, 0)
        writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
        writer.close()
        yield run, writer.segment, Path(path).read_bytes()


def decode(folder: str, calls: int, repeats: int = 5) -> dict[str, float]:
    """CPU seconds to verify and decode the frames of a segment, and no more: the floor of ingest."""
    content = metrics_segment(f"{folder}/decode.seg", "1" * 32, calls)
    best: list[float] = []
    for _ in range(repeats):
        keysets: dict[int, journal.KeySet] = {}
        began, points = time.process_time(), 0
        for frame in journal.read_frames(content, journal.Position()):
            if frame.kind == codec.METRICS:
                points += len(keysets[journal.keyset_of(frame.payload)].row(frame.payload)[2])
            else:
                _, event = journal.decode_event(frame.payload, "1" * 32, frame.sequence)
                if frame.kind == codec.KEYS:
                    keys: Any = event
                    keysets[keys.id] = journal.KeySet(keys.names, keys.types)
        best.append(time.process_time() - began)
        if points != calls * 10:
            raise AssertionError(points)
    return {"cpu": sorted(best)[len(best) // 2], "points": points, "bytes": len(content)}


def ingest(store: str, calls: int) -> dict[str, float]:
    """CPU seconds to take one whole run from its file into the records, sealing included, as every reader does."""
    engine = _engine(store)
    run = "1" * 32
    _lay(store, run, f"{1:032x}", metrics_segment(f"{store}/tmp/one.seg", run, calls))
    began, wall = time.process_time(), time.perf_counter()
    engine.tracking.catch_up()
    spent, wall = time.process_time() - began, time.perf_counter() - wall
    kept = len(engine.search.history(local("bench"), [run], ["k9"])[run]["k9"].values)
    engine.close()
    return {"cpu": spent, "wall": wall, "kept": kept}


def lay_many(store: str, count: int, calls: int) -> dict[str, int]:
    """Runs of ``calls`` metrics frames each in a workspace's store, taken into its records."""
    engine = _engine(store)
    for number in range(count):
        run = f"{number + 1:032x}"
        path = f"{store}/tmp/{number}.seg"
        writer = write(path, run, f"run-{number:05}", number)
        for step, row in enumerate(data.rows(calls, number)):
            writer.metrics(row, step)
        writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
        writer.close()
        _lay(store, run, writer.segment, Path(path).read_bytes())
        os.unlink(path)
    engine.tracking.catch_up()
    total = _points(engine, count)
    engine.close()
    return {"points": total}


def _points(engine: Any, count: int) -> int:
    total = 0
    for number in range(count):
        run = f"{number + 1:032x}"
        found = engine.search.history(local("bench"), [run], None)[run]
        total += sum(len(series.values) for series in found.values())
    return total


def pack_many(store: str, count: int) -> dict[str, int]:
    """Pack the segments of these runs, as the follower does when they have ended."""
    engine = _engine(store)
    packed = sum(1 for number in range(count) for _ in engine.packing.pack(f"{number + 1:032x}"))
    engine.close()
    return {"packed": packed}


def read_packed(store: str, count: int) -> dict[str, int]:
    """The points that the packed segments alone lead to: the index is made anew."""
    for path in Path(store).glob("records.db*"):
        path.unlink()
    engine = _engine(store)
    engine.tracking.catch_up()
    total = _points(engine, count)
    engine.close()
    return {"points": total}


def _engine(store: str) -> Any:
    layout.ensure(store)
    return wiring.open_store(store)


def _lay(store: str, run: str, segment: str, content: bytes) -> None:
    os.makedirs(layout.run_dir(store, run), exist_ok=True)
    Path(layout.segment_path(store, run, segment)).write_bytes(content)


def upload_metrics(port: int, folder: str, calls: int, run: str) -> dict[str, Any]:
    """One run of ``calls`` frames of ten scalars to a hub."""
    content = metrics_segment(f"{folder}/{run}.seg", run, calls)
    hub = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    began = time.perf_counter()
    _upload(hub, run, f"{1:032x}", content)
    wall = time.perf_counter() - began
    hub.request("GET", f"/api/v1/runs/{run}/history?keys=k9")
    kept = len(json.loads(hub.getresponse().read())["series"]["k9"]["values"])
    return {"points": calls * 10, "wall": wall, "kept": kept, "bytes": len(content)}


def upload_series(port: int, folder: str, points: int) -> dict[str, str]:
    """One run with one long series."""
    run = f"{1:032x}"
    writer = write(f"{folder}/series.seg", run, "long")
    for step, value in enumerate(data.long_series(points)):
        writer.metrics({"loss": value}, step)
    writer.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
    writer.close()
    hub = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    _upload(hub, run, writer.segment, Path(writer.path).read_bytes())
    return {"run": run}


def upload_runs(port: int, folder: str, count: int) -> dict[str, float]:
    """The runs of the search workload."""
    segments = list(many(folder, count))
    hub = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    began = time.perf_counter()
    for run, segment, content in segments:
        _upload(hub, run, segment, content)
    return {"wall": time.perf_counter() - began}


def _upload(hub: http.client.HTTPConnection, run: str, segment: str, content: bytes) -> None:
    """From where the hub says it is, a mebibyte a request, on one kept connection."""
    offset, chain = 0, bytes(16).hex()
    while offset < len(content):
        headers = {"Upload-Offset": str(offset), "Madang-Chain": chain, "Content-Type": "application/octet-stream"}
        path = f"/api/v1/runs/{run}/segments/{segment}?project=bench"
        hub.request("PATCH", path, content[offset : offset + (1 << 20)], headers)
        answer = hub.getresponse()
        body = answer.read()
        if answer.status != 204:
            raise RuntimeError(f"upload answered {answer.status}: {body[:500]!r}")
        offset, chain = int(answer.headers["Upload-Offset"]), answer.headers["Madang-Chain"]
