"""Reproductions as readers see them: the stages of one, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import field, replace

from madang.domain.events import PlannedStage, StageFound
from madang.domain.files import FileRef
from madang.domain.runs import RunRecord
from madang.domain.values import mutable, value

STAGE_TAG = "madang.stage"  # of a run that is the execution of a stage: its address
OUTS_TAG = "madang.outs"  # what it made, as `outs_text` writes it

WAITING, RUNNING, RAN, FAILED, NOT_REACHED = "waiting", "running", "ran", "failed", "not reached"
_SILENT = 60_000_000  # µs after which a reproduction that says nothing is over


@value
class StageView:
    """A stage of a reproduction. Times are µs UTC, 0 = none.

    ``status``: ``waiting``, ``running``, ``ran``, ``failed``, ``not reached``, or one of `StageFound`.
    """

    name: str
    kind: str = "stage"
    status: str = WAITING
    needs: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    run: str = ""
    began: int = 0
    ended: int = 0
    error: str = ""
    outs: list[FileRef] = field(default_factory=list)  # of one without a run, as it was found


@mutable
class PipelineView:
    """One reproduction. ``stages`` is empty where only the summary was asked for."""

    group: str
    status: str  # "running", "failed", "killed" (it ended before all stages were looked at) or "finished"
    began: int
    ended: int  # 0 while it goes on
    user: str = ""
    commit: str = ""
    branch: str = ""
    counts: dict[str, int] = field(default_factory=dict)  # stages by status
    stages: list[StageView] = field(default_factory=list)


def outs_text(made: Iterable[FileRef]) -> str:
    """What the execution of a stage made, for `OUTS_TAG`."""
    rows = [{"path": item.path, "digest": item.digest, "size": item.size} for item in made]
    return json.dumps(rows, ensure_ascii=False)


def stage_outs(run: RunRecord) -> list[FileRef]:
    """What a run that is the execution of a stage has made, by MD5; nothing for other runs."""
    try:
        rows = json.loads(run.tags.get(OUTS_TAG, "[]"))
        return [FileRef(str(row["path"]), str(row["digest"]), int(row["size"])) for row in rows]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # anyone may set a tag
        return []


def view(group: str, runs: Sequence[RunRecord], now: int) -> PipelineView:
    """The reproduction that these runs of one group are; ``now`` is the time of the question, µs UTC."""
    ordered = sorted(runs, key=lambda run: (run.created_at, run.id))
    plan: dict[str, PlannedStage] = {}
    found: dict[str, StageFound] = {}
    for run in ordered:
        if run.pipeline is not None:
            plan.update((item.name, item) for item in run.pipeline.plan)
            found.update((item.name, item) for item in run.pipeline.found)
    executed = {run.tags.get(STAGE_TAG, run.name): run for run in ordered}
    for name in executed:
        plan.setdefault(name, PlannedStage(name))
    ended = _ended(ordered, now)
    stages = [_stage(item, executed.get(name), found.get(name), bool(ended)) for name, item in plan.items()]
    code = next((run.code for run in ordered if run.code is not None), None)
    return PipelineView(
        group,
        _status(stages, ended),
        ordered[0].created_at,
        ended,
        ordered[0].user,
        code.commit if code else "",
        code.branch if code else "",
        _counts(stages),
        stages,
    )


def _stage(item: PlannedStage, run: RunRecord | None, found: StageFound | None, is_over: bool) -> StageView:
    made = StageView(item.name, item.kind, NOT_REACHED if is_over else WAITING, item.needs, item.reads, item.writes)
    if run is not None:
        status = {"running": RUNNING, "finished": RAN}.get(run.status, FAILED)
        error = run.error.message if run.error is not None else ""
        return replace(made, status=status, run=run.id, began=run.created_at, ended=run.ended_at, error=error)
    if found is not None:
        return replace(made, status=found.status, ended=found.at, error=found.error, outs=found.outs)
    return made


def _ended(runs: Sequence[RunRecord], now: int) -> int:
    """When a reproduction ended: as it said, else when it has been silent for a while."""
    told = max((run.pipeline.ended_at for run in runs if run.pipeline is not None), default=0)
    last = max(max(run.ended_at, run.seen_at) for run in runs)
    if told or any(run.status == "running" for run in runs):
        return told
    return last if now - last > _SILENT else 0


def _status(stages: Iterable[StageView], ended: int) -> str:
    if not ended:
        return "running"
    statuses = {stage.status for stage in stages}
    return "failed" if FAILED in statuses else "killed" if NOT_REACHED in statuses else "finished"


def _counts(stages: Iterable[StageView]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for stage in stages:
        counts[stage.status] = counts.get(stage.status, 0) + 1
    return counts
