"""The records of a W&B run's transaction log, gathered into what the run is.

Field numbers are those of `wandb/proto/wandb_internal.proto` in W&B's client, 0.10 to 0.31. Unknown records and fields
are passed over; they are counted, so that a report can tell of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from madang.domain.foreign import Artifact, ArtifactFile
from madang.domain.values import mutable, value
from madang.errors import CorruptData, InvalidInput
from madang.formats.protobuf import Message
from madang.formats.wandb.values import read_json, read_object

Json: TypeAlias = Any

HISTORY, SUMMARY, OUTPUT, CONFIG, FILES, STATS, ARTIFACT, TENSORBOARD, ALERT, TELEMETRY = range(2, 12)
METRIC, RAW_OUTPUT, RUN, EXIT, USED_ARTIFACT, ENVIRONMENT, WRITTEN_OUTPUT = 12, 13, 17, 18, 25, 26, 27
_NO_MATTER = frozenset({1, 16, 19, 20, 21, 22, 23, 24, 100, 200})  # of the client's own affairs, or without content


@value
class Output:
    """A piece of console output as the process wrote it. Times are µs UTC."""

    time: int
    is_error: bool
    text: str
    is_line: bool = False  # written by `run.write_logs`, not by the terminal


@value
class Alert:
    """A message that the run sent."""

    title: str
    text: str
    level: str  # "INFO", "WARN" or "ERROR"


@value
class LoggedArtifact:
    """An artifact that the run logged."""

    artifact: Artifact
    manifest_file: str = ""  # where its files are listed, when they are too many for the record


@value
class Used:
    """An artifact that the run read."""

    id: str
    type: str
    name: str


@mutable
class RunLog:
    """All that a transaction log says of its run. Times are µs UTC, 0: not told."""

    id: str = ""
    entity: str = ""
    project: str = ""
    name: str = ""
    notes: str = ""
    group: str = ""
    job_type: str = ""
    sweep: str = ""
    host: str = ""
    tags: list[str] = field(default_factory=list)
    started_at: int = 0
    starting_step: int = 0
    is_resumed: bool = False
    forked_from: tuple[str, float] | None = None  # run and step
    git: tuple[str, str] = ("", "")  # remote and commit
    config: dict[str, Json] = field(default_factory=dict)  # nested, without the wrapping of the wire
    summary: dict[str, Json] = field(default_factory=dict)  # nested
    history: list[dict[str, Json]] = field(default_factory=list)  # lines as the wire has them
    stats: list[dict[str, Json]] = field(default_factory=list)  # system metrics, lines as the wire has them
    output: list[Output] = field(default_factory=list)
    definitions: list[dict[str, Json]] = field(default_factory=list)  # as the config on the wire lists them
    files: list[str] = field(default_factory=list)
    artifacts: list[LoggedArtifact] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    telemetry: dict[str, Json] = field(default_factory=dict)
    environment: dict[str, Json] = field(default_factory=dict)
    tensorboard: list[str] = field(default_factory=list)  # folders whose event files it followed
    exit_code: int | None = None
    seconds: int = 0  # how long it ran, where its end says it
    last_at: int = 0  # the newest time in any record
    unknown: dict[int, int] = field(default_factory=dict)  # kinds of records that nobody here knows, and how many
    damage: list[str] = field(default_factory=list)


def gather(records: Iterator[bytes], log: RunLog) -> None:
    """Take the records of a log in. What is no record is told in the log's damage."""
    summary: dict[tuple[str, ...], bytes | None] = {}
    for data in records:
        try:
            record = Message(data)
            kind = next((number for number in _HANDLERS if number in record), 0)
            if kind == SUMMARY:
                _gather_summary(record.message(kind), summary)
            elif kind:
                _HANDLERS[kind](log, record.message(kind))
            else:
                _count_unknown(log, record)
        except (CorruptData, InvalidInput) as error:
            log.damage.append(error.message)
    for path, text in summary.items():
        if text is None:
            _take_out(log.summary, path)
            continue
        try:
            _put(log.summary, path, read_json(text))
        except InvalidInput as error:
            log.damage.append(error.message)


def _count_unknown(log: RunLog, record: Message) -> None:
    for number in record.numbers():
        if number not in _NO_MATTER:
            log.unknown[number] = log.unknown.get(number, 0) + 1


def _micros(stamp: Message) -> int:
    return stamp.integer(1) * 1_000_000 + stamp.integer(2) // 1000


def _path(item: Message) -> tuple[str, ...]:
    return tuple(item.texts(2)) or (item.text(1),)


