"""The executions of stages that two runs rest on, as far as what they made is not the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from madang.domain.events import InputItem
from madang.domain.pipelines import STAGE_TAG, stage_outs
from madang.domain.query import AllOf, Compare, Exists, Field, Order, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.values import value
from madang.ports.reader import Reader

_LOOKED_AT = 1000  # executions before a run
_MOST_STEPS = 100


@value
class Step:
    """The same stage, executed for the earlier run and for the later one."""

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

    An input is followed when on both sides the same stage has made it. What else a run read stays its input.
    """
    steps, made = [Step(before, after)], set[str]()
    seen = {(before.id, after.id)}
    waiting = list(steps)
    while waiting and len(steps) < _MOST_STEPS:
        step = waiting.pop()
        makers = [_Makers(reader, run) for run in step.runs]
        for path, (old, new) in _differing(step).items():
            found = [one.of(item) for one, item in zip(makers, (old, new), strict=True)]
            one, other = found
            if one is None or other is None or one.tags.get(STAGE_TAG) != other.tags.get(STAGE_TAG):
                continue
            made.add(path)
            if (one.id, other.id) not in seen:
                seen.add((one.id, other.id))
                steps.append(Step(one, other))
                waiting.append(steps[-1])
    last = steps.pop(0)
    steps.sort(key=lambda step: max(run.created_at for run in step.runs))
    return Chain((*steps, last), frozenset(made))


def _differing(step: Step) -> dict[str, tuple[InputItem, InputItem]]:
    old, new = ({item.path: item for item in run.inputs} for run in step.runs)
    return {path: (old[path], new[path]) for path in old.keys() & new.keys() if old[path].digest != new[path].digest}


class _Makers:
    """The executions of stages that had ended when a run began, newest first, those of its own reproduction before."""

    def __init__(self, reader: Reader, run: RunRecord) -> None:
        self._reader = reader
        self._run = run
        self._found: Sequence[RunRecord] | None = None

    def of(self, item: InputItem) -> RunRecord | None:
        """The one that made an input."""
        for run in self._runs():
            if any((out.path, out.digest) == (item.path, item.digest) for out in stage_outs(run)):
                return self._reader.run(run.id)
        return None

    def _runs(self) -> Sequence[RunRecord]:
        if self._found is None:
            where = AllOf(
                (
                    Exists(Field("tags", STAGE_TAG)),
                    Compare(Field("attributes", "status"), "=", "finished"),
                    Compare(Field("attributes", "ended_at"), "<=", self._run.created_at),
                )
            )
            order = (Order(Field("attributes", "ended_at"), descending=True),)
            found = self._reader.runs(RunQuery((self._run.project,), where, order, limit=_LOOKED_AT, keys=())).runs
            own = [run for run in found if self._run.group and run.group == self._run.group]
            self._found = [*own, *(run for run in found if run not in own)]
        return self._found
