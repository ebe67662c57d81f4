"""The Run of clients: each field is made when a document asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from madang.domain.line_streams import EVENTS, HISTORY, LOG
from madang.domain.metrics import definition_of
from madang.domain.runs import STOP_TAG, RunRecord
from madang.domain.sweeping.sweeps import SWEEP_TAG
from madang.edges.wandb.finding import name_of, run_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.services import WandbCall
from madang.edges.wandb.viewer import user
from madang.formats.wandb.config import wrapped_config
from madang.formats.wandb.ids import node_id
from madang.formats.wandb.tags import CONFIG, PREEMPTING, labels_of, nested_of, own_of
from madang.formats.wandb.times import iso
from madang.formats.wandb.values import SYSTEM, from_point, line_of_sample, nest, write_json

_MOST = (1 << 31) - 1  # what an Int of GraphQL holds
_STATES = {"scheduled": "pending"}
_ENDED_EARLY = ("failed", "crashed", "killed")


@dataclass
class RunNode:
    """A run on its way to a client. ``complete``: its metrics were read."""

    run: RunRecord
    complete: bool = False


@dataclass(frozen=True)
class ProjectNode:
    """A project on its way to a client: ``name`` is ours."""

    name: str


def run_node(run: RunRecord, *, complete: bool = False) -> RunNode:
    """What resolves to the type Run; ``complete`` says that the record has all its metrics."""
    return RunNode(run, complete)


def completed(node: RunNode, call: WandbCall) -> RunRecord:
    """The run with its metrics."""
    if not node.complete:
        node.run = replace(node.run, metrics=call.services.search.run(call.who, node.run.id).metrics)
        node.complete = True
    return node.run


def project_number(call: WandbCall, project: str) -> int:
    """The number of a project, asked for once a request."""
    known: dict[str, int] = call.request.scope.setdefault("madang.wandb.numbers", {})
    if project not in known:
        found = call.services.projects.named([project]).get(project)
        known[project] = found.number if found is not None else 0
    return known[project]


def state_of(run: RunRecord) -> str:
    """W&B's word for where a run stands."""
    if PREEMPTING in run.tags:
        if run.status == "running":
            return "preempting"
        if run.status in _ENDED_EARLY:
            return "preempted"
    return _STATES.get(run.status, run.status)


def config_of(run: RunRecord) -> dict[str, Any]:
    """The config as clients wrap it."""
    return wrapped_config(run.config, nested_of(run.tags)["config"], own_of(run.tags))


def summary_of(run: RunRecord) -> dict[str, Any]:
    """The summary, of a run with its metrics: last values, and over them what was set by hand."""
    hints = nested_of(run.tags)
    absent = set(hints["absent"])
    flat: dict[str, Any] = {}
    step, time = None, 0
    for key, item in run.metrics.items():
        if key.startswith(SYSTEM):
            continue
        if step is None or item.last_at[:2] > (step, time):
            step, time = item.last_at[:2]
        if key not in absent and definition_of(key, run.definitions).summary != "none":
            flat[key] = from_point(item.last)
    if step is not None:
        flat.update({"_step": step, "_timestamp": time / 1_000_000})
    flat.update({key: from_point(item) for key, item in run.summary.items()})
    return nest(flat, hints["summary"])


def _config(node: RunNode, _: WandbCall, __: dict[str, Any]) -> str:
    return write_json(config_of(node.run))


def _summary(node: RunNode, call: WandbCall, _: dict[str, Any]) -> str:
    return write_json(summary_of(completed(node, call)))


def _system(node: RunNode, call: WandbCall, _: dict[str, Any]) -> str:
    run = completed(node, call)
    last = {key: item.last for key, item in run.metrics.items() if key.startswith(SYSTEM)}
    return write_json({key: item for key, item in line_of_sample(last, 0, 0).items() if not key.startswith("_")})


def _wandb_config(node: RunNode, _: WandbCall, given: dict[str, Any]) -> str:
    run = node.run
    own = own_of(run.tags)
    if not own and (run.status != "scheduled" and CONFIG not in run.tags):
        own = {"t": {}}  # clients take a run without this for one that has not begun
    keys = given.get("keys")
    return write_json(own if keys is None else {key: item for key, item in own.items() if key in keys})


