"""The runs that two runs rest on, as far as what these made is not the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from madang.domain.files import InputItem
from madang.domain.pipelines import STAGE_TAG, stage_outs
from madang.domain.query import AllOf, Compare, Condition, Exists, Field, Order, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.values import value
from madang.ports.reader import Reader
from madang.services.comparing.why import VARIANT, program_of
from madang.services.reproduce import TAG as REPRODUCES

_STAGES = 1000  # executions before a run that are looked at
_OTHERS = 30  # other runs
_MOST_STEPS = 100


@value
class Step:
    """The same stage or program, executed for the earlier run and for the later one."""

    before: RunRecord
    after: RunRecord

    @property
    def runs(self) -> tuple[RunRecord, RunRecord]:
        """Both."""
        return self.before, self.after


@value
class Chain:
    """Steps in the order in which they ran; the last are the two runs in question."""

    steps: tuple[Step, ...]
    made: frozenset[str] = frozenset()  # paths that one step makes and another reads
    is_sure: bool = True  # every link is told by digests; else by who has written to the path last

    def is_made(self, path: str) -> bool:
        """Whether a path is, or lies in, what a step makes for another."""
        return path in self.made or any(path.startswith(f"{one}/") for one in self.made)

    def whole(self, side: int) -> RunRecord:
        """All that the steps of one of the two sides needed, as one run: the last, which reads the others' inputs."""
        runs = [step.runs[side] for step in self.steps]
        inputs = {item.path: item for run in runs for item in run.inputs if not self.is_made(item.path)}
        opened: dict[str, str] = {}
        for run in runs:
            for path, how in run.opened.items():
                opened[path] = "w" if self.is_made(path) else "".join(sorted({*opened.get(path, ""), *how}))
        imports = {path: size for run in runs for path, size in run.imports.items()}
        return replace(runs[-1], inputs=list(inputs.values()), opened=opened, imports=imports)


def chain(reader: Reader, before: RunRecord, after: RunRecord) -> Chain:
    """The two runs with what made their differing inputs, back to where both sides had the same.

    An input is followed when on both sides the same stage, or the same program, has made it, also an equal one that
    nothing tracks: it can only be made again. What else a run read stays its input.
    """
    steps, made, is_sure = [Step(before, after)], set[str](), True
    seen = {(before.id, after.id)}
    waiting = list(steps)
    while waiting and len(steps) < _MOST_STEPS:
        step = waiting.pop()
        makers = [_Makers(reader, run) for run in step.runs]
        for path, (old, new) in _followed(step).items():
            one, other = (maker.of(item) for maker, item in zip(makers, (old, new), strict=True))
            if one is None or other is None or one.id == other.id or program_of(one) != program_of(other):
                continue
            made.add(path)
            is_sure = is_sure and STAGE_TAG in one.tags
            if (one.id, other.id) not in seen:
                seen.add((one.id, other.id))
                steps.append(Step(one, other))
                waiting.append(steps[-1])
    last = steps.pop(0)
    steps.sort(key=lambda step: max(run.created_at for run in step.runs))
    return Chain((*steps, last), frozenset(made), is_sure)


def _followed(step: Step) -> dict[str, tuple[InputItem, InputItem]]:
    """The inputs whose makers are looked for."""
    old, new = ({item.path: item for item in run.inputs} for run in step.runs)
    pairs = {path: (old[path], new[path]) for path in old.keys() & new.keys()}
    return {path: pair for path, pair in pairs.items() if pair[0].digest != pair[1].digest or _is_loose(path, step)}


def _is_loose(path: str, step: Step) -> bool:
    """Whether neither run's file is tracked: stages name their programs as inputs, and those are in git."""
    if any(STAGE_TAG in run.tags for run in step.runs):
        return False
    return not any(item.tracked_by for run in step.runs for item in run.inputs if item.path == path)


class _Makers:
    """The runs that had ended when a run began, newest first, those of its own reproduction before the others."""

    def __init__(self, reader: Reader, run: RunRecord) -> None:
        self._reader = reader
        self._run = run

    def of(self, item: InputItem) -> RunRecord | None:
        """The one that made an input."""
        for run in self._stages:
            if any((out.path, out.digest) == (item.path, item.digest) for out in stage_outs(run)):
                return self._reader.run(run.id)
        if item.tracked_by:
            return None
        return next((run for run in self._others if "w" in run.opened.get(item.path, "")), None)

    @cached_property
    def _stages(self) -> Sequence[RunRecord]:
        found = self._ended(Exists(Field("tags", STAGE_TAG)), _STAGES)
        own = [run for run in found if self._run.group and run.group == self._run.group]
        return [*own, *(run for run in found if run not in own)]

    @cached_property
    def _others(self) -> Sequence[RunRecord]:
        made_up = [Exists(Field("tags", tag), negated=True) for tag in (STAGE_TAG, VARIANT, REPRODUCES)]
        return [self._reader.run(run.id) for run in self._ended(AllOf(tuple(made_up)), _OTHERS)]

    def _ended(self, condition: Condition, limit: int) -> Sequence[RunRecord]:
        where = (
            condition,
            Compare(Field("attributes", "status"), "=", "finished"),
            Compare(Field("attributes", "ended_at"), "<=", self._run.created_at),
        )
        order = (Order(Field("attributes", "ended_at"), descending=True),)
        return self._reader.runs(RunQuery((self._run.project,), AllOf(where), order, limit=limit, keys=())).runs
