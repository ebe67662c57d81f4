"""The steps by which an artifact is made, one by one: repeated, broken off, hostile."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import urllib3
from tests.wandb.conftest import Hub

CREATE = """mutation CreateArtifact($input: CreateArtifactInput!) { createArtifact(input: $input) {
  artifact { id state artifactSequence { id latestArtifact { id } } } } }"""
MANIFEST = """mutation CreateArtifactManifest($artifactID: ID!, $digest: String!, $project: String!,
  $type: ArtifactManifestType!) { createArtifactManifest(input: {artifactID: $artifactID, name: "wandb_manifest.json",
  digest: $digest, entityName: "madang", projectName: $project, runName: "", type: $type}) {
  artifactManifest { id file { id uploadUrl uploadHeaders } } } }"""
FILES = """mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) { files { edges {
  node { storagePath uploadUrl uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }
  artifact { id } } } } } }"""
COMPLETE = """mutation CompleteMultipartUploadArtifact($completedParts: [UploadPartsInput!]!, $artifactID: ID!,
  $storagePath: String!, $uploadID: String!) { completeMultipartUploadArtifact(input: {
  completeMultipartAction: Complete, completedParts: $completedParts, artifactID: $artifactID,
  storagePath: $storagePath, uploadID: $uploadID}) { digest } }"""
COMMIT = "mutation CommitArtifact($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id digest } } }"
URLS = """query GetArtifactMembershipFileUrls($project: String!, $name: String!) { project(name: $project,
  entityName: "madang") { artifactCollection(name: $name) { __typename artifactMembership(aliasName: "latest") {
  files(first: 5000) { edges { node { name directUrl } } } } } } }"""


def b64(data: bytes) -> str:
    """A digest as the wire has it."""
    return base64.b64encode(hashlib.md5(data).digest()).decode()


class Maker:
    """Makes an artifact without the client's program."""

    def __init__(self, hub: Hub, project: str, name: str, files: dict[str, bytes], **more: Any) -> None:
        self.hub, self.project, self.files = hub, project, files
        lines = "".join(f"{path}:{b64(files[path])}\n" for path in sorted(files))
        digest = hashlib.md5(b"wandb-artifact-manifest-v1\n" + lines.encode()).hexdigest()
        self.said = {
            "entityName": "madang", "projectName": project, "artifactTypeName": "dataset",
            "artifactCollectionName": name, "digest": digest, "digestAlgorithm": "MANIFEST_MD5",
            "aliases": [{"artifactCollectionName": name, "alias": "latest"}], "clientID": f"{project}-{name}-{digest}",
            "enableDigestDeduplication": True, "someFieldOfANewerClient": 1, **more,
        }  # fmt: skip
        self.id, self.state = self.create()

    def create(self) -> tuple[str, str]:
        """Begin it, or begin it again."""
        made = self.hub.ask(CREATE, input=self.said)["createArtifact"]["artifact"]
        return made["id"], made["state"]

    def urls(self) -> dict[str, dict[str, Any]]:
        """What is asked of each file."""
        wanted = [{"artifactID": self.id, "name": path, "md5": b64(data)} for path, data in self.files.items()]
        edges = self.hub.ask(FILES, input={"artifactFiles": wanted, "storageLayout": "V2"})["createArtifactFiles"]
        return dict(zip(self.files, [edge["node"] for edge in edges["files"]["edges"]], strict=True))

    def send(self) -> None:
        """Send the files that the hub lacks."""
        for path, node in self.urls().items():
            if node["uploadUrl"]:
                assert put(node["uploadUrl"], self.files[path]) == 200

    def manifest(self, kind: str = "FULL", contents: dict[str, Any] | None = None) -> int:
        """Send the list of files; the status."""
        found = {path: {"digest": b64(data), "size": len(data)} for path, data in self.files.items()}
        body = json.dumps({"version": 1, "storagePolicy": "p", "contents": found if contents is None else contents})
        asked = {"artifactID": self.id, "digest": b64(body.encode()), "project": self.project, "type": kind}
        file = self.hub.ask(MANIFEST, **asked)["createArtifactManifest"]["artifactManifest"]["file"]
        return put(file["uploadUrl"], body.encode())

    def commit(self) -> dict[str, Any]:
        """The whole answer."""
        return dict(self.hub.post("/graphql", {"query": COMMIT, "variables": {"id": self.id}})[1])


def put(url: str, data: bytes, **headers: str) -> int:
    """The status of an upload without a credential."""
    return urllib3.request("PUT", url, body=data, headers=headers, retries=False, timeout=200).status


def test_every_step_may_be_repeated_and_the_hub_killed(own_hub: Hub) -> None:
    """A hub that is killed after any step goes on with the draft; numbers and aliases come with the commit alone."""
    hub = own_hub

    def again() -> None:
        hub.kill()
        hub.start()

    lost = Maker(hub, "p", "ds", {"never": b"sent"})
    made = Maker(
        hub,
        "p",
        "ds",
        {"a.txt": b"a" * 100, "d/b.txt": b"b"},
        aliases=[{"alias": "Best", "artifactCollectionName": "ds"}],
    )
    again()
    assert made.create() == (made.id, "PENDING")
    made.send()
    again()
    assert [node["uploadUrl"] for node in made.urls().values()] == [None, None]
    made.manifest()
    again()
    assert "errors" in lost.commit()
    assert made.create() == (made.id, "PENDING")
    first = made.commit()
    again()
    assert made.commit() == first
    assert made.create() == (made.id, "COMMITTED")
    version = hub.native("projects/p/artifacts/ds/v0")
    assert (version["aliases"], version["files"]) == (["best", "latest"], 2)
    same = Maker(hub, "p", "ds", dict(made.files), clientID="another")
    assert same.state == "COMMITTED"
    assert len(hub.native("projects/p/artifacts/ds")["versions"]) == 1


