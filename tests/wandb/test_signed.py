"""Signed addresses and ids that can be guessed: what a credential has lost, no address of it gives back."""

from __future__ import annotations

import base64
import json
import select
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from tests.wandb.conftest import Client, Hub, hub_at
from tests.wandb.test_hostile import FILES, UPSERT, history, row

from madang.config import HubConfig
from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun
from madang.domain.ids import new_id
from madang.domain.versions import Entry
from madang.formats.wandb.ids import ID_TAG, run_id
from madang.wiring import Engine, open_hub

DRAFT = """
mutation A { createArtifact(input: {entityName: "madang", projectName: "hostile", artifactTypeName: "t",
  artifactCollectionName: "a", digest: "d", digestAlgorithm: MANIFEST_MD5}) { artifact { id } } }
"""
SPECS = """
mutation S($id: ID!, $md5: String!) { createArtifactFiles(input: {artifactFiles: [
  {artifactID: $id, name: "f", md5: $md5, uploadPartsInput: [{partNumber: 1, hexMD5: "0"}]}]}) {
  files { edges { node { uploadUrl uploadMultipartUrls { uploadUrlParts { uploadUrl } } } } } } }
"""


KEPT = """
query K { project(name: "hostile", entityName: "madang") { artifact(name: "kept:v1") {
  currentManifest { file { directUrl } } files(first: 1) { edges { node { directUrl } } } } } }
"""
TWICE = """
import sys, wandb
for resume in (None, "must"):
    run = wandb.init(project="vision", id=sys.argv[1], resume=resume)
    run.log({"x": 1})
    run.finish()
print([row["x"] for row in wandb.Api().run(f"madang/vision/{sys.argv[1]}").scan_history()])
"""


