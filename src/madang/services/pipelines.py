"""Reproductions of a project: the runs of a group, which are executions of stages, told as one pipeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from madang.domain import pipelines as rules
from madang.domain.access import Principal
from madang.domain.pipelines import STAGE_TAG, PipelineView
from madang.domain.query import AllOf, Compare, Condition, Exists, Field, Order, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.values import value
from madang.errors import NotFound
from madang.services.search import Search

MAX_STAGES = 5000  # executions that are read of one reproduction
_LOOKED_AT = 1000  # newest executions that one page of the list reads


@value
class PipelinePage:
    """Reproductions, newest first. ``before`` asks for those before them, 0 at the end."""

    pipelines: list[PipelineView]
    before: int = 0


class Pipelines:
    """The reading side of reproductions. Thread-safe."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def latest(self, who: Principal, project: str, before: int = 0, limit: int = 50) -> PipelinePage:
        """Reproductions without their stages, newest first; with ``before`` those that began earlier (µs UTC).

        Raises:
            NotFound: no such project.
        """
        conditions: list[Condition] = [
            Exists(Field("tags", STAGE_TAG)),
            Compare(Field("attributes", "group"), "!=", ""),
        ]
        if before:
            conditions.append(Compare(Field("attributes", "created_at"), "<", before))
        runs = self._runs(who, project, conditions, _LOOKED_AT)
        groups: dict[str, list[RunRecord]] = {}
        for run in runs:
            groups.setdefault(run.group, []).append(run)
        is_cut = len(runs) == _LOOKED_AT
        if is_cut and len(groups) > 1:  # the rest of the last one was not read
            groups.popitem()
        now = _now()
        views = [replace(rules.view(group, found, now), stages=[]) for group, found in groups.items()]
        shown = views[:limit]
        more = is_cut or len(views) > limit
        return PipelinePage(shown, min(view.began for view in shown) if shown and more else 0)

    def pipeline(self, who: Principal, project: str, group: str) -> PipelineView:
        """One reproduction with its stages.

        Raises:
            NotFound: no run of this group is the execution of a stage.
        """
        conditions: list[Condition] = [
            Exists(Field("tags", STAGE_TAG)),
            Compare(Field("attributes", "group"), "=", group),
        ]
        runs = self._runs(who, project, conditions, MAX_STAGES)
        if not runs:
            raise NotFound(f"There is no reproduction {group[:80]!r} in project {project!r}.", hint="madang repro")
        return rules.view(group, runs, _now())

    def _runs(self, who: Principal, project: str, conditions: Sequence[Condition], limit: int) -> list[RunRecord]:
        order = (Order(Field("attributes", "created_at"), descending=True),)
        query = RunQuery((project,), AllOf(tuple(conditions)), order, limit=limit, keys=(), deleted="all")
        return list(self._search.runs(who, query).runs)


def _now() -> int:
    return time.time_ns() // 1000
