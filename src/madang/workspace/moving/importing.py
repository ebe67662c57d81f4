"""Bringing what another tracker holds into a store of ours: plan, carry, compare, report.

Every step may be repeated: what is here already is compared and only what is new is written, so an import that broke
off is finished by running it again. After each batch the runs are read back and set against the source.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from madang.domain import events
from madang.domain.fidelity import Report, Tally, differing, tally_experiment, tally_model, tally_run
from madang.domain.foreign import Experiment, LeftOut, Model, Run, Source, StoredFile, Version, shared
from madang.domain.projects import RegisteredProject
from madang.domain.runs import TRACE
from madang.domain.values import value
from madang.domain.versions import Entry, check_path
from madang.errors import MadangError, NotFound, StorageError, Unavailable
from madang.formats.mlflow.traces import ARTIFACTS, artifacts_at
from madang.services.adopting import AdoptedVersion
from madang.workspace.moving.facts import command_for, fit, news, settled
from madang.workspace.moving.hashing import hashed
from madang.workspace.moving.store import experiment_of
from madang.workspace.moving.taken_ids import placed
from madang.workspace.moving.target import Target, Writing

AT_ONCE = 100  # runs that one transaction writes
POINTS_AT_ONCE = 500_000
_UNKNOWN = "its files could not be listed"


@value
class Wanted:
    """What of a source is wanted, and how. ``experiments`` are names or ids; empty: all of it."""

    experiments: tuple[str, ...] = ()
    dry: bool = False
    files: bool = True
    near: bool = True  # the source lies on this machine: its files are compared by their bytes, not by their size
    freely: bool = False  # the tracker lets parameters change


def bring(source: Source, target: Target, wanted: Wanted, tell: Callable[[int], None]) -> Report:
    """Import; ``tell`` is called with the number of runs done since its last call.

    Raises:
        NotFound: a wanted experiment does not exist.
        Unavailable: the source does not answer any more; what was carried so far stays.
        StorageError: the store here cannot be written.
    """
    return _Import(source, target, wanted, tell).do()


def chosen(source: Source, wanted: Wanted) -> list[Experiment]:
    """The experiments that are wanted. Raises `NotFound`."""
    found = source.experiments()
    if not wanted.experiments:
        return found
    for name in wanted.experiments:
        if not any(name in (item.name, item.id) for item in found):
            raise NotFound(f"{source.name} has no experiment {name[:200]!r}.")
    return [item for item in found if item.name in wanted.experiments or item.id in wanted.experiments]


class _Import:
    def __init__(self, source: Source, target: Target, wanted: Wanted, tell: Callable[[int], None]) -> None:
        self._source = source
        self._target = target
        self._wanted = wanted
        self._tell = tell
        self._report = Report(source.name, target.name, dry=wanted.dry)
        self._carried: set[str] = set()  # runs and logged models
        self._artifacts = target.carrier(source, self._report)

    def do(self) -> Report:
        self._target.catch_up()
        try:
            for experiment in self._free_first(chosen(self._source, self._wanted)):
                self._experiment(experiment)
            for model in self._source.models():
                self._model(model)
        except Unavailable as error:
            raise Unavailable(
                f"{error.message} {len(self._carried)} runs were brought or were here already.",
                hint="Run the same command again: it goes on where this one stopped.",
            ) from error
        for name, count in self._source.others().items():
            self._report.left_out.append(LeftOut(name, str(count), "madang has no place for them"))
        self._report.left_out += self._source.problems
        return self._report

    def _free_first(self, experiments: list[Experiment]) -> list[Experiment]:
        """Those whose ids are free come first, so that no other one is given the id of one of them."""
        taken = {item.id: item.name for item in self._target.experiments()}
        return sorted(experiments, key=lambda item: taken.get(item.id, item.name) != item.name)

    def _experiment(self, experiment: Experiment) -> None:
        home = self._project(experiment)
        self._report.there.merge(tally_experiment(experiment))
        if home is not None and not self._wanted.dry:
            held = experiment_of(home)
            tags = {key: text for key, text in held.tags.items() if key in experiment.tags}
            deleted = held.is_deleted if experiment.is_deleted else False
            self._report.here.merge(tally_experiment(replace(held, tags=tags, is_deleted=deleted)))
        runs = self._source.runs(experiment)
        for some in _batches(runs):
            self._batch(some, experiment, home)
            self._tell(len(some))

    def _project(self, experiment: Experiment) -> RegisteredProject | None:
        """The project for an experiment; when nothing is to be written, None where there is none yet."""
        known = self._target.find_project(experiment.name)
        if known is None:
            self._report.count_new("experiments")
        if self._wanted.dry:
            return known
        number = int(experiment.id) if experiment.id.isascii() and experiment.id.isdigit() else -1
        deleted_at = (experiment.updated_at or 1) if experiment.is_deleted else 0
        made = self._target.adopt_project(RegisteredProject(
            number, "", experiment.name, experiment.created_at, experiment.updated_at, deleted_at, "",
            dict(experiment.tags),
        ))  # fmt: skip
        if experiment.id and str(made.number) != experiment.id:
            what = f"{experiment.name} (experiment {experiment.id})"
            reason = f"it has the id {made.number} here: {'its name' if known else 'its id'} was taken"
            self._report.changed.append(LeftOut("experiments", what, reason))
        return made

    def _batch(self, runs: Sequence[Run], experiment: Experiment, home: RegisteredProject | None) -> None:
        carried = []
        for there in runs:
            fit(there, self._source.problems)
            found, held, moved = placed(self._source, self._target, there, home.name if home else "")
            self._report.changed += moved
            run = settled(found, held)
            if run.status == "crashed":
                reason = "its record has no end: it was killed, or still goes on; it counts as crashed here"
                self._report.changed.append(LeftOut("runs", run.name or run.id, reason))
            if run.job_type == TRACE and home is not None:
                run.tags[ARTIFACTS] = artifacts_at(home.location or f"mlflow-artifacts:/{home.number}", run.name)
            self._list(run)
            if self._wanted.dry or home is None:
                self._count(run, held)
                self._artifacts.count(run)
                self._report.there.merge(tally_run(run, experiment.name))
            else:
                carried.append((run, held, self._files(run, held, home)))
        if home is None or not carried:
            return
        self._target.write([self._writing(run, held, files, home) for run, held, files in carried])
        for run, held, _ in carried:
            if self._wanted.files:
                self._artifacts.carry(run, home.name)
            self._compare(run, held, experiment)

    def _list(self, run: Run) -> None:
        if not self._wanted.files:
            return
        try:
            run.files = [item for item in self._source.files(run) if self._may_be_named(run, item)]
        except Unavailable:
            if not self._wanted.near:
                raise
            self._left_out("files", run.id, _UNKNOWN)
        except MadangError as error:
            self._left_out("files", run.id, str(error))

    def _may_be_named(self, run: Run, file: StoredFile) -> bool:
        try:
            check_path(file.path)
            file.path.encode()
        except (MadangError, UnicodeEncodeError):
            self._left_out("files", f"{run.id}: {file.path!r}", "a path here cannot be that")
            return False
        return True

    def _count(self, run: Run, held: Run | None) -> None:
        what = run.kind
        if held is None:
            self._report.count_new(what)
            self._report.count_new("points", sum(map(len, run.metrics.values())))
            self._report.count_new("files", len(run.files))
        else:
            facts = news(run, held, (), freely=self._wanted.freely)
            known = {item.path for item in held.files}
            fresh = sum(item.path not in known for item in run.files)
            self._report.count_new(f"{what} that have grown", int(bool(facts) or fresh > 0))
            self._report.count_new("files", fresh)

    def _files(self, run: Run, held: Run | None, home: RegisteredProject) -> list[events.File]:
        """Store the files of a run that are not here yet; what names them."""
        known = {item.path: item for item in held.files} if held else {}
        made, kept = [], []
        for file in run.files:
            try:
                stored = self._file(run, file, known.get(file.path), home)
            except StorageError as error:
                if not self._wanted.near:
                    raise
                self._left_out("files", f"{run.id}: {file.path}", error.message)
                continue
            except Unavailable:
                raise
            except MadangError as error:
                self._left_out("files", f"{run.id}: {file.path}", str(error))
                continue
            kept.append(stored)
            if file.path not in known or known[file.path].digest != stored.digest:
                mime = mimetypes.guess_type(file.path)[0] or "application/octet-stream"
                made.append(events.File(file.path, stored.digest, stored.size, mime))
        run.files = kept
        return made

    def _file(self, run: Run, file: StoredFile, known: StoredFile | None, home: RegisteredProject) -> StoredFile:
        if known is not None and known.size == file.size:
            if not self._wanted.near:
                return replace(file, digest=known.digest)
            with self._source.open(run, file.path) as pieces:
                digest, size = hashed(pieces)
            if digest == known.digest:
                return replace(file, digest=digest, size=size)
        with self._source.open(run, file.path) as pieces:
            kept = self._target.put_blob(home.name, pieces)
        self._report.count_new("files", int(known is None or known.digest != kept.digest))
        return StoredFile(file.path, kept.size, kept.digest)

    def _writing(self, run: Run, held: Run | None, files: Sequence[events.File], home: RegisteredProject) -> Writing:
        what, freely = run.kind, self._wanted.freely
        delete = run.is_deleted and not (held and held.is_deleted)
        if held is None:
            self._report.count_new(what)
            self._report.count_new("points", sum(map(len, run.metrics.values())))
            return Writing(run.id, home.name, command_for(run, files), delete=delete)
        facts = [] if held.is_deleted else news(run, held, files, freely=freely)
        self._report.count_new(f"{what} that have grown", int(bool(facts)))
        return Writing(run.id, home.name, None, facts, freely, delete)

    def _compare(self, run: Run, before: Run | None, experiment: Experiment) -> None:
        """Read a run back, and set it against the source."""
        self._carried.add(run.id)
        if before is not None and self._wanted.freely:
            run = _as_begun(run, before)
        there = tally_run(run, experiment.name)
        self._report.there.merge(there)
        held = self._target.run(run.id)
        if held is None:
            self._left_out("runs", run.id, "it is not here after it was written")
            return
        here = tally_run(shared(run, held), self._target.home(self._target.project_of(run.id)).title)
        self._report.here.merge(here)
        kinds = differing(there, here)
        if kinds:
            deleted = " It is deleted here, so nothing was added to it." if before and before.is_deleted else ""
            self._left_out(run.kind, run.id,
                           f"it is not the same here: {', '.join(kinds)}.{deleted}")  # fmt: skip

    def _model(self, model: Model) -> None:
        origins = {item.number: self._source.version_files(model, item) for item in model.versions}
        if self._wanted.experiments and not any(found and found[0].id in self._carried for found in origins.values()):
            return
        self._report.there.merge(tally_model(model))
        known = self._target.find_model(model.name)
        before = {item.number for item in known.versions} if known else set()
        self._report.count_new("models", int(known is None))
        self._report.count_new("versions", sum(item.number not in before for item in model.versions))
        if self._wanted.dry:
            return
        versions = [self._adopted(model, item, origins[item.number]) for item in model.versions]
        try:
            refused = self._target.adopt_model(model, versions, self._source.name)
            held = self._target.find_model(model.name)
        except Unavailable:
            raise
        except MadangError as error:
            self._left_out("models", model.name, str(error))
            return
        self._report.left_out += [LeftOut("models", *text.split(": ", 1)) for text in refused]
        if held is not None:
            self._report.here.merge(_shared_tally(model, held))

    def _adopted(self, model: Model, version: Version, origin: tuple[Run, str] | None) -> AdoptedVersion:
        """A version with the files that it has here: those of a run, or its own, fetched now."""
        if origin is not None and origin[0].id in self._carried:
            run, folder = origin
            return self._of_run(version, run, folder)
        if version.source and self._wanted.files:
            with suppress(MadangError):
                return self._fetched(model, version)
        name = f"{model.name} {version.number}"
        self._left_out("files of versions", name, f"they are at {version.location or version.source or 'no address'}")
        return AdoptedVersion(version, ())

    def _of_run(self, version: Version, run: Run, folder: str) -> AdoptedVersion:
        held = self._target.run(run.id)
        assert held is not None
        start = f"{folder}/" if folder else ""
        entries = [
            Entry(item.path[len(start) :], item.digest, item.size) for item in held.files if item.path.startswith(start)
        ]
        place = f"models/m-{run.id}" if run.is_logged_model else run.id
        location = f"mlflow-artifacts:/{held.experiment}/{place}/artifacts"
        return AdoptedVersion(
            version, entries, self._target.project_of(run.id), f"{location}/{folder}" if folder else location
        )

    def _fetched(self, model: Model, version: Version) -> AdoptedVersion:
        """A version whose files belong to no run that was carried."""
        away = Run("", "", location=version.location or version.source)
        home = self._target.default_project()
        entries = []
        for file in self._source.files(away):
            with self._source.open(away, file.path) as pieces:
                kept = self._target.put_blob(home, pieces)
            entries.append(Entry(check_path(file.path), kept.digest, kept.size))
        if not entries:
            raise NotFound(f"{away.location} has no files.")
        location = f"mlflow-artifacts:/versions/{home}/{model.name}/v{version.number}/artifacts"
        return AdoptedVersion(version, entries, home, location)

    def _left_out(self, kind: str, name: str, reason: str) -> None:
        self._report.left_out.append(LeftOut(kind, name, reason))


def _as_begun(run: Run, before: Run) -> Run:
    """A run as its own client has begun it here: when, on which host and by whom is said once and stays."""
    told = replace(run.details, host=run.details.host and before.details.host,
                   command=run.details.command and before.details.command)  # fmt: skip
    return replace(run, started_at=run.started_at and before.started_at, user=run.user and before.user, details=told)


def _batches(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Runs in portions that one transaction writes and that memory holds."""
    some: list[Run] = []
    points = 0
    for run in runs:
        some.append(run)
        points += sum(map(len, run.metrics.values()))
        if len(some) >= AT_ONCE or points >= POINTS_AT_ONCE:
            yield some
            some, points = [], 0
    if some:
        yield some


def _shared_tally(wanted: Model, held: Model) -> Tally:
    """What ``held`` has of ``wanted``: others may have added to it."""
    known = {item.number: item for item in wanted.versions}
    versions = tuple(
        replace(item, tags=_some(item.tags, known[item.number].tags), run=item.run if known[item.number].run else "",
                stage=item.stage if known[item.number].stage else "",
                updated_at=item.updated_at if known[item.number].updated_at else 0,
                created_at=item.created_at if known[item.number].created_at else 0)
        for item in held.versions if item.number in known
    )  # fmt: skip
    aliases = {alias: number for alias, number in held.aliases.items() if alias in wanted.aliases}
    return tally_model(replace(
        held, tags=_some(held.tags, wanted.tags), aliases=aliases, versions=versions,
        created_at=held.created_at if wanted.created_at else 0,
    ))  # fmt: skip


def _some(texts: dict[str, str], keys: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in texts.items() if key in keys}
