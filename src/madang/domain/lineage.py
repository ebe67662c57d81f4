"""Which runs read which data, and which version of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from madang.domain.runs import RunRecord
from madang.domain.values import value

DATASET_CONTEXT = "mlflow.data.context"
"""The tag of a data set that says what it was read for: training, validation, …"""


@value
class VersionLineage:
    """Who wrote a version and who used it; ids of runs, oldest first."""

    ref: str
    writers: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)


@value
class DataUse:
    """A run that read a tracked path or an artifact, and which version of it (as in `data_of`)."""

    run: str
    project: str
    name: str
    status: str
    created_at: int
    version: str


def data_of(run: RunRecord) -> dict[str, str]:
    """Which version of which data a run read: tracked path → digest, name of an artifact → ``v3``.

    A folder's digest has ``~`` before it when the run read a file of it that was not as recorded.
    """
    found: dict[str, str] = {}
    for use in run.uses:
        name, _, number = use.version.rpartition(":")
        if name:
            found[name] = number
        elif use.path:
            found[use.path] = use.digest
    for item in run.inputs:
        if item.out in ("", item.path):
            found[item.path] = item.digest or f"~{item.recorded}"
        elif item.digest != item.recorded or item.out not in found:
            found[item.out] = item.version if item.digest == item.recorded else f"~{item.version}"
    return found


def of_version(ref: str, digest: str, written_by: Iterable[str], runs: Iterable[RunRecord]) -> VersionLineage:
    """Who wrote and who used a version; a run that used the same content under another name used it too."""
    readers = [
        run for run in runs if any(use.version == ref or (use.digest and use.digest == digest) for use in run.uses)
    ]
    readers.sort(key=lambda run: (run.created_at, run.id))
    return VersionLineage(ref, list(written_by), [run.id for run in readers])
