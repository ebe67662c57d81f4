"""Foreign runs as what happens to a run: everything of a new one, what is new of one that is here already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from madang.domain import events
from madang.domain.commands import CreateRun, Fact, Points
from madang.domain.fidelity import LeftOut
from madang.domain.foreign import Point, Run, point_key

_TOGETHER = 1 << 20  # signs of texts that one event holds; a single text may be longer
_LONGEST = 16 << 20  # signs of one text
_BEFORE_ALL = 1  # µs; when a run began of which nobody says it


def command_for(run: Run, files: Sequence[events.File]) -> CreateRun:
    """What makes a run anew."""
    return CreateRun(
        id=run.id,
        parent=run.parent,
        job_type=run.job_type,
        group=run.group,
        user=run.user,
        facts=[*_described(run, None), *_facts(run, Run(run.id, run.experiment)), *files, *_status(run)],
        time=run.started_at or _BEFORE_ALL,
    )


def news(run: Run, held: Run, files: Sequence[events.File]) -> list[Fact]:
    """What a run has that is not here yet."""
    ended = (run.status, run.ended_at) != (held.status, held.ended_at if run.ended_at else 0)
    return [*_described(run, held), *_facts(run, held), *files, *(_status(run) if ended else ())]


def _described(run: Run, held: Run | None) -> list[Fact]:
    known = held or Run(run.id, run.experiment)
    made = events.Described(
        name=run.name if run.name and run.name != known.name else None,
        notes=run.notes if run.notes != known.notes else None,
        parent=run.parent if run.parent and run.parent != known.parent else None,
    )
    return [made] if made != events.Described() else []


def _status(run: Run) -> list[Fact]:
    return [] if run.status == "running" else [events.Status(run.status, run.ended_at)]


def _facts(run: Run, held: Run) -> Iterator[Fact]:
    for some in _portions({key: text for key, text in run.params.items() if key not in held.params}):
        yield events.Config(some)
    for some in _portions({key: text for key, text in run.tags.items() if held.tags.get(key) != text}):
        yield events.Tags(some)
    yield from rows(_new_points(run.metrics, held.metrics))
    known = {(item.name, item.digest) for item in held.datasets}
    yield from (item for item in run.datasets if (item.name, item.digest) not in known)
    inputs = [model for model in run.inputs if model not in held.inputs]
    outputs = [(model, step) for model, step in run.outputs.items() if model not in held.outputs]
    if inputs or outputs:
        yield events.Linked(inputs, outputs)


def _portions(texts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The texts in portions that each make one event."""
    some: dict[str, str] = {}
    size = 0
    for key, text in texts.items():
        if some and size + len(text) > _TOGETHER:
            yield some
            some, size = {}, 0
        some[key] = text
        size += len(key) + len(text)
    if some:
        yield some


def _new_points(wanted: Mapping[str, list[Point]], held: Mapping[str, list[Point]]) -> dict[str, list[Point]]:
    found = {}
    for key, points in wanted.items():
        there = held.get(key)
        if there is None:
            found[key] = points
            continue
        known = set(map(point_key, there))
        fresh = [point for point in points if point_key(point) not in known]
        if fresh:
            found[key] = fresh
    return found


def rows(metrics: Mapping[str, Sequence[Point]]) -> Iterator[Points]:
    """Points as rows, one for what has the same step and time; each point once.

    Of several values at one place the greatest comes last, since MLflow takes it for the last.
    """
    places: dict[tuple[int, int], list[dict[str, float]]] = {}
    for key, points in metrics.items():
        for (step, time), values in _by_place(points):
            rows_there = places.setdefault((time, step), [])
            rows_there.extend({} for _ in range(len(values) - len(rows_there)))
            for row, number in zip(rows_there[-len(values) :], values, strict=True):
                row[key] = number
    for time, step in sorted(places):
        for row in places[time, step]:
            yield Points(row, step, time)


def _by_place(points: Iterable[Point]) -> Iterator[tuple[tuple[int, int], list[float]]]:
    found: dict[tuple[int, int], list[float]] = {}
    for step, time, number in points:
        there = found.setdefault((step, time), [])
        if not there:
            there.append(number)
        elif repr(number) not in map(repr, there):
            there.append(number)
            there.sort(key=_last_wins)
    yield from found.items()


def _last_wins(number: float) -> tuple[bool, float]:
    return (False, 0.0) if number != number else (True, number)


def fit(run: Run, problems: list[LeftOut]) -> None:
    """Take out of a run what no record can hold, and say so. What goes on has no end."""
    if run.status in ("running", "scheduled"):
        run.ended_at = 0
    for kind, texts in (("params", run.params), ("tags", run.tags)):
        for key in [key for key, text in texts.items() if len(text) > _LONGEST or not key]:
            reason = f"{len(texts.pop(key))} signs are more than a record can hold" if key else "it has no name"
            problems.append(LeftOut(kind, f"{run.id}: {key[:80]}", reason))
