"""`madang import … --to http://hub`: the same as an import into the hub's own store, and again at any time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.mlflow.conftest import Hub, serving
from tests.moving.conftest import Place
from tests.moving.reading import everything

from madang.cli.main import run as command
from madang.client.http import Answer, HubClient
from madang.config import HubConfig
from madang.domain.access import Permission, local
from madang.wiring import open_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """An empty hub."""
    yield from serving(open_hub(HubConfig(store=str(tmp_path / "hub"))))


def report(capsys: pytest.CaptureFixture[str], *asked: str, code: int = 0) -> dict[str, object]:
    """The report of an import."""
    capsys.readouterr()
    assert command(["import", *asked, "--json"]) == code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_mlflow_comes_whole_and_once(
    hub: Hub, unpacked: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What MLflow's client reads from the hub is what it reads of a local import; again nothing is new."""
    source = str(unpacked("mlflow-2.22") / "mlflow.db")
    first = report(capsys, "mlflow", source, "--to", hub.address)
    assert first["ok"]
    assert first["target"] == hub.address
    near = Place(tmp_path / "near", hub=True)
    near.bring(source)
    assert everything(MlflowClient(hub.address), tmp_path / "a") == near.read(tmp_path / "b")
    again = report(capsys, "mlflow", source, "--to", hub.address)
    assert (again["ok"], again["new"]) == (True, {})
    assert report(capsys, "mlflow", source, "--to", hub.address, "--dry")["new"] == {}


def test_wandb_comes_whole_and_once(
    hub: Hub, unpacked: Callable[[str], Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Runs with media, console and artifacts of W&B's own folders: the same counts and hashes, and once."""
    source = str(unpacked("wandb-0.31"))
    near = report(capsys, "wandb", source, "--store", str(tmp_path / "near"), code=1)
    first = report(capsys, "wandb", source, "--to", hub.address, code=1)
    assert first["kinds"] == near["kinds"]
    assert first["left_out"] == near["left_out"]
    assert report(capsys, "wandb", source, "--to", hub.address, code=1)["new"] == {}


class Cut(BaseException):
    """The process is gone."""


def test_it_goes_on_where_it_stopped(
    hub: Hub, unpacked: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """However many requests an import gets done before it is killed, the next one finishes it, with nothing twice."""
    source, once, left = str(unpacked("mlflow-2.9") / "mlflow.db"), HubClient._once, [0]

    def dying(self: HubClient, *asked: object) -> Answer:
        answer = once(self, *asked)  # type: ignore[arg-type]
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        return answer

    monkeypatch.setattr(HubClient, "_once", dying)
    for moment in (3, 9, 14, 20, 27, 35):
        left[0] = moment
        with pytest.raises(Cut):
            command(["import", "mlflow", source, "--to", hub.address, "--json"])
    assert report(capsys, "mlflow", source, "--to", hub.address)["ok"]
    near = Place(tmp_path / "near", hub=True)
    near.bring(source)
    assert everything(MlflowClient(hub.address), tmp_path / "a") == near.read(tmp_path / "b")


def test_only_an_admin_may(hub: Hub, unpacked: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch,
                           capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """Who brings numbers, times and authors along is believed: a writer is told how to go about it."""
    secret = hub.engine.access.create_token(local("admin"), "kim", Permission.WRITE, None)[1]
    monkeypatch.setenv("MADANG_TOKEN", secret)
    monkeypatch.setenv("MADANG_HUB", hub.address)
    source = str(unpacked("mlflow-2.9") / "mlflow.db")
    assert command(["import", "mlflow", source, "--to", hub.address]) == 1
    said = capsys.readouterr().err
    assert "admin" in said
    assert "madang sync" in said
