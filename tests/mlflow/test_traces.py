"""Traces of the real client: logged with their spans, found by a filter, judged, tagged and deleted."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Iterator
from typing import Any
from unittest import mock

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, AssessmentSourceType, SpanEvent, TraceData
from tests.mlflow.conftest import Hub

from madang.domain.projects import RegisteredProject
from madang.domain.runs import RunRecord
from madang.edges.mlflow import trace_search
from madang.edges.mlflow.trace_info import Trace
from madang.formats.mlflow.traces import About


@pytest.fixture
def experiment(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An experiment into which the fluent API traces at once."""
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    mlflow.set_tracking_uri(hub.address)
    yield mlflow.set_experiment(f"traces-{time.time_ns()}").experiment_id
    mlflow.tracing.reset()  # type: ignore[no-untyped-call]
    mlflow.set_tracking_uri("")


pytestmark = pytest.mark.filterwarnings(
    "default"
)  # a warning in its tracing that is an error turns MLflow's tracing off

SPAN = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "%b", "spanId": "%b"}]}]}]}' % (b"1" * 32, b"2" * 16)


def traced(number: int) -> str:
    """A trace of two spans; its id."""
    with mlflow.start_span(f"요청 {number}", span_type="CHAIN") as outer:
        outer.set_inputs({"x": number})
        with mlflow.start_span("inner", attributes={"model": f"m{number}", "depth": 2}) as inner:
            inner.set_outputs({"y": number + 1})
    return str(outer.trace_id)


def found(client: MlflowClient, experiment: str, text: str, **more: Any) -> list[str]:
    """The ids of the traces that fit."""
    return [trace.info.trace_id for trace in client.search_traces(locations=[experiment], filter_string=text, **more)]


def test_a_trace_comes_back(client: MlflowClient, experiment: str) -> None:
    """Spans with their inputs, outputs, types and attributes, and what stands above them, are as they were logged."""
    trace = client.get_trace(traced(1))
    assert (trace.info.experiment_id, trace.info.state.value) == (experiment, "OK")
    by_name = {span.name: span for span in trace.data.spans}
    assert by_name["요청 1"].inputs == {"x": 1}
    assert by_name["요청 1"].span_type == "CHAIN"
    assert by_name["inner"].outputs == {"y": 2}
    assert by_name["inner"].attributes["depth"] == 2
    assert by_name["inner"].parent_id == by_name["요청 1"].span_id


def test_search(client: MlflowClient, experiment: str) -> None:
    """Names, states, times, tags, spans and their attributes and texts choose traces; pages and orders hold."""
    ids = [traced(number) for number in range(3)]
    client.set_trace_tag(ids[1], "fruit", "apple")
    every = {
        "": ids[::-1],
        "trace.name = '요청 2'": [ids[2]],
        "tags.fruit = 'apple' AND status = 'OK'": [ids[1]],
        "tags.fruit IS NULL": [ids[2], ids[0]],
        "span.name = 'inner' AND span.attributes.model = 'm0'": [ids[0]],
        "span.type = 'CHAIN' AND span.attributes.model = 'm0'": [],
        "span.content LIKE '%m2%'": [ids[2]],
        "name RLIKE '^요청 [01]$'": [ids[1], ids[0]],
        "timestamp_ms > 4000000000000": [],
    }
    for text, expected in every.items():
        assert found(client, experiment, text) == expected, text
    assert found(client, experiment, "", order_by=["timestamp ASC"], max_results=2) == ids[:2]
    client.delete_trace_tag(ids[1], "fruit")
    assert found(client, experiment, "tags.fruit = 'apple'") == []
    assert client.delete_traces(experiment, trace_ids=ids[:2]) == 2
    assert found(client, experiment, "") == [ids[2]]


def test_told_in_full(client: MlflowClient, experiment: str) -> None:
    """A trace whose client has said all of it says so, as MLflow's server has it."""
    assert client.get_trace(traced(1)).info.trace_metadata["mlflow.trace.infoFinalized"] == "true"


def test_spans_as_a_file(hub: Hub, experiment: str) -> None:
    """The spans of a trace come as the file that MLflow makes of them."""
    with mlflow.start_span("한 span", attributes={"n": 2, "deep": {"a": [1, 2.5]}}) as outer:
        outer.add_event(SpanEvent("happened", timestamp=99_999, attributes={"foo": "bar"}))  # type: ignore[abstract]  # MLflow leaves it so
        with mlflow.start_span("inner") as inner:
            inner.set_status("ERROR")
    place = "/ajax-api/2.0/mlflow/get-trace-artifact"
    status, content = hub.ask("GET", place, fields={"request_id": outer.trace_id})
    assert status == 200
    assert [span.to_dict() for span in TraceData.from_dict(json.loads(content)).spans] == [
        outer.to_dict(), inner.to_dict(),
    ]  # fmt: skip
    assert hub.ask("GET", place, fields={"request_id": "tr-none"})[0] == 404


def test_linked_before_it_came(hub: Hub, client: MlflowClient, experiment: str) -> None:
    """A trace that is sent after it was linked to a run is found by that run; until then nothing shows it."""
    run = client.create_run(experiment).info.run_id
    digits = f"{time.time_ns():032x}"
    trace = f"tr-{digits}"
    wanted = f"attribute.run_id = '{run}'"
    for _ in range(2):
        client.link_traces_to_run([trace], run)
    assert (found(client, experiment, ""), hub.ask("GET", f"traces/{trace}/info")[0]) == ([], 404)
    headers = {"x-mlflow-experiment-id": experiment, "content-type": "application/json"}
    assert hub.ask("POST", "/v1/traces", SPAN.replace(b"1" * 32, digits.encode()), headers=headers)[0] == 200
    other = traced(1)
    assert found(client, experiment, wanted) == [trace]
    client.link_traces_to_run([other], run)
    assert set(found(client, experiment, wanted)) == {trace, other}


