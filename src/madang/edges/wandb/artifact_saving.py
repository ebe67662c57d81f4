"""How a client makes an artifact: begun, its files asked for and sent, its manifest sent, committed."""

from __future__ import annotations

import threading
from typing import Any

from madang.domain.versions import VersionRecord
from madang.edges.wandb.artifact_nodes import Node, draft_node
from madang.edges.wandb.artifact_transfer import file_url, list_url, part_url
from madang.edges.wandb.artifacts import node_of
from madang.edges.wandb.finding import run_of
from madang.edges.wandb.projects import ensure_project
from madang.edges.wandb.registry_search import project_called
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import LIFE_TAG, STEP_TAG
from madang.formats.wandb.ids import node_id, read_node_id
from madang.formats.wandb.values import read_object
from madang.ports.drafts import Draft, DraftManifest
from madang.services.parts import MOST_PARTS, Part

_MANIFEST = "ArtifactManifest"
_joining: dict[str, threading.Lock] = {}


def create(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.createArtifact."""
    said = given["input"]
    project = project_called(call, said["entityName"], said["projectName"])
    names = [said.get("artifactCollectionName"), *(said.get("artifactCollectionNames") or [])]
    name = next((one for one in names if one), "")
    run = run_of(call, project, said["runName"], metrics=0) if said.get("runName") else None
    wanted = Draft(
        id=0,
        project=project,
        name=name,
        type=said["artifactTypeName"],
        created_at=0,
        run=run.id if run is not None else "",
        client=said.get("clientID") or "",
        shared=said.get("distributedID") or "",
        digest=said["digest"],
        aliases=tuple(alias["alias"] for alias in said.get("aliases") or []),
        description=said.get("description") or "",
        metadata=read_object(said["metadata"]) if said.get("metadata") else {},
        tags=_tags(said),
        lives=max(0, said.get("ttlDurationSeconds") or 0),
    )
    made = call.services.drafts.begin(call.who, wanted)
    ensure_project(call, project)
    if made.number is None:
        return {"artifact": draft_node(made)}
    return {"artifact": node_of(call.services.drafts.version(call.who, draft_node(made)["id"]))}


def _tags(said: dict[str, Any]) -> dict[str, str]:
    own = {
        STEP_TAG: said.get("historyStep"),
        LIFE_TAG: max(0, said.get("ttlDurationSeconds") or 0),
    }
    named = {tag["tagName"]: "" for tag in said.get("tags") or []}
    return named | {name: str(text) for name, text in own.items() if text}


def create_manifest(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.createArtifactManifest."""
    said = given["input"]
    drafts = call.services.drafts
    made = drafts.list_files(
        call.who, said["artifactID"], said["type"], said.get("baseArtifactID") or "", listing.hex_of(said["digest"])
    )
    return _manifest(call, drafts.open_draft(call.who, said["artifactID"]), made)


def update_manifest(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.updateArtifactManifest."""
    said = given["input"]
    number = read_node_id(said["artifactManifestID"], _MANIFEST)[0]
    if not number.isdecimal():
        raise InvalidInput("This is not the id of a manifest.")
    made = call.services.drafts.announce(call.who, int(number), listing.hex_of(said.get("digest") or ""))
    return _manifest(call, call.services.drafts.get(call.who, made.draft), made)


def _manifest(call: WandbCall, draft: Draft, made: DraftManifest) -> Node:
    file = {
        "id": node_id("File", str(made.id)),
        "name": listing.NAME,
        "displayName": listing.NAME,
        "uploadUrl": list_url(call, draft, made),
        "uploadHeaders": [],
    }
    return {"artifactManifest": {"id": node_id(_MANIFEST, str(made.id)), "file": file}}


def create_files(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.createArtifactFiles: one answer for each file, in the same order."""
    wanted = given["input"]["artifactFiles"]
    drafts = {id_: call.services.drafts.open_draft(call.who, id_) for id_ in {item["artifactID"] for item in wanted}}
    md5s = [_md5(item) for item in wanted]
    held = {
        project: call.services.drafts.held(call.who, project, {f"md5:{md5}" for md5 in md5s})
        for project in {draft.project for draft in drafts.values()}
    }
    nodes = [
        _file(call, item, md5, drafts[item["artifactID"]], f"md5:{md5}" in held[drafts[item["artifactID"]].project])
        for item, md5 in zip(wanted, md5s, strict=True)
    ]
    return {"files": {"edges": [{"node": node} for node in nodes], "pageInfo": {"hasNextPage": False}}}


def _md5(item: dict[str, Any]) -> str:
    found = listing.hex_of(item.get("md5") or item.get("digest") or "")
    if not found:
        raise InvalidInput(f"The MD5 of {item['name'][:200]!r} cannot be read.", hint="It is written in base64.")
    return found


def _file(call: WandbCall, item: dict[str, Any], md5: str, draft: Draft, is_held: bool) -> Node:
    parts = item.get("uploadPartsInput") or []
    return {
        "id": node_id("File", str(draft.id), item["name"]),
        "name": item["name"],
        "displayName": item["name"],
        "storagePath": md5,
        "uploadUrl": None if is_held else file_url(call, draft, md5),
        "uploadHeaders": [],
        "uploadMultipartUrls": _parts(call, draft, md5, parts) if parts and not is_held else None,
        "artifact": draft_node(draft),
    }


def _parts(call: WandbCall, draft: Draft, md5: str, parts: list[dict[str, Any]]) -> Node:
    if len(parts) > MOST_PARTS:
        raise InvalidInput(f"{len(parts)} parts of one file are more than {MOST_PARTS}.")
    upload = call.services.parts.begin(call.who, _target(draft, md5))
    urls = [
        {"partNumber": part["partNumber"], "uploadUrl": part_url(call, draft, upload, part["partNumber"])}
        for part in parts
    ]
    return {"uploadID": upload, "uploadUrlParts": urls}


def _target(draft: Draft, md5: str) -> str:
    return f"wandb:{draft.project}:{md5}"


def complete(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.completeMultipartUploadArtifact: the parts become the file. It is asked again when that takes long."""
    said = given["input"]
    draft = call.services.drafts.open_draft(call.who, said["artifactID"])
    md5, upload = said["storagePath"], said["uploadID"]
    target = _target(draft, md5)
    if said["completeMultipartAction"] == "Abort":
        call.services.parts.drop(call.who, upload, target)
        return {"digest": None}
    lock = _joining.setdefault(upload, threading.Lock())
    try:
        with lock:
            if not call.services.drafts.held(call.who, draft.project, [f"md5:{md5}"]):
                parts = [Part(part["partNumber"], part["hexMD5"].strip('"')) for part in said["completedParts"]]
                pieces, size = call.services.parts.joined(call.who, upload, target, parts)
                call.services.drafts.take(call.who, draft.project, md5, pieces, size)
            _drop(call, upload, target)
    finally:
        _joining.pop(upload, None)
    return {"digest": listing.digest_of_hex(md5)}


def _drop(call: WandbCall, upload: str, target: str) -> None:
    try:
        call.services.parts.drop(call.who, upload, target)
    except NotFound:  # by an earlier try
        return


def commit(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.commitArtifact."""
    found: VersionRecord = call.services.commits.commit(call.who, given["input"]["artifactID"])
    return {"artifact": node_of(found)}


RESOLVERS: dict[str, Resolver] = {
    "Mutation.createArtifact": create,
    "Mutation.createArtifactManifest": create_manifest,
    "Mutation.updateArtifactManifest": update_manifest,
    "Mutation.createArtifactFiles": create_files,
    "Mutation.completeMultipartUploadArtifact": complete,
    "Mutation.commitArtifact": commit,
}
