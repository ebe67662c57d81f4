"""Collections of artifacts and their types: listed, described, tagged, renamed, given another type, taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from madang.domain.versions import VersionRecord
from madang.edges.wandb.artifact_nodes import (
    SEQUENCE,
    Node,
    alias_nodes,
    artifact_node,
    collection_node,
    collection_of,
    row_by_id,
    tag_nodes,
    type_node,
)
from madang.edges.wandb.artifacts import by_name
from madang.edges.wandb.pages import page
from madang.edges.wandb.projects import project_node, registered
from madang.edges.wandb.registry_rules import allowed_types
from madang.edges.wandb.registry_search import project_called
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import ProjectNode
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.artifacts import OWN_TAGS
from madang.formats.wandb.matching import matcher
from madang.formats.wandb.times import iso
from madang.ports.versions import CollectionRow


def fields_of_collection(row: CollectionRow) -> dict[str, Any]:
    """What filters and orders know of a collection."""
    tags = [name for name, text in row.tags.items() if not text and not name.startswith(OWN_TAGS)]
    return {
        "name": row.name,
        "description": row.description,
        "type": row.type,
        "tag": tags,
        "tags": tags,
        "createdAt": iso(row.created_at),
        "created_at": iso(row.created_at),
        "updatedAt": iso(row.updated_at or row.created_at),
        "updated_at": iso(row.updated_at or row.created_at),
    }


def fields_of_version(version: VersionRecord) -> dict[str, Any]:
    """What filters and orders know of a version."""
    tags = [name for name, text in version.tags.items() if not text and not name.startswith(OWN_TAGS)]
    created, updated = iso(version.created_at), iso(version.updated_at or version.created_at)
    return {
        "state": "COMMITTED",
        "name": version.name,
        "version": [f"v{version.number}", version.number],
        "versionIndex": version.number,
        "version_index": version.number,
        "alias": list(version.aliases),
        "aliases": list(version.aliases),
        "tag": tags,
        "tags": tags,
        "metadata": version.metadata,
        "digest": version.digest,
        "size": version.size,
        "createdAt": created,
        "created_at": created,
        "updatedAt": updated,
        "updated_at": updated,
    }


Fields = Callable[[Any], Mapping[str, Any]]


def chosen(items: Sequence[Any], fields: Fields, filters: str | None, order: str | None) -> list[Any]:
    """The items that fit filters, in an order such as ``-createdAt``; without one as they came."""
    fits = matcher(filters)
    found = [item for item in items if fits(fields(item))]
    key = (order or "").lstrip("+-")
    if key and all(isinstance(fields(item).get(key), str | int) for item in found):
        found.sort(key=lambda item: fields(item)[key], reverse=(order or "").startswith("-"))
    return found


def _rows(call: WandbCall, project: str, type: str | None = None) -> list[CollectionRow]:
    return call.services.artifacts.collections(call.who, project, type)


def _listed(call: WandbCall, rows: Sequence[CollectionRow], given: dict[str, Any]) -> Any:
    found = page(chosen(rows, fields_of_collection, given.get("filters"), given.get("order")), given)
    for edge in found["edges"]:
        edge["node"] = collection_node(call, edge["node"])
    return found


def of_project(project: ProjectNode, call: WandbCall, given: dict[str, Any]) -> Any:
    """Project.artifactCollections."""
    return _listed(call, _rows(call, project.name), given)


def one_of_project(project: ProjectNode, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Project.artifactCollection."""
    try:
        return collection_of(call, project.name, given["name"])
    except (NotFound, InvalidInput):
        return None


def types(project: ProjectNode, call: WandbCall, given: dict[str, Any]) -> Any:
    """Project.artifactTypes."""
    first: dict[str, int] = {}
    for row in _rows(call, project.name):
        first[row.type] = min(row.created_at, first.get(row.type, row.created_at))
    if given.get("includeAll"):
        first |= {name: 0 for name in allowed_types(registered(project, call)) or () if name not in first}
    return page([type_node(project.name, name, at) for name, at in sorted(first.items())], given)


