"""Sweeps: made, told, paused and ended; agents that join, say what they run and are told what to do.

The client's agent asks every five seconds and does what the answer says: all of the search happens here. It calls a
run by its name, which a trial has beside its run's id.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from madang.domain.query import Compare, Field, RunQuery
from madang.domain.sweeping.config import SweepConfig
from madang.domain.sweeping.sweeps import (
    CANCELLED,
    FINISHED,
    PAUSED,
    RUNNING,
    SWEEP_TAG,
    Agent,
    Order,
    Sweep,
    Trial,
    best_of,
    expected,
)
from madang.edges.wandb.finding import run_of
from madang.edges.wandb.pages import connection, page
from madang.edges.wandb.projects import project_node
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import ProjectNode, run_node
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.ids import node_id, project_name, read_node_id
from madang.formats.wandb.times import iso

_STATES = {"RUNNING": RUNNING, "PENDING": RUNNING, "PAUSED": PAUSED, "FINISHED": FINISHED, "CANCELED": CANCELLED}
_TOLD = {RUNNING: "RUNNING", PAUSED: "PAUSED", FINISHED: "FINISHED", CANCELLED: "CANCELED"}
_MOST_RUNS = 1000  # of one answer that names no number


class SweepNode(NamedTuple):
    """A sweep on the wire, with what is read of it once for all its fields."""

    sweep: Sweep
    config: SweepConfig
    trials: list[Trial]


def sweep_node(call: WandbCall, sweep: Sweep) -> SweepNode:
    """A sweep that the caller has got."""
    sweeps = call.services.sweeping.sweeps
    return SweepNode(sweep, sweeps.config(sweep), sweeps.trials(sweep))


def _find(call: WandbCall, project: str, sweep: str) -> SweepNode | None:
    try:
        return sweep_node(call, call.services.sweeping.sweeps.get(call.who, project, sweep))
    except NotFound:
        return None


def upsert(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.upsertSweep: begin a sweep, or change its state or what is said of it."""
    said = given["input"]
    sweeps = call.services.sweeping.sweeps
    if said.get("id"):
        return {"sweep": sweep_node(call, _changed(call, said)), "configValidationWarnings": []}
    if not said.get("config"):
        raise InvalidInput("A sweep needs a config.")
    project = project_name(said.get("entityName"), said.get("projectName"))
    made = sweeps.create(
        call.who, project, said["config"], said.get("displayName") or "", said.get("description") or ""
    )
    if project_node(call, project) is None:
        call.services.projects.create(call.who, project)
    warnings = list(sweeps.config(made).warnings) + _adopted(call, made, said.get("priorRunsFilters"))
    return {"sweep": sweep_node(call, made), "configValidationWarnings": warnings}


def _adopted(call: WandbCall, sweep: Sweep, filters: str | None) -> list[str]:
    """Have a sweep begin with runs that the client names, as `{"$or": [{"name": …}]}`; what is to be said of it."""
    try:
        asked = json.loads(filters or "{}")
        names = [str(part["name"]) for part in asked.get("$or") or ()]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput("The prior runs are not named.") from error
    runs = [run.id for name in names if (run := run_of(call, sweep.project, name, metrics=0)) is not None]
    count = call.services.sweeping.agents.adopt(call.who, sweep.project, sweep.id, runs) if runs else 0
    return (
        [f"{len(names) - count} of {len(names)} prior runs are no points of the search."] if count < len(names) else []
    )


def _changed(call: WandbCall, said: dict[str, Any]) -> Sweep:
    sweeps = call.services.sweeping.sweeps
    found = sweeps.get(call.who, "", read_node_id(said["id"], "Sweep")[0])
    changes: dict[str, Any] = {}
    for theirs, ours in (("displayName", "name"), ("description", "description")):
        if said.get(theirs) is not None:
            changes[ours] = said[theirs]
    if said.get("state"):
        state = _STATES.get(said["state"].upper())
        if state is None:
            raise InvalidInput(f"{said['state'][:80]!r} is not a state of a sweep.")
        changes["state"] = state
    if said.get("config"):
        found = sweeps.rewrite(call.who, found.project, found.id, said["config"])
    return sweeps.change(call.who, found.project, found.id, changes) if changes else found


