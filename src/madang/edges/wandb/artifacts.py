"""One artifact: found by name, id or its client's name for it, with its files, aliases, links and runs."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from madang.domain.runs import RunRecord
from madang.domain.versions import Entry, VersionRecord, parse_ref
from madang.edges.wandb.artifact_nodes import (
    SEQUENCE,
    Node,
    alias_nodes,
    artifact_node,
    collection_of,
    draft_node,
    membership_node,
)
from madang.edges.wandb.artifact_transfer import blob_url, manifest_url
from madang.edges.wandb.pages import page
from madang.edges.wandb.projects import project_node
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import ProjectNode, RunNode
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.artifacts import draft_id, name_of
from madang.formats.wandb.ids import node_id
from madang.formats.wandb.manifest import digest_of_hex
from madang.formats.wandb.times import iso
from madang.ports.drafts import Draft

_FILES = 1000  # of a page where none is asked for
_MOST_RUNS = 1000


def node_of(found: VersionRecord | Draft) -> Node:
    """An artifact, committed or not."""
    return draft_node(found) if isinstance(found, Draft) else artifact_node(found)


def by_id(_: Any, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Query.artifact."""
    try:
        return node_of(call.services.drafts.named(call.who, given["id"]))
    except (NotFound, InvalidInput):
        return None


