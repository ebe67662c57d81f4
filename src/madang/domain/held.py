"""What is known of a run whose segments were given up here, because a hub holds them."""

from __future__ import annotations

from madang.domain.values import value


@value
class HeldSegment:
    """A segment that a hub holds: its bytes, and the chain at their end (hex)."""

    id: str
    size: int
    chain: str


@value
class Held:
    """What is known of a run without its segments. Times are µs UTC."""

    hub: str
    project: str
    name: str
    status: str
    created: int
    ended: int
    segments: list[HeldSegment]

    def where(self, run: str) -> str:
        """Where it is and how it comes back, for messages."""
        return f"held by {self.hub}; `madang sync --fetch {run}` brings it back"
