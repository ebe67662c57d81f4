"""Where an import goes: a store on this machine, or a hub that is asked over the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from madang.domain.commands import CreateRun, Fact
from madang.domain.fidelity import Report
from madang.domain.files import BlobRef
from madang.domain.foreign import Experiment, Model, Run, Source
from madang.domain.projects import RegisteredProject
from madang.domain.query import Compare, Field, RunQuery
from madang.domain.values import value
from madang.services.adopting import AdoptedVersion


@value
class Writing:
    """What is to be written of one run: all of it (``create``), or what is new."""

    run: str
    project: str
    create: CreateRun | None = None
    facts: Sequence[Fact] = ()
    freely: bool = False  # its tracker lets parameters change, and goes on with what is deleted here
    delete: bool = False


def tagged(project: str, tag: str, text: str) -> RunQuery:
    """A search for one run of a project that has a tag with this text."""
    return RunQuery(projects=(project,), where=Compare(Field("tags", tag), "=", text), limit=1, keys=())


class Carrier(Protocol):
    """Brings the artifacts of runs, and reports."""

    def count(self, run: Run) -> None:
        """What there is, without writing."""
        ...

    def carry(self, run: Run, project: str) -> None:
        """Bring the artifacts of a run that is there."""
        ...


class Target(Protocol):
    """What an import asks of the place that it goes to. Every step may be repeated."""

    name: str

    def catch_up(self) -> None:
        """Have what others have written there taken in."""
        ...

    def experiments(self) -> list[Experiment]:
        """All projects, deleted ones too."""
        ...

    def find_project(self, title: str) -> RegisteredProject | None:
        """The project that people call so."""
        ...

    def adopt_project(self, wanted: RegisteredProject) -> RegisteredProject:
        """The project that ``wanted`` is there (see `services.adopting`)."""
        ...

    def home(self, project: str) -> RegisteredProject:
        """The project that a run names."""
        ...

    def default_project(self) -> str:
        """The name of the project with the number 0."""
        ...

    def run(self, run: str) -> Run | None:
        """One run as it is there; None when there is none."""
        ...

    def project_of(self, run: str) -> str:
        """The name of the project of a run that is there."""
        ...

    def run_tagged(self, project: str, tag: str, text: str) -> str:
        """The id of a run of a project that has a tag with this text; "" where there is none."""
        ...

    def put_blob(self, project: str, pieces: Iterable[bytes]) -> BlobRef:
        """Store bytes as they come."""
        ...

    def write(self, writings: Sequence[Writing]) -> None:
        """Write some runs."""
        ...

    def find_model(self, name: str) -> Model | None:
        """A registered model as it is there."""
        ...

    def adopt_model(self, model: Model, versions: Sequence[AdoptedVersion], source: str) -> list[str]:
        """Have a registered model there; what could not be, in words."""
        ...

    def carrier(self, source: Source, report: Report) -> Carrier:
        """What brings artifacts of runs there."""
        ...
