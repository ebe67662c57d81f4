"""Names for runs that came without one: an adjective, an animal, a number."""

from __future__ import annotations

_FIRST = (
    "able", "amber", "bold", "brave", "bright", "calm", "clever", "crisp", "eager", "fair", "gentle", "glad", "keen",
    "kind", "lively", "lucky", "mellow", "merry", "neat", "nimble", "proud", "quick", "quiet", "rare", "sharp",
    "sleek", "smart", "spry", "sunny", "swift", "warm", "wise",
)  # fmt: skip
_SECOND = (
    "ant", "bat", "bear", "bee", "bird", "boar", "calf", "carp", "cat", "colt", "crab", "crane", "crow", "deer",
    "doe", "dove", "duck", "elk", "fawn", "finch", "fox", "frog", "goose", "hare", "hawk", "lark", "lynx", "mole",
    "moth", "owl", "seal", "wren",
)  # fmt: skip


def new_name(run: str) -> str:
    """A name from the digits of a run's id."""
    number = int(run[:8], 16)
    return f"{_FIRST[number % 32]}-{_SECOND[number // 32 % 32]}-{number // 1024 % 1000}"
