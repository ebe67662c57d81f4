"""What no client of good will sends: the hub keeps what it can, answers as clients need, and leads out of no path."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from tests.wandb.conftest import KEY, Hub

from madang.edges.wandb.dispatch import failure
from madang.errors import StorageError

UPSERT = """
mutation U($name: String, $config: JSONString, $display: String, $tags: [String!], $summary: JSONString) {
  upsertBucket(input: {name: $name, modelName: "hostile", config: $config, displayName: $display, tags: $tags,
                       summaryMetrics: $summary}) {
    bucket { id name displayName config historyLineCount project { name entity { name } } } inserted
  }
}
"""
RUN = """
query R($name: String!) {
  project(name: "hostile", entityName: "madang") { run(name: $name) {
    state historyLineCount logLineCount summaryMetrics config history(minStep: 0, maxStep: 100) exitcode
  } }
}
"""
FILES = """
mutation F($run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: "madang", projectName: "hostile", runName: $run, files: $files}) {
    runID uploadHeaders files { name uploadUrl }
  }
}
"""


def stream(hub: Hub, run: str, body: Any) -> tuple[int, Any]:
    """A post of lines."""
    return hub.post(f"/files/madang/hostile/{run}/file_stream", body)


def history(offset: int, *lines: str) -> dict[str, Any]:
    """The body for lines of history."""
    return {"files": {"wandb-history.jsonl": {"offset": offset, "content": list(lines)}}}


def row(step: int, **values: Any) -> str:
    """One line of history."""
    return json.dumps({"_step": step, "_timestamp": 1_700_000_000.5 + step, "_runtime": step, **values})


def steps(hub: Hub, run: str) -> list[tuple[int, Any]]:
    """(step, x) of all rows."""
    found = hub.ask(RUN, name=run)["project"]["run"]["history"]
    return [(line["_step"], line.get("x")) for line in map(json.loads, found)]


def test_a_run_that_nobody_announced(hub: Hub) -> None:
    """Its lines are kept; where some are missing before them, the run says so."""
    assert stream(hub, "unknown", history(3, row(3, x=1)))[0] == 200
    assert steps(hub, "unknown") == [(3, 1)]
    (found,) = [item for item in hub.native("runs?project=hostile")["runs"] if item["tags"]["wandb.id"] == "unknown"]
    assert found["tags"]["wandb.missing"] == "3 lines of history"


def test_lines_again_and_otherwise(hub: Hub) -> None:
    """Equal lines below the held count are passed over, other ones win, those of a gap are taken when they come."""
    hub.ask(UPSERT, name="lines")
    for offset, lines in (
        (0, [row(0, x=0), row(1, x=1)]),
        (0, [row(0, x=0), row(1, x=1), row(2, x=2)]),
        (5, [row(5, x=5)]),
        (1, [row(1, x=10)]),
        (3, [row(3, x=3), row(4, x=4), row(5, x=5)]),
    ):
        assert stream(hub, "lines", history(offset, *lines))[0] == 200
    found = dict(steps(hub, "lines"))
    assert {step: found[step] for step in (0, 2, 3, 4, 5)} == {0: 0, 2: 2, 3: 3, 4: 4, 5: 5}
    assert steps(hub, "lines")[-1] == (5, 5)
    assert hub.ask(RUN, name="lines")["project"]["run"]["historyLineCount"] == 6


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "1", '"x"', "null", '{"_step": "a", "x": 1}', '{"_step": 1e400}', '{"": 1}', '{"_step": NaN}',
        '{"_timestamp": -1e300, "x": 1}', '{"x": ' + "[" * 5000 + "]" * 5000 + "}", '{"a": ' * 400 + "1" + "}" * 400,
        '{"x": "\\ud800"}', '{"x": 1' + "0" * 5000 + "}", json.dumps({"k" * 200_000: 1}),
        json.dumps({"x": "y" * 3_000_000}), '{"x": {"media": "image"}}',
        '{"_step": 99999999999999999999, "x": 1}', '{"_step": -5, "x": 1}', '{"x": {"_type": 5}}',
        '{"a.b": 1, "a": {"b": 2}}', '{"x\\u0000y": 1}',
    ],
)  # fmt: skip
def test_lines_that_are_none(hub: Hub, line: str) -> None:
    """A line that cannot be read is passed over, and those beside it are kept."""
    name = f"odd{abs(hash(line))}"
    assert stream(hub, name, history(0, row(0, x=7), line, row(2, x=8)))[0] == 200
    found = steps(hub, name)
    assert (0, 7) in found
    assert (2, 8) in found


def test_a_full_disk_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The client tries again and tells nobody; whoever runs the server learns of it."""
    assert failure(StorageError("The disk is full.", hint="Free space.")).status_code == 503
    assert "The disk is full. Free space." in caplog.text