def type_of_project(project: ProjectNode, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Project.artifactType."""
    found = _rows(call, project.name, given["name"])
    return type_node(project.name, given["name"], min(row.created_at for row in found)) if found else None


def of_type(node: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """ArtifactType.artifactCollections."""
    return _listed(call, _rows(call, node["project"], node["name"]), given)


def one_of_type(node: Node, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """ArtifactType.artifactCollection."""
    try:
        row = call.services.artifacts.collection(call.who, node["project"], given["name"])
    except (NotFound, InvalidInput):
        return None
    return collection_node(call, row) if row.type == node["name"] else None


def sequence_of_type(node: Node, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """ArtifactType.artifactSequence: the collection, where it is one of artifacts that were made for it."""
    found = one_of_type(node, call, given)
    return found if found is not None and found["__typename"] == SEQUENCE else None


def artifact_of_type(node: Node, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """ArtifactType.artifact."""
    return by_name(ProjectNode(node["project"]), call, given)


def create_type(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.createArtifactType: types need no making."""
    said = given["input"]
    return {"artifactType": type_node(project_called(call, said["entityName"], said["projectName"]), said["name"])}


def by_id(_: Any, call: WandbCall, given: dict[str, Any]) -> Node | None:
    """Query.artifactCollection."""
    try:
        return collection_node(call, row_by_id(call, given["id"]))
    except (NotFound, InvalidInput):
        return None


def versions(node: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """ArtifactCollection.artifacts: newest first."""
    row: CollectionRow = node["row"]
    found = call.services.artifacts.versions(call.who, row.project, row.name) if row.versions else []
    made = page(chosen(found, fields_of_version, given.get("filters"), given.get("order")), given)
    for edge in made["edges"]:
        version: VersionRecord = edge["node"]
        shown = call.services.links.source(call.who, version)
        edge |= {"version": f"v{version.number}", "node": artifact_node(shown)}
    return made


def aliases(node: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """ArtifactCollection.aliases."""
    row: CollectionRow = node["row"]
    found = call.services.artifacts.versions(call.who, row.project, row.name) if row.versions else []
    return page([alias for version in found for alias in alias_nodes(version, row, node)], given)


# -- changes --------------------------------------------------------------------------------------------------------


def _row(call: WandbCall, said: dict[str, Any]) -> CollectionRow:
    return row_by_id(call, said.get("artifactSequenceID") or said.get("artifactPortfolioID") or "")


def update(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.updateArtifactSequence and updateArtifactPortfolio."""
    said = given["input"]
    row = _row(call, said)
    if said.get("description") is not None and said["description"] != row.description:
        row = call.services.models.edit(call.who, row, description=said["description"])
    if said.get("name") and said["name"] != row.name:
        row = call.services.models.rename(call.who, row, said["name"])
    return {"artifactCollection": collection_node(call, row)}


def move(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.moveArtifactSequence: another type."""
    row = _row(call, given["input"])
    call.services.artifacts.retype(call.who, row.project, row.name, given["input"]["destinationArtifactTypeName"])
    return {"artifactCollection": collection_of(call, row.project, row.name)}


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.deleteArtifactSequence and deleteArtifactPortfolio."""
    row = _row(call, given["input"])
    node = collection_node(call, row, "DELETED")
    call.services.models.delete(call.who, row)
    return {"artifactCollection": node}


def _tagged(call: WandbCall, said: dict[str, Any]) -> tuple[CollectionRow, list[str]]:
    project = project_called(call, said["entityName"], said["projectName"])
    row = call.services.artifacts.collection(call.who, project, said["artifactCollectionName"])
    return row, [tag["tagName"] for tag in said["tags"]]


def add_tags(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.createArtifactCollectionTagAssignments."""
    row, names = _tagged(call, given["input"])
    tags = dict.fromkeys(names, "") | row.tags
    return {"tags": tag_nodes(call.services.models.edit(call.who, row, tags=tags).tags)}


def delete_tags(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.deleteArtifactCollectionTagAssignments."""
    row, names = _tagged(call, given["input"])
    tags = {name: text for name, text in row.tags.items() if name not in names or text}
    call.services.models.edit(call.who, row, tags=tags)
    return {"success": True}


def _project(node: Node, call: WandbCall, _: dict[str, Any]) -> ProjectNode | None:
    return project_node(call, node["row"].project) if "row" in node else node["project"]


_OF_ANY: dict[str, Resolver] = {"project": _project, "artifacts": versions, "aliases": aliases}
RESOLVERS: dict[str, Resolver] = {
    "Query.artifactCollection": by_id,
    "Project.artifactCollections": of_project,
    "Project.artifactCollection": one_of_project,
    "Project.artifactTypes": types,
    "Project.artifactType": type_of_project,
    "ArtifactType.artifactCollections": of_type,
    "ArtifactType.artifactCollection": one_of_type,
    "ArtifactType.artifactSequence": sequence_of_type,
    "ArtifactType.artifact": artifact_of_type,
    "Mutation.createArtifactType": create_type,
    **{f"ArtifactSequence.{name}": resolver for name, resolver in _OF_ANY.items()},
    **{f"ArtifactPortfolio.{name}": resolver for name, resolver in _OF_ANY.items()},
    "Mutation.updateArtifactSequence": update,
    "Mutation.updateArtifactPortfolio": update,
    "Mutation.moveArtifactSequence": move,
    "Mutation.deleteArtifactSequence": delete,
    "Mutation.deleteArtifactPortfolio": delete,
    "Mutation.createArtifactCollectionTagAssignments": add_tags,
    "Mutation.deleteArtifactCollectionTagAssignments": delete_tags,
}
