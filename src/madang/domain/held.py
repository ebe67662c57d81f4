"""What is known of a run whose segments were given up here, because a hub holds them."""

from __future__ import annotations

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.run_state import STATUSES, RunState, SegmentState
from madang.domain.values import value


@value
class HeldSegment:
    """A segment that a hub holds: its bytes, the chain at their end (hex), and the hub's address."""

    id: str
    size: int
    chain: str
    hub: str


@value
class Held:
    """What is known of a run without its segments. Times are µs UTC."""

    project: str
    name: str
    status: str
    created: int
    ended: int
    segments: list[HeldSegment]


def where(run: str, hub: str) -> str:
    """Where a part of a run is and how it comes back, for messages."""
    return f"held by {hub}; `madang sync --fetch {run} --hub {hub}` brings it back"


def is_held(damage: str) -> bool:
    """Whether a line of a run's damage says that a hub holds what is not here."""
    return ": held by " in damage


def placeholder(run: str, held: Held) -> RunState:
    """The state of a run of which only the note is left: enough to list it."""
    first = held.segments[0].id if held.segments else run
    state = RunState(run, held.project, held.created)
    state.segments[first] = SegmentState(events.Header(run, first, held.project, "process"), held.created, held.ended)
    if held.name:
        state.scalars["name"] = (Stamp(held.created, first, 0), held.name)
    if held.status in STATUSES[1:]:
        state.claims[first] = [(Stamp(held.ended, first, 1), "", events.Finished(held.status))]
    return state
