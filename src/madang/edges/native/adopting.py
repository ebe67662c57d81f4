"""Projects and models of other trackers, as `madang import --to` brings them to a hub."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.domain.access import Permission
from madang.domain.foreign import Model
from madang.domain.projects import RegisteredProject
from madang.edges.native.services import NativeCall
from madang.errors import AccessDenied
from madang.http.routes import LARGE_BODY, READ, WRITE, Route
from madang.services.adopting import AdoptedVersion


class RegisteredProjects(Struct):
    """Projects with their numbers and titles."""

    projects: list[RegisteredProject]


class AdoptedModel(Struct, forbid_unknown_fields=True):
    """A registered model of another tracker with its versions; ``source`` is what history says it came from."""

    model: Model
    versions: list[AdoptedVersion]
    source: str


class Refused(Struct):
    """What could not be taken in, in words."""

    refused: list[str]


def projects(call: NativeCall) -> Any:
    """GET /registered-projects."""
    return RegisteredProjects(call.services.projects.all(call.who))


def project(call: NativeCall) -> Any:
    """POST /registered-projects."""
    _require_admin(call)
    return call.services.adopting.project(call.who, call.body)


def model(call: NativeCall) -> Any:
    """POST /projects/{project}/adopted-models."""
    _require_admin(call)
    body: AdoptedModel = call.body
    found = call.services.adopting.model(call.who, call.path["project"], body.model, body.versions, body.source)
    return Refused(found)


def _require_admin(call: NativeCall) -> None:
    """Who brings numbers, times and authors along is believed: that is for admins alone."""
    if call.who.run or call.who.everywhere < Permission.ADMIN:
        raise AccessDenied(
            "Only an admin of all projects may import into a hub.",
            hint="Import into a workspace and run `madang sync`, or use an admin's token.",
        )


def routes() -> list[Route]:
    """The routes of what an import brings to a hub."""
    return [
        Route(
            "GET", "/registered-projects", projects, READ, "Projects with their numbers and titles",
            answer=RegisteredProjects,
        ),
        Route(
            "POST", "/registered-projects", project, WRITE, "Take in a project of another tracker",
            body=RegisteredProject, answer=RegisteredProject,
        ),
        Route(
            "POST", "/projects/{project}/adopted-models", model, WRITE, "Take in a model of another tracker",
            body=AdoptedModel, answer=Refused, limit=LARGE_BODY,
        ),
    ]  # fmt: skip