def create_agent(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.createAgent."""
    said = given["input"]
    project = project_name(said.get("entityName"), said.get("projectName")) if said.get("projectName") else ""
    sweep = said["sweep"].rpartition("/")[2]
    return {"agent": call.services.sweeping.agents.join(call.who, project, sweep, said["host"])}


def heartbeat(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.agentHeartbeat: which runs the agent has in hand; the commands for it come back."""
    said = given["input"]
    agent = read_node_id(said["id"], "Agent")[0]
    try:
        running = json.loads(said.get("runState") or "{}")
    except ValueError as error:
        raise InvalidInput("runState is not JSON.") from error
    if not isinstance(running, dict):
        raise InvalidInput("runState is not a mapping.")
    agents = call.services.sweeping.agents
    orders = agents.beat(call.who, agent, {str(name) for name, runs in running.items() if runs})
    found = agents.agent(call.who, agent)
    sweep = call.services.sweeping.sweeps.get(call.who, "", found.sweep)
    program = call.services.sweeping.sweeps.config(sweep).program or None
    return {"agent": found, "commands": json.dumps([_command(order, program) for order in orders])}


def _command(order: Order, program: str | None) -> dict[str, Any]:
    if order.trial is None:
        return {"type": order.do}
    if order.do != "run":
        return {"type": order.do, "run_id": order.trial.name}
    args = {name: {"value": value} for name, value in order.params.items()}
    return {"type": "run", "run_id": order.trial.name, "program": program, "args": args}


def _of_project(node: ProjectNode, call: WandbCall, given: dict[str, Any]) -> SweepNode | None:
    return _find(call, node.name, given["sweepName"])


def _all_of_project(node: ProjectNode, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    found = call.services.sweeping.sweeps.of_project(call.who, node.name)
    wanted = _filtered(found, given.get("filters"))
    listed = page(wanted, given)
    for edge in listed["edges"]:
        edge["node"] = sweep_node(call, edge["node"])
    return listed


def _filtered(sweeps: list[Sweep], filters: str | None) -> list[Sweep]:
    """The sweeps that a filter names by id, name or state; MongoDB's language as far as it compares for equality."""
    if not filters:
        return sweeps
    try:
        asked = json.loads(filters)
    except ValueError as error:
        raise InvalidInput("The filters are not JSON.") from error
    return [sweep for sweep in sweeps if _fits(sweep, asked)]


def _fits(sweep: Sweep, asked: Any) -> bool:
    if not isinstance(asked, dict):
        raise InvalidInput("A filter of sweeps is a mapping.")
    known = {
        "name": sweep.id, "id": sweep.id, "displayName": sweep.name, "display_name": sweep.name,
        "state": _TOLD[sweep.state], "method": sweep.config.get("method"), "description": sweep.description,
    }  # fmt: skip
    for key, wanted in asked.items():
        if key in ("$and", "$or", "$nor"):
            parts = [_fits(sweep, part) for part in wanted]
            holds = all(parts) if key == "$and" else any(parts) is (key == "$or")
        elif key in known:
            holds = _equals(known[key], wanted)
        else:
            raise InvalidInput(f"Sweeps cannot be searched by {key[:80]!r}.")
        if not holds:
            return False
    return True


def _equals(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(_folded(found) == _folded(wanted))
    for operator, value in wanted.items():
        if operator in ("$in", "$nin"):
            holds = (_folded(found) in [_folded(item) for item in value]) == (operator == "$in")
        elif operator in ("$eq", "$ne"):
            holds = (_folded(found) == _folded(value)) == (operator == "$eq")
        else:
            raise InvalidInput(f"Sweeps cannot be compared by {operator[:80]!r}.")
        if not holds:
            return False
    return True


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _runs(node: SweepNode, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Sweep.runs: those that were given out here, newest first."""
    return _found_runs(call, node.sweep, given, None)


def _found_runs(call: WandbCall, sweep: Sweep, given: dict[str, Any], only: set[str] | None) -> dict[str, Any]:
    size = min(given.get("first") or _MOST_RUNS, _MOST_RUNS)
    where = Compare(Field("tags", SWEEP_TAG), "=", sweep.id)
    found = call.services.search.runs(
        call.who, RunQuery((sweep.project,), where, limit=size, cursor=given.get("after") or "")
    )
    shown = [run for run in found.runs if only is None or run.id in only]
    edges = [{"node": run_node(run, complete=True), "cursor": found.next} for run in shown]
    return connection(edges, bool(found.next), found.total)


def _best(node: SweepNode) -> float | None:
    best = best_of(node.trials, node.config)
    return None if best is None else best.value


def _agents(node: SweepNode, call: WandbCall, _: dict[str, Any]) -> dict[str, Any]:
    return {"edges": [{"node": agent} for agent in call.services.sweeping.sweeps.agents(node.sweep)]}


def _agent(node: SweepNode, call: WandbCall, given: dict[str, Any]) -> Agent | None:
    for agent in call.services.sweeping.sweeps.agents(node.sweep):
        if given["agentName"] in (agent.id, _agent_id(agent), agent.name):
            return agent
    return None


def _agent_id(agent: Agent) -> str:
    return node_id("Agent", agent.id)


def _trials_of(agent: Agent, call: WandbCall) -> tuple[Sweep, list[Trial]]:
    sweep = call.services.sweeping.sweeps.get(call.who, "", agent.sweep)
    return sweep, [trial for trial in call.services.sweeping.sweeps.trials(sweep) if trial.agent == agent.id]


def _agent_runs(agent: Agent, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    sweep, trials = _trials_of(agent, call)
    return _found_runs(call, sweep, {**given, "first": _MOST_RUNS}, {trial.run for trial in trials})


def _agent_state(agent: Agent, call: WandbCall) -> str:
    view = call.services.sweeping.sweeps.agent_view(call.who, agent)
    return {"alive": "RUNNING", "gone": "CRASHED"}.get(view.state, "FINISHED")


def _heard(node: SweepNode, call: WandbCall) -> int:
    agents = call.services.sweeping.sweeps.agents(node.sweep)
    return max((agent.seen_at for agent in agents), default=0)


def _enqueue(_: Any, __: WandbCall, ___: dict[str, Any]) -> dict[str, Any]:
    """Mutation.enqueueSweepRun: of the client's own scheduler, which this server does not offer."""
    raise InvalidInput("This server chooses the runs of its sweeps itself.")


RESOLVERS: dict[str, Resolver] = {
    "Mutation.upsertSweep": upsert,
    "Mutation.createAgent": create_agent,
    "Mutation.agentHeartbeat": heartbeat,
    "Mutation.enqueueSweepRun": _enqueue,
    "Project.sweep": _of_project,
    "Project.sweeps": _all_of_project,
    "Project.totalSweeps": lambda node, call, _: len(call.services.sweeping.sweeps.of_project(call.who, node.name)),
    "Sweep.id": lambda node, _, __: node_id("Sweep", node.sweep.id),
    "Sweep.name": lambda node, _, __: node.sweep.id,
    "Sweep.displayName": lambda node, _, __: node.sweep.name or None,
    "Sweep.method": lambda node, _, __: node.config.method,
    "Sweep.state": lambda node, _, __: _TOLD[node.sweep.state],
    "Sweep.description": lambda node, _, __: node.sweep.description or None,
    "Sweep.config": lambda node, _, __: node.sweep.text,
    "Sweep.bestLoss": lambda node, _, __: _best(node),
    "Sweep.createdAt": lambda node, _, __: iso(node.sweep.created_at),
    "Sweep.updatedAt": lambda node, _, __: iso(node.sweep.updated_at),
    "Sweep.heartbeatAt": lambda node, call, _: iso(_heard(node, call) or node.sweep.created_at),
    "Sweep.runCount": lambda node, _, __: len(node.trials),
    "Sweep.runCountExpected": lambda node, _, __: expected(node.sweep, node.config),
    "Sweep.earlyStopJobRunning": lambda node, _, __: node.config.early is not None,
    "Sweep.controller": lambda *_: None,
    "Sweep.scheduler": lambda *_: None,
    "Sweep.controllerRunName": lambda *_: None,
    "Sweep.project": lambda node, call, _: project_node(call, node.sweep.project),
    "Sweep.runs": _runs,
    "Sweep.agents": _agents,
    "Sweep.agent": _agent,
    "Agent.id": lambda agent, _, __: _agent_id(agent),
    "Agent.name": lambda agent, _, __: agent.name or agent.id,
    "Agent.host": lambda agent, _, __: agent.host,
    "Agent.state": lambda agent, call, _: _agent_state(agent, call),
    "Agent.totalRuns": lambda agent, call, _: len(_trials_of(agent, call)[1]),
    "Agent.createdAt": lambda agent, _, __: iso(agent.created_at),
    "Agent.heartbeatAt": lambda agent, _, __: iso(agent.seen_at),
    "Agent.runs": _agent_runs,
}
