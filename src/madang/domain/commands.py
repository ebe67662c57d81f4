"""What a caller may ask of a run from outside the training process, and what then has happened or why it may not.

`decide` may refuse; the events it gives are facts, which `run_state.apply` never refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any, TypeAlias

from madang.domain import events
from madang.domain.events import Event, Json, Stamp
from madang.domain.parameters import parameter_text
from madang.domain.progressions import is_ascending
from madang.domain.run_state import STATUSES, RunState, outcome
from madang.domain.values import value
from madang.domain.versions import check_name
from madang.errors import Conflict, InvalidInput

_INT64 = 1 << 63
_FAR = 1 << 62  # µs; no frame's time is beyond
_LONGEST_KEY = 100_000


@value
class CreateRun:
    """Begin a run. Without an ``id`` it gets a new one. ``time`` is µs UTC; 0: now."""

    id: str = ""
    name: str = ""
    config: Mapping[str, Json] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
    group: str = ""
    job_type: str = ""
    parent: str = ""
    user: str = ""
    host: str = ""
    command: Sequence[str] = ()
    facts: Sequence[Fact] = ()  # what else is known of it from the beginning
    time: int = 0


@value
class Log:
    """Add to a run: points, config, tags, summary values, console lines; with ``finish`` (a status) it ends.

    ``metrics`` is flat (nested keys joined by a slash). ``step`` None counts on from the step logged last in this way.
    """

    metrics: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None
    time: int = 0
    config: Mapping[str, Json] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, Json] = field(default_factory=dict)
    console: Sequence[str] = ()
    removed: Sequence[tuple[str, Sequence[str]]] = ()  # (config, tags or summary; keys)
    finish: str = ""
    error: str = ""


@value
class Rewind:
    """Hide the points at this step and later that were logged so far."""

    step: int
    time: int = 0


@value
class State:
    """What a client of another protocol says of its run, also of one that has ended.

    A parameter keeps its value, and a deleted run takes nothing in, unless ``freely``.
    """

    facts: Sequence[Fact]
    time: int = 0
    freely: bool = False


@value
class Points:
    """One row of metrics that was decided on. ``time`` is µs UTC; None: that of the command."""

    values: dict[str, Any]
    step: int
    time: int | None = None


@value
class Columns:
    """Many rows of metrics that were decided on, in columns: ``values[key][place]`` stands at ``steps[place]``.

    ``times`` are µs UTC. None is no value.
    """

    values: Mapping[str, Sequence[Any]]
    steps: Sequence[int]
    times: Sequence[int]

    @cached_property
    def is_ordered(self) -> bool:
        """Whether each step is greater than the one before it."""
        return is_ascending(self.steps)


Command: TypeAlias = CreateRun | Log | Rewind | State
Fact: TypeAlias = Event | Points | Columns


def decide(command: Command, state: RunState | None, *, next_step: int = 0, next_line: int = 1) -> list[Fact]:
    """What happens to the run in ``state`` (None: there is no such run yet).

    Raises:
        Conflict: the run exists already, or does not, or has ended.
        InvalidInput: a name, key, step, time or status makes no sense.
    """
    if abs(command.time) >= _FAR:
        raise InvalidInput(f"{command.time} is no time.", hint="Give microseconds since 1970 UTC, or 0 for now.")
    if isinstance(command, CreateRun):
        return _create(command, state)
    if state is None:
        raise Conflict("There is no such run to log to.", hint="Create it first.")
    if isinstance(command, Rewind):
        return [events.Rewound(_step(command.step))]
    if isinstance(command, State):
        return _stated(command, state)
    return _log(command, state, next_step, next_line)


def _create(command: CreateRun, state: RunState | None) -> list[Fact]:
    if state is not None and state.segments:
        raise Conflict(f"The run {command.id} exists already.", hint="Log to it, or leave the id out.")
    if command.name:
        check_name(command.name, "run's name")
    facts: list[Fact] = [
        events.Started(
            name=command.name,
            group=command.group,
            job_type=command.job_type,
            parent=command.parent,
            notes=command.notes,
            command=list(command.command),
        )
    ]
    return [*facts, *_sets(command.config, command.tags, {}), *command.facts]


def _stated(command: State, state: RunState) -> list[Fact]:
    facts: list[Fact] = []
    if command.freely or not any(type(fact) is events.Config for fact in command.facts):
        return list(command.facts)
    for fact in command.facts:
        if isinstance(fact, events.Config):
            fact = events.Config(_new_parameters(fact.set, state))
            if not fact.set:
                continue
        facts.append(fact)
    return facts


def _new_parameters(given: Mapping[str, Json], state: RunState) -> dict[str, Json]:
    new = {}
    for key, item in given.items():
        stamp, known = state.config.get(key, (None, ()))
        if not known:
            new[_key(key)] = item
        elif parameter_text(known[0]) == parameter_text(item):
            continue
        elif stamp is not None and _of_launcher(state, stamp):
            new[_key(key)] = item  # read from the command's arguments; the command knows better
        else:
            raise InvalidInput(
                f"Changing param values is not allowed. Param with key={key!r} was already logged with "
                f"value={parameter_text(known[0])!r} for run ID={state.run!r}. "
                f"Attempted logging new value {parameter_text(item)!r}."
            )
    return new


def _of_launcher(state: RunState, stamp: Stamp) -> bool:
    segment = state.segments.get(stamp.segment)
    return segment is not None and segment.header.writer == "launcher"


def _log(command: Log, state: RunState, next_step: int, next_line: int) -> list[Fact]:
    if command.finish and command.finish not in STATUSES[1:]:
        raise InvalidInput(
            f"A run cannot end with the status {command.finish[:40]!r}.", hint="Use " + ", ".join(STATUSES[1:]) + "."
        )
    if outcome(state).status != "running":
        raise Conflict(f"The run {state.run} has ended.", hint="Change its record instead, or begin a new run.")
    facts: list[Fact] = _sets(command.config, command.tags, command.summary)
    for what, keys in command.removed:
        facts.append(events.Removed(what, list(keys)))
    if command.metrics:
        step = next_step if command.step is None else _step(command.step)
        facts.append(Points({_key(key): value for key, value in command.metrics.items()}, step))
    facts += [events.Console(next_line + place, text) for place, text in enumerate(command.console)]
    if command.finish:
        failure = events.Failure(message=command.error) if command.error else None
        facts.append(events.Finished(command.finish, error=failure))
    return facts


def _sets(config: Mapping[str, Json], tags: Mapping[str, str], summary: Mapping[str, Json]) -> list[Fact]:
    facts: list[Fact] = []
    if config:
        facts.append(events.Config({_key(key): value for key, value in config.items()}))
    if tags:
        facts.append(events.Tags({_key(key): str(value) for key, value in tags.items()}))
    if summary:
        facts.append(events.Summary({_key(key): value for key, value in summary.items()}))
    return facts


def _key(key: str) -> str:
    if not key or len(key) > _LONGEST_KEY:
        raise InvalidInput(f"{key[:40]!r} cannot be a key.", hint="A key is text of 1 to 100,000 characters.")
    return key


def _step(step: int) -> int:
    if not -_INT64 <= step < _INT64:
        raise InvalidInput(f"Step {step!r} is not a 64-bit integer.")
    return step