def line_counts(node: RunNode, call: WandbCall) -> dict[str, int]:
    """How many lines of each file are held; of a run of other clients' as many as its steps."""
    held = call.services.streams.held(call.who, node.run.id, (HISTORY, EVENTS, LOG))
    if not held[HISTORY]:
        held[HISTORY] = 1 + last_place(completed(node, call))[0]
    return {file: min(count, _MOST) for file, count in held.items()}


def last_place(run: RunRecord) -> tuple[int, int]:
    """The last step of a run with its metrics, and when it was logged in µs UTC; -1 without any."""
    places = [item.last_at[:2] for key, item in run.metrics.items() if not key.startswith(SYSTEM)]
    return max((place for place in places if place[0] >= 0), default=(-1, run.created_at))


def _tail(node: RunNode, call: WandbCall, _: dict[str, Any]) -> str:
    """The last line of history, as far as clients that go on with a run read it."""
    run = completed(node, call)
    step, time = last_place(run)
    if step < 0:
        return "[]"
    known = run.metrics.get("_runtime")
    runtime = known.last if known is not None else (time - run.created_at) / 1_000_000
    line = {"_step": step, "_timestamp": time / 1_000_000, "_runtime": runtime}
    return write_json([write_json(line)])


def _events_tail(node: RunNode, call: WandbCall, _: dict[str, Any]) -> str:
    run = completed(node, call)
    last = {key: item for key, item in run.metrics.items() if key.startswith(SYSTEM)}
    if not last:
        return "[]"
    time = max(item.last_at[1] for item in last.values())
    return write_json([write_json(line_of_sample({}, time, run.created_at))])


def _project(run: RunRecord) -> ProjectNode:
    return ProjectNode(run.project)


def _bucket(node: ProjectNode, call: WandbCall, given: dict[str, Any]) -> RunNode | None:
    found = run_of(call, node.name, given["name"])
    return None if found is None else run_node(found, complete=True)


def _of_run(read: Any) -> Resolver:
    """A resolver that needs the record alone."""
    return lambda node, _, __: read(node.run)


RESOLVERS: dict[str, Resolver] = {
    "Project.run": _bucket,
    "Project.bucket": _bucket,
    "Run.id": _of_run(lambda run: node_id("Run", run.id)),
    "Run.name": _of_run(name_of),
    "Run.displayName": _of_run(lambda run: run.name or name_of(run)),
    "Run.description": _of_run(lambda run: run.name or name_of(run)),
    "Run.notes": _of_run(lambda run: run.notes),
    "Run.tags": _of_run(lambda run: labels_of(run.tags)),
    "Run.state": _of_run(state_of),
    "Run.group": _of_run(lambda run: run.group or None),
    "Run.jobType": _of_run(lambda run: run.job_type or None),
    "Run.commit": _of_run(lambda run: run.code.commit if run.code is not None and run.code.commit else None),
    "Run.sweepName": _of_run(lambda run: run.tags.get(SWEEP_TAG)),
    "Run.config": _config,
    "Run.summaryMetrics": _summary,
    "Run.systemMetrics": _system,
    "Run.wandbConfig": _wandb_config,
    "Run.readOnly": _of_run(lambda run: False),
    "Run.createdAt": _of_run(lambda run: iso(run.created_at)),
    "Run.heartbeatAt": _of_run(lambda run: iso(run.seen_at or run.created_at)),
    "Run.projectId": lambda node, call, _: project_number(call, node.run.project),
    "Run.project": _of_run(_project),
    "Run.user": _of_run(lambda run: user(run.user or "local")),
    "Run.stopped": _of_run(lambda run: run.status != "running"),
    "Run.running": _of_run(lambda run: run.status == "running"),
    "Run.failed": _of_run(lambda run: run.status in _ENDED_EARLY),
    "Run.shouldStop": _of_run(lambda run: STOP_TAG in run.tags),
    "Run.exitcode": _of_run(lambda run: run.exit_code),
    "Run.historyLineCount": lambda node, call, _: line_counts(node, call)[HISTORY],
    "Run.eventsLineCount": lambda node, call, _: line_counts(node, call)[EVENTS],
    "Run.logLineCount": lambda node, call, _: line_counts(node, call)[LOG],
    "Run.historyTail": _tail,
    "Run.eventsTail": _events_tail,
    "Run.fileCount": _of_run(lambda run: len(run.files)),
}
KINDS: dict[str, Resolver] = {
    "ArtifactCreator": lambda value, _, __: "Run" if isinstance(value, RunNode) else "User",
}
