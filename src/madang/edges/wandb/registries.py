"""Registries: projects whose collections show artifacts of others, and the organization that they belong to."""

from __future__ import annotations

from typing import Any

from madang.edges.wandb.artifact_nodes import Node, collection_node, membership_node
from madang.edges.wandb.collections import chosen, fields_of_collection, fields_of_version
from madang.edges.wandb.pages import page
from madang.edges.wandb.registry_search import registries_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.services import WandbCall
from madang.edges.wandb.viewer import entity
from madang.formats.wandb.ids import ENTITY, node_id
from madang.ports.versions import CollectionRow


def organization_node() -> Node:
    """The one organization of a store."""
    return {
        "id": node_id("Organization", ENTITY),
        "name": ENTITY,
        "orgEntity": {**entity(ENTITY), "entityType": "organization", "isTeam": False},
        "coreWeaveOrganizationId": None,
        "featureFlags": [],
        "advancedRegistryFeatures": {"advancedSearch": False},
    }


def organization(_: Any, __: WandbCall, given: dict[str, Any]) -> Node | None:
    """Query.organization."""
    return organization_node() if given["name"] == ENTITY else None


def _rows(call: WandbCall, given: dict[str, Any]) -> list[CollectionRow]:
    """The collections of the registries that fit the filters for projects."""
    found = registries_of(call, given.get("projectFilters"))
    return [row for name in found for row in call.services.artifacts.collections(call.who, name)]


def collections(_: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """Entity.artifactCollections."""
    found = chosen(_rows(call, given), fields_of_collection, given.get("filters"), given.get("order"))
    made = page(found, given)
    for edge in made["edges"]:
        edge["node"] = collection_node(call, edge["node"])
    return made


def memberships(_: Node, call: WandbCall, given: dict[str, Any]) -> Any:
    """Entity.artifactMemberships."""
    rows = chosen(_rows(call, given), fields_of_collection, given.get("collectionFilters"), None)
    versions = [
        version
        for row in rows
        if row.versions
        for version in call.services.artifacts.versions(call.who, row.project, row.name)
    ]
    made = page(chosen(versions, fields_of_version, given.get("filters"), given.get("order")), given)
    for edge in made["edges"]:
        edge["node"] = membership_node(call, edge["node"])
    return made


RESOLVERS: dict[str, Resolver] = {
    "Query.organization": organization,
    "Entity.organization": lambda *_: organization_node(),
    "Entity.artifactCollections": collections,
    "Entity.artifactMemberships": memberships,
}
