"""A folder of TensorBoard's event files as a `domain.foreign.Source`: one run for each folder with such files."""

from __future__ import annotations

import json
import os
import re
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from madang.domain.foreign import Details, Experiment, LeftOut, Model, Point, Run, StoredFile, Version
from madang.domain.values import mutable, value
from madang.errors import CorruptData, NotFound, StorageError
from madang.formats.tensorboard.events import Entry, EventReader, Media, media_in
from madang.formats.tensorboard.records import read_records
from madang.workspace.moving.hashing import hashed
from madang.workspace.moving.places import is_inside

_EVENTS = "tfevents"  # what the name of an event file has in it
_HOST = re.compile(r"tfevents\.\d+\.(?P<host>.+?)(?:\.\d+){0,2}(?:\.v2)?\Z")
_UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f]')
_MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "image/bmp",
          ".wav": "audio/wav", ".mp3": "audio/mpeg", ".md": "text/markdown", ".json": "application/json"}  # fmt: skip


@value
class _Origin:
    """Where the bytes of a file of a run stand: which event file, record, value and part of it."""

    file: str
    offset: int
    place: int
    plugin: str
    part: int


@mutable
class _Found:
    """What was read of one run."""

    metrics: dict[str, list[Point]] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    origins: dict[str, _Origin] = field(default_factory=dict)
    reader: EventReader = field(default_factory=EventReader)


class EventFolders:
    """Event files below a folder."""

    def __init__(self, path: str, project: str) -> None:
        """Raises `NotFound` when there are none."""
        self.name = os.path.abspath(path)
        self.problems: list[LeftOut] = []
        self._project = project
        self._runs = _event_files(self.name)
        self._origins: dict[str, dict[str, _Origin]] = {}
        self._others: dict[str, int] = {}
        if not self._runs:
            raise NotFound(
                f"There are no event files of TensorBoard in {path}.", hint="Their names have `tfevents` in them."
            )

    def experiments(self) -> list[Experiment]:
        """See `Source.experiments`: one, since TensorBoard knows no projects."""
        return [Experiment("", self._project)]

    def count(self, experiment: Experiment) -> int:
        """See `Source.count`."""
        return len(self._runs)

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """See `Source.runs`."""
        for name, paths in self._runs.items():
            yield self._run(name, paths)

    def files(self, run: Run) -> list[StoredFile]:
        """See `Source.files`."""
        return run.files

    @contextmanager
    def open(self, run: Run, path: str) -> Iterator[Iterator[bytes]]:
        """See `Source.open`."""
        origin = self._origins[run.id][path]
        damage: list[str] = []
        try:
            with open(origin.file, "rb") as file:
                found = next(read_records(file, damage, origin.offset), None)
        except OSError as error:
            raise StorageError(f"{origin.file} cannot be read: {error.strerror}.") from error
        if found is None:
            raise CorruptData(f"{origin.file} has changed while it was read.")
        yield iter([_parts(media_in(found[1], origin.place, origin.plugin))[origin.part]])

    def models(self) -> list[Model]:
        """See `Source.models`: TensorBoard has none."""
        return []

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """See `Source.version_files`."""
        return None

    def others(self) -> dict[str, int]:
        """See `Source.others`."""
        return self._others

    def close(self) -> None:
        """See `Source.close`."""

    def _run(self, name: str, paths: list[str]) -> Run:
        found = _Found()
        for path in paths:
            self._read(name, path, found)
        for kind, count in found.reader.others.items():
            self._others[kind] = self._others.get(kind, 0) + count
        told, host = found.reader.hyperparameters, _HOST.search(os.path.basename(paths[0]))
        run = _run_id(self._project, name, os.path.basename(paths[0]))
        self._origins[run] = found.origins
        return Run(
            run,
            "",
            name=os.path.basename(self.name) if name == "." else name,
            status=told.status or "finished",
            started_at=told.started_at or found.reader.first_at,
            ended_at=told.ended_at or found.reader.last_at,
            group=told.group,
            params=dict(told.params),
            tags={"tensorboard.run": name},
            metrics=found.metrics,
            files=list(found.files.values()),
            details=Details(host=host["host"] if host else ""),
        )

    def _read(self, name: str, path: str, found: _Found) -> None:
        """Take one event file in."""
        damage: list[str] = []
        try:
            with open(path, "rb") as file:
                for offset, data in read_records(file, damage):
                    try:
                        for entry in found.reader.read(data):
                            _add(found, entry, path, offset)
                    except CorruptData as error:
                        damage.append(f"the event at byte {offset}: {error.message}")
                    if found.reader.restart is not None:
                        _take_back(found, found.reader.restart)
        except OSError as error:
            damage.append(f"it cannot be read: {error.strerror}")
        for reason in damage:
            self.problems.append(LeftOut("events", f"{name}: {os.path.basename(path)}", reason))


