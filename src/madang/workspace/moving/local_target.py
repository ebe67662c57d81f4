"""A store on this machine as the place that an import goes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from madang.domain.fidelity import Report
from madang.domain.files import BlobRef
from madang.domain.foreign import Experiment, Model, Run, Source
from madang.domain.projects import DEFAULT, RegisteredProject
from madang.domain.runs import RunChange
from madang.errors import NotFound
from madang.services.adopting import AdoptedVersion
from madang.workspace.moving.artifacts import ArtifactCarrier
from madang.workspace.moving.store import OwnStore
from madang.workspace.moving.target import Writing, tagged


class LocalTarget:
    """See `Target`."""

    def __init__(self, own: OwnStore) -> None:
        self.name = own.name
        self._own = own
        self._services = own.services
        self._who = own.who

    def catch_up(self) -> None:
        """See `Target.catch_up`."""
        self._services.tracking.catch_up()

    def experiments(self) -> list[Experiment]:
        """See `Target.experiments`."""
        return self._own.experiments()

    def find_project(self, title: str) -> RegisteredProject | None:
        """See `Target.find_project`."""
        return self._services.projects.find(self._who, title)

    def adopt_project(self, wanted: RegisteredProject) -> RegisteredProject:
        """See `Target.adopt_project`."""
        return self._services.adopting.project(self._who, wanted)

    def home(self, project: str) -> RegisteredProject:
        """See `Target.home`."""
        return self._own.home(project)

    def default_project(self) -> str:
        """See `Target.default_project`."""
        return self._services.projects.get(self._who, 0).name

    def run(self, run: str) -> Run | None:
        """See `Target.run`."""
        return self._own.run(run)

    def project_of(self, run: str) -> str:
        """See `Target.project_of`."""
        record = self._own.record(run)
        if record is None:
            raise NotFound(f"There is no run {run}.")
        return record.project

    def run_tagged(self, project: str, tag: str, text: str) -> str:
        """See `Target.run_tagged`."""
        found = self._services.records.runs.select(tagged(project, tag, text)).runs
        return next((run for _, _, run in found), "")

    def put_blob(self, project: str, pieces: Iterable[bytes]) -> BlobRef:
        """See `Target.put_blob`."""
        return self._services.artifacts.put_blob(self._who, project, pieces)

    def write(self, writings: Sequence[Writing]) -> None:
        """See `Target.write`: in one transaction."""
        tracking = self._services.tracking
        with self._services.records.transaction():
            for one in writings:
                if one.create is not None:
                    tracking.create(self._who, one.project, one.create)
                if one.facts:
                    tracking.state(self._who, one.run, one.facts, freely=one.freely)
                if one.delete:
                    tracking.change(self._who, one.run, RunChange(deleted=True))

    def find_model(self, name: str) -> Model | None:
        """See `Target.find_model`."""
        try:
            return self._own.model(self._services.models.find(self._who, name, DEFAULT))
        except NotFound:
            return None

    def adopt_model(self, model: Model, versions: Sequence[AdoptedVersion], source: str) -> list[str]:
        """See `Target.adopt_model`."""
        return self._services.adopting.model(self._who, DEFAULT, model, versions, source)

    def carrier(self, source: Source, report: Report) -> ArtifactCarrier:
        """See `Target.carrier`."""
        return ArtifactCarrier(source, self._own, report)
