"""Runs that go back, and runs that begin where another one stood."""

from __future__ import annotations

from typing import Any

from madang.domain import events
from madang.domain.commands import Fact, Points
from madang.edges.wandb.facts import BRANCH
from madang.edges.wandb.finding import need_run, project_of, run_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import run_node
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput
from madang.formats.wandb.config import read_config
from madang.formats.wandb.history import Row, is_system, rows

_MEDIA = "media/"


def rewind(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.rewindRun: what was logged after a step is hidden."""
    said = given["input"]
    if said["metricName"] != "_step":
        raise InvalidInput(f"A run goes back to a step, not to a value of {said['metricName'][:80]!r}.")
    found = need_run(call, project_of(call, said.get("entityName"), said.get("projectName")), said["runName"])
    step = int(said["metricValue"])
    call.services.streams.rewind(call.who, found.id, step, len(_rows(call, found.id, step)))
    return {"rewoundRun": run_node(call.services.search.run(call.who, found.id), complete=True)}


def forked(call: WandbCall, project: str, config: str) -> list[Fact]:
    """What a new run has of the one that its config names as its source."""
    point = read_config(config).own.get(BRANCH)
    if not isinstance(point, dict) or not isinstance(point.get("run_id"), str):
        return []
    source = run_of(call, project, point["run_id"], metrics=0)
    step = point.get("step")
    if source is None or not isinstance(step, int | float):
        return []
    return [
        events.ForkedFrom(source.id, int(step)),
        *(Points(row.values, row.step, row.time) for row in _rows(call, source.id, int(step))),
        *(file for file in source.files if file.path.startswith(_MEDIA)),
    ]


def _rows(call: WandbCall, run: str, step: int) -> list[Row]:
    found = call.services.search.history(call.who, [run], None, max_step=step)[run]
    return rows({key: item for key, item in found.items() if not is_system(key)})


RESOLVERS: dict[str, Resolver] = {"Mutation.rewindRun": rewind}
