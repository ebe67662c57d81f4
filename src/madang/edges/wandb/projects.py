"""Projects: found by entity and name, listed, made, described, deleted."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from madang.domain.access import Permission
from madang.domain.projects import ProjectChange, RegisteredProject
from madang.edges.wandb.finding import readable_project
from madang.edges.wandb.pages import page
from madang.edges.wandb.registry_rules import access_of, allowed_types, said_tags
from madang.edges.wandb.registry_search import is_registry, project_called, registries_of, title_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import ProjectNode
from madang.edges.wandb.services import WandbCall
from madang.edges.wandb.viewer import entity, user
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.words import NOTE
from madang.formats.wandb.ids import ENTITY, MODEL_REGISTRY, entity_and_project, node_id, project_name, read_node_id
from madang.formats.wandb.times import iso


def project_node(call: WandbCall, name: str) -> ProjectNode | None:
    """The project that runs call so; None where there is none that the caller may read."""
    if call.who.level(name) < Permission.READ:
        return None
    found = _known(call).get(name) or call.services.projects.named([name]).get(name)
    if found is None or found.deleted_at:
        return None
    _known(call)[name] = found
    return ProjectNode(name)


def ensure_project(call: WandbCall, name: str) -> ProjectNode:
    """Have a project that no run has named yet; that of a registry may have another name than its title."""
    return project_node(call, name) or ProjectNode(call.services.projects.create(call.who, name).name)


def _known(call: WandbCall) -> dict[str, RegisteredProject]:
    """What was found for this request."""
    known: dict[str, RegisteredProject] = call.request.scope.setdefault("madang.wandb.projects", {})
    return known


def registered(node: ProjectNode, call: WandbCall) -> RegisteredProject:
    """What the store knows of a project beside its runs.

    Raises:
        NotFound: it is gone.
    """
    if node.name not in _known(call) and project_node(call, node.name) is None:
        raise NotFound(f"There is no project {node.name!r}.")
    return _known(call)[node.name]


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
    _known(call).update({item.name: item for item in found})
    return page([ProjectNode(item.name) for item in found], given)


def _of_owner(owner: dict[str, Any], call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Entity.projects: of an organization its registries."""
    if owner["entityType"] != "organization":
        return _listed(call, owner["name"], given)
    return page([ProjectNode(name) for name in registries_of(call, given.get("filters"))], given)


def upsert(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.upsertModel: make a project, or change what is said of it."""
    said = given["input"]
    found = project_node(call, _by_id(call, said["id"]).name) if said.get("id") else _called(call, said)
    node = found or _made(call, _wanted(said))
    tags = said_tags(registered(node, call), said)
    if said.get("description") is not None:
        tags[NOTE] = said["description"]
    if tags:
        change = ProjectChange(tags=tags)
        _known(call)[node.name] = call.services.projects.change(call.who, registered(node, call).number, change)
    return {"project": node, "model": node, "inserted": found is None}


def _made(call: WandbCall, wanted: str) -> ProjectNode:
    """A new project. A registry is called by its title: its name may be that of one which has another title now."""
    made = call.services.projects.create(call.who, wanted)
    if made.name != wanted and not is_registry(wanted):
        raise InvalidInput(f"{wanted[:80]!r} cannot be the name of a project.")
    return ProjectNode(made.name)


def rename(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.renameProject: of a registry its title; runs and versions name their project for good."""
    said = given["input"]
    owner, old, new = (said[key] for key in ("entityName", "oldProjectName", "newProjectName"))
    node = project_node(call, project_called(call, owner, old))
    wanted = project_name(owner, new)
    if node is None:
        raise NotFound(f"There is no project {old[:80]!r}.")
    if not (is_registry(node.name) and is_registry(wanted)):
        raise InvalidInput(
            f"The project {old[:80]!r} keeps its name here.", hint="Make another one, and log or link to that."
        )
    change = ProjectChange(title=wanted)
    _known(call)[node.name] = call.services.projects.change(call.who, registered(node, call).number, change)
    return {"project": node, "model": node, "inserted": False}


def _by_id(call: WandbCall, text: str) -> RegisteredProject:
    number = read_node_id(text, "Project")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise InvalidInput(f"{text[:80]!r} is not the id of a project.")
    return call.services.projects.get(call.who, int(number))


def _wanted(said: dict[str, Any]) -> str:
    if not said.get("name"):
        raise InvalidInput("A project needs a name.")
    return project_name(said.get("entityName"), said["name"])


def _called(call: WandbCall, said: dict[str, Any]) -> ProjectNode | None:
    """The project that is called so; a registry that was called so once is another one."""
    with suppress(NotFound):
        return project_node(call, project_called(call, said.get("entityName"), said.get("name")))
    return None


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.deleteModel: the project with its runs; they can be restored. A registry gives its name free."""
    found = _by_id(call, given["input"]["id"])
    is_kept = entity_and_project(found.name)[1] == MODEL_REGISTRY  # what is linked to it are models, by its name
    if is_registry(found.name) and not is_kept and not found.deleted_at:
        gone = ProjectChange(title=f"{title_of(found)} (deleted, {found.number})")
        call.services.projects.change(call.who, found.number, gone)
    call.services.projects.change(call.who, found.number, ProjectChange(deleted=True))
    return {"success": True}


def _title(node: ProjectNode, call: WandbCall) -> str:
    return title_of(registered(node, call)) if is_registry(node.name) else node.name


def _of_entity(owner: dict[str, Any], call: WandbCall, given: dict[str, Any]) -> ProjectNode | None:
    name = readable_project(call, owner["name"], given.get("name"))
    return None if name is None else project_node(call, name)


RESOLVERS: dict[str, Resolver] = {
    "Query.project": project,
    "Query.model": project,
    "Query.models": projects,
    "Entity.project": _of_entity,
    "Entity.projects": _of_owner,
    "User.projects": lambda _, call, given: _listed(call, ENTITY, given),
    "Entity.triggers": lambda _, __, given: page([], given),
    "Entity.integrations": lambda _, __, given: page([], given),
    "Project.triggers": lambda *_: [],
    "Project.members": lambda *_: [],
    "Project.teamMembers": lambda *_: [],
    "Mutation.upsertModel": upsert,
    "Mutation.deleteModel": delete,
    "Mutation.renameProject": rename,
    "Project.id": lambda node, call, _: node_id("Project", str(registered(node, call).number)),
    "Project.internalId": lambda node, call, _: str(registered(node, call).number),
    "Project.name": lambda node, call, _: entity_and_project(_title(node, call))[1],
    "Project.entityName": lambda node, _, __: entity_and_project(node.name)[0],
    "Project.entity": lambda node, _, __: entity(entity_and_project(node.name)[0]),
    "Project.user": lambda node, _, __: user(entity_and_project(node.name)[0]),
    "Project.description": lambda node, call, _: registered(node, call).tags.get(NOTE, ""),
    "Project.access": lambda node, call, _: access_of(registered(node, call)),
    "Project.createdAt": lambda node, call, _: iso(registered(node, call).created_at),
    "Project.updatedAt": lambda node, call, _: iso(registered(node, call).updated_at),
    "Project.isBenchmark": lambda *_: False,
    "Project.readOnly": lambda node, call, _: call.who.level(node.name) < Permission.WRITE,
    "Project.allowAllArtifactTypesInRegistry": lambda node, call, _: allowed_types(registered(node, call)) is None,
}
