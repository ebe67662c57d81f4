"""Every route of the edge with paths that lead out, and with ids of another project's traces, data sets and uploads."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tests.mlflow.conftest import Hub, serving

from madang.config import HubConfig
from madang.domain.access import Permission, local
from madang.edges.mlflow.table import table
from madang.http.routes import Route
from madang.wiring import open_hub

CANARY = "canary-outside"
UP = "../" * 12
FIELDS = (
    "path", "artifact_path", "artifact_location", "source", "run_id", "run_uuid", "name", "new_name", "key", "value",
    "upload_id", "experiment_id", "experiment_name", "model_id", "model_uri", "filter", "run_link", "version", "alias",
    "trace_id", "request_id", "page_token", "digest", "run_name", "user_id", "source_run_id", "dataset_id", "tags",
)  # fmt: skip


def evil(outside: Path) -> list[str]:
    """Texts that lead to a file outside of the store, if anything takes them for a path."""
    plain = f"{UP}{outside}".replace("//", "/")
    return [
        plain, str(outside), f"file://{outside}", f"a/{plain}", plain.replace("/", "\\"), quote(plain, safe=""),
        quote(quote(plain, safe=""), safe=""), plain.replace("../", "..;/"), plain.replace("../", "....//"),
        plain.replace("..", "%c0%ae%c0%ae"), f"{plain}\0.txt", f"mlflow-artifacts:/{plain}", f"runs:/{plain}",
        f"models:/{plain}", f"x#{plain}", f"x?{plain}", f"\\\\host\\{outside}", f"C:{outside}", "..", ". ", "\ud800",
    ]  # fmt: skip


def raw(hub: Hub, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of a request whose path is sent as it stands."""
    host = hub.address.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection._encode_request = lambda request: request.encode("utf-8", "replace")  # type: ignore[attr-defined]
    connection._validate_path = lambda path: None  # type: ignore[attr-defined]
    sent = None if body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, sent, {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def asked(hub: Hub, route: Route, fill: dict[str, str], given: dict[str, Any], **more: Any) -> tuple[int, str]:
    """A route asked with these path parameters and arguments."""
    path = re.sub(r"\{(\w+)(?:\.\.\.)?\}", lambda match: fill.get(match[1], fill[""]), route.pattern)
    if route.method == "GET":
        fields = {key: value for key, value in given.items() if isinstance(value, (str, int))}
        return raw(hub, "GET", f"{path}?{urlencode(fields, errors='surrogatepass')}", **more)
    return raw(hub, route.method, path, given, **more)


def routes() -> list[Route]:
    """Those below one prefix, and those beside the prefixes."""
    return [one for one in table().routes if not one.pattern.startswith(("/ajax-api", "/api/3.0"))]


def test_no_path_leads_out(tmp_path: Path) -> None:
    """Whatever stands in paths and arguments, no file outside of the store is read, written or deleted."""
    (tmp_path / "around").mkdir()
    outside = tmp_path / "around" / "canary.txt"
    outside.write_text(CANARY)
    for hub in serving(open_hub(HubConfig(store=str(tmp_path / "around" / "hub")))):
        _, made = hub.ask("POST", "runs/create", {"experiment_id": "0"})
        run = made["run"]["info"]["run_id"]
        real = {"run_id": run, "experiment_id": "0", "max_results": 5, "version": "1", "timestamp": 1}
        for text in evil(outside):
            sent = text.replace("\0", "%00").replace(" ", "%20").replace("\\", "%5C").replace("#", "%23")
            for route in routes():
                inside = {"": run, "path": f"0/{run}/artifacts/{sent}", "key": sent, "number": "1"}
                for fill, known in (({"": sent}, {}), (inside, real)):
                    status, said = asked(hub, route, fill, dict.fromkeys(FIELDS, text) | known)
                    assert status < 500 or status == 501, (route.method, route.pattern, text, said)
                    assert CANARY not in said, (route.method, route.pattern, text)
    assert outside.read_text() == CANARY
    assert {item.name for item in (tmp_path / "around").iterdir()} == {"canary.txt", "hub"}
    assert [item.name for item in tmp_path.iterdir()] == ["around"]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Hub]:
    """A hub with tokens."""
    yield from serving(open_hub(HubConfig(store=str(tmp_path / "hub"))))