def client_id(_: Any, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Query.clientIDMapping."""
    try:
        return {"serverID": draft_id(call.services.drafts.of_client(call.who, given["clientID"]).id)}
    except NotFound:
        return None


def resolve(call: WandbCall, project: str, ref: str) -> VersionRecord | None:
    """The version that ``name:v3`` or ``name:alias`` means in a project; None: there is none."""
    try:
        parse_ref(ref)
        return call.services.artifacts.resolve(call.who, project, ref)
    except (NotFound, InvalidInput):
        return None


def by_name(project: ProjectNode, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Project.artifact."""
    found = resolve(call, project.name, given["name"])
    return artifact_node(call.services.links.source(call.who, found)) if found is not None else None


def membership(project: ProjectNode, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Project.artifactCollectionMembership."""
    found = resolve(call, project.name, given["name"])
    return membership_node(call, found) if found is not None else None


def membership_of_collection(collection: Node, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """ArtifactCollection.artifactMembership."""
    row = collection["row"]
    found = resolve(call, row.project, f"{row.name}:{given['aliasName']}")
    return membership_node(call, found) if found is not None else None


# -- what belongs to an artifact ------------------------------------------------------------------------------------


def sequence(node: Node, call: WandbCall, _: dict[str, Any]) -> Node:
    """Artifact.artifactSequence: where it was made."""
    of = node.get("draft") or node["version"]
    try:
        return collection_of(call, of.project, of.name)
    except NotFound:  # a draft of a name that nothing has yet
        made_up = node_id(SEQUENCE, of.project, of.name)
        return {"project": project_node(call, of.project), "id": made_up, "name": of.name, "latestArtifact": None}


def aliases(node: Node, call: WandbCall, _: dict[str, Any]) -> list[Node]:
    """Artifact.aliases: those of the artifact and of the links to it."""
    if "draft" in node:
        return []
    made: list[Node] = []
    for one in _shown(call, node["version"]):
        collection = collection_of(call, one.project, one.name)
        made += alias_nodes(one, collection["row"], collection)
    return made


def digest(node: Node, call: WandbCall, _: dict[str, Any]) -> str:
    """Artifact.digest."""
    return node["draft"].digest if "draft" in node else call.services.digests.of(node["version"])


def files(node: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """Artifact.files, ArtifactCollectionMembership.files and Artifact.filesByManifestEntries."""
    if "draft" in node:
        return page([], given)
    version: VersionRecord = node["version"]
    entries: Sequence[Entry] = call.services.artifacts.manifest(call.who, version.project, version.ref)
    names = given.get("names")
    if given.get("entries") is not None:
        names = [item["name"] for item in given["entries"]]
        given = {"first": len(names)}
    if names is not None:
        wanted = set(names)
        entries = [entry for entry in entries if entry.path in wanted]
    found = page(entries, given, _FILES)
    shown = [edge["node"] for edge in found["edges"]]
    known = cache(lambda: call.services.digests.all(version.project, shown))
    for edge in found["edges"]:
        edge["node"] = _file(call, version, edge["node"], known)
    return found


def _file(call: WandbCall, version: VersionRecord, entry: Entry, known: Callable[[], dict[str, str]]) -> Node:
    """A file; ``known`` gives the MD5s of those of the same page, found out when one is asked for."""

    def md5(*_: Any) -> str | None:
        return digest_of_hex(known()[entry.digest]) if entry.is_held else None

    url = blob_url(call, version.project, entry) if entry.is_held else entry.uri
    return {
        "id": node_id("File", version.project, version.ref, entry.path),
        "name": entry.path,
        "displayName": entry.path,
        "url": url,
        "directUrl": url,
        "sizeBytes": entry.size,
        "storagePath": entry.uri or entry.digest,
        "mimetype": mimetypes.guess_type(entry.path)[0] or "",
        "updatedAt": iso(version.created_at),
        "digest": md5,
        "md5": md5,
    }


def manifest(node: Node, call: WandbCall, _: dict[str, Any]) -> Node | None:
    """Artifact.currentManifest."""
    if "draft" in node:
        return None
    version = node["version"]
    url = manifest_url(call, version)
    file = {"id": node_id("File", name_of(version)), "name": "wandb_manifest.json", "directUrl": url, "url": url}
    return {"id": node_id("ArtifactManifest", name_of(version)), "file": file}


def _shown(call: WandbCall, version: VersionRecord) -> list[VersionRecord]:
    """A version and the links to it in projects that are not deleted."""
    return [one for one in call.services.links.of(call.who, version) if project_node(call, one.project) is not None]


def memberships(node: Node, call: WandbCall, _: dict[str, Any]) -> Any:
    """Artifact.artifactMemberships."""
    found = _shown(call, node["version"]) if "version" in node else []
    return page([membership_node(call, one) for one in found], {"first": len(found)})


# -- runs -----------------------------------------------------------------------------------------------------------


def created_by(node: Node, call: WandbCall, _: dict[str, Any]) -> RunNode | None:
    """Artifact.createdBy."""
    run = node["draft"].run if "draft" in node else node["version"].run
    try:
        return RunNode(call.services.search.run(call.who, run)) if run else None
    except NotFound:
        return None


def used_by(node: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """Artifact.usedBy: the runs that said they use it, or a link to it; oldest first."""
    if "draft" in node:
        return page([], given)
    found = {
        run.id: run
        for one in call.services.links.of(call.who, node["version"])
        for run in call.services.lineage.users(call.who, one.project, one.ref, _MOST_RUNS)
        if not run.deleted_at
    }
    runs = sorted(found.values(), key=lambda run: (run.created_at, run.id))
    return page([RunNode(run) for run in runs], {"first": len(runs)})


def made_by_run(node: RunNode, call: WandbCall, given: dict[str, Any]) -> Any:
    """Run.outputArtifacts."""
    return _of_run(call, node.run, node.run.versions, given)


def used_by_run(node: RunNode, call: WandbCall, given: dict[str, Any]) -> Any:
    """Run.inputArtifacts."""
    return _of_run(call, node.run, [use.version for use in node.run.uses if use.version], given)


def _of_run(call: WandbCall, run: RunRecord, refs: Sequence[str], given: dict[str, Any]) -> Any:
    found: dict[str, Node] = {}
    for ref in refs:
        with suppress(NotFound):
            shown = call.services.links.source(call.who, call.services.lineage.resolve(call.who, run.project, ref))
            found.setdefault(name_of(shown), artifact_node(shown))
    return page(list(found.values()), given)


def _collection(node: Node, call: WandbCall, _: dict[str, Any]) -> Node:
    return collection_of(call, node["version"].project, node["version"].name)


def _latest(node: Node, call: WandbCall, _: dict[str, Any]) -> Node | None:
    row = node.get("row")
    found = resolve(call, row.project, row.name) if row is not None and row.versions else None
    return artifact_node(found) if found is not None else None


RESOLVERS: dict[str, Resolver] = {
    "Query.artifact": by_id,
    "Query.clientIDMapping": client_id,
    "Project.artifact": by_name,
    "Project.artifactCollectionMembership": membership,
    "ArtifactSequence.artifactMembership": membership_of_collection,
    "ArtifactPortfolio.artifactMembership": membership_of_collection,
    "ArtifactSequence.latestArtifact": _latest,
    "ArtifactCollectionMembership.artifactCollection": _collection,
    "ArtifactCollectionMembership.files": files,
    "Artifact.artifactSequence": sequence,
    "Artifact.aliases": aliases,
    "Artifact.digest": digest,
    "Artifact.digestAlgorithm": lambda *_: "MANIFEST_MD5",
    "Artifact.files": files,
    "Artifact.filesByManifestEntries": files,
    "Artifact.currentManifest": manifest,
    "Artifact.artifactMemberships": memberships,
    "Artifact.usedBy": used_by,
    "Artifact.createdBy": created_by,
    "Run.outputArtifacts": made_by_run,
    "Run.inputArtifacts": used_by_run,
}
KINDS: dict[str, Resolver] = {
    "ArtifactCollection": lambda node, _, __: node["__typename"],
}
