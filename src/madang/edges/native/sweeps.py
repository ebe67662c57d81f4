"""Sweeps and their agents."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from madang.domain.sweeping.sweeps import Agent
from madang.domain.sweeping.views import SweepView
from madang.edges.native.services import NativeCall
from madang.formats import sweeps as wire
from madang.http.routes import READ, WRITE, Route


class NewSweep(Struct, forbid_unknown_fields=True):
    """A sweep to begin; the configuration is YAML text or a mapping."""

    config: str | dict[str, Any]
    name: str = ""


class SweepChange(Struct, forbid_unknown_fields=True):
    """What is to change of a sweep."""

    state: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    run_cap: int | UnsetType | None = UNSET
    again: bool | UnsetType = UNSET


class NewAgent(Struct, forbid_unknown_fields=True):
    """Who wants to carry out trials."""

    host: str
    name: str = ""


class Beat(Struct, forbid_unknown_fields=True):
    """What an agent has in hand, how other runs have ended, and whether it wants another trial or leaves."""

    running: list[str] = []
    ended: dict[str, str] = {}
    wants: bool = True
    leaves: bool = False


def all_sweeps(call: NativeCall) -> Any:
    """GET /sweeps."""
    return wire.SweepsBody(call.services.sweeping.sweeps.views(call.who))


def sweeps(call: NativeCall) -> Any:
    """GET /projects/{project}/sweeps."""
    return wire.SweepsBody(call.services.sweeping.sweeps.views(call.who, call.path["project"]))


def create(call: NativeCall) -> Any:
    """POST /projects/{project}/sweeps."""
    body: NewSweep = call.body
    text = body.config if isinstance(body.config, str) else wire.write(body.config)
    made = call.services.sweeping.sweeps.create(call.who, call.path["project"], text, body.name)
    return call.services.sweeping.sweeps.view(call.who, made.project, made.id)


def sweep(call: NativeCall) -> Any:
    """GET /projects/{project}/sweeps/{sweep}."""
    return call.services.sweeping.sweeps.view(call.who, call.path["project"], call.path["sweep"])


def any_sweep(call: NativeCall) -> Any:
    """GET /sweeps/{sweep}."""
    return call.services.sweeping.sweeps.view(call.who, "", call.path["sweep"])


def change(call: NativeCall) -> Any:
    """PATCH /projects/{project}/sweeps/{sweep}."""
    given = {name: getattr(call.body, name) for name in SweepChange.__struct_fields__}
    changes = {name: value for name, value in given.items() if value is not UNSET}
    made = call.services.sweeping.sweeps.change(call.who, call.path["project"], call.path["sweep"], changes)
    return call.services.sweeping.sweeps.view(call.who, made.project, made.id)


def join(call: NativeCall) -> Any:
    """POST /projects/{project}/sweeps/{sweep}/agents."""
    body: NewAgent = call.body
    return call.services.sweeping.agents.join(call.who, call.path["project"], call.path["sweep"], body.host, body.name)


def beat(call: NativeCall) -> Any:
    """POST /projects/{project}/sweeps/{sweep}/agents/{agent}/beat."""
    body: Beat = call.body
    orders = call.services.sweeping.agents.beat(
        call.who, call.path["agent"], body.running, body.ended, wants=body.wants, leaves=body.leaves
    )
    return wire.OrdersBody([wire.order(item) for item in orders])


def routes() -> list[Route]:
    """The routes of sweeps."""
    of_project, one = "/projects/{project}/sweeps", "/projects/{project}/sweeps/{sweep}"
    return [
        Route("GET", "/sweeps", all_sweeps, READ, "Sweeps of all projects", answer=wire.SweepsBody),
        Route("GET", "/sweeps/{sweep}", any_sweep, READ, "A sweep of whichever project", answer=SweepView),
        Route("GET", of_project, sweeps, READ, "Sweeps", answer=wire.SweepsBody),
        Route("POST", of_project, create, WRITE, "Begin a sweep", body=NewSweep, answer=SweepView, status=201),
        Route("GET", one, sweep, READ, "A sweep with its trials", answer=SweepView),
        Route("PATCH", one, change, WRITE, "Pause, resume or end it", body=SweepChange, answer=SweepView),
        Route("POST", one + "/agents", join, WRITE, "Be an agent of it", body=NewAgent, answer=Agent, status=201),
        Route(
            "POST", one + "/agents/{agent}/beat", beat, WRITE, "Say what an agent runs; hear what it is to do",
            body=Beat, answer=wire.OrdersBody,
        ),
    ]  # fmt: skip