@dataclass
class Guarded:
    """A hub with tokens, and who makes them."""

    hub: Hub
    engine: Engine

    def token(self, level: Permission, *projects: str, run: str = "") -> tuple[str, str]:
        """The id and the secret of a new one."""
        made, secret = self.engine.access.create_token(local("admin"), "kim", level, list(projects) or None, run=run)
        return made.id, secret

    def address(self, key: str, run: str, name: str = "f.bin") -> str:
        """Where a file of a run may be sent."""
        found = self.hub.ask(FILES, key, run=run, files=[name])["createRunFiles"]["files"][0]["uploadUrl"]
        assert isinstance(found, str)
        return found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One hub for all tests here, that takes files of up to a mebibyte."""
    hub = hub_at(tmp_path_factory.mktemp("guarded"), "--max-file", "1", "--require-token")
    engine = open_hub(HubConfig(store=str(hub.store)))
    hub.start()
    yield Guarded(hub, engine)
    hub.kill(signal.SIGTERM)
    engine.close()


def put(url: str, body: Any = b"bytes", **headers: str) -> int:
    """The status of a transfer."""
    return urllib3.request("PUT", url, body=body, headers=headers, retries=False, timeout=200).status


def test_a_revoked_token_takes_its_addresses_with_it(guarded: Guarded) -> None:
    """Addresses for files of runs and artifacts hold while the token does, and nobody can put another in its place."""
    id_, key = guarded.token(Permission.WRITE, "hostile")
    guarded.hub.ask(UPSERT, key, name="revoked")
    draft = guarded.hub.ask(DRAFT, key)["createArtifact"]["artifact"]["id"]
    node = guarded.hub.ask(SPECS, key, id=draft, md5=base64.b64encode(md5(b"bytes").digest()).decode())
    found = node["createArtifactFiles"]["files"]["edges"][0]["node"]
    urls = [found["uploadMultipartUrls"]["uploadUrlParts"][0]["uploadUrl"], found["uploadUrl"]]
    urls.append(guarded.address(key, "revoked"))
    assert [put(url) for url in urls] == [200, 200, 200]
    other = guarded.token(Permission.ADMIN)[0]
    assert [put(url.replace(id_, other)) for url in urls] == [403] * 3
    guarded.engine.access.revoke(local("admin"), id_)
    assert [put(url) for url in urls] == [401] * 3


def test_downloads_end_with_the_token_too(guarded: Guarded) -> None:
    """What a manifest and a file were fetched by fetches nothing any more."""
    id_, key = guarded.token(Permission.READ, "hostile")
    artifacts, me = guarded.engine.artifacts, local("admin")
    guarded.hub.ask(UPSERT, guarded.token(Permission.WRITE)[1], name="any")  # so that there is the project
    kept = artifacts.put_blob(me, "hostile", [b"kept bytes"])
    artifacts.create(me, "hostile", "kept", "dataset", [Entry("f", kept.digest, kept.size)])
    found = guarded.hub.ask(KEPT, key)["project"]["artifact"]
    urls = [found["currentManifest"]["file"]["directUrl"], found["files"]["edges"][0]["node"]["directUrl"]]
    assert [urllib3.request("GET", url).status for url in urls] == [200, 200]
    guarded.engine.access.revoke(me, id_)
    assert [urllib3.request("GET", url).status for url in urls] == [401, 401]


def test_an_address_is_no_more_than_its_token(guarded: Guarded) -> None:
    """A token that reads gets no address; one for another run has no use of the address that somebody passed on."""
    _, key = guarded.token(Permission.WRITE, "hostile")
    guarded.hub.ask(UPSERT, key, name="whole")
    for secret in (
        guarded.token(Permission.READ, "hostile")[1],
        guarded.token(Permission.WRITE, "hostile", run="9" * 32)[1],
    ):
        document = {"query": FILES, "variables": {"run": "whole", "files": ["f"]}}
        assert guarded.hub.post("/graphql", document, secret)[0] == 403
    url = guarded.address(key, "whole")
    assert put(url.replace("whole", "other")) == 403
    assert put(url.partition("?")[0] + "?by=kim&token=&until=99999999999&run=1") == 403


def test_a_body_is_cut_off_when_its_token_ends(guarded: Guarded) -> None:
    """A transfer that has begun does not go on with a credential that was revoked meanwhile."""
    id_, key = guarded.token(Permission.WRITE, "hostile")
    guarded.hub.ask(UPSERT, key, name="slow")
    url = guarded.address(key, "slow")

    place = urlsplit(url)
    head = f"PUT {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\nTransfer-Encoding: chunked\r\n"
    with socket.create_connection(("127.0.0.1", guarded.hub.port)) as line:
        line.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert line.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"1\r\nx\r\n")
        guarded.engine.access.revoke(local("admin"), id_)
        for _ in range(500):
            if select.select([line], [], [], 0.3)[0]:
                break
            line.sendall(b"1\r\nx\r\n")
        assert line.recv(1000)[:12] == b"HTTP/1.1 401"


@pytest.mark.parametrize("announced", [True, False])
def test_the_operator_says_what_is_too_large(guarded: Guarded, *, announced: bool) -> None:
    """A file over the limit is refused by what is announced, or as soon as it is; one at the limit is kept."""
    _, key = guarded.token(Permission.WRITE, "hostile")
    guarded.hub.ask(UPSERT, key, name="large")
    url = guarded.address(key, "large")
    whole = b"x" * (1 << 20)
    assert put(url, whole if announced else iter([whole])) == 200
    assert put(url, whole + b"x" if announced else iter([whole, b"x"])) == 413


# -- ids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads_it", [True, False], ids=["known", "unknown"])
def test_a_guessed_id_blocks_nobody(guarded: Guarded, tmp_path: Path, *, reads_it: bool) -> None:
    """Who writes another project takes the id that a run will have: it is begun, logged and read all the same.

    Whether its owner may read that project or not, nothing of it ends up there.
    """
    name = f"stolen-{reads_it}"
    thief = Principal("thief", projects={"thieves": Permission.WRITE})
    key = guarded.token(Permission.WRITE)[1] if reads_it else guarded.token(Permission.WRITE, "vision")[1]
    guessed = run_id("vision", name)
    for id_, called in ((guessed, "mine"), (new_id(), guessed), (new_id(), guessed)):
        command = CreateRun(id=id_, name=called, tags={ID_TAG: name})
        guarded.engine.tracking.create(thief, "thieves", command)
    assert Client(guarded.hub, tmp_path)(TWICE, name, WANDB_API_KEY=key) == [1, 1]
    taken = guarded.engine.search.run(thief, guessed)
    assert (taken.name, taken.metrics) == ("mine", {})


def test_a_name_of_hex_digits_leads_nowhere_else(guarded: Guarded) -> None:
    """A run of another project is not written by its id, nor by a name that looks like one."""
    _, key = guarded.token(Permission.WRITE, "hostile")
    _, other = guarded.token(Permission.WRITE, "elsewhere")
    guarded.hub.ask(UPSERT, key, name="own")
    id_ = run_id("hostile", "own")
    for name in (id_, "own"):
        path = f"/files/madang/elsewhere/{name}/file_stream"
        assert guarded.hub.post(path, history(0, row(0, x=1)), other)[0] == 200
    mine = urllib3.request(
        "GET", f"{guarded.hub.address}/api/v1/runs/{id_}", headers={"authorization": f"Bearer {key}"}
    ).json()
    assert mine["metrics"] == {}
    listed = urllib3.request(
        "GET", f"{guarded.hub.address}/api/v1/runs?project=elsewhere", headers={"authorization": f"Bearer {other}"}
    ).json()["runs"]
    assert {item["tags"]["wandb.id"] for item in listed} == {id_, "own"}
    assert json.dumps(listed).count('"hostile"') == 0
