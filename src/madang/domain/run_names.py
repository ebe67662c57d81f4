"""Names for runs that came without one: two words and a number."""

from __future__ import annotations

_FIRST = (
    "able", "adaptable", "bold", "bright", "calm", "capable", "carefree", "charming", "clean", "colorful",
    "delicate", "efficient", "fearless", "gentle", "kindly", "learned", "luminous", "melodic", "nimble", "orderly",
    "painted", "peaceful", "placid", "polite", "rare", "serious", "silent", "sincere", "thoughtful", "useful",
    "welcoming", "wise",
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