def test_bytes_are_those_of_their_digest(hub: Hub) -> None:
    """Other bytes than claimed, an address that was not signed, and a file that never came are refused."""
    made = Maker(hub, "checked", "ds", {"a": b"right", "b": b"other"})
    nodes = made.urls()
    assert put(nodes["a"]["uploadUrl"], b"wrong") == 400
    assert put(nodes["a"]["uploadUrl"].replace("signature=", "signature=0"), b"right") == 403
    assert put(nodes["a"]["uploadUrl"].replace("/checked?", "/elsewhere?"), b"right") == 403
    assert put(nodes["a"]["uploadUrl"], b"right") == 200
    made.manifest()
    assert "are not here" in made.commit()["errors"][0]["message"]
    assert put(nodes["b"]["uploadUrl"], b"other") == 200
    assert "errors" not in made.commit()


def test_a_manifest_claims_nothing(hub: Hub) -> None:
    """Names that lead out, files of other projects, another digest, paths as references: nothing is committed."""
    Maker(hub, "theirs", "secret", {"s": b"secret"}).send()
    for path in ("../../etc/x", "/etc/passwd", "a/../b", "", "a\\b", "a\x00b"):
        made = Maker(hub, "mine", "odd", {"x": b"x"}, digest="", clientID=f"c{path!r}")
        made.send()
        made.manifest(contents={path: {"digest": b64(b"x"), "size": 1}})
        assert "errors" in made.commit(), path
    stolen = Maker(hub, "mine", "odd", {"s": b"secret"}, clientID="s")
    assert stolen.urls()["s"]["uploadUrl"] is not None
    stolen.manifest()
    assert "are not here" in stolen.commit()["errors"][0]["message"]
    other = Maker(hub, "mine", "odd", {"x": b"x"}, clientID="o")
    other.manifest(contents={"y": {"digest": b64(b"x"), "size": 1}})
    assert "have the digest" in other.commit()["errors"][0]["message"]
    both = Maker(hub, "mine", "odd", {"x": b"x"}, digest="", clientID="both")
    both.send()
    both.manifest(contents={path: {"digest": b64(b"x"), "size": 1} for path in ("a", "a/b")})
    assert "is a file, and the folder of" in both.commit()["errors"][0]["message"]
    refers = Maker(hub, "mine", "refs", {}, digest="", clientID="r")
    refers.manifest(contents={"r": {"digest": "x", "ref": "/etc/passwd", "size": 1}})
    assert "no reference" in refers.commit()["errors"][0]["message"]
    assert hub.native("projects/mine/artifacts")["collections"] == []


def test_parts_become_a_file_and_ranges_are_read(hub: Hub) -> None:
    """A file comes in parts and is read in ranges, by signed addresses and by the older ones with a credential."""
    data = bytes(range(256)) * 40_000
    pieces = [data[:5_000_000], data[5_000_000:]]
    made = Maker(hub, "large", "ds", {"f/large.bin": data})
    parts = [{"partNumber": n, "hexMD5": hashlib.md5(piece).hexdigest()} for n, piece in enumerate(pieces, 1)]
    wanted = {"artifactID": made.id, "name": "f/large.bin", "md5": b64(data), "uploadPartsInput": parts}
    answer = hub.ask(FILES, input={"artifactFiles": [wanted], "storageLayout": "V2"})
    node = answer["createArtifactFiles"]["files"]["edges"][0]["node"]
    sent = []
    for part, piece in zip(node["uploadMultipartUrls"]["uploadUrlParts"], pieces, strict=True):
        done = urllib3.request("PUT", part["uploadUrl"], body=piece, retries=False, timeout=200)
        sent.append({"partNumber": part["partNumber"], "hexMD5": done.headers["etag"]})
    whole = {"completedParts": sent, "artifactID": made.id, "storagePath": node["storagePath"],
             "uploadID": node["uploadMultipartUrls"]["uploadID"]}  # fmt: skip
    for _ in range(2):
        assert hub.ask(COMPLETE, **whole)["completeMultipartUploadArtifact"]["digest"] == b64(data)
    made.manifest()
    made.commit()
    found = hub.ask(URLS, project="large", name="ds")["project"]["artifactCollection"]["artifactMembership"]["files"]
    url = found["edges"][0]["node"]["directUrl"]
    part = urllib3.request("GET", url, headers={"range": "bytes=4999990-5000009"}, retries=False, timeout=200)
    assert (part.status, part.data) == (206, data[4_999_990:5_000_010])
    md5 = hashlib.md5(data).hexdigest()
    headers = urllib3.make_headers(basic_auth="api:" + "k" * 40)
    for path in (f"artifactsV2/default/madang/large/ds/{made.id}/{md5}/large.bin", f"artifacts/madang/{md5}"):
        whole_file = urllib3.request("GET", f"{hub.address}/{path}", headers=headers, retries=False, timeout=200)
        assert (whole_file.status, whole_file.data == data) == (200, True)
    wrong = f"{hub.address}/artifactsV2/default/madang/mine/ds/{made.id}/{md5}/large.bin"
    assert urllib3.request("GET", wrong, headers=headers, retries=False, timeout=200).status == 404


def test_clients_that_name_no_kind_of_manifest(hub: Hub) -> None:
    """Older ones say the kind only where it is another than the whole."""
    made = Maker(hub, "older", "ds", {"a": b"a"})
    document = MANIFEST.replace(", type: $type", "").replace(",\n  $type: ArtifactManifestType!", "")
    assert "$type" not in document
    answer = hub.ask(document, artifactID=made.id, digest=b64(b"{}"), project="older")
    assert answer["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]
