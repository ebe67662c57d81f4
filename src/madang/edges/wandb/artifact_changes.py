"""What is said of an artifact that is there: its use by runs, aliases, texts, tags, links; and that it goes."""

from __future__ import annotations

from typing import Any

from madang.domain import events
from madang.domain.runs import RunRecord
from madang.domain.versions import VersionRecord
from madang.edges.wandb.artifact_nodes import Node, artifact_node, membership_node, row_by_id
from madang.edges.wandb.artifacts import resolve
from madang.edges.wandb.finding import need_run
from madang.edges.wandb.projects import ensure_project, registered
from madang.edges.wandb.registry_rules import check_type
from madang.edges.wandb.registry_search import project_called
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.services import WandbCall
from madang.errors import Conflict, InvalidInput, NotFound
from madang.formats.wandb.artifacts import LIFE_TAG, draft_id
from madang.formats.wandb.values import read_object


def use(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.useArtifact."""
    said = given["input"]
    version = call.services.drafts.version(call.who, said["artifactID"])
    run = need_run(call, project_called(call, said["entityName"], said["projectName"]), said["runName"])
    ref = version.ref if version.project == run.project else f"{version.project}/{version.ref}"
    if all(one.version != ref for one in run.uses):
        told = events.Use(said.get("usedAs") or ref, ref, "", version.digest, version.size)
        call.services.tracking.state(call.who, run.id, [told])
    return {"artifact": artifact_node(version)}


def _places(call: WandbCall, given: dict[str, Any]) -> list[tuple[VersionRecord, str]]:
    """(version in its collection, alias) for each alias of a request."""
    said = given["input"]
    version = call.services.drafts.version(call.who, said["artifactID"])
    found = []
    for item in said["aliases"]:
        project = project_called(call, item["entityName"], item["projectName"])
        one = call.services.links.in_collection(version, project, item["artifactCollectionName"])
        if one is None:
            raise NotFound(f"{version.ref} is not in {item['artifactCollectionName'][:200]!r}.")
        found.append((one, item["alias"]))
    return found


def add_aliases(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.addAliases. The newest version is ``latest`` anyway."""
    for version, alias in _places(call, given):
        if alias.lower() != "latest":
            call.services.links.point(call.who, version, alias)
    return {"success": True}


def delete_aliases(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.deleteAliases."""
    for version, alias in _places(call, given):
        if alias.lower() != "latest" and alias.lower() in version.aliases:
            call.services.registry.point(call.who, version.project, version.name, alias, None, expected=version.number)
    return {"success": True}


def update(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.updateArtifact."""
    said = given["input"]
    version = call.services.drafts.version(call.who, said["artifactID"])
    gone = {tag["tagName"] for tag in said.get("tagsToDelete") or []}
    tags = {name: text for name, text in version.tags.items() if name not in gone or text}
    tags |= {tag["tagName"]: "" for tag in said.get("tagsToAdd") or [] if tag["tagName"] not in tags}
    life = said.get("ttlDurationSeconds")
    if life is not None:
        tags.pop(LIFE_TAG, None)
        if life > 0:
            tags[LIFE_TAG] = str(life)
        call.services.drafts.keep_for(call.who, version, max(0, life))
    made = call.services.artifacts.edit(
        call.who,
        version.project,
        version.ref,
        description=said.get("description"),
        metadata=read_object(said["metadata"]) if said.get("metadata") else None,
        tags=tags if tags != version.tags else None,
    )
    return {"artifact": artifact_node(made)}


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.deleteArtifact."""
    said = given["input"]
    version = call.services.drafts.version(call.who, said["artifactID"])
    named = [alias for alias in version.aliases if alias != "latest"]
    if named and not said.get("deleteAliases"):
        raise Conflict(f"{version.ref} has the aliases {', '.join(named)}.", hint="Delete it together with them.")
    row = call.services.artifacts.collection(call.who, version.project, version.name)
    call.services.models.delete(call.who, row, version.number)
    return {"artifact": {**artifact_node(version), "state": "DELETED"}}


def delete_of_run(call: WandbCall, run: RunRecord) -> None:
    """Delete the versions that a run has made. Raises `AccessDenied` where a protected pointer is at one."""
    for ref in run.versions:
        version = resolve(call, run.project, ref)
        if version is not None and version.run == run.id:
            row = call.services.artifacts.collection(call.who, version.project, version.name)
            call.services.models.delete(call.who, row, version.number)


def link(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.linkArtifact."""
    said = given["input"]
    version = call.services.drafts.version(call.who, _linked_id(call, said))
    if said.get("artifactPortfolioID"):
        row = row_by_id(call, said["artifactPortfolioID"])
        project, name = row.project, row.name
    else:
        project = project_called(call, said.get("entityName"), said.get("projectName"))
        name = said["artifactPortfolioName"]
    home = ensure_project(call, project)
    check_type(registered(home, call), version.type)
    aliases = [alias["alias"] for alias in said.get("aliases") or []]
    made = call.services.links.link(call.who, version, home.name, name, aliases)
    return {"versionIndex": made.number, "artifactMembership": membership_node(call, made)}


def _linked_id(call: WandbCall, said: dict[str, Any]) -> str:
    if said.get("artifactID"):
        return str(said["artifactID"])
    if not said.get("clientID"):
        raise InvalidInput("Which artifact is to be linked?")
    return draft_id(call.services.drafts.of_client(call.who, said["clientID"]).id)


def unlink(_: Any, call: WandbCall, given: dict[str, Any]) -> Node:
    """Mutation.unlinkArtifact."""
    said = given["input"]
    version = call.services.drafts.version(call.who, said["artifactID"])
    row = row_by_id(call, said["artifactPortfolioID"])
    call.services.links.unlink(call.who, version, row.project, row.name)
    return {"artifactID": said["artifactID"], "success": True}


RESOLVERS: dict[str, Resolver] = {
    "Mutation.useArtifact": use,
    "Mutation.addAliases": add_aliases,
    "Mutation.deleteAliases": delete_aliases,
    "Mutation.updateArtifact": update,
    "Mutation.deleteArtifact": delete,
    "Mutation.linkArtifact": link,
    "Mutation.unlinkArtifact": unlink,
}
