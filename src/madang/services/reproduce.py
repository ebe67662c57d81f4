"""Reproduction: what is missing before anything runs, and what came of the repetition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field, replace
from fnmatch import fnmatchcase
from typing import BinaryIO, Protocol, TypeAlias

from madang.domain import reproduce as rules
from madang.domain.compare import value_of
from madang.domain.events import DefineMetric
from madang.domain.held import is_held
from madang.domain.metrics import definition_of
from madang.domain.pipelines import stage_outs
from madang.domain.query import Compare, Field, RunQuery
from madang.domain.redact import MASK
from madang.domain.reproduce import Judgement, Points, Side
from madang.domain.runs import RunRecord
from madang.domain.spread import Spread
from madang.domain.values import mutable, value
from madang.errors import MadangError, NotFound
from madang.ports.git import Git
from madang.ports.reader import Reader

Normal = Callable[[BinaryIO, str], str]
"""The digest of a file's bytes without volatile fields; gets the open file and its path."""

TAG = "madang.reproduces"  # on a repetition: the id of the original


@mutable
class Preflight:
    """``missing`` stops the reproduction; ``withheld`` does until local files are allowed; ``notes`` do not."""

    missing: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_record(run: RunRecord, reader: Reader, git: Git | None, *, with_local: bool) -> Preflight:
    """What the record, its blobs and the repository lack. Data and environment are checked where they lie."""
    found = Preflight()
    if run.status == "running":
        found.missing.append("the end of the run: it is still running")
    held = [text.partition(": ")[2] for text in run.damage if is_held(text)]
    if held:  # what the rest lacks, these may have
        found.missing += [f"part of the record, which is not here: {text}" for text in dict.fromkeys(held)]
        return found
    found.missing += [f"part of the record, which is damaged: segment {text}" for text in run.damage]
    if not run.command:
        found.missing.append("the command line: it was not recorded")
    elif any(MASK in word for word in run.command):
        found.missing.append("a secret in the command line, which was not recorded")
    elif lack := rules.not_repeatable(run.command):
        found.missing.append(lack)
    writers = [segment.writer for segment in run.segments]
    ranks = len({segment.rank for segment in run.segments if segment.writer in ("process", "rank", "resume")})
    if ranks > 1 and "launcher" not in writers:
        found.missing.append(f"the command that started the {ranks} ranks: only that of the first was recorded")
    if "resume" in writers:
        found.notes.append("the run was resumed; only its last command is repeated, from the beginning")
    _check_code(run, reader, git, found)
    for use in run.uses:
        if use.version:
            _check_use(run, reader, use.ref, use.version, found)
    if run.code is not None and not with_local:
        found.missing += [f"withheld: {item}" for item in found.withheld]
    return found


def _check_code(run: RunRecord, reader: Reader, git: Git | None, found: Preflight) -> None:
    code = run.code
    if code is None:
        found.missing.append("the code: it was not captured")
        return
    if not code.commit:
        found.missing.append("the commit: the run was made outside a Git repository, or before its first commit")
    elif git is None:
        found.missing.append(f"the repository of commit {code.commit}: there is none here")
    elif not git.has_commit(code.commit):
        where = f"; fetch it from {code.remote}" if code.remote else ""
        found.missing.append(f"commit {code.commit}: it is not in {git.root}{where}")
    blobs = [("the diff", code.diff.digest)] if code.diff is not None else []
    blobs += [(f"the untracked file {item.path}", item.digest) for item in code.untracked]
    for what, digest in blobs:
        if not _has(reader, run.project, digest):
            found.missing.append(f"{what} ({digest}): its bytes are not in {reader.place}")
    found.withheld += sorted(item.path for item in code.withheld)
    if code.dirty and code.diff is None and not code.withheld:
        found.missing.append("the diff: it was not captured")
    found.notes += [f"not captured: {item.path} ({item.reason})" for item in code.skipped]


