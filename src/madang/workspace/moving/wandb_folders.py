"""Folders that W&B's client has written, `wandb/offline-run-…` and `wandb/run-…`, as a `domain.foreign.Source`.

The truth is the transaction log in each of them; neither the client nor its service is needed to read it.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from madang.domain.foreign import Artifact, ArtifactFile, Experiment, LeftOut, Model, Run, StoredFile, Version
from madang.domain.values import value
from madang.errors import CorruptData, InvalidInput, MadangError, NotFound
from madang.formats.wandb.datastore import read_log
from madang.formats.wandb.ids import project_name, run_id
from madang.formats.wandb.records import LoggedArtifact, RunLog, gather, listed_file
from madang.formats.wandb.values import read_object
from madang.workspace.moving.places import opened_file, walk_files
from madang.workspace.moving.wandb_runs import run_of

_ENDING = ".wandb"
_FIRST = 64  # records among which the run's own is looked for before all are read
_REQUIREMENTS, _METADATA, _LONGEST = "requirements.txt", "wandb-metadata.json", 4 << 20
_MOST_IDS = 100  # that a run may have where others have taken the usual one
_MOST_FILES = 2_000_000  # of one artifact


@value
class _Log:
    """One transaction log, and whose it is."""

    path: str
    project: str
    run: str
    started_at: int
    size: int

    @property
    def files(self) -> str:
        """The folder with the files of the run."""
        return os.path.join(os.path.dirname(self.path), "files")


class RunFolders:
    """Runs of W&B's client in a folder. A run that was resumed may have several logs, which are read as one."""

    def __init__(self, path: str, named: Sequence[str] = (), project: str = "") -> None:
        """``named`` are folders besides from which files may be read; ``project`` takes the place of the recorded ones.

        Raises:
            NotFound: there are no runs.
        """
        self.name = os.path.abspath(path)
        self.problems: list[LeftOut] = []
        self._project = project
        paths = _find_logs(self.name)
        if not paths:
            raise NotFound(
                f"There are no runs of W&B in {path}.", hint="Give a folder `wandb`, or one `offline-run-…` of it."
            )
        self._roots = [os.path.realpath(root) for root in (_home(paths[0]), *named)]
        self._logs: dict[str, dict[str, list[_Log]]] = {}  # by project and run
        self._skipped: list[LeftOut] = []
        for found in paths:
            self._identify(found)
        self._places: dict[str, dict[str, str]] = {}  # files of runs, and where they lie
        self._homes: dict[str, str] = {}  # where the programs of runs were
        self._named: dict[str, tuple[str, str]] = {}  # the projects and names of runs
        self._others: dict[str, int] = {}

    def experiments(self) -> list[Experiment]:
        """See `Source.experiments`: projects, with their entity where the run names one."""
        self.problems += self._skipped
        return [Experiment("", name) for name in self._logs]

    def count(self, experiment: Experiment) -> int:
        """See `Source.count`."""
        return len(self._logs[experiment.name])

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """See `Source.runs`."""
        for logs in sorted(self._logs[experiment.name].values(), key=lambda logs: (logs[0].started_at, logs[0].path)):
            yield self._run(experiment.name, logs)

    def files(self, run: Run) -> list[StoredFile]:
        """See `Source.files`."""
        return run.files

    @contextmanager
    def open(self, run: Run, path: str) -> Iterator[Iterator[bytes]]:
        """See `Source.open`."""
        place = self._places[run.id].get(path)
        if place is not None:
            with opened_file(place, self._roots) as pieces:
                yield pieces
            return
        # Files of artifacts may lie anywhere: they are taken only if they have the digest that the log tells.
        real = os.path.realpath(os.path.join(self._homes[run.id], path))
        with opened_file(real, [os.path.dirname(real)]) as pieces:
            yield pieces

    def other_ids(self, run: Run) -> Iterator[str]:
        """See `NamedSource.other_ids`."""
        project, name = self._named[run.id]
        return (run_id(project, name, generation) for generation in range(1, _MOST_IDS))

    def under(self, run: Run, id: str) -> Run:
        """See `NamedSource.under`."""
        self._places[id], self._homes[id], self._named[id] = (
            self._places[run.id],
            self._homes[run.id],
            self._named[run.id],
        )
        return replace(run, id=id)

    def models(self) -> list[Model]:
        """See `Source.models`: the folders hold none."""
        return []

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """See `Source.version_files`."""
        return None

    def others(self) -> dict[str, int]:
        """See `Source.others`."""
        return self._others

    def close(self) -> None:
        """See `Source.close`."""

    def _identify(self, path: str) -> None:
        """Find out whose log it is. One without the run's own record is known by the name of its file."""
        log, name = RunLog(), os.path.basename(os.path.dirname(path))
        try:
            size = _regular_size(path)
            with open(path, "rb") as file:
                gather(islice(read_log(file, log.damage), _FIRST), log)
        except (OSError, MadangError) as error:
            reason = error.message if isinstance(error, MadangError) else error.strerror or "it cannot be read"
            self._skipped.append(LeftOut("runs", name, reason))
            return
        run = log.id or os.path.basename(path).removesuffix(_ENDING).removeprefix("run-")
        if not log.id:
            self._skipped.append(LeftOut("names of runs", name, "its log does not tell its project and name"))
        project = self._project or project_name(log.entity, log.project)
        found = self._logs.setdefault(project, {}).setdefault(run, [])
        twin = next((item for item in found if item.started_at == log.started_at), None)
        if twin is not None and log.started_at:  # a copy of the same log: the longer one counts
            if twin.size >= size:
                return
            found.remove(twin)
        found.append(_Log(path, project, run, log.started_at, size))
        found.sort(key=lambda item: (item.started_at, item.path))

    def _run(self, project: str, found: Sequence[_Log]) -> Run:
        logs = [self._read(item) for item in found]
        requirements = ""
        for item in found:
            requirements = _text(os.path.join(item.files, _REQUIREMENTS)) or requirements
        run = run_of(project, logs, requirements)
        files: dict[str, StoredFile] = {}
        places: dict[str, str] = {}
        for item in found:
            if os.path.isdir(item.files):
                for file in walk_files(item.files, self._roots, item.run, self.problems):
                    files[file.path] = file
                    places[file.path] = os.path.join(item.files, file.path)
        run.files = list(files.values())
        run.details.artifacts = [self._artifact(run.id, item) for log in logs for item in log.artifacts]
        self._places[run.id], self._homes[run.id] = places, _home(found[-1].path)
        self._named[run.id] = project, logs[-1].id
        return run

    def _artifact(self, run: str, logged: LoggedArtifact) -> Artifact:
        """An artifact with its files, which may be listed elsewhere."""
        if not logged.manifest_file:
            return logged.artifact
        try:
            return replace(logged.artifact, files=tuple(_listed(logged.manifest_file)))
        except (OSError, EOFError, zlib.error, MadangError) as error:
            told = error.message if isinstance(error, MadangError) else str(error)
            reason = f"the list of its files, {logged.manifest_file[:200]}, cannot be read: {told}"
            self.problems.append(LeftOut("artifacts", f"{run}: {logged.artifact.name}", reason))
            return logged.artifact

    def _read(self, found: _Log) -> RunLog:
        log = RunLog()
        name = os.path.basename(os.path.dirname(found.path))
        try:
            with open(found.path, "rb") as file:
                gather(read_log(file, log.damage), log)
        except (OSError, CorruptData) as error:
            log.damage.append(error.message if isinstance(error, MadangError) else str(error.strerror))
        log.id = log.id or found.run
        if not log.environment:  # clients before 0.20 keep it in a file of the run
            _take_metadata(log, _text(os.path.join(found.files, _METADATA)))
        for reason in dict.fromkeys(log.damage):
            self.problems.append(LeftOut("records", name, reason))
        for number, count in log.unknown.items():
            kind = f"records of a newer client (kind {number})"
            self._others[kind] = self._others.get(kind, 0) + count
        return log


