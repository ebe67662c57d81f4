"""Names for runs that came without one: two words and a number."""

from __future__ import annotations

_FIRST = (
    "amber", "brisk", "calm", "clear", "cosy", "deft", "early", "fair", "fleet", "gentle", "glad", "keen", "kind",
    "light", "lucid", "mellow", "neat", "noble", "plain", "quick", "quiet", "ripe", "sharp", "silver", "sound",
    "spry", "still", "sunny", "swift", "tidy", "warm", "wise",
)  # fmt: skip
_SECOND = (
    "acorn", "birch", "brook", "cedar", "cliff", "comet", "crane", "dawn", "delta", "ember", "fern", "field",
    "finch", "forest", "grove", "harbor", "heron", "island", "lantern", "maple", "meadow", "moon", "orchard",
    "otter", "pebble", "pine", "reed", "river", "spring", "stone", "summit", "willow",
)  # fmt: skip


def new_name(run: str) -> str:
    """A name that people can say, from the digits of the run's id."""
    number = int(run[:8], 16)
    return f"{_FIRST[number % 32]}-{_SECOND[number // 32 % 32]}-{number // 1024 % 900 + 100}"