def _check_use(run: RunRecord, reader: Reader, ref: str, version: str, found: Preflight) -> None:
    try:
        now = reader.resolve(run.project, ref)
        entries = reader.manifest(run.project, version)
    except NotFound:
        found.missing.append(f"the version {version}, which the run used")
        return
    if now.ref != version:
        found.missing.append(f"{ref} as {version}: it means {now.ref} now")
    for entry in entries:
        if not _has(reader, run.project, entry.digest):
            found.missing.append(f"{version}/{entry.path} ({entry.digest}): its bytes are not in {reader.place}")


def _has(reader: Reader, project: str, digest: str) -> bool:
    try:
        reader.open_blob(project, digest).close()
    except NotFound:
        return False
    return True


class DataBytes(Protocol):
    """The bytes behind the MD5s of what stages made."""

    def listing(self, digest: str) -> dict[str, str]:
        """Digests by path of the files of a folder. Raises `NotFound`."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Raises `NotFound`."""
        ...


@value
class Leniency:
    """What the user lets pass beyond the run's own definitions."""

    ignored: tuple[str, ...] = ()  # patterns of metrics that are not compared
    rtol: float | None = None
    atol: float | None = None

    def applied(self, keys: Iterable[str], definitions: dict[str, DefineMetric]) -> dict[str, DefineMetric]:
        """The definitions of some metrics with this laid over."""
        found = dict(definitions)
        for key in keys:
            own = definition_of(key, definitions)
            found[key] = replace(
                own,
                key=key,
                volatile=own.volatile or any(fnmatchcase(key, pattern) for pattern in self.ignored),
                rtol=own.rtol if self.rtol is None else self.rtol,
                atol=own.atol if self.atol is None else self.atol,
            )
        return found


def compare(
    reader: Reader,
    original: RunRecord,
    again_reader: Reader,
    again: RunRecord,
    normal: Normal,
    *,
    local: int = 0,
    data: DataBytes | None = None,
    leniency: Leniency | None = None,
) -> Judgement:
    """The verdict over a repetition, from what both runs have recorded. ``local`` counts files taken as they are now.

    Raises:
        MadangError: a record or the bytes of an output cannot be read.
    """
    if again.signal:
        return rules.cannot([f"the end of the repetition: it was killed by signal {again.signal}"])
    one, other = side_of(reader, original), side_of(again_reader, again)
    outside = [path for path in one.outputs if is_outside(path)]
    for path in outside:
        del one.outputs[path]
    if data is not None:
        _open_folders(one.outputs, other.outputs, data)
    for path in one.outputs:
        if path in other.outputs and one.outputs[path] != other.outputs[path]:
            _normalize((reader, original, one), (again_reader, again, other), path, normal, data)
    changed = original.captured.changed if original.captured else ["(the capture of the code did not end)"]
    skipped = {**_not_compared(reader, original), "local files of unknown content": local}
    skipped["outputs outside the work tree"] = len(outside)
    keys = [*original.metrics, *again.metrics, *original.summary]
    definitions = (leniency or Leniency()).applied(keys, original.definitions)
    return rules.judge(one, other, definitions, changed=changed, not_compared=skipped)


def _open_folders(one: dict[str, str], other: dict[str, str], data: DataBytes) -> None:
    """Put the files of folders that differ in the place of the folders."""
    for path in [path for path in one if one[path].endswith(".dir") and one[path] != other.get(path, one[path])]:
        try:
            files = [data.listing(side[path]) for side in (one, other)]
        except NotFound:
            continue  # the folders' own digests count
        for side, found in zip((one, other), files, strict=True):
            del side[path]
            side.update((f"{path}/{inside}", digest) for inside, digest in found.items())


def spreads(original: RunRecord, repetitions: Sequence[RunRecord]) -> dict[str, Spread]:
    """The metrics that are not the same in a run and all its repetitions, volatile ones left out."""
    keys = [key for key in original.metrics if not rules.is_volatile(key, original.definitions)]
    found = {key: Spread(value_of(original, key), [value_of(run, key) for run in repetitions]) for key in keys}
    return {key: one for key, one in found.items() if repr([one.original] * len(repetitions)) != repr(one.repeated)}


