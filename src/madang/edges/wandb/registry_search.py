"""Which projects are registries, by W&B's filters."""

from __future__ import annotations

from madang.domain.access import Permission
from madang.edges.wandb.services import WandbCall
from madang.formats.wandb.ids import REGISTRY, entity_and_project, node_id
from madang.formats.wandb.matching import matcher
from madang.formats.wandb.times import iso


def is_registry(project: str) -> bool:
    """Whether a project of ours is what W&B calls a registry."""
    return entity_and_project(project)[1].startswith(REGISTRY)


def registries_of(call: WandbCall, filters: str | None) -> list[str]:
    """The names of the registries that the caller may read and that fit filters, oldest first."""
    fits = matcher(filters)
    found = []
    for item in call.services.projects.all(call.who):
        if item.deleted_at or not is_registry(item.name) or call.who.level(item.name) < Permission.READ:
            continue
        owner, name = entity_and_project(item.name)
        id_ = node_id("Project", item.name)
        if fits({"name": name, "entity_name": owner, "id": id_, "project_id": id_, "created_at": iso(item.created_at)}):
            found.append(item.name)
    return found
