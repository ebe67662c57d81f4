"""Artifacts, their collections and types as nodes of the wire: plain fields, and the record that the others are of."""

from __future__ import annotations

from typing import Any, TypeAlias

from madang.domain.versions import VersionRecord
from madang.edges.wandb.registry_search import is_registry
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.artifacts import LIFE_TAG, LINK_TAG, OWN_TAGS, STEP_TAG, draft_id, name_of
from madang.formats.wandb.ids import node_id, read_node_id
from madang.formats.wandb.times import iso
from madang.formats.wandb.values import write_json
from madang.ports.drafts import Draft
from madang.ports.versions import CollectionRow
from madang.services.mlflow_words import written_aliases

Node: TypeAlias = dict[str, Any]
SEQUENCE, PORTFOLIO = "ArtifactSequence", "ArtifactPortfolio"
_COLLECTION = "ArtifactCollection"
_NO_LIFE = -2  # seconds; what the service says of an artifact that stays


def artifact_node(version: VersionRecord) -> Node:
    """A version; ``version`` is its record."""
    life, step = version.tags.get(LIFE_TAG, ""), version.tags.get(STEP_TAG, "")
    return {
        "version": version,
        "id": name_of(version),
        "versionIndex": version.number,
        "artifactType": type_node(version.project, version.type),
        "description": version.description or None,
        "metadata": write_json(version.metadata),
        "ttlDurationSeconds": int(life) if life.isdecimal() else _NO_LIFE,
        "ttlIsInherited": not life,
        "tags": tag_nodes(version.tags),
        "historyStep": int(step) if step.isdecimal() else None,
        "state": "COMMITTED",
        "size": version.size,
        "commitHash": version.digest.removeprefix("blake3:")[:20],
        "fileCount": version.files,
        "createdAt": iso(version.created_at),
        "updatedAt": iso(version.updated_at or version.created_at),
    }


def draft_node(draft: Draft) -> Node:
    """A version in the making; ``draft`` is its record."""
    return {
        "draft": draft,
        "id": draft_id(draft.id),
        "artifactType": type_node(draft.project, draft.type),
        "description": draft.description or None,
        "metadata": write_json(draft.metadata),
        "ttlDurationSeconds": draft.lives or _NO_LIFE,
        "ttlIsInherited": not draft.lives,
        "tags": tag_nodes(draft.tags),
        "state": "PENDING",
        "size": 0,
        "fileCount": 0,
        "createdAt": iso(draft.created_at),
        "updatedAt": iso(draft.created_at),
    }


def membership_node(call: WandbCall, version: VersionRecord) -> Node:
    """A version as a part of its collection. A link shows the artifact that it is a link to."""
    shown = call.services.links.source(call.who, version)
    return {
        "version": version,
        "id": node_id("ArtifactCollectionMembership", version.project, version.name, str(version.number)),
        "versionIndex": version.number,
        "createdAt": iso(version.created_at),
        "aliases": alias_nodes(version, call.services.artifacts.collection(call.who, version.project, version.name)),
        "artifact": artifact_node(shown),
    }


def alias_nodes(version: VersionRecord, row: CollectionRow, collection: Node | None = None) -> list[Node]:
    """The aliases of a version in its collection; those that only order the versions of one stage are left out."""
    place, written = (version.project, version.name), written_aliases(row)
    return [
        {
            "id": node_id("ArtifactAlias", *place, alias),
            "alias": written.get(alias, alias),
            "artifactCollection": collection,
        }
        for alias in version.aliases
        if "/" not in alias
    ]


def tag_nodes(tags: dict[str, str]) -> list[Node]:
    """W&B's tags: those of ours that are only a name."""
    names = [name for name, text in sorted(tags.items()) if not text and not name.startswith(OWN_TAGS)]
    return [{"id": node_id("Tag", name), "name": name} for name in names]


def type_node(project: str, name: str, created_at: int = 0) -> Node:
    """A type of artifacts; ``project`` is where."""
    return {
        "project": project,
        "id": node_id("ArtifactType", project, name),
        "name": name,
        "createdAt": iso(created_at),
    }


def collection_node(call: WandbCall, row: CollectionRow, state: str = "READY") -> Node:
    """A collection; ``row`` is its record."""
    return {
        "row": row,
        "__typename": PORTFOLIO if _is_portfolio(call, row) else SEQUENCE,
        "id": node_id(_COLLECTION, str(row.id)),
        "name": row.name,
        "description": row.description or None,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at or row.created_at),
        "state": state,
        "defaultArtifactType": type_node(row.project, row.type, row.created_at),
        "tags": {"edges": [{"node": node} for node in tag_nodes(row.tags)]},
        "digestAlgorithm": "MANIFEST_MD5",
    }


def _is_portfolio(call: WandbCall, row: CollectionRow) -> bool:
    """Whether a collection is a registry's, or its newest version a link."""
    if is_registry(row.project):
        return True
    if not row.versions:
        return False
    try:
        return LINK_TAG in call.services.artifacts.resolve(call.who, row.project, f"{row.name}:v{row.latest}").tags
    except NotFound:  # taken away just now
        return False


def collection_of(call: WandbCall, project: str, name: str) -> Node:
    """A collection by its place. Raises `NotFound`."""
    return collection_node(call, call.services.artifacts.collection(call.who, project, name))


def row_by_id(call: WandbCall, id: str) -> CollectionRow:
    """The collection with an id. Raises `InvalidInput`, `NotFound`."""
    number = read_node_id(id, _COLLECTION)[0]
    if not (number.isdecimal() and len(number) < 19):
        raise InvalidInput("This is not the id of a collection.")
    return call.services.artifacts.collection_with(call.who, int(number))
