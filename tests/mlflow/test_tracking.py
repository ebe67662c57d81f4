"""Experiments and runs of the real client are projects and runs of the store."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import RestException
from tests.mlflow.conftest import Hub

from madang.domain.access import local
from madang.domain.commands import CreateRun, Log
from madang.domain.runs import RunChange

ME = local("me")


def begun(client: MlflowClient, name: str, **more: Any) -> tuple[str, str]:
    """The ids of a new experiment and of a run in it."""
    experiment = client.create_experiment(name)
    return experiment, client.create_run(experiment, **more).info.run_id


def test_an_experiment_is_a_project(client: MlflowClient, hub: Hub) -> None:
    """Made, found, tagged, renamed, deleted and restored by the client; its runs go and come with it."""
    experiment, run = begun(client, "실험 1/α", start_time=1_700_000_000_000)
    known = client.get_experiment_by_name("실험 1/α")
    assert known is not None
    assert known.experiment_id == experiment
    client.set_experiment_tag(experiment, "k", "v")
    client.rename_experiment(experiment, "renamed: yes")
    found = client.get_experiment(experiment)
    assert (found.name, found.tags, found.artifact_location) == (
        "renamed: yes",
        {"k": "v"},
        f"mlflow-artifacts:/{experiment}",
    )
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert experiment not in {item.experiment_id for item in client.search_experiments()}
    client.restore_experiment(experiment)
    assert client.get_run(run).info.lifecycle_stage == "active"
    client.delete_experiment_tag(experiment, "k")
    assert client.get_experiment(experiment).tags == {}


def test_a_run_is_a_run(client: MlflowClient, hub: Hub) -> None:
    """What the client logs is what both sides read: names, times, parameters, metrics with history, tags, parent."""
    experiment, parent = begun(client, "runs", run_name="outer", start_time=1_700_000_000_000)
    run = client.create_run(
        experiment, run_name="안", tags={"mlflow.parentRunId": parent, "mlflow.user": "min"}
    ).info.run_id
    client.log_param(run, "lr", 0.1)
    client.log_batch(
        run,
        [Metric("loss", 1.0 / step, 1000 + step, step) for step in range(1, 4)] + [Metric("bad", math.nan, 5, 0)],
        [Param("model/size", "한글")],
        [RunTag("t", "1"), RunTag("mlflow.note.content", "a note")],
    )
    client.set_terminated(run, "FAILED", end_time=1_700_000_005_000)
    theirs, ours = client.get_run(run), hub.engine.search.run(ME, run)
    assert theirs.data.params == {"lr": "0.1", "model/size": "한글"} == ours.config
    assert theirs.data.metrics["loss"] == pytest.approx(1 / 3)
    assert math.isnan(theirs.data.metrics["bad"])
    assert [(item.step, item.timestamp, item.value) for item in client.get_metric_history(run, "loss")] == [
        (1, 1001, 1.0), (2, 1002, 0.5), (3, 1003, 1 / 3),
    ]  # fmt: skip
    assert (theirs.info.status, theirs.info.end_time) == ("FAILED", 1_700_000_005_000)
    assert (ours.status, ours.ended_at, ours.name, ours.parent, ours.notes) == (
        "failed", 1_700_000_005_000_000, "안", parent, "a note",
    )  # fmt: skip
    assert theirs.data.tags == ours.tags
    assert hub.engine.search.run(ME, parent).created_at == 1_700_000_000_000_000


def test_a_native_run_is_seen(client: MlflowClient, hub: Hub) -> None:
    """A run that another client of the store logged has an experiment, a name, parameters as texts and metrics."""
    command = CreateRun(name="native", config={"C": 1.5, "deep": [1, 2]}, parent="0" * 32, user="min")
    made = hub.engine.tracking.create(ME, "a-project", command)
    hub.engine.tracking.log(ME, made.id, Log({"acc": 1, "words": "text"}, step=4, finish="crashed"))
    found = client.get_run(made.id)
    assert client.get_experiment(found.info.experiment_id).name == "a-project"
    assert found.data.params == {"C": "1.5", "deep": "[1, 2]"}
    assert (found.data.metrics, found.info.status) == ({"acc": 1.0}, "FAILED")
    assert found.data.tags == {"mlflow.runName": "native", "mlflow.parentRunId": "0" * 32, "mlflow.user": "min"}
    client.log_metric(made.id, "after", 0.5)
    assert hub.engine.search.run(ME, made.id).metrics["after"].last == 0.5


def test_parameters_keep_their_value(client: MlflowClient) -> None:
    """The same value again is fine, another one is refused with nothing of its batch kept."""
    _, run = begun(client, "parameters")
    for _ in range(2):
        client.log_batch(run, params=[Param("a", "1"), Param("b", "x" * 7000)])
    with pytest.raises(RestException, match="Changing param values is not allowed"):
        client.log_batch(run, [Metric("m", 1, 1, 1)], [Param("a", "2")])
    found = client.get_run(run).data
    assert (found.params["a"], len(found.params["b"]), found.metrics) == ("1", 6000, {})


def test_points_once(client: MlflowClient, hub: Hub) -> None:
    """A point sent twice is one; of several at one place MLflow takes the greatest for the last."""
    _, run = begun(client, "points")
    for _ in range(2):
        client.log_batch(run, [Metric("m", value, 7, 3) for value in (1.0, 3.0, 2.0)] + [Metric("m", 9.0, 1, 0)])
        client.log_metric(run, "m", math.nan, 8, 2)
    history = [(item.timestamp, item.step, repr(item.value)) for item in client.get_metric_history(run, "m")]
    assert history == [(1, 0, "9.0"), (7, 3, "1.0"), (7, 3, "2.0"), (7, 3, "3.0"), (8, 2, "nan")]
    assert client.get_run(run).data.metrics["m"] == 3.0
    assert hub.engine.search.run(ME, run).metrics["m"].count == 5


def test_a_run_goes_on(client: MlflowClient, hub: Hub) -> None:
    """A run that has ended takes what is said of it, and is running again when its client says so."""
    _, run = begun(client, "going on")
    for status in ("FINISHED", "RUNNING", "SCHEDULED", "KILLED"):
        client.update_run(run, status)
        client.log_metric(run, "m", 1.0, step=len(status))
        assert client.get_run(run).info.status == status
    assert hub.engine.search.run(ME, run).status == "killed"
    client.delete_run(run)
    with pytest.raises(RestException, match="must be in the 'active' state"):
        client.log_metric(run, "m", 1.0)
    client.restore_run(run)
    client.set_tag(run, "again", "yes")


def test_what_the_client_says_counts_after_a_change_on_the_page(client: MlflowClient, hub: Hub) -> None:
    """Names and tags that somebody changed from outside give way to what the run's own client says later."""
    _, run = begun(client, "overruled", run_name="mine", tags={"t": "1", "u": "1"})
    hub.engine.tracking.change(ME, run, RunChange(name="page", tags={"t": "page"}, tags_removed=("u",)))
    assert client.get_run(run).info.run_name == "page"
    assert {"t": "page", "mlflow.runName": "page"}.items() <= client.get_run(run).data.tags.items()
    client.set_tag(run, "t", "2")
    client.set_tag(run, "u", "2")
    client.set_tag(run, "mlflow.parentRunId", "5" * 32)
    assert hub.engine.search.run(ME, run).parent == "5" * 32
    client.update_run(run, name="client")
    found = client.get_run(run)
    assert (found.info.run_name, found.data.tags["t"], found.data.tags["u"]) == ("client", "2", "2")
    client.delete_tag(run, "t")
    assert "t" not in client.get_run(run).data.tags