def test_what_cannot_be_kept_is_told(hub: Hub) -> None:
    """An integer that Python does not convert is kept as its digits; what cannot be read, the run says."""
    digits = "9" * 5000
    odd = [f'{{"_step": 0, "x": {digits}}}', "{", row(2, **{"k" * 200_000: 1})]
    assert stream(hub, "told", history(0, *odd))[0] == 200
    assert stream(hub, "told", history(0, *odd))[0] == 200
    (found,) = [item for item in hub.native("runs?project=hostile")["runs"] if item["tags"]["wandb.id"] == "told"]
    assert steps(hub, "told") == [(0, digits), (2, None)]
    (alert,) = hub.native(f"runs/{found['id']}")["alerts"]
    assert alert["title"] == "Lines could not be read"
    assert "line 1 of history: it is no JSON object" in alert["text"]
    assert "a value at step 2" in alert["text"]


@pytest.mark.parametrize("offset", [-1, -(10**18), 10**18, 2**63, 10**12])
def test_offsets(hub: Hub, offset: int) -> None:
    """Any whole number is taken for an offset; what follows is still kept."""
    name = f"offset{offset}"
    assert stream(hub, name, history(offset, row(1, x=1)))[0] == 200
    assert stream(hub, name, history(0, row(0, x=0)))[0] == 200
    assert (1, 1) in steps(hub, name)


@pytest.mark.parametrize(
    "body",
    [
        [], "x", {"files": []}, {"files": {"wandb-history.jsonl": {"offset": "0"}}},
        {"files": {"wandb-history.jsonl": {"offset": 0, "content": [1]}}}, {"exitcode": "x"},
    ],
)  # fmt: skip
def test_bodies_that_are_none(hub: Hub, body: Any) -> None:
    """What is no such body is refused as a mistake of the client."""
    assert stream(hub, "bodies", body)[0] == 400


def test_other_parts(hub: Hub) -> None:
    """Unknown files and fields are passed over; a heartbeat is an empty object; an unreadable summary harms nobody."""
    body = {
        "files": {"other.txt": {"offset": 0, "content": ["x"]}, "wandb-summary.json": {"offset": 0, "content": ["{"]}}
    }
    for sent in (body, {}, {"unknown": 1, "files": None, "complete": False}, {"preempting": True, "uploaded": ["a"]}):
        assert stream(hub, "parts", sent)[0] == 200
    assert hub.ask(RUN, name="parts")["project"]["run"]["state"] == "preempting"


def test_paths_of_files(hub: Hub) -> None:
    """No name leads out of the run's files; those that could get no address."""
    hub.ask(UPSERT, name="paths")
    names = ["../x", "/etc/passwd", "a/../../b", "a//b", "", ".", "a\\b", "a\0b", "x" * 5000, "good/가 나?#%.txt"]
    files = hub.ask(FILES, run="paths", files=names)["createRunFiles"]["files"]
    assert [item["name"] for item in files] == names
    assert [bool(item["uploadUrl"]) for item in files] == [False] * 9 + [True]
    url = files[-1]["uploadUrl"]
    assert urllib3.request("PUT", url, body=b"bytes").status == 200
    fetched = urllib3.request("GET", url.partition("?")[0], headers=urllib3.make_headers(basic_auth=f"api:{KEY}"))
    assert fetched.data == b"bytes"


