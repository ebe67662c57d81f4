"""Foreign runs as what happens to a run: everything of a new one, what is new of one that is here already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from madang.domain import events
from madang.domain.commands import CreateRun, Fact, Points
from madang.domain.events import Json
from madang.domain.foreign import Details, LeftOut, Point, Run, point_key
from madang.domain.reported import in_one_form

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
        host=run.details.host,
        command=run.details.command,
        facts=[*_described(run, None), *_facts(run, Run(run.id, run.experiment)), *files, *_status(run)],
        time=run.started_at or _BEFORE_ALL,
    )


def news(run: Run, held: Run, files: Sequence[events.File], *, freely: bool = False) -> list[Fact]:
    """What a run has that is not here yet. ``freely``: its tracker lets parameters change."""
    ended = (run.status, run.ended_at) != (held.status, held.ended_at if run.ended_at else 0)
    ended = ended or (run.details.exit_code not in (None, held.details.exit_code))
    changed = {key: item for key, item in run.params.items() if _differs(held.params, key, item)} if freely else {}
    known = replace(held, params={key: item for key, item in held.params.items() if key not in changed})
    return [*_described(run, held), *_facts(run, known), *files, *(_status(run) if ended else ())]


def settled(run: Run, held: Run | None) -> Run:
    """A record without an end of which every point is here, of a run that has ended here: what is newer here stays.

    So a copy that was taken in the middle neither lets a finished run crash nor takes its last values back.
    """
    if run.status != "crashed" or held is None or held.status in ("running", "crashed"):
        return run
    if _new_points(run.metrics, held.metrics):
        return run
    told = replace(run.details, summary=run.details.summary | held.details.summary, exit_code=held.details.exit_code)
    return replace(
        run, status=held.status, ended_at=held.ended_at, name=held.name, notes=held.notes, group=held.group,
        job_type=held.job_type, params=run.params | held.params, tags=run.tags | held.tags, details=told,
    )  # fmt: skip


def _described(run: Run, held: Run | None) -> list[Fact]:
    known = held or Run(run.id, run.experiment)
    is_new = held is None  # then the command says group and job type
    made = events.Described(
        name=run.name if run.name and run.name != known.name else None,
        notes=run.notes if run.notes != known.notes else None,
        group=run.group if not is_new and run.group and run.group != known.group else None,
        job_type=run.job_type if not is_new and run.job_type and run.job_type != known.job_type else None,
        parent=run.parent if run.parent and run.parent != known.parent else None,
    )
    return [made] if made != events.Described() else []


def _status(run: Run) -> list[Fact]:
    return [] if run.status == "running" else [events.Status(run.status, run.ended_at, run.details.exit_code)]


def _facts(run: Run, held: Run) -> Iterator[Fact]:
    for some in _portions({key: item for key, item in run.params.items() if key not in held.params}):
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
    yield from _details(run.details, held.details)


def _details(wanted: Details, held: Details) -> Iterator[Fact]:
    for key, definition in wanted.definitions.items():
        if held.definitions.get(key) != definition:
            yield definition
    for some in _portions({key: item for key, item in wanted.summary.items() if _differs(held.summary, key, item)}):
        yield events.Summary(some)
    for name in ("code", "environment", "forked_from"):
        if getattr(wanted, name) is not None and getattr(held, name) is None:
            yield getattr(wanted, name)
    known = {line.n: (line.stream, line.text) for line in held.console}
    for line in wanted.console:
        if known.get(line.n) != (line.stream, line.text):
            yield events.Console(line.n, line.text, line.stream)
    yield from (alert for alert in wanted.alerts if alert not in held.alerts)


def _differs(held: Mapping[str, Json], key: str, item: Json) -> bool:
    return key not in held or _ordered(held[key]) != _ordered(item)


def _ordered(item: Json) -> str:
    return json.dumps(item, sort_keys=True)


def _portions(values: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """The values in portions that each make one event."""
    some: dict[str, Json] = {}
    size = 0
    for key, item in values.items():
        length = _length(item)
        if some and size + length > _TOGETHER:
            yield some
            some, size = {}, 0
        some[key] = item
        size += len(key) + length
    if some:
        yield some


def _length(item: Json) -> int:
    return len(item) if isinstance(item, str) else len(repr(item))


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
    places: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for key, points in metrics.items():
        for (step, time), values in _by_place(points):
            rows_there = places.setdefault((time, step), [])
            rows_there.extend({} for _ in range(len(values) - len(rows_there)))
            for row, number in zip(rows_there[-len(values) :], values, strict=True):
                row[key] = number
    for time, step in sorted(places):
        for row in places[time, step]:
            yield Points(row, step, time)


def _by_place(points: Iterable[Point]) -> Iterator[tuple[tuple[int, int], list[Any]]]:
    found: dict[tuple[int, int], list[Any]] = {}
    for step, time, number in points:
        there = found.setdefault((step, time), [])
        if not there:
            there.append(number)
        elif in_one_form(number) not in map(in_one_form, there):
            there.append(number)
            there.sort(key=_last_wins)
    yield from found.items()


def _last_wins(item: Json) -> tuple[int, float]:
    if not isinstance(item, int | float):
        return 2, 0.0
    return (0, 0.0) if item != item else (1, item)


def fit(run: Run, problems: list[LeftOut]) -> None:
    """Take out of a run what no record can hold, and say so. What goes on has no end."""
    if run.status in ("running", "scheduled"):
        run.ended_at = 0
    for kind, texts in (("params", run.params), ("tags", run.tags)):
        for key in [key for key, item in texts.items() if _length(item) > _LONGEST or not key]:
            reason = f"{_length(texts.pop(key))} signs are more than a record can hold" if key else "it has no name"
            problems.append(LeftOut(kind, f"{run.id}: {key[:80]}", reason))
