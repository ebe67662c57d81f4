"""Stores of MLflow, and what brings them into a store of ours."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_ALLOW_FILE_STORE="true",
    MLFLOW_TRACKING_URI="",
)  # fmt: skip

import mlflow
import pytest
from mlflow import MlflowClient
from tests.mlflow.conftest import Hub, serving
from tests.moving.reading import everything
from tests.moving.workspaces import KIM, LEE, Workspace

from madang.config import HubConfig
from madang.domain.fidelity import Report
from madang.domain.foreign import Run
from madang.wiring import Engine, local_user, open_foreign, open_hub, open_store
from madang.workspace.moving.exporting import send
from madang.workspace.moving.importing import Wanted, bring
from madang.workspace.moving.local_target import LocalTarget
from madang.workspace.moving.mlflow_writing import DatabaseWriter
from madang.workspace.moving.sources import open_mlflow, reread
from madang.workspace.moving.store import OwnStore

STORES = Path(__file__).parent / "stores"


@dataclass
class Place:
    """A store of ours to import into, by its folder."""

    folder: Path
    hub: bool = False

    def opened(self) -> Engine:
        """Its engine."""
        return open_hub(HubConfig(store=str(self.folder))) if self.hub else open_store(store=str(self.folder))

    def bring(self, source: object, *, folders: tuple[str, ...] = (), **wanted: Any) -> Report:
        """Import a source."""
        opened, near = open_mlflow(str(source), folders, {}, open_foreign)
        engine = self.opened()
        try:
            return bring(
                opened, LocalTarget(OwnStore(engine, local_user())), Wanted(near=near, **wanted), lambda _: None
            )
        finally:
            engine.close()
            opened.close()

    def runs(self) -> dict[str, Run]:
        """All runs and logged models that are here."""
        engine = self.opened()
        try:
            own = OwnStore(engine, local_user())
            return {run.id: run for item in own.experiments() for run in own.runs(item)}
        finally:
            engine.close()

    def read(self, scratch: Path) -> dict[str, Any]:
        """What MLflow's own client reads of it, over a socket."""
        for hub in self.served():
            return everything(MlflowClient(hub.address), scratch)
        raise AssertionError

    def served(self) -> Iterator[Hub]:
        """It as a server."""
        yield from serving(self.opened())


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """A store of a workspace."""
    return Place(tmp_path / "here")


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[str], Path]:
    """Unpacks the stores that an old release of MLflow has written."""

    def unpack(name: str) -> Path:
        folder = tmp_path / name
        with tarfile.open(STORES / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        return folder

    return unpack


def left_out(report: Report) -> list[str]:
    """What is missing, a line each."""
    return [f"{item.kind} {item.name}: {item.reason}" for item in report.left_out]


@pytest.fixture
def exported() -> Callable[..., Report]:
    """Exports a store of ours to a folder."""

    def export(place: Place, folder: Path, artifact_uri: str = "", **wanted: Any) -> Report:
        engine = place.opened()
        try:
            target = DatabaseWriter(str(folder), artifact_uri)
            return send(OwnStore(engine, local_user()), target, Wanted(**wanted), reread, lambda _: None)
        finally:
            engine.close()

    return export


@pytest.fixture
def tracked() -> Iterator[Callable[[str], MlflowClient]]:
    """Makes a client, and its store the one that MLflow looks at where no client is at hand."""

    def client_of(uri: str) -> MlflowClient:
        mlflow.set_tracking_uri(uri)
        return MlflowClient(uri)

    yield client_of
    mlflow.set_tracking_uri("")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub for a module of tests that have names of their own."""
    yield from serving(open_hub(HubConfig(store=str(tmp_path_factory.mktemp("hub")))))


@pytest.fixture
def kim(tmp_path: Path, shared: Hub) -> Iterator[Workspace]:
    """One workspace."""
    made = Workspace(tmp_path / "kim", shared, KIM)
    yield made
    made.engine.close()


@pytest.fixture
def lee(tmp_path: Path, shared: Hub) -> Iterator[Workspace]:
    """Another one."""
    made = Workspace(tmp_path / "lee", shared, LEE)
    yield made
    made.engine.close()
