"""Projects: found by entity and name, listed, made, described, deleted."""

from __future__ import annotations

from typing import Any, NamedTuple

from madang.domain.access import Permission
from madang.domain.projects import ProjectChange, RegisteredProject
from madang.edges.wandb.executor import Resolver
from madang.edges.wandb.finding import readable_project
from madang.edges.wandb.pages import page
from madang.edges.wandb.services import WandbCall
from madang.edges.wandb.viewer import entity
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.words import NOTE
from madang.formats.wandb.ids import ENTITY, entity_and_project, node_id, project_name, read_node_id
from madang.formats.wandb.times import iso


class ProjectNode(NamedTuple):
    """A project on the wire; ``name`` is what runs call it."""

    name: str
    registered: RegisteredProject


def project_node(call: WandbCall, name: str) -> ProjectNode | None:
    """The project that runs call so; None where there is none that the caller may read."""
    if call.who.level(name) < Permission.READ:
        return None
    found = call.services.projects.named([name]).get(name)
    return None if found is None or found.deleted_at else ProjectNode(name, found)


def project(_: Any, call: WandbCall, given: dict[str, Any]) -> ProjectNode | None:
    """Query.project and Query.model."""
    name = readable_project(call, given.get("entityName"), given.get("name"))
    return None if name is None else project_node(call, name)


def projects(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Query.models: the projects of an entity, newest change first."""
    return _listed(call, given.get("entityName") or ENTITY, given)


def _listed(call: WandbCall, owner: str, given: dict[str, Any]) -> dict[str, Any]:
    everything = call.services.projects.all(call.who)
    found = [item for item in everything if not item.deleted_at and entity_and_project(item.name)[0] == owner]
    found.sort(key=lambda item: (-item.created_at, item.number))
    return page([ProjectNode(item.name, item) for item in found], given)


def upsert(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.upsertModel: make a project, or change what is said of it."""
    said = given["input"]
    name = _named(said)
    found = project_node(call, name)
    inserted = found is None
    if found is None:
        made = call.services.projects.create(call.who, name)
        if made.name != name:
            raise InvalidInput(f"{name[:80]!r} cannot be the name of a project.")
        found = ProjectNode(name, made)
    if said.get("description") is not None:
        change = ProjectChange(tags={NOTE: said["description"]})
        found = ProjectNode(name, call.services.projects.change(call.who, found.registered.number, change))
    return {"project": found, "model": found, "inserted": inserted}


def _named(said: dict[str, Any]) -> str:
    if said.get("id"):
        return read_node_id(said["id"], "Project")[0]
    if not said.get("name"):
        raise InvalidInput("A project needs a name.")
    return project_name(said.get("entityName"), said["name"])


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.deleteModel: the project with its runs; they can be restored."""
    name = read_node_id(given["input"]["id"], "Project")[0]
    found = project_node(call, name)
    if found is None:
        raise NotFound(f"There is no project {name!r}.")
    call.services.projects.change(call.who, found.registered.number, ProjectChange(deleted=True))
    return {"success": True}


def _of_entity(owner: dict[str, Any], call: WandbCall, given: dict[str, Any]) -> ProjectNode | None:
    name = readable_project(call, owner["name"], given.get("name"))
    return None if name is None else project_node(call, name)


RESOLVERS: dict[str, Resolver] = {
    "Query.project": project,
    "Query.model": project,
    "Query.models": projects,
    "Entity.project": _of_entity,
    "Entity.projects": lambda owner, call, given: _listed(call, owner["name"], given),
    "Mutation.upsertModel": upsert,
    "Mutation.deleteModel": delete,
    "Project.id": lambda node, _, __: node_id("Project", node.name),
    "Project.internalId": lambda node, _, __: str(node.registered.number),
    "Project.name": lambda node, _, __: entity_and_project(node.name)[1],
    "Project.entityName": lambda node, _, __: entity_and_project(node.name)[0],
    "Project.entity": lambda node, _, __: entity(entity_and_project(node.name)[0]),
    "Project.description": lambda node, _, __: node.registered.tags.get(NOTE, ""),
    "Project.access": lambda *_: "PRIVATE",
    "Project.createdAt": lambda node, _, __: iso(node.registered.created_at),
    "Project.updatedAt": lambda node, _, __: iso(node.registered.updated_at),
    "Project.isBenchmark": lambda *_: False,
    "Project.readOnly": lambda node, call, _: call.who.level(node.name) < Permission.WRITE,
    "Project.allowAllArtifactTypesInRegistry": lambda *_: True,
}
