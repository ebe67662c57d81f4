"""What a run of ours has and MLflow has no place for: kept as artifacts below `madang/`, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

from madang.domain.metrics import MetricSummary
from madang.domain.runs import RunRecord
from madang.domain.versions import Entry
from madang.formats import native, wire
from madang.workspace.moving.store import OwnStore

FOLDER, RECORD, CONSOLE = "madang", "madang/record.json", "madang/console.txt"
_BEYOND = ("code", "environment", "command", "summary", "uses", "opened", "inputs", "outputs", "definitions", "alerts",
           "seeds", "verdict", "pipeline", "forked_from", "error", "imports")  # fmt: skip


def beyond(record: RunRecord) -> list[str]:
    """The parts of a run that MLflow has no place for."""
    return [name.replace("_", " ") for name in _BEYOND if getattr(record, name)]


def written_record(record: RunRecord, metrics: dict[str, MetricSummary]) -> bytes:
    """The whole record of a run, as the native API writes it."""
    from dataclasses import replace  # noqa: PLC0415 - only for runs that have more than MLflow knows

    return wire.encode(native.whole_run(replace(record, metrics=metrics), wire.json_value))


def console_of(own: OwnStore, run: str) -> bytes:
    """The console output of a run; empty without any."""
    stored = own.services.records.runs.get(run)
    assert stored is not None
    found = own.services.tracking.history.console(stored)
    lines = [pair for by_number in found.values() for pair in by_number.values()]
    lines.sort(key=lambda pair: (pair[0].time, pair[0].segment, pair[1].n))
    return "".join(f"{line.text}\n" for _, line in lines).encode("utf-8", "replace")


def files_beyond(own: OwnStore, record: RunRecord) -> Iterator[Entry]:
    """Files that belong to a run without being artifacts: outputs, versions that it wrote, changes of its code."""
    for file in record.outputs:
        if file.digest.startswith("blake3:"):
            yield Entry(f"{FOLDER}/outputs/{file.path}", file.digest, file.size)
    if record.code is not None:
        if record.code.diff is not None:
            yield Entry(f"{FOLDER}/code/changes.diff", record.code.diff.digest, record.code.diff.size)
        for file in record.code.untracked:
            yield Entry(f"{FOLDER}/code/untracked/{file.path}", file.digest, file.size)
    for ref in own.services.records.versions.of_runs([record.id]).get(record.id, ()):
        name, _, number = ref.rpartition(":v")
        version = own.services.records.versions.get(record.project, name, int(number))
        if version is not None and version.type != "model":
            for entry in own.services.records.versions.entries(record.project, version.digest):
                yield Entry(f"{FOLDER}/versions/{name}/v{number}/{entry.path}", entry.digest, entry.size)