@pytest.mark.parametrize(
    ("old", "new"), [("paths", "others"), ("good", "bad"), ("until=1", "until=2"), ("by=", "by=x")]
)
def test_signed_addresses(hub: Hub, old: str, new: str) -> None:
    """An address holds for one path, one method, one time and in one name."""
    hub.ask(UPSERT, name="paths")
    url = hub.ask(FILES, run="paths", files=["good.txt"])["createRunFiles"]["files"][0]["uploadUrl"]
    assert urllib3.request("PUT", url.replace(old, new), body=b"x").status == 403
    assert urllib3.request("PUT", url.partition("?")[0], body=b"x").status == 403


def test_odd_upserts(hub: Hub) -> None:
    """Names, labels and configs of any kind; what is no JSON is an error of the document and no defect."""
    sent: dict[str, Any] = {
        "name": "x y/가&+[b]?",
        "display": "a: b\n" * 100,
        "tags": ["", "wandb.x", "라벨"],
        "config": '{"a": {"value": Infinity}}',
    }
    made = hub.ask(UPSERT, **sent)["upsertBucket"]
    assert made["inserted"]
    assert made["bucket"]["displayName"] == sent["display"]
    assert json.loads(made["bucket"]["config"])["a"]["value"] == float("inf")
    assert hub.ask(UPSERT, **sent)["upsertBucket"]["inserted"] is False
    for config in ("{", "[]", "1"):
        status, body = hub.post("/graphql", {"query": UPSERT, "variables": {"name": "bad", "config": config}})
        assert (status, "no JSON" in body["errors"][0]["message"]) == (200, True)


@pytest.mark.parametrize("name", ["100%", "a%20b", "a\\b", "..", "a//b"])
def test_ids_that_lead_elsewhere(hub: Hub, name: str) -> None:
    """Clients put ids into addresses as they are: where lines would come to another run the run is refused."""
    status, body = hub.post("/graphql", {"query": UPSERT, "variables": {"name": name}})
    assert (status, "cannot have the id" in body["errors"][0]["message"]) == (200, True)


def test_keys(hub: Hub) -> None:
    """An open hub takes any key of the right shape, and none of another."""
    viewer = {"query": "{ viewer { entity username } }"}
    assert hub.post("/graphql", viewer)[1]["data"]["viewer"]["entity"] == "madang"
    status, body = hub.post("/graphql", viewer, key="short")
    assert (status, body["errors"][0]["message"]) == (401, "user is not logged in")


def test_a_newer_client(hub: Hub) -> None:
    """What this release does not know in a document or its variables is left out, and the rest is done."""
    document = """
    mutation N($in: UpsertBucketInput!, $new: SomethingNew, $flag: Boolean) {
      upsertBucket(input: $in, mode: $new) { bucket { name futureField(flag: $flag) { deep } ...Other } inserted }
    }
    fragment Other on Run { displayName newerField }
    """
    sent = {"name": "newer", "modelName": "hostile", "displayName": "d", "futureInput": {"a": [1]}}
    variables = {"in": sent, "new": {"x": 1}, "flag": True}
    status, body = hub.post("/graphql", {"query": document, "variables": variables, "operationName": ""})
    assert (status, body["data"]["upsertBucket"]) == (
        200,
        {"bucket": {"name": "newer", "displayName": "d"}, "inserted": True},
    )


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"query": 1}', b'{"query": "{"}', b'{"query": "{ viewer { id } }", "variables": []}']
)
def test_documents_that_are_none(hub: Hub, body: bytes) -> None:
    """What is no document is refused, and nothing breaks."""
    headers = {**urllib3.make_headers(basic_auth=f"api:{KEY}"), "content-type": "application/json"}
    answer = urllib3.request("POST", f"{hub.address}/graphql", body=body, headers=headers, retries=False, timeout=200)
    assert answer.json()["errors"]
    assert answer.status in (200, 400)