def test_a_deleted_tag_is_gone_whatever_it_says_of_the_run(client: MlflowClient) -> None:
    """The run keeps its name without the tag of it, and is not found by it until a new one is given; so with notes."""
    experiment, run = begun(client, "untagged", run_name="mine", tags={"mlflow.note.content": "notes", "t": "1"})

    def named(name: str) -> list[str]:
        asked = (f"run_name = '{name}'", f"tags.mlflow.runName LIKE '{name}%'", f"tags.mlflow.runName != 'not {name}'")
        return [one.info.run_id for text in asked for one in client.search_runs([experiment], text)]

    assert named("mine") == [run] * 3
    client.delete_tag(run, "mlflow.runName")
    assert named("mine") == []
    client.delete_tag(run, "mlflow.note.content")
    client.set_tag(run, "mlflow.runName", "")
    found = client.get_run(run)
    assert (found.info.run_name, found.data.tags) == ("mine", {"t": "1"})
    with pytest.raises(RestException, match="No tag with name"):
        client.delete_tag(run, "mlflow.runName")
    client.update_run(run, name="again")
    found = client.get_run(run)
    assert (found.info.run_name, found.data.tags) == ("again", {"t": "1", "mlflow.runName": "again"})
    assert named("again") == [run] * 3


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("s3://bucket/a/", "s3://bucket/a/{}/artifacts"),
        ("mysql://host/db?driver=x", "mysql://host/db/{}/artifacts?driver=x"),
        ("dbfs:/a/?b=/c", "dbfs:/a/{}/artifacts?b=/c"),
        ("mysql://host?driver=x", "mysql://host/{}/artifacts?driver=x"),
    ],
)
def test_a_place_keeps_its_query_at_its_end(client: MlflowClient, place: str, told: str) -> None:
    """The files of a run are below the path of the experiment's place, and the run is found by that address."""
    experiment = client.create_experiment(f"below {place}", place)
    run = client.create_run(experiment).info
    assert run.artifact_uri == told.format(run.run_id)
    found = client.search_runs([experiment], f"attributes.artifact_uri = '{run.artifact_uri}'")
    assert [item.info.run_id for item in found] == [run.run_id]