def unsteady(reader: Reader, repetitions: Sequence[RunRecord], normal: Normal, leniency: Leniency) -> list[str]:
    """The metrics and outputs in which repetitions of one run differ from each other, bit for bit."""
    exact = Leniency(leniency.ignored, 0.0, 0.0)
    first, *others = repetitions
    found: set[str] = set()
    for one in others:
        for what in compare(reader, first, reader, one, normal, leniency=exact).differences:
            found.add(str(what.get("key") or what.get("path") or what["kind"]))
    return sorted(found)


def is_outside(path: str) -> bool:
    """Whether an output lies outside the work tree: the file there may still be the original's own."""
    return path.startswith(("/", "../"))


_Whole: TypeAlias = tuple[Reader, RunRecord, Side]


def _normalize(one: _Whole, other: _Whole, path: str, normal: Normal, data: DataBytes | None) -> None:
    """Put digests without volatile fields in the place of those of an output, where the bytes of both are here."""
    found = []
    for reader, run, side in (one, other):
        digest = side.outputs[path]
        if not digest.startswith("md5:"):
            file = reader.open_blob(run.project, digest)
        elif data is None or digest.endswith(".dir"):
            return
        else:
            try:
                file = data.open(digest)
            except NotFound:
                return
        with file:
            found.append(normal(file, path))
    one[2].outputs[path], other[2].outputs[path] = found


def side_of(reader: Reader, run: RunRecord) -> Side:
    """What of a run can be compared."""
    keys = [key for key in run.metrics if not rules.is_volatile(key, run.definitions)]
    series = reader.history([run.id], keys)[run.id] if keys else {}
    metrics = {key: Points(item.steps, item.values) for key, item in series.items()}
    for key in run.metrics:
        metrics.setdefault(key, Points((), ()))  # volatile: only counted
    span = (run.created_at, run.ended_at)
    return Side(run.status, run.exit_code, metrics, dict(run.summary), outputs_of(reader, run), span)


def repetitions_of(reader: Reader, run: RunRecord) -> list[RunRecord]:
    """The reproductions of a run that came to a verdict, oldest first."""
    query = RunQuery((run.project,), Compare(Field("tags", TAG), "=", run.id), limit=1000, keys=())
    found = [reader.run(one.id) for one in reader.runs(query).runs]
    return sorted((one for one in found if one.verdict is not None), key=lambda one: one.created_at)


def written_by_children(reader: Reader, run: RunRecord) -> set[str]:
    """Paths that the runs wrote which a run has started: they are its own work as well."""
    found: set[str] = set()
    waiting, seen = [run.id], {run.id}
    while waiting:
        query = RunQuery(
            (run.project,), Compare(Field("attributes", "parent"), "=", waiting.pop()), limit=1000, keys=()
        )
        for child in reader.runs(query).runs:
            if child.id not in seen:
                seen.add(child.id)
                waiting.append(child.id)
                whole = reader.run(child.id)
                found.update(path for path, how in whole.opened.items() if "w" in how)
                found.update(item.path for item in whole.outputs)
    return found


def outputs_of(reader: Reader, run: RunRecord) -> dict[str, str]:
    """Digests by path of what the run wrote: outputs, files, and versions as ``name/path``.

    Versions that were made of the run's files after its end are not its own doing. Files of outputs that are versions
    too count once; media are compared through the metrics that point at them.
    """
    found = {item.path: item.digest for item in run.outputs}
    found |= {item.path: item.digest for item in stage_outs(run)}
    found |= {item.path: item.digest for item in run.files if not item.path.startswith("media/")}
    kept = set(found.values())
    for ref in run.versions:
        version = reader.resolve(run.project, ref)
        if run.ended_at and version.created_at > run.ended_at:
            continue
        entries = reader.manifest(run.project, ref)
        if version.type == "file" and all(entry.digest in kept for entry in entries):
            continue
        found |= {f"{version.name}/{entry.path}": entry.digest for entry in entries}
    return found


def _not_compared(reader: Reader, run: RunRecord) -> dict[str, int]:
    lines = reader.console(run.id, limit=1).total
    media = sum(item.path.startswith("media/") for item in run.files)
    skipped = len(run.code.skipped) if run.code else 0
    return {"console lines": lines, "media files": media, "files that were not captured": skipped}


def refusal(error: MadangError) -> Judgement:
    """An error while preparing, as the verdict CANNOT."""
    return rules.cannot([error.message])
