"""A hub as the place that an import goes to. What it holds is read back from its answers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence

from blake3 import blake3

from madang.client.http import HubClient
from madang.client.reader import HubReader
from madang.client.states import HubStates
from madang.client.upload import ASK_FIRST, put_blob
from madang.domain import events
from madang.domain.collection_states import VersionState
from madang.domain.columns import gathered
from madang.domain.commands import CreateRun, Fact, decide
from madang.domain.fidelity import Report
from madang.domain.files import BlobRef
from madang.domain.foreign import Experiment, Model, Run, Source
from madang.domain.ids import new_id
from madang.domain.projects import DEFAULT, RegisteredProject
from madang.domain.runs import BESIDE_RUNS, RunChange, RunRecord
from madang.domain.series import ConsoleLine, Series
from madang.domain.versions import VersionRecord
from madang.errors import NotFound
from madang.formats import journal
from madang.formats.frames import FrameBuilder
from madang.ports.versions import CollectionRow
from madang.services.adopting import AdoptedVersion
from madang.services.model_registry.models import MODEL
from madang.workspace.moving.exact import told_exactly
from madang.workspace.moving.hub_artifacts import HubArtifacts
from madang.workspace.moving.store import experiment_of, told_as_mlflow, told_model
from madang.workspace.moving.target import Writing, tagged

_LINES = 10_000  # console lines of one answer


class HubTarget:
    """See `Target`. ``exact``: runs are told without leaving anything out. Raises as `HubClient`."""

    def __init__(self, hub: HubClient, *, exact: bool) -> None:
        self.name = hub.address
        self._hub = hub
        self._reader = HubReader(hub)
        self._states = HubStates(hub)
        self._exact = exact
        self._projects: dict[str, RegisteredProject] = {}
        self._places: dict[str, str] = {}  # the projects of runs that were seen
        self._changed: set[str] = set()  # runs of which somebody has changed something there

    def catch_up(self) -> None:
        """See `Target.catch_up`: a hub does so by itself."""

    # Projects

    def _all(self) -> list[RegisteredProject]:
        found = self._hub.get(("registered-projects",), dict[str, list[RegisteredProject]])["projects"]
        self._projects = {item.name: item for item in found}
        return found

    def experiments(self) -> list[Experiment]:
        """See `Target.experiments`."""
        return [experiment_of(item) for item in self._all()]

    def find_project(self, title: str) -> RegisteredProject | None:
        """See `Target.find_project`."""
        return next((item for item in self._all() if item.title == title), None)

    def adopt_project(self, wanted: RegisteredProject) -> RegisteredProject:
        """See `Target.adopt_project`."""
        made = self._hub.send("POST", ("registered-projects",), wanted, RegisteredProject, again=True)
        self._projects[made.name] = made
        return made

    def home(self, project: str) -> RegisteredProject:
        """See `Target.home`."""
        if project not in self._projects:
            self._all()
        return self._projects[project]

    def default_project(self) -> str:
        """See `Target.default_project`."""
        return next((item.name for item in self._all() if item.number == 0), DEFAULT)

    # Runs

    def run(self, run: str) -> Run | None:
        """See `Target.run`."""
        try:
            found = self._reader.run(run)
        except NotFound:
            return None
        if found.id != run:  # a name of another one
            return None
        self._places[run] = found.project
        if found.revision:
            self._changed.add(run)
        series = self._reader.history([run]).get(run, {}) if found.metrics else {}
        return self._told(found, series)

    def _told(self, found: RunRecord, series: Mapping[str, Series]) -> Run:
        number = self.home(found.project).number
        if not self._exact:
            return told_as_mlflow(found, number, series)
        return told_exactly(found, number, series, [] if found.job_type in BESIDE_RUNS else self._console(found.id))

    def _console(self, run: str) -> list[ConsoleLine]:
        lines: list[ConsoleLine] = []
        while True:
            page = self._reader.console(run, lines[-1].n if lines else 0, _LINES)
            lines += page.lines
            if not page.lines or lines[-1].n >= page.last:
                return lines

    def project_of(self, run: str) -> str:
        """See `Target.project_of`."""
        if run not in self._places:
            self._places[run] = self._reader.run(run).project
        return self._places[run]

    def run_tagged(self, project: str, tag: str, text: str) -> str:
        """See `Target.run_tagged`."""
        return next((run.id for run in self._reader.runs(tagged(project, tag, text)).runs), "")

    def write(self, writings: Sequence[Writing]) -> None:
        """See `Target.write`: a segment of its own for each run, which is taken whole or not at all."""
        for one in writings:
            if one.create is not None:
                self._append(one.run, one.project, decide(one.create, None), one.create)
            if one.facts:
                self._append(one.run, self.project_of(one.run), one.facts, None)
                if one.run in self._changed:
                    self._overrule(one)
            if one.delete:
                self._reader.change(one.run, RunChange(deleted=True))

    def _append(self, run: str, project: str, facts: Sequence[Fact], made: CreateRun | None) -> None:
        segment, now = new_id(), time.time_ns() // 1000
        host, user = (made.host, made.user) if made else ("", "")
        at = made.time if made and made.time else now
        builder = FrameBuilder()
        builder.add(events.Header(run, segment, project, "edge", host=host, user=user), at)
        for fact in gathered(facts):
            builder.add(fact, min(at, now))
        self._hub.request(
            "PATCH",
            ("runs", run, "segments", segment),
            query={"project": project},
            headers={
                "upload-offset": "0",
                "madang-chain": journal.Position().chain.hex(),
                "content-type": "application/octet-stream",
            },
            body=builder.data,
        )

    def _overrule(self, one: Writing) -> None:
        """What the source says counts more than what was changed on the hub, as for every client of a run."""
        tags: dict[str, str] = {}
        said: dict[str, str] = {}
        for fact in one.facts:
            if isinstance(fact, events.Tags):
                tags.update(fact.set)
            elif isinstance(fact, events.Described):
                told = {"name": fact.name, "notes": fact.notes, "group": fact.group}
                said.update({key: text for key, text in told.items() if text is not None})
        if tags or said:
            self._reader.change(one.run, RunChange(tags=tags, **said))  # type: ignore[arg-type]

    # Files

    def put_blob(self, project: str, pieces: Iterable[bytes]) -> BlobRef:
        """See `Target.put_blob`: they are kept aside until their digest is known."""
        with tempfile.NamedTemporaryFile(prefix="madang-") as aside:
            hasher, size = blake3(), 0
            for piece in pieces:
                hasher.update(piece)
                size += len(piece)
                aside.write(piece)
            aside.flush()
            digest = "blake3:" + hasher.hexdigest()
            if size <= ASK_FIRST or not self._has(project, digest):
                put_blob(self._hub, project, digest, aside.name, size)
        return BlobRef(digest, size)

    def _has(self, project: str, digest: str) -> bool:
        try:
            self._hub.request("HEAD", ("projects", project, "blobs", digest))
        except NotFound:
            return False
        return True

    # Models and artifacts

    def find_model(self, name: str) -> Model | None:
        """See `Target.find_model`."""
        state = self._states.state(self.default_project(), name)
        if state is None or state.type != MODEL:
            place = next((row.project for row in self._reader.models() if row.name == name), "")
            state = self._states.state(place, name) if place else None
        if state is None:
            return None
        row = CollectionRow(
            state.project, name, state.type, state.created_at, aliases=state.aliases, description=state.description,
            tags=state.tags,
        )  # fmt: skip
        return told_model(row, [_record(row, one) for one in state.versions])

    def adopt_model(self, model: Model, versions: Sequence[AdoptedVersion], source: str) -> list[str]:
        """See `Target.adopt_model`."""
        body = {"model": model, "versions": list(versions), "source": source}
        path = ("projects", self.default_project(), "adopted-models")
        return self._hub.send("POST", path, body, dict[str, list[str]], exact=True, again=True)["refused"]

    def carrier(self, source: Source, report: Report) -> HubArtifacts:
        """See `Target.carrier`."""
        return HubArtifacts(source, self._hub, self.put_blob, self._append_use, report)

    def _append_use(self, run: str, use: events.Use) -> None:
        if all(known.version != use.version for known in self._reader.run(run).uses):
            self._append(run, self.project_of(run), [use], None)


def _record(row: CollectionRow, one: VersionState) -> VersionRecord:
    return VersionRecord(
        row.project, row.name, row.type, one.number, one.digest, one.size, one.files, one.created_at, one.run, (),
        one.description, one.metadata, one.tags, one.actor, one.updated_at,
    )  # fmt: skip