def _listed(path: str) -> Iterator[ArtifactFile]:
    """The files that a list beside the logs names, a JSON object a line, packed by gzip."""
    _regular_size(path)
    with gzip.open(path) as lines:
        for _ in range(_MOST_FILES):
            line = lines.readline(_LONGEST)
            if not line:
                return
            yield listed_file(line)
    raise CorruptData(f"It names more than {_MOST_FILES} files.")


def _take_metadata(log: RunLog, text: str) -> None:
    try:
        log.environment = read_object(text) if text else {}
    except InvalidInput as error:
        log.damage.append(error.message)
    git = log.environment.pop("git", None)
    if isinstance(git, dict) and not log.git[1]:
        log.git = (str(git.get("remote") or ""), str(git.get("commit") or ""))


def _find_logs(path: str) -> list[str]:
    """The transaction logs that a path means: itself, in it, in the folders of runs in it, or in its folder `wandb`."""
    if os.path.isfile(path):
        return [path] if path.endswith(_ENDING) else []
    for folder in (path, os.path.join(path, "wandb")):
        found = _logs_in(folder)
        for name in _folders(folder):
            if "run-" in name:
                found += _logs_in(os.path.join(folder, name))
        if found:
            return found
    return []


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(item.name for item in entries if item.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _logs_in(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if name.endswith(_ENDING) and name.startswith("run-")]


def _home(log: str) -> str:
    """The folder in which the program ran that wrote a log: around `wandb/offline-run-…`, if that is its place."""
    folder = os.path.dirname(os.path.abspath(log))
    parent = os.path.dirname(folder)
    return os.path.dirname(parent) if os.path.basename(parent) == "wandb" else folder


def _regular_size(path: str) -> int:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise CorruptData("Its log is no regular file.")
    return found.st_size


def _text(path: str) -> str:
    try:
        if os.path.islink(path) or not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return ""
