"""Beginning, going on with and changing runs: upsertBucket and what else changes one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from madang.domain import events
from madang.domain.commands import CreateRun, Fact
from madang.domain.ids import new_id
from madang.domain.run_names import new_name
from madang.domain.run_state import outcome
from madang.domain.runs import RunChange
from madang.domain.sweeping.sweeps import SWEEP_TAG
from madang.edges.wandb import facts
from madang.edges.wandb.artifact_changes import delete_of_run
from madang.edges.wandb.branching import forked
from madang.edges.wandb.finding import need_run, project_of, run_by_node, target_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import run_node
from madang.edges.wandb.services import WandbCall
from madang.errors import Conflict
from madang.formats.wandb.ids import ID_TAG, check_run_name
from madang.formats.wandb.tags import HOST, PROGRAM
from madang.ports.records import StoredRun

_SHORT = 8  # characters of a name that nobody gave
_LEVELS = {"INFO": "info", "WARN": "warn", "ERROR": "error"}


def upsert(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.upsertBucket: null leaves a thing as it is; the same again changes nothing."""
    said: Mapping[str, Any] = given["input"]
    if said.get("id") and not said.get("name"):
        found = run_by_node(call, said["id"])
        _say(call, found.id, said)
        return _answer(call, found.id, inserted=False)
    project = project_of(call, said.get("entityName"), said.get("modelName"))
    name = said.get("name") or new_id()[:_SHORT]
    run, known = target_of(call, project, name, anew=bool(said.get("host")))  # which clients tell at their start
    inserted = known is None and _begin(call, project, run, check_run_name(name), said)
    if not inserted:
        _say(call, run, said, name)
    if said.get("state") != "pending":
        call.services.streams.expect(call.who, run, anew=known is not None and known.status != "running")
    return _answer(call, run, inserted=inserted)


def _answer(call: WandbCall, run: str, *, inserted: bool) -> dict[str, Any]:
    found = call.services.search.run(call.who, run)
    settings: dict[str, Any] = {"serverMessages": []}  # older clients ask for them
    return {"bucket": run_node(found, complete=True), "inserted": inserted, "serverSettings": settings}


def _begin(call: WandbCall, project: str, run: str, name: str, said: Mapping[str, Any]) -> bool:
    """Begin a run; False where another request was faster."""
    first: list[Fact] = [
        events.Described(name=said.get("displayName") or new_name(run)),
        events.Tags({ID_TAG: name}),
        *forked(call, project, said.get("config") or "{}"),
    ]
    launched = call.services.launched
    parent = launched.run if launched is not None else ""
    command = CreateRun(id=run, facts=first, host=said.get("host") or "", parent=parent)
    with suppress(Conflict):
        call.services.tracking.create(call.who, project, command)
        if launched is not None:
            launched.made.append(run)
        _say(call, run, {**said, "displayName": None}, name)
        return True
    return False


def _say(call: WandbCall, run: str, said: Mapping[str, Any], name: str = "") -> StoredRun:
    """Change what is said; ``name`` is that of a run whose own client speaks."""

    def told(stored: StoredRun) -> list[Fact]:
        return _facts(call, stored, said, name)

    return call.services.streams.say(call.who, run, told)


def _facts(call: WandbCall, stored: StoredRun, said: Mapping[str, Any], name: str) -> list[Fact]:
    state = stored.state
    made: list[Fact] = [*_described(said), *facts.code_of(state, said)]
    for key, tag in (("host", HOST), ("jobProgram", PROGRAM), ("sweep", SWEEP_TAG)):
        if said.get(key):
            made += facts.tagged(state, tag, said[key])
    if name:
        made += facts.tagged(state, ID_TAG, name)
    if said.get("tags") is not None:
        made += facts.labelled(stored, said["tags"])
    if said.get("config"):
        made += facts.configured(state, said["config"], is_edit=not name)
    if said.get("summaryMetrics"):
        lasts = call.services.streams.metrics(stored)
        made += facts.summed_up(state, facts.lasts_of(lasts), said["summaryMetrics"], is_edit=not name)
    return made + _status(stored, said, name)


def _described(said: Mapping[str, Any]) -> list[Fact]:
    found = events.Described(
        name=said.get("displayName") or None,
        notes=said.get("notes"),
        group=said.get("groupName"),
        job_type=said.get("jobType"),
    )
    return [found] if found != events.Described() else []


def _status(stored: StoredRun, said: Mapping[str, Any], name: str) -> list[Fact]:
    """Where the run stands: as the client says, else running again when it was begun again."""
    told = said.get("state")
    if told:
        return [events.Status(facts.STATUSES.get(told, told))]
    begins = name and said.get("host")  # what a client says later does not: another one of the run may have ended it
    return [events.Status("running")] if begins and outcome(stored.state).status != "running" else []


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.deleteRun; it can be restored, what it has made and is deleted with it cannot."""
    found = run_by_node(call, given["input"]["id"])
    if given["input"].get("deleteArtifacts"):
        delete_of_run(call, found)
    call.services.tracking.change(call.who, found.id, RunChange(deleted=True))
    return {"clientMutationId": given["input"].get("clientMutationId")}


def stop(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.stopRun."""
    found = run_by_node(call, given["input"]["id"])
    call.services.streams.ask_to_stop(call.who, found.id)
    return {"success": True}


def set_state(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.updateRunState."""
    found = run_by_node(call, given["input"]["id"])
    _say(call, found.id, {"state": given["input"]["state"]})
    return {"success": True}


def alert(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.notifyScriptableRunAlert: one title again within the time that the client names says nothing new."""
    said = given["input"]
    found = need_run(call, project_of(call, said["entityName"], said["projectName"]), said["runName"])
    made = events.Alert(said["title"], said["text"], _LEVELS.get(said.get("severity") or "INFO", "info"))
    wait = int(said.get("waitDuration") or 0) * 1000  # the client says milliseconds
    call.services.streams.say(call.who, found.id, lambda stored: _told_once(stored, made, wait))
    return {"success": True}


def _told_once(stored: StoredRun, alert: events.Alert, wait: int) -> list[Fact]:
    last = max((stamp.time for stamp, known in stored.state.alerts if known.title == alert.title), default=0)
    return [] if last and time.time_ns() // 1000 - last < wait else [alert]


RESOLVERS: dict[str, Resolver] = {
    "Mutation.upsertBucket": upsert,
    "Mutation.deleteRun": delete,
    "Mutation.stopRun": stop,
    "Mutation.updateRunState": set_state,
    "Mutation.notifyScriptableRunAlert": alert,
}
