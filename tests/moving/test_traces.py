"""Traces of MLflow come with their spans, tags, assessments and links: its own client reads on both sides the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource
from tests.moving.conftest import Place, left_out

from madang.formats.mlflow.traces import exported_span

pytestmark = pytest.mark.filterwarnings(
    "default"
)  # a warning in its tracing that is an error turns MLflow's tracing off


def told(client: MlflowClient) -> dict[str, Any]:
    """Every trace as the client reads it, but for the places that differ from server to server."""
    mlflow.set_tracking_uri(client.tracking_uri)  # it also asks for files of spans
    found = {}
    for item in client.search_traces(locations=[each.experiment_id for each in client.search_experiments()]):
        trace: dict[str, Any] = json.loads(client.get_trace(item.info.trace_id).to_json())
        trace["info"]["tags"].pop("mlflow.artifactLocation")
        trace["info"].pop("trace_location")
        for said in trace["info"].get("assessments", ()):
            said.pop("valid", None)  # of an expectation it is not sent over the wire
        trace["info"].get("assessments", []).sort(key=lambda said: said["assessment_id"])  # they may be of one moment
        found[item.info.trace_id] = trace
    return found


@pytest.fixture(params=["mlflow.db", "mlruns"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database or a file store."""
    return f"{tmp_path}/{request.param}"


@pytest.fixture
def source(
    place: str, tmp_path: Path, tracked: Callable[[str], MlflowClient], monkeypatch: pytest.MonkeyPatch
) -> Iterator[MlflowClient]:
    """A database with traces: nested, failed, of a run, of a session, with what people said of them."""
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    monkeypatch.chdir(tmp_path)
    client = tracked(f"sqlite:///{place}" if place.endswith(".db") else place)
    experiment = mlflow.set_experiment("genai").experiment_id

    @mlflow.trace(span_type="LLM", attributes={"k": 1, "o": {"a": [1, None, 0.5]}})
    def inner(x: int) -> dict[str, int]:
        return {"y": x}

    @mlflow.trace
    def outer(x: int) -> int:
        mlflow.update_current_trace(tags={"who": "나"}, metadata={"mlflow.trace.session": "s"}, client_request_id="c1")
        return int(inner(x)["y"])

    with mlflow.start_run():
        mlflow.log_text("kept", "note.txt")
        outer(3)
    with pytest.raises(ValueError, match="no"), mlflow.start_span("bad"):
        raise ValueError("no")
    trace = client.search_traces(locations=[experiment])[-1].info.trace_id
    ann = AssessmentSource(source_type="HUMAN", source_id="ann")
    mlflow.log_feedback(trace_id=trace, name="good", value=True, rationale="ok", source=ann, metadata={"z": "1"})
    mlflow.log_expectation(trace_id=trace, name="want", value={"a": 1}, source=ann)
    yield client
    mlflow.tracing.reset()  # type: ignore[no-untyped-call]


def test_traces(source: MlflowClient, here: Place, place: str) -> None:
    """All that the client reads of the traces there it reads of them here, and a second import brings nothing."""
    report = here.bring(place)
    assert report.ok, left_out(report)
    assert report.new["traces"] == 2
    assert here.bring(place).new == {}
    before = told(source)
    assert {len(trace["data"]["spans"]) for trace in before.values()} == {1, 2}
    for hub in here.served():
        assert told(MlflowClient(hub.address)) == before


def test_traces_of_a_server(source: MlflowClient, here: Place, place: str, tmp_path: Path) -> None:
    """From a server they come as from its store."""
    here.bring(place)
    before = told(source)
    there = Place(tmp_path / "there")
    for hub in here.served():
        report = there.bring(hub.address)
        assert report.ok, left_out(report)
        assert report.new["traces"] == 2
        assert there.bring(hub.address).new == {}
    for hub in there.served():
        assert told(MlflowClient(hub.address)) == before


def test_later_changes_come(source: MlflowClient, here: Place, place: str) -> None:
    """A tag that a trace was given later comes with the next import; the trace stays one."""
    here.bring(place)
    trace = next(iter(told(source)))
    source.set_trace_tag(trace, "later", "yes")
    report = here.bring(place)
    assert report.ok, left_out(report)
    assert report.new == {"traces that have grown": 1}
    for hub in here.served():
        assert told(MlflowClient(hub.address))[trace]["info"]["tags"]["later"] == "yes"


def test_spans_of_any_kind() -> None:
    """Attributes of every type keep it; what is no object has no attributes."""
    attributes = {"t": '"x"', "n": "1", "f": "0.5", "b": "true", "o": "null", "l": "[1]", "d": '{"k": 1}', "bad": "{"}
    events = [{"name": "e", "attributes": {"a": "plain"}}, 3]
    span = {"name": "n", "parent_span_id": None, "attributes": attributes, "events": events}
    made = exported_span(span)
    assert "parent_span_id" not in made
    assert {pair["key"]: pair["value"] for pair in made["attributes"]} == {
        "t": {"string_value": "x"}, "n": {"int_value": 1}, "f": {"double_value": 0.5}, "b": {"bool_value": True},
        "o": {}, "l": {"array_value": {"values": [{"int_value": 1}]}},
        "d": {"kvlist_value": {"values": [{"key": "k", "value": {"int_value": 1}}]}}, "bad": {"string_value": "{"},
    }  # fmt: skip
    assert made["events"] == [{"name": "e", "attributes": [{"key": "a", "value": {"string_value": "plain"}}]}]
    assert exported_span({"attributes": [1]})["attributes"] == []