@given(
    st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 3))),
    st.integers(1, 30),
    st.sampled_from([[], ["execution_time DESC"], ["execution_time ASC", "timestamp DESC"]]),
)
def test_only_a_page_is_held(times: list[tuple[int, int | None]], most: int, orders: list[str]) -> None:
    """The first traces are those of all in order, and of the others few are held while the rest is read."""
    alive: list[weakref.ref[Trace]] = []
    project = RegisteredProject(1, "p", "p", 0, 0)

    def traces() -> Iterator[Trace]:
        for number, (began, took) in enumerate(times):
            made = Trace(RunRecord(id="", project="p", name=f"t{number:03d}"), project, About(began, took), [])
            alive.append(weakref.ref(made))
            yield made
            del made
            assert sum(one() is not None for one in alive) <= most + 2 * trace_search._AT_ONCE

    whole = trace_search.ordered(list(traces()), orders)
    alive.clear()
    with mock.patch.object(trace_search, "_AT_ONCE", 3):
        assert [one.id for one in trace_search.firsts(traces(), orders, most)] == [one.id for one in whole[:most]]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.{1,10}){1,10}", "(a)\\1", "a*a*a*a*b", "(", "x" * 501])
def test_patterns_that_may_not_end(client: MlflowClient, experiment: str, pattern: str) -> None:
    """A regular expression over which the server could brood for ever is refused."""
    with pytest.raises(mlflow.MlflowException, match=r"regular expression|Invalid|Repetitions|References") as caught:
        found(client, experiment, f"name RLIKE '{pattern}'")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_assessments(client: MlflowClient, experiment: str) -> None:
    """What people say of a trace is kept, changed, found, taken back, and given way to by what overrides it."""
    trace = traced(1)
    person = AssessmentSource(AssessmentSourceType.HUMAN, "min")
    said = mlflow.log_feedback(trace_id=trace, name="good", value=0.7, source=person, rationale="왜냐하면")
    assert said.assessment_id is not None
    wanted = mlflow.log_expectation(trace_id=trace, name="answer", value={"a": [1, 2]}, source=person)
    assert wanted.assessment_id is not None
    assert mlflow.get_assessment(trace, said.assessment_id).rationale == "왜냐하면"
    expected = mlflow.get_assessment(trace, wanted.assessment_id).expectation
    assert expected is not None
    assert expected.value == {"a": [1, 2]}
    assert found(client, experiment, "feedback.good > 0.5") == [trace]
    assert found(client, experiment, "feedback.good > 0.8") == []
    later = mlflow.override_feedback(trace_id=trace, assessment_id=said.assessment_id, value=0.9)
    assert later.assessment_id is not None
    assert mlflow.get_assessment(trace, said.assessment_id).valid is False
    assert found(client, experiment, "feedback.good > 0.8") == [trace]
    mlflow.delete_assessment(trace_id=trace, assessment_id=later.assessment_id)
    assert mlflow.get_assessment(trace, said.assessment_id).valid is True
    with pytest.raises(mlflow.MlflowException, match="not found"):
        mlflow.get_assessment(trace, later.assessment_id)


def test_the_old_api(hub: Hub) -> None:
    """A client of two years ago begins and ends its traces, and keeps their spans as a file."""
    _, made = hub.ask("POST", "traces", {"experiment_id": "0", "timestamp_ms": 5, "tags": [{"key": "a", "value": "b"}]})
    trace = made["trace_info"]["request_id"]
    place = {item["key"]: item["value"] for item in made["trace_info"]["tags"]}["mlflow.artifactLocation"]
    path = "/api/2.0/mlflow-artifacts/artifacts/" + place.removeprefix("mlflow-artifacts:/") + "/traces.json"
    assert hub.ask("PUT", path, b"{}")[0] == 200
    assert hub.ask("GET", path)[1] == b"{}"
    status, ended = hub.ask("PATCH", f"traces/{trace}", {"timestamp_ms": 9, "status": "ERROR"})
    assert (status, ended["trace_info"]["execution_time_ms"], ended["trace_info"]["status"]) == (200, 4, "ERROR")
    _, answer = hub.ask("GET", "traces", fields={"experiment_ids": "0", "filter": "status = 'ERROR'"})
    assert [item["request_id"] for item in answer["traces"]] == [trace]


def test_a_trace_is_no_run(client: MlflowClient, experiment: str) -> None:
    """Traces are not among the runs of their experiment; a deleted one leaves its id to another."""
    traced(1)
    assert client.search_runs([experiment]) == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "text/plain", "x-mlflow-experiment-id": "0"}, b"", 400),
        ({"content-type": "application/x-protobuf"}, b"", 422),
        ({"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}, b"\xff\xff\xff", 400),
        ({"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}, b"", 400),
        ({"content-type": "application/json", "x-mlflow-experiment-id": "0"}, b'{"resourceSpans": 5}', 400),
        (
            {"content-type": "application/json", "x-mlflow-experiment-id": "0", "content-encoding": "gzip"},
            b"\x1f\x8b\x08no",
            400,
        ),
        ({"content-type": "application/json", "x-mlflow-experiment-id": "77777"}, SPAN, 404),
    ],
)
def test_odd_exports(hub: Hub, headers: dict[str, str], body: bytes, status: int) -> None:
    """What is no export of spans is refused in the client's shape, and never a mistake of the server."""
    got, answer = hub.ask("POST", "/v1/traces", body, headers=headers)
    assert (got, "error_code" in answer) == (status, True)