def _put(tree: dict[str, Json], path: Sequence[str], value: Json) -> None:
    """Set a value; of a mapping each leaf, beside what is there."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _put(tree, (*path, key), item)
        return
    for part in path[:-1]:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    tree[path[-1]] = value


def _take_out(tree: dict[str, Json], path: Sequence[str]) -> None:
    for part in path[:-1]:
        below = tree.get(part)
        if not isinstance(below, dict):
            return
        tree = below
    tree.pop(path[-1], None)


def _gather_summary(body: Message, summary: dict[tuple[str, ...], bytes | None]) -> None:
    for item in body.messages(1):
        path = _path(item)
        summary.pop(path, None)
        summary[path] = item.data(16)
    for item in body.messages(2):
        path = _path(item)
        for known in [other for other in summary if other[: len(path)] == path]:
            del summary[known]
        summary[path] = None


def _history(log: RunLog, body: Message) -> None:
    line: dict[str, Json] = {}
    for item in body.messages(1):
        _put(line, _path(item), _history_value(item))
    if 2 in body and "_step" not in line:
        line["_step"] = body.message(2).integer(1)
    time = line.get("_timestamp")
    if isinstance(time, int | float) and 0 < time < 1 << 40:
        log.last_at = max(log.last_at, int(time * 1_000_000))
    log.history.append(line)


def _history_value(item: Message) -> Json:
    for number, read in _TYPED.items():
        if number in item:
            return read(item)
    return read_json(item.data(16))


_TYPED: dict[int, Callable[[Message], Json]] = {
    3: lambda item: None,
    4: lambda item: item.flag(4),
    5: lambda item: item.zigzag(5),
    6: lambda item: item.double(6),
    7: lambda item: item.text(7),
    8: lambda item: read_json(item.data(8)),
}


def _config(log: RunLog, body: Message) -> None:
    for item in body.messages(1):
        _put(log.config, _path(item), read_json(item.data(16)))
    for item in body.messages(2):
        _take_out(log.config, _path(item))


def _run(log: RunLog, body: Message) -> None:
    """What a run says of itself: at its beginning, and again when its name, notes or tags change."""
    log.id = body.text(1) or log.id
    log.entity = body.text(2) or log.entity
    log.project = body.text(3) or log.project
    log.group = body.text(6) or log.group
    log.job_type = body.text(7) or log.job_type
    log.name = body.text(8) or log.name
    log.notes = body.text(9) or log.notes
    log.tags = body.texts(10) or log.tags
    log.sweep = body.text(12) or log.sweep
    log.host = body.text(13) or log.host
    log.started_at = log.started_at or _micros(body.message(17))
    log.starting_step = log.starting_step or body.integer(14)
    log.is_resumed = log.is_resumed or body.flag(18)
    git = body.message(21)
    log.git = (git.text(1) or log.git[0], git.text(2) or log.git[1])
    if 23 in body:
        origin = body.message(23)
        log.forked_from = (origin.text(1), origin.double(2))
    _config(log, body.message(4))
    _telemetry(log, body.message(19))
    log.last_at = max(log.last_at, log.started_at)


def _telemetry(log: RunLog, body: Message) -> None:
    for number, key in ((4, "python_version"), (5, "cli_version"), (13, "platform")):
        if text := body.text(number):
            log.telemetry[key] = text


def _exit(log: RunLog, body: Message) -> None:
    log.exit_code, log.seconds = body.integer(1), body.integer(2)


def _stats(log: RunLog, body: Message) -> None:
    stamp = body.message(2)
    log.last_at = max(log.last_at, _micros(stamp))
    line = {f"system.{item.text(1)}": read_json(item.data(16)) for item in body.messages(3)}
    log.stats.append({**line, "_timestamp": float(stamp.integer(1)) + float(stamp.integer(2)) / 1e9})


def _raw_output(log: RunLog, body: Message) -> None:
    time = _micros(body.message(2))
    log.last_at = max(log.last_at, time)
    log.output.append(Output(time, body.integer(1) == 0, body.text(3)))


def _written_output(log: RunLog, body: Message) -> None:
    log.output.append(Output(log.last_at, False, body.text(1), is_line=True))


def _files(log: RunLog, body: Message) -> None:
    log.files += [item.text(1) for item in body.messages(1)]


def _alert(log: RunLog, body: Message) -> None:
    log.alerts.append(Alert(body.text(1), body.text(2), body.text(3)))


def _tensorboard(log: RunLog, body: Message) -> None:
    log.tensorboard.append(body.text(1))


def _used(log: RunLog, body: Message) -> None:
    log.used.append(Used(body.text(1), body.text(2), body.text(3)))


def _metric(log: RunLog, body: Message) -> None:
    """A definition of a metric, in the words in which the config of a run lists them on the wire."""
    options, summary = body.message(6), body.message(7)
    made: dict[str, Json] = {str(number): body.text(number) for number in (1, 2, 4) if body.text(number)}
    made["6"] = [number for number in (1, 2, 3) if options.flag(number)]
    made["7"] = [number for number in range(1, 9) if summary.flag(number)]
    if body.integer(8):
        made["8"] = body.integer(8)
    if body.message(9).flag(1):
        log.definitions = [item for item in log.definitions if (item.get("1"), item.get("2")) != _named(made)]
    log.definitions.append({key: item for key, item in made.items() if item})


def _named(definition: dict[str, Json]) -> tuple[Json, Json]:
    return definition.get("1"), definition.get("2")


def _artifact(log: RunLog, body: Message) -> None:
    manifest = body.message(12)
    metadata = read_json(body.data(8)) if body.data(8) else {}
    made = Artifact(
        id=body.text(15) or f"{log.id}/{len(log.artifacts)}",
        name=body.text(5),
        type=body.text(4),
        digest=body.text(6),
        files=tuple(map(_file, manifest.messages(4))),
        description=body.text(7),
        metadata=metadata if isinstance(metadata, dict) else {},
        aliases=tuple(body.texts(11)),
        tags=tuple(body.texts(19)),
        is_input=body.flag(10),
    )
    log.artifacts.append(LoggedArtifact(made, manifest.text(5)))


def _file(item: Message) -> ArtifactFile:
    extra = {pair.text(1): read_json(pair.data(2)) for pair in item.messages(16)}
    return ArtifactFile(item.text(1), item.text(2), item.integer(4), item.text(3), extra, item.text(6))


def listed_file(line: bytes) -> ArtifactFile:
    """A line of a list of files that stands beside the log. Raises `InvalidInput`."""
    told = read_object(line)
    size, extra = told.get("size"), told.get("extra")
    return ArtifactFile(
        str(told.get("path", "")),
        str(told.get("digest", "")),
        size if isinstance(size, int) else 0,
        str(told.get("ref") or ""),
        extra if isinstance(extra, dict) else {},
        str(told.get("local_path") or ""),
    )


def _environment(log: RunLog, body: Message) -> None:
    """What the run ran in, in the words of `wandb-metadata.json`."""
    for number, key in _PLACES.items():
        if text := body.text(number):
            log.environment[key] = text
    if args := body.texts(5):
        log.environment["args"] = args
    for number, key in ((16, "cpu_count"), (17, "cpu_count_logical"), (19, "gpu_count")):
        if count := body.integer(number):
            log.environment[key] = count
    if memory := body.message(21).integer(1):
        log.environment["memory"] = {"total": str(memory)}
    if model := body.message(22).text(3):
        log.environment["cpu"] = {"model": model}
    disks = {pair.text(1): pair.message(2) for pair in body.messages(20)}
    if disks:
        told = {key: {"total": str(disk.integer(1)), "used": str(disk.integer(2))} for key, disk in disks.items()}
        log.environment["disk"] = told
    if gpus := [{"name": item.text(1), "memoryTotal": str(item.integer(2))} for item in body.messages(24)]:
        log.environment["gpu_nvidia"] = gpus
    git = body.message(9)
    log.git = (git.text(1) or log.git[0], git.text(2) or log.git[1])
    log.environment["writer"] = body.text(199)


_PLACES = {
    1: "os", 2: "python", 4: "docker", 6: "program", 7: "codePath", 8: "codePathLocal", 10: "email", 11: "root",
    12: "host", 13: "username", 14: "executable", 15: "colab", 18: "gpu", 25: "cudaVersion",
}  # fmt: skip

_HANDLERS: dict[int, Callable[[RunLog, Message], None]] = {
    HISTORY: _history,
    SUMMARY: lambda log, body: None,  # gathered apart: most of them are replaced by the next one
    STATS: _stats,
    RAW_OUTPUT: _raw_output,
    CONFIG: _config,
    FILES: _files,
    ARTIFACT: _artifact,
    TENSORBOARD: _tensorboard,
    ALERT: _alert,
    TELEMETRY: _telemetry,
    METRIC: _metric,
    RUN: _run,
    EXIT: _exit,
    USED_ARTIFACT: _used,
    ENVIRONMENT: _environment,
    WRITTEN_OUTPUT: _written_output,
    OUTPUT: _raw_output,
}