def test_the_place_of_another_experiment(client: MlflowClient) -> None:
    """A run is found by the whole address of its files, not by its id below another experiment's."""
    one, other = (client.create_experiment(f"place {name}") for name in "ab")
    run = client.create_run(one).info
    wrong = run.artifact_uri.replace(f"/{one}/", f"/{other}/")
    for text, expected in {f"= '{run.artifact_uri}'": 1, f"= '{wrong}'": 0, f"!= '{wrong}'": 1}.items():
        assert len(client.search_runs([one, other], f"attributes.artifact_uri {text}")) == expected, text


def test_ended_before_1970(client: MlflowClient) -> None:
    """A run whose end is said to be before all time has ended, and comes first by its end."""
    experiment = client.create_experiment("long ago")
    ids = [client.create_run(experiment).info.run_id for _ in range(3)]
    client.set_terminated(ids[1], end_time=5)
    client.set_terminated(ids[2], end_time=-123)
    found = client.search_runs([experiment], order_by=["end_time"])
    assert [item.info.run_id for item in found] == [ids[2], ids[1], ids[0]]


def test_data_sets(client: MlflowClient) -> None:
    """Data sets of a run come back with their tags, each once, and runs are found by them."""
    experiment, run = begun(client, "data sets")
    given = DatasetInput(Dataset("iris", "abc", "local", "{}", "{}", "{}"), [InputTag("mlflow.data.context", "train")])
    for _ in range(2):
        client.log_inputs(run, [given])
    inputs = client.get_run(run).inputs
    assert inputs is not None
    (found,) = inputs.dataset_inputs
    assert found.to_dictionary() == given.to_dictionary()
    for text in ("datasets.name = 'iris'", "dataset.digest LIKE 'a%'", "datasets.context IN ('train', 'test')"):
        assert [item.info.run_id for item in client.search_runs([experiment], text)] == [run], text
    assert client.search_runs([experiment], "datasets.name = 'iris' AND datasets.digest = 'x'") == []


@pytest.mark.parametrize(
    ("tag", "data", "said"),
    [
        (InputTag("k" * 256, "v"), Dataset("n", "d", "local", "{}"), "'key' exceeds the maximum length of 255"),
        (InputTag("k", "v" * 501), Dataset("n", "d", "local", "{}"), "'value' exceeds the maximum length of 500"),
        (InputTag("k", "v"), Dataset("n" * 501, "d", "local", "{}"), "'name' exceeds the maximum length of 500"),
    ],
)
def test_too_long_for_a_data_set(client: MlflowClient, tag: InputTag, data: Dataset, said: str) -> None:
    """What is too long in a data set is named as MLflow names it."""
    run = client.create_run("0").info.run_id
    with pytest.raises(RestException, match=said):
        client.log_inputs(run, [DatasetInput(data, [tag])])


