"""Reports, workspaces and custom charts, as `wandb-workspaces` and the client itself save and read them."""

from __future__ import annotations

from typing import Any

from madang.domain.views import CHART, DRAFT, REPORT, View, ViewChange
from madang.edges.wandb.finding import readable_project
from madang.edges.wandb.pages import page
from madang.edges.wandb.projects import project_node
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import ProjectNode
from madang.edges.wandb.services import WandbCall
from madang.edges.wandb.viewer import user
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.ids import ENTITY, project_name
from madang.formats.wandb.times import iso
from madang.formats.wandb.views import number_of, view_id
from madang.services.report_links import ReportLink


def view(_: Any, call: WandbCall, given: dict[str, Any]) -> View | None:
    """Query.view."""
    try:
        return call.services.views.get(call.who, number_of(given["id"]))
    except NotFound:
        return None


def of_project(node: ProjectNode, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Project.allViews: of one kind, and of one name where the client gives it."""
    found = call.services.views.of_project(call.who, node.name, (given.get("viewType") or REPORT,))
    name = given.get("viewName")
    return page([item for item in found if not name or name in (item.name, item.title)], given)


def upsert(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.upsertView."""
    said = given["input"]
    facts = {"created_using": said["createdUsing"]} if said.get("createdUsing") else None
    change = ViewChange(
        said.get("displayName"), said.get("description"), said.get("spec"), said.get("type") or None, facts
    )
    views = call.services.views
    if said.get("id"):
        return {"view": views.change(call.who, number_of(said["id"]), change), "inserted": False}
    project = readable_project(call, said.get("entityName"), said.get("projectName"))
    if not said.get("projectName") or project is None or project_node(call, project) is None:
        raise NotFound(f"project {project_name(said.get('entityName'), said.get('projectName'))} not found")
    if not said.get("name"):
        raise InvalidInput("A view needs a name.")
    made, inserted = views.save(call.who, project, said.get("type") or REPORT, said["name"], change)
    return {"view": made, "inserted": inserted}


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.deleteView; ``deleteDrafts`` takes the drafts of a report along."""
    said = given["input"]
    views = call.services.views
    found = views.get(call.who, number_of(said["id"]))
    drafts = [item for item in views.of_project(call.who, found.project, (DRAFT,)) if item.name == found.name]
    left = [] if found.kind != REPORT else [item for item in drafts if item.number != found.number]
    for item in [found, *(left if said.get("deleteDrafts") else [])]:
        views.drop(call.who, item.number)
        call.services.report_links.end_all(item.number)
    return {"success": True, "pendingDrafts": 0 if said.get("deleteDrafts") else len(left)}


def create_chart(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.createCustomChart: its name in panels is ENTITY/NAME."""
    said = given["input"]
    if not said["name"].strip():
        raise InvalidInput("A chart needs a name.")
    facts = {"type": said["type"], "access": said["access"]}
    change = ViewChange(said["displayName"], None, said["spec"], CHART, facts)
    made, _inserted = call.services.views.save_chart(call.who, f"{said['entity'] or ENTITY}/{said['name']}", change)
    return {"chart": {"id": made.name}}  # what `create_custom_chart` promises: a name for `plot_table`


def share(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.createAccessToken: a link by which anyone may look at a report."""
    said = given["input"]
    link = call.services.report_links.make(call.who, number_of(said["viewId"]), _projects_of(said))
    return {"accessToken": _token_of(link, call)}


def share_projects(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.updateAccessTokenProjects."""
    call.services.report_links.grant(call.who, given["input"]["token"], _projects_of(given["input"]))
    return {"success": True}


def unshare(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.revokeAccessToken."""
    call.services.report_links.end(call.who, given["input"]["token"])
    return {"success": True}


def links_of(item: View, call: WandbCall, _: dict[str, Any]) -> list[dict[str, Any]]:
    """View.accessTokens, for who may end them."""
    return [_token_of(link, call) for link in call.services.report_links.of(call.who, item.number)]


def _projects_of(said: dict[str, Any]) -> list[str]:
    return [project_name(one.get("entityName"), one.get("projectName")) for one in said.get("projects") or []]


def _token_of(link: ReportLink, call: WandbCall) -> dict[str, Any]:
    nodes = [project_node(call, name) for name in link.projects]
    return {"token": link.secret, "type": "PUBLIC", "revokedAt": None, "projects": [node for node in nodes if node]}


def _project_of(item: View, call: WandbCall, _: dict[str, Any]) -> ProjectNode | None:
    return project_node(call, item.project) if item.project else None


RESOLVERS: dict[str, Resolver] = {
    "Query.view": view,
    "Project.allViews": of_project,
    "Mutation.upsertView": upsert,
    "Mutation.deleteView": delete,
    "Mutation.createAccessToken": share,
    "Mutation.updateAccessTokenProjects": share_projects,
    "Mutation.revokeAccessToken": unshare,
    "Mutation.createCustomChart": create_chart,
    "View.id": lambda item, _, __: view_id(item.number),
    "View.displayName": lambda item, _, __: item.title,
    "View.user": lambda item, _, __: user(item.author),
    "View.createdAt": lambda item, _, __: iso(item.created_at),
    "View.updatedAt": lambda item, _, __: iso(item.updated_at),
    "View.type": lambda item, _, __: item.kind,
    "View.project": _project_of,
    "View.accessTokens": links_of,
}