def test_another_projects_records(guarded: Hub) -> None:
    """Whoever may not see a project reads, changes and deletes none of its traces, data sets and uploads by id."""
    tokens = {
        name: {"authorization": "Bearer " + guarded.engine.access.create_token(local("me"), name, *what)[1]}
        for name, what in {
            "owner": (Permission.ADMIN, ["mine"]),
            "neighbour": (Permission.ADMIN, ["theirs"]),
            "reader": (Permission.READ, ["mine"]),
        }.items()
    }

    def own(method: str, path: str, body: Any) -> Any:
        status, said = raw(guarded, method, f"/api/2.0/{path}", body, tokens["owner"])
        assert status == 200, said
        return json.loads(said)

    experiment = own("POST", "mlflow/experiments/create", {"name": "mine"})["experiment_id"]
    begun = {"experiment_id": experiment, "timestamp_ms": 1, "tags": [{"key": CANARY, "value": CANARY}]}
    trace = own("POST", "mlflow/traces", begun)["trace_info"]["request_id"]
    said = {"assessment": {"assessment_name": CANARY, "feedback": {"value": CANARY}, "source": {"source_type": "HUMAN",
            "source_id": "me"}, "trace_id": trace}}  # fmt: skip
    own("POST", f"mlflow/traces/{trace}/assessments", said)
    dataset = own("POST", "mlflow/datasets/create", {"name": CANARY, "experiment_ids": [experiment]})["dataset"]
    run = own("POST", "mlflow/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    place = f"{experiment}/{run}/artifacts/f"
    upload = own("POST", f"mlflow-artifacts/mpu/create/{place}", {"path": "f", "num_parts": 1})["upload_id"]
    real: dict[str, Any] = {
        "experiment_id": experiment, "experiment_ids": [experiment], "trace_ids": [trace], "request_ids": [trace],
        "trace_id": trace, "run_id": run, "upload_id": upload, "path": "f", "name": CANARY, "key": CANARY,
        "value": "x", "max_results": 5, "filter_string1": "status = 'OK'", "filter_string2": "status = 'OK'",
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}],
        "records": "[]", "tags": [], "status": "OK", "timestamp_ms": 5, "prompt_versions": [], "num_parts": 1,
    }  # fmt: skip
    before = raw(guarded, "GET", f"/api/3.0/mlflow/traces/{trace}", None, tokens["owner"])
    for route in routes():
        if not re.search(r"/(traces|datasets|mpu|presigned|artifacts)", route.pattern):
            continue
        for one in (trace, dataset["dataset_id"]):
            fill = {"": one, "path": place, "upload": upload, "number": "1", "key": CANARY}
            given = {**real, "tags": "{}", "records": "[]"} if "datasets" in route.pattern else real
            for who in ("neighbour", "reader"):
                status, told = asked(guarded, route, fill, given, headers=tokens[who])
                if who == "reader" and route.permission is Permission.READ:
                    continue
                assert status in (200, 400, 401, 403, 404, 422, 501), (route.method, route.pattern, who, told)
                assert CANARY not in told, (route.method, route.pattern, who, told)
    assert raw(guarded, "GET", f"/api/3.0/mlflow/traces/{trace}", None, tokens["owner"]) == before
    own("GET", f"mlflow/datasets/{dataset['dataset_id']}", None)
    assert raw(guarded, "PUT", f"/api/2.0/mlflow-artifacts/mpu/part/{upload}/1", 1, tokens["owner"])[0] == 200