def test_files(client: MlflowClient, hub: Hub, tmp_path: Path) -> None:
    """Files go up and come down unchanged, are listed by folder and removed; the store sees them with the run."""
    _, run = begun(client, "files")
    folder = tmp_path / "자료"
    (folder / "deep").mkdir(parents=True)
    (folder / "a b.txt").write_text("한글")
    (folder / "deep" / "empty").write_bytes(b"")
    (folder / "deep" / "big.bin").write_bytes(bytes(range(256)) * 10_000)
    client.log_artifacts(run, str(folder), "to")
    client.log_text(run, "hello", "note.txt")
    assert [(item.path, item.is_dir, item.file_size) for item in client.list_artifacts(run, "to")] == [
        ("to/a b.txt", False, 6), ("to/deep", True, None),
    ]  # fmt: skip
    got = Path(client.download_artifacts(run, "", str(tmp_path)))
    assert (got / "to/deep/big.bin").read_bytes() == (folder / "deep" / "big.bin").read_bytes()
    assert (got / "to/deep/empty").read_bytes() == b""
    assert [item.path for item in hub.engine.search.run(ME, run).files] == [
        "note.txt", "to/a b.txt", "to/deep/big.bin", "to/deep/empty",
    ]  # fmt: skip
    experiment = client.get_run(run).info.experiment_id
    root = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts"
    assert hub.ask("DELETE", f"{root}/to/deep") == (200, {})
    assert [item.path for item in client.list_artifacts(run, "to")] == ["to/a b.txt"]
    assert hub.ask("GET", f"{root}/to/deep/empty")[0] == 404


@pytest.mark.parametrize("path", ["..", "../x", "a/../../b", "%2e%2e/x", "%252e%252e/x", "a%5cb", "a%00b", "/abs"])
def test_paths_lead_nowhere(client: MlflowClient, hub: Hub, path: str) -> None:
    """A path that could lead out of the run's files is refused, however it is written."""
    experiment = client.get_experiment("0")
    run = client.create_run(experiment.experiment_id).info.run_id
    for method in ("GET", "PUT", "DELETE"):
        status, _ = hub.ask(method, f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}")
        assert status in (400, 404), (method, path)
    assert hub.engine.search.run(ME, run).files == []
    status, _ = hub.ask("GET", "artifacts/list", fields={"run_id": run, "path": "../x"})
    assert status == 400


def test_history_in_pages(client: MlflowClient, hub: Hub) -> None:
    """A long history comes in pages, each point once, in the order of time; what is logged between them comes too."""
    _, run = begun(client, "history")
    for start in range(0, 3000, 1000):
        client.log_batch(run, [Metric("m", float(step), step, step) for step in range(start, start + 1000)])
    seen, token = [], ""
    while True:
        fields = {"run_id": run, "metric_key": "m", "max_results": "700", "page_token": token}
        _, page = hub.ask("GET", "metrics/get-history", fields=fields)
        seen += [item["step"] for item in page["metrics"]]
        token = page.get("next_page_token", "")
        if not token:
            break
        if len(seen) == 1400:
            client.log_metric(run, "m", 3000.0, 3000, 3000)
    assert seen == list(range(3001))
    fields = {"run_ids": run, "metric_key": "m", "max_results": "10"}
    _, part = hub.ask("GET", "metrics/get-history-bulk-interval", fields=fields)
    steps = [item["step"] for item in part["metrics"]]
    assert (steps[:2], steps[-1], len(steps)) == ([0, 301], 3000, 11)  # as MLflow: each 301st, and the last


def test_views(client: MlflowClient) -> None:
    """Deleted runs and experiments are shown only to who asks for them."""
    experiment, kept = begun(client, "views")
    gone = client.create_run(experiment).info.run_id
    client.delete_run(gone)
    for view, expected in (
        (ViewType.ACTIVE_ONLY, {kept}),
        (ViewType.DELETED_ONLY, {gone}),
        (ViewType.ALL, {kept, gone}),
    ):
        assert {item.info.run_id for item in client.search_runs([experiment], run_view_type=view)} == expected
