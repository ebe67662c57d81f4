"""What a run's own client says, against what is known already: points that are there, changes from outside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain import events
from madang.domain.commands import Fact, Points
from madang.domain.runs import Overrides, RunChange

Places = set[tuple[int, int | None, str]]  # step, time in µs UTC, the value as `in_one_form` has it
_EXACT = 1 << 53


def doubtful(facts: Sequence[Fact], ends: Mapping[str, tuple[int, int]]) -> dict[str, list[int]]:
    """The steps, by key, of points that are not newer than the last known one, ``ends`` (step, time)."""
    found: dict[str, list[int]] = {}
    for fact in facts:
        if isinstance(fact, Points):
            for key in fact.values:
                if key in ends and (fact.step, fact.time or 0) <= ends[key]:
                    found.setdefault(key, []).append(fact.step)
    return found


def in_one_form(value: Any) -> str:
    """A value as text, however its client wrote it: 1 is 1.0, and the order of an object's keys does not matter."""
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return repr(float(value))
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else repr(value)


def unlike(facts: Sequence[Fact], there: Mapping[str, Places]) -> list[Fact]:
    """The facts without points that are ``there``, and each point once."""
    rows = Counter((fact.step, fact.time) for fact in facts if isinstance(fact, Points))
    if not there and len(rows) == rows.total():
        return list(facts)
    seen: dict[str, Places] = {key: set(places) for key, places in there.items()}
    kept: list[Fact] = []
    for fact in facts:
        if isinstance(fact, Points):
            if rows[fact.step, fact.time] == 1 and there.keys().isdisjoint(fact.values):
                kept.append(fact)
                continue
            values = {}
            for key, value in fact.values.items():
                places, place = seen.setdefault(key, set()), (fact.step, fact.time, in_one_form(value))
                if place not in places:
                    places.add(place)
                    values[key] = value
            if not values:
                continue
            fact = fact if len(values) == len(fact.values) else Points(values, fact.step, fact.time)
        kept.append(fact)
    return kept


def outranked(facts: Sequence[Fact], lasts: Mapping[str, tuple[int, int, Any]]) -> list[Fact]:
    """Of several values at one step and millisecond the greatest is the last one: said again where a lesser one came.

    ``lasts`` has the step, the time and the value that is last now. The repetition is 1 µs later.
    """
    newest: dict[str, float] = {}
    for fact in facts:
        if isinstance(fact, Points) and fact.time is not None:
            for key, value in fact.values.items():
                step, time, _ = lasts.get(key, (None, 0, None))
                if step == fact.step and time // 1000 == fact.time // 1000 and isinstance(value, int | float):
                    newest[key] = max(value, newest.get(key, value))
    again: list[Fact] = []
    for key, value in newest.items():
        step, time, last = lasts[key]
        if isinstance(last, int | float) and value < last:
            again.append(Points({key: last}, step, time + 1))
    return again


def overruled(overrides: Overrides, facts: Sequence[Fact]) -> RunChange | None:
    """The change that makes way for what is said now; None where nothing stands in the way."""
    if not overrides.revision:
        return None
    name, tags, removed = None, {}, []
    for fact in facts:
        if isinstance(fact, events.Described) and overrides.name is not None:
            name = fact.name if fact.name is not None else name
        elif isinstance(fact, events.Tags):
            touched = overrides.tags.keys() | set(overrides.tags_removed)
            tags.update({key: text for key, text in fact.set.items() if key in touched})
        elif isinstance(fact, events.Removed) and fact.what == "tags":
            removed += [key for key in fact.keys if key in overrides.tags]
    if name is None and not tags and not removed:
        return None
    return RunChange(name=name, tags=tags or None, tags_removed=tuple(removed))
