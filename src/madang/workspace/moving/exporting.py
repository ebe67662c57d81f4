"""Writing what a store of ours holds so that MLflow reads it: its database, and files beside it; then compare, report.

What MLflow has no place for goes to artifacts of the run, and the report says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from madang.domain.fidelity import Report, Tally, differing, tally_experiment, tally_model, tally_run
from madang.domain.foreign import Experiment, LeftOut, Model, Run, Source, StoredFile, shared
from madang.domain.runs import RunRecord
from madang.domain.versions import Entry
from madang.errors import MadangError, StorageError
from madang.ports.versions import CollectionRow
from madang.workspace.moving import aside
from madang.workspace.moving.hashing import hashed
from madang.workspace.moving.importing import Wanted, chosen
from madang.workspace.moving.mlflow_writing import DatabaseWriter, place
from madang.workspace.moving.store import OwnStore

_KEY = re.compile(r"[/\w.\- :]+\Z")  # what MLflow's client asks for
OpenExport = Callable[[str, str], Source]
"""Opens the database in the making: its path, and the folder of its files."""


def send(
    own: OwnStore, target: DatabaseWriter, wanted: Wanted, read_back: OpenExport, tell: Callable[[int], None]
) -> Report:
    """Export; ``tell`` is called with the number of runs done since its last call.

    Raises:
        NotFound: a wanted experiment does not exist.
        StorageError: the target cannot be written; nothing has its name then.
    """
    try:
        return _Export(own, target, wanted, tell).do(read_back)
    except BaseException:
        target.drop()
        raise


class _Export:
    def __init__(self, own: OwnStore, target: DatabaseWriter, wanted: Wanted, tell: Callable[[int], None]) -> None:
        self._own = own
        self._target = target
        self._wanted = wanted
        self._tell = tell
        self._report = Report(own.name, target.path)
        self._there: dict[str, Tally] = {}
        self._runs: dict[str, Run] = {}  # what was asked of each, without its points
        self._aside: dict[str, int] = {}  # parts of runs that are kept as artifacts
        self._odd_keys: set[str] = set()
        self._names: set[str] = set()

    def do(self, read_back: OpenExport) -> Report:
        self._own.services.tracking.catch_up()
        for experiment in chosen(self._own, self._wanted):
            self._report.there.merge(tally_experiment(experiment))
            self._target.experiment(experiment)
            for run in self._own.runs(experiment):
                self._run(run, experiment)
                self._tell(1)
        for row, model in self._own.model_rows():
            self._model(row, model)
        self._target.checkpoint()
        source = read_back(self._target.aside, self._target.files)
        try:
            self._compare(source)
        finally:
            source.close()
        self._note()
        self._report.left_out += self._own.problems
        self._target.finish()
        return self._report

    def _run(self, run: Run, experiment: Experiment) -> None:
        record = self._own.record(run.id)
        assert record is not None
        folder = os.path.join(self._target.files, place(run))
        if self._wanted.files:
            run.files = [item for item in run.files if self._file(record, folder, item, run.id)]
        else:
            run.files = []
        if not run.job_type:
            self._beyond(run, record, folder)
        self._odd_keys |= {key for key in (*run.metrics, *run.params) if not _KEY.match(key)}
        self._target.run(run)
        self._there[run.id] = tally_run(run, experiment.name)
        self._report.there.merge(self._there[run.id])
        self._runs[run.id] = run

    def _file(self, record: RunRecord, folder: str, file: StoredFile, owner: str) -> bool:
        try:
            self._copy(record.project, os.path.join(folder, file.path), file.digest)
        except MadangError as error:
            self._report.left_out.append(LeftOut("files", f"{owner}: {file.path}", error.message))
            return False
        return True

    def _copy(self, project: str, path: str, digest: str) -> None:
        with self._own.open_blob(project, digest) as pieces:
            _write(path, pieces)

    def _beyond(self, run: Run, record: RunRecord, folder: str) -> None:
        """Keep what MLflow has no place for as artifacts of the run."""
        parts = aside.beyond(record)
        stored = self._own.services.records.runs.get(run.id)
        assert stored is not None
        metrics = self._own.services.records.runs.metrics([stored.number], None, 1 << 40)[stored.number]
        if any(not isinstance(item.last, int | float) for item in metrics.values()):
            parts.append("points that are no numbers")
        console = aside.console_of(self._own, run.id)
        if console:
            parts.append("console")
            _write(os.path.join(folder, aside.CONSOLE), [console])
        for entry in aside.files_beyond(self._own, record) if self._wanted.files else ():
            self._file(record, folder, StoredFile(entry.path, entry.size, entry.digest), run.id)
        if parts:
            _write(os.path.join(folder, aside.RECORD), [aside.written_record(record, metrics)])
        for name in parts:
            self._aside[name] = self._aside.get(name, 0) + 1

    def _model(self, row: CollectionRow, model: Model) -> None:
        name = self._name(model.name, row.project)
        model = replace(model, name=name)
        places = {}
        for version in model.versions:
            found = self._own.services.models.version(self._own.who, row, version.number)
            entries = self._own.services.models.entries(self._own.who, found)
            folder = self._run_folder(version.location, entries)
            if folder is None and entries and self._wanted.files:
                folder = f"versions/{name}/{version.number}"
                self._version_files(found.project, folder, entries)
            if folder is not None:
                places[version.number] = folder
        if self._wanted.experiments and not any(item.run in self._runs for item in model.versions):
            return
        self._target.model(model, places)
        self._report.there.merge(tally_model(model))

    def _name(self, name: str, project: str) -> str:
        """A name that MLflow takes and that no other model has."""
        made = re.sub(r"[/:]", ".", name)
        if made in self._names:
            made = f"{made} ({project})"
        self._names.add(made)
        if made != name:
            self._report.changed.append(LeftOut("models", f"{project}/{name}", f"it is called {made} there"))
        return made

    def _run_folder(self, location: str, entries: Iterable[Entry]) -> str | None:
        """The folder among the files of a run, or of a logged model, that has the files of a version."""
        parts = urlsplit(location)
        if parts.scheme != "mlflow-artifacts":
            return None
        path = unquote(parts.path).strip("/")
        root = os.path.join(self._target.files, path)
        is_whole = all(os.path.isfile(os.path.join(root, item.path)) for item in entries)
        return path if is_whole and ".." not in path.split("/") and os.path.isdir(root) else None

    def _version_files(self, project: str, folder: str, entries: Iterable[Entry]) -> None:
        for item in entries:
            try:
                self._copy(project, os.path.join(self._target.files, folder, item.path), item.digest)
            except MadangError as error:
                self._report.left_out.append(LeftOut("files of versions", f"{folder}: {item.path}", error.message))

    def _compare(self, source: Source) -> None:
        """Read everything back, and set it against what is here."""
        seen = set()
        for experiment in source.experiments():
            self._report.here.merge(tally_experiment(experiment))
            for run in source.runs(experiment):
                wanted = self._runs.get(run.id)
                if wanted is None:
                    continue
                seen.add(run.id)
                run.files = _known(source, run, wanted)
                here = tally_run(shared(wanted, run), experiment.name)
                self._report.here.merge(here)
                kinds = differing(self._there[run.id], here)
                if kinds:
                    reason = f"it is not the same there: {', '.join(kinds)}"
                    self._report.left_out.append(LeftOut("runs", run.id, reason))
        for missing in self._runs.keys() - seen:
            self._report.left_out.append(LeftOut("runs", missing, "it is not there after it was written"))
        for model in source.models():
            self._report.here.merge(tally_model(model))

    def _note(self) -> None:
        for name, count in self._aside.items():
            what = f"{count} runs have it; it is kept in the artifacts below {aside.FOLDER}/"
            self._report.changed.append(LeftOut(name, "", what))
        for key in sorted(self._odd_keys)[:1000]:
            self._report.changed.append(LeftOut("keys", key, "MLflow's client does not ask for such a key"))


def _known(source: Source, run: Run, wanted: Run) -> list[StoredFile]:
    """The files of a run that were asked for, with their digests."""
    paths = {item.path for item in wanted.files}
    found = []
    for item in source.files(run) if paths else ():
        if item.path in paths:
            with source.open(run, item.path) as pieces:
                digest, size = hashed(pieces)
            found.append(StoredFile(item.path, size, digest))
    return found


def _write(path: str, pieces: Iterable[bytes]) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise StorageError(f"It cannot be written: {error.strerror}.") from error
