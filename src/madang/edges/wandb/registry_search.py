"""Which projects are registries, what they are called, and which of them fit W&B's filters."""

from __future__ import annotations

from madang.domain.access import Permission
from madang.domain.projects import RegisteredProject
from madang.edges.wandb.services import WandbCall
from madang.errors import NotFound
from madang.formats.wandb.ids import REGISTRY, entity_and_project, node_id, project_name
from madang.formats.wandb.matching import matcher
from madang.formats.wandb.times import iso


def is_registry(project: str) -> bool:
    """Whether a project of ours is what W&B calls a registry."""
    return entity_and_project(project)[1].startswith(REGISTRY)


def project_called(call: WandbCall, entity: str | None, project: str | None) -> str:
    """The name of the project of ours that a client means. A registry is called by its title, which may change.

    Raises:
        NotFound: a registry was called so once.
    """
    name = project_name(entity, project)
    if not is_registry(name):
        return name
    found = call.services.projects.find(call.who, name)
    if found is not None:
        return found.name
    before = call.services.projects.named([name]).get(name)
    if before is not None and not before.deleted_at and call.who.level(name) >= Permission.READ:
        raise NotFound(f"There is no registry {name!r}: it is called {before.title!r} now.")
    return name


def title_of(project: RegisteredProject) -> str:
    """What clients call a project, with its entity."""
    return project.title if is_registry(project.name) and is_registry(project.title) else project.name


def registries_of(call: WandbCall, filters: str | None) -> list[str]:
    """The names of the registries that the caller may read and that fit filters, oldest first."""
    fits = matcher(filters)
    found = []
    for item in call.services.projects.all(call.who):
        if item.deleted_at or not is_registry(item.name) or call.who.level(item.name) < Permission.READ:
            continue
        owner, name = entity_and_project(title_of(item))
        id_ = node_id("Project", item.name)
        if fits({"name": name, "entity_name": owner, "id": id_, "project_id": id_, "created_at": iso(item.created_at)}):
            found.append(item.name)
    return found