def _event_files(folder: str) -> dict[str, list[str]]:
    """The event files of each run, in the order of their names; runs by the names that TensorBoard gives them."""
    if os.path.isfile(folder):
        return {".": [folder]} if _EVENTS in os.path.basename(folder) else {}
    found: dict[str, list[str]] = {}
    for here, folders, names in os.walk(folder):
        folders.sort()
        paths = [os.path.join(here, name) for name in sorted(names) if _EVENTS in name]
        paths = [path for path in paths if os.path.isfile(path) and is_inside(path, [os.path.realpath(folder)])]
        if paths:
            found[os.path.relpath(here, folder).replace(os.sep, "/")] = paths
    return found


def _run_id(project: str, name: str, first: str) -> str:
    told = f"tensorboard\0{project}\0{name}\0{first}".encode("utf-8", "surrogatepass")
    return blake2b(told, digest_size=16).hexdigest()


def _add(found: _Found, entry: Entry, path: str, offset: int) -> None:
    points = found.metrics.setdefault(entry.tag, [])
    if not isinstance(entry.value, Media):
        points.append((entry.step, entry.time, entry.value))
        return
    media = entry.value
    pointers: list[dict[str, Any]] = []
    for part, data in enumerate(_parts(media)):
        digest, size = hashed([data])
        ending = ".json" if media.kind == "table" else media.ending
        name = f"media/{_safe(entry.tag)}/{entry.step}-{digest[7:15]}{ending}"
        found.files[name] = StoredFile(name, size, digest)
        found.origins[name] = _Origin(path, offset, entry.place, entry.plugin, part)
        pointers.append({"path": name, "digest": digest, "size": size, "mime": _MIMES.get(ending, "")})
    points.append((entry.step, entry.time, _pointer(media, pointers)))


def _take_back(found: _Found, step: int) -> None:
    """Forget what came before a restart at a step and lies behind it, as TensorBoard does."""
    for tag, points in found.metrics.items():
        found.metrics[tag] = [point for point in points if point[0] < step]
    found.metrics = {tag: points for tag, points in found.metrics.items() if points}


def _parts(media: Media) -> list[bytes]:
    """The bytes of each file that media are kept in."""
    if media.kind == "table":
        return [json.dumps(media.facts, separators=(",", ":")).encode()]
    return list(media.data)


def _pointer(media: Media, files: list[dict[str, Any]]) -> dict[str, Any]:
    """What a point of the metric says."""
    if media.kind == "table":
        facts = {"rows": len(media.facts["data"]), "columns": len(media.facts["columns"])}
        return {"media": "table", **files[0], **facts}
    if len(files) == 1:
        return {"media": media.kind, **files[0], **media.facts}
    if files:
        names = [file["path"] for file in files]
        kind = {"_type": "images/separated"} if media.kind == "images" else {}
        return {"media": media.kind, **kind, "count": len(files), "filenames": names, **media.facts}
    return {"media": media.kind, **media.facts}


def _safe(tag: str) -> str:
    """A tag as folders of a path: no part that leads elsewhere, none that a file system refuses."""
    parts = [_UNSAFE.sub("_", part)[:80] for part in tag.split("/")]
    return "/".join(part if part not in ("", ".", "..") else "_" for part in parts[:20])
