"""What can happen to a run: the typed events of a segment (docs/formats/journal.md).

Field names are the names in the journal. Every field but the time has a default or is checked by the reader, so that
an event of an older or newer writer still reads.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, NamedTuple, TypeAlias

from madang.domain.files import BlobRef, FileRef, InputItem, Omitted
from madang.domain.values import value

Json: TypeAlias = Any  # None, bool, int, float, str, list or dict of these


class Stamp(NamedTuple):
    """When and where an event was written. Its order decides between two events on one field."""

    time: int  # microseconds since 1970 UTC
    segment: str
    sequence: int


@value
class Header:
    """The first frame: whose segment this is."""

    run: str
    segment: str
    project: str
    writer: str
    format: int = 1
    host: str = ""
    user: str = ""
    pid: int = 0
    version: str = ""
    parent: str = ""
    rank: int = 0
    world: int = 1


@value
class Keys:
    """A set of metric names that later metrics frames refer to by number."""

    id: int
    names: list[str]
    types: str


@value
class Started:
    """The process began to log; also `resumed`."""

    name: str = ""
    group: str = ""
    job_type: str = ""
    parent: str = ""
    notes: str = ""
    command: list[str] = field(default_factory=list)
    cwd: str = ""
    root: str = ""
    executable: str = ""
    process_started: int = 0
    seeds: dict[str, Json] = field(default_factory=dict)
    launched: bool = False  # below `madang run`, whose own event says how it all began


@value
class Resumed(Started):
    """A later process goes on with the run."""


@value
class Config:
    """Parameters set, keys joined by dots."""

    set: dict[str, Json]


@value
class Removed:
    """Keys taken out of the config, tags or summary."""

    what: str
    keys: list[str]


@value
class Summary:
    """Summary values set by hand."""

    set: dict[str, Json]


@value
class DefineMetric:
    """How a metric is summed up and compared."""

    key: str
    goal: str = ""
    summary: str = ""
    step_metric: str = ""
    volatile: bool = False
    rtol: float | None = None
    atol: float | None = None


@value
class Tags:
    """Tags set; a label has an empty text."""

    set: dict[str, str]


@value
class Described:
    """Name, notes, group, job type or parent changed by the run itself."""

    name: str | None = None
    notes: str | None = None
    group: str | None = None
    job_type: str | None = None
    parent: str | None = None


@value
class Console:
    """One line of console output; the same number again replaces it."""

    n: int
    text: str
    stream: str = "out"


@value
class File:
    """A file of the run itself, in the blob folder."""

    path: str
    digest: str
    size: int
    mime: str = ""


@value
class VersionWritten:
    """The run wrote an immutable version of an artifact."""

    name: str
    type: str
    entries: list[tuple[str, str, int]]
    aliases: list[str] = field(default_factory=list)
    metadata: dict[str, Json] = field(default_factory=dict)
    description: str = ""


@value
class Use:
    """A declared input."""

    ref: str
    version: str = ""
    path: str = ""
    digest: str = ""
    size: int = 0


@value
class Opened:
    """Paths the process opened, relative to the work tree's root."""

    read: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


@value
class Inputs:
    """Opened paths resolved against tracked data."""

    items: list[InputItem]


@value
class Code:
    """The source code behind the run."""

    commit: str = ""
    branch: str = ""
    remote: str = ""
    dirty: bool = False
    diff: BlobRef | None = None
    diff_stat: str = ""
    untracked: list[FileRef] = field(default_factory=list)
    skipped: list[Omitted] = field(default_factory=list)
    withheld: list[Omitted] = field(default_factory=list)
    entry: str = ""


@value
class Environment:
    """What the run ran in."""

    python: str = ""
    implementation: str = ""
    packages: list[tuple[str, str, str]] = field(default_factory=list)  # name, version, origin
    indexes: list[str] = field(default_factory=list)
    os: str = ""
    cpu: str = ""
    cpus: int = 0
    memory: int = 0  # bytes
    gpus: list[str] = field(default_factory=list)
    cuda: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    hostname: str = ""


@value
class Imports:
    """Local source files the process had imported: path relative to the root, modification time in µs."""

    files: list[tuple[str, int]]


@value
class Captured:
    """The interval in which code and environment were read, and what had changed since the process started."""

    began: int
    ended: int
    changed: list[str] = field(default_factory=list)


@value
class Rewound:
    """Points logged before, at this step and later, are hidden."""

    step: int


@value
class ForkedFrom:
    """The run continues another one from a step."""

    run: str
    step: int


@value
class Heartbeat:
    """The owner lives."""


@value
class Alert:
    """Something a person should look at."""

    title: str
    text: str = ""
    level: str = "info"


@value
class Failure:
    """An uncaught exception."""

    type: str = ""
    message: str = ""
    traceback: str = ""


@value
class Finished:
    """How a writer ended. `of` names another segment when the writer speaks for it."""

    status: str
    of: str = ""
    exit_code: int | None = None
    signal: int | None = None
    error: Failure | None = None


@value
class Outputs:
    """Files the run wrote and was told to keep."""

    items: list[FileRef]


@value
class Verdict:
    """The result of reproducing another run."""

    of: str
    verdict: str
    first_difference: dict[str, Json] | None = None
    missing: list[str] = field(default_factory=list)
    compared: dict[str, Json] = field(default_factory=dict)
    not_compared: dict[str, Json] = field(default_factory=dict)
    attestation: dict[str, Json] = field(default_factory=dict)  # the signed statement; docs/formats/reproduction.md


@value
class PlannedStage:
    """A stage that a reproduction looks at. Paths are relative to the work tree's root."""

    name: str
    kind: str = "stage"  # or "data": nothing runs, it is only checked
    needs: list[str] = field(default_factory=list)  # names of the stages that go before it
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)


@value
class StageFound:
    """What became of a stage without a run."""

    name: str
    status: str  # "unchanged", "restored", "pulled", "verified", "skipped" or "failed"
    at: int = 0  # µs UTC
    error: str = ""
    outs: list[FileRef] = field(default_factory=list)  # what it made when it ran last


@value
class Pipeline:
    """What was known of the reproduction that this run is part of. All runs of the group together tell all of it."""

    plan: list[PlannedStage] = field(default_factory=list)
    found: list[StageFound] = field(default_factory=list)
    ended_at: int = 0  # µs UTC; 0 while it goes on, as far as this run knows


@value
class Status:
    """Where a run stands and when it ended, as the client of an edge says."""

    status: str = ""  # "scheduled", "running", "finished", "failed", "killed" or "crashed"
    ended_at: int = 0  # µs UTC
    exit_code: int | None = None


@value
class Dataset:
    """A data set that the run says it read; the texts are its client's."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@value
class Linked:
    """Models that the run read and made, by the ids that a client of an edge has for them; outputs with their step."""

    inputs: list[str] = field(default_factory=list)
    outputs: list[tuple[str, int]] = field(default_factory=list)


@value
class Unread:
    """An event of a kind (or shape) that this release does not know."""

    kind: int


Event: TypeAlias = (
    Header | Keys | Started | Resumed | Config | Removed | Summary | DefineMetric | Tags | Described | Console | File
    | VersionWritten | Use | Opened | Inputs | Code | Environment | Imports | Captured | Rewound | ForkedFrom
    | Heartbeat | Alert | Finished | Outputs | Verdict | Pipeline | Status | Dataset | Linked | Unread
)  # fmt: skip
