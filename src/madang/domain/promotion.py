"""The rule that only the best model is promoted, as a project declares it, and what it decides about a version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from madang.domain.gates import parse_gate
from madang.domain.reviews import base_of, checked_alias
from madang.domain.values import value
from madang.domain.versions import check_name
from madang.errors import InvalidInput

Mode: TypeAlias = Literal["max", "min"]
Outcome: TypeAlias = Literal["promoted", "requested", "lost"]

NEVER = 0
AT_ONCE = 1  # as a time of expiry: long ago
_DAY = 86_400_000_000  # µs
_UNITS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": _DAY, "w": 7 * _DAY}
_EXPIRE = r"expire after (\d{1,6})\s*([smhdw])\Z"
_KEYS = frozenset({"model", "metric", "mode", "alias", "require", "losers"})


@value
class Rule:
    """Move ``alias`` to a new version whose metric is better than that of the version that it is at.

    ``model`` empty: every model of the project. ``losers``: `keep`, `drop`, or `expire after 7d`.
    """

    metric: str
    mode: Mode = "max"
    alias: str = "production"
    model: str = ""
    require: tuple[str, ...] = ()
    losers: str = "keep"

    def is_better(self, own: float | None, current: float | None) -> bool:
        """Whether a value beats the present one. None is no number: it never wins, and loses to any number."""
        if own is None:
            return False
        if current is None:
            return True
        return own > current if self.mode == "max" else own < current

    def expiry(self, at: int) -> int:
        """When the bytes of a version that lost at a time (µs UTC) are not needed any more; `NEVER`: they stay."""
        if self.losers == "keep":
            return NEVER
        if self.losers == "drop":
            return AT_ONCE
        found = re.match(_EXPIRE, self.losers)
        assert found is not None
        return at + int(found[1]) * _UNITS[found[2]]

    @property
    def summary(self) -> str:
        """The rule in one line."""
        parts = [f"{self.mode} {self.metric} → {self.alias}", *self.require]
        return "; ".join(parts if self.losers == "keep" else [*parts, f"losers: {self.losers}"])


@value
class RuleSet:
    """The rules of a project as somebody has set them.

    ``in_default``: whether who set them could then write in the project `Default` too, where clients of MLflow keep the
    models of all projects. Else the rules move nothing there. ``is_set``: somebody has, be it to none.
    """

    rules: tuple[Rule, ...] = ()
    in_default: bool = False
    is_set: bool = False


@value
class Decision:
    """What a rule made of a version when the version's run ended."""

    run: str
    project: str
    name: str
    number: int
    alias: str
    outcome: Outcome
    reason: str
    at: int  # µs UTC
    value: float | None = None
    against: int | None = None  # the version that the pointer was at
    expires_at: int = NEVER  # µs UTC
    gone_at: int = 0  # µs UTC; the bytes were removed


def parse_rules(found: Any, where: str) -> tuple[Rule, ...]:
    """The rules below `promote:` of a project's configuration: one, or a list.

    Raises:
        InvalidInput: a key or value makes no sense; the message names ``where`` it stands.
    """
    items = found if isinstance(found, Sequence) and not isinstance(found, str) else [found]
    return tuple(_rule(item, where) for item in items)


def _rule(found: Any, where: str) -> Rule:
    if not isinstance(found, Mapping):
        raise InvalidInput(f"`promote` in {where} is no mapping.", hint="Write `promote: {metric: val/f1, mode: max}`.")
    unknown = sorted(str(key) for key in found if key not in _KEYS)
    if unknown:
        raise InvalidInput(
            f"`promote` in {where} has the unknown key {unknown[0]!r}.", hint=f"Known: {', '.join(sorted(_KEYS))}."
        )
    metric = found.get("metric")
    if not isinstance(metric, str) or not metric.strip():
        raise InvalidInput(f"`promote` in {where} names no metric.", hint="Write `metric: val/f1`.")
    mode = found.get("mode", "max")
    if mode not in ("max", "min"):
        raise InvalidInput(f"`mode` of `promote` in {where} is {mode!r:.40}.", hint="Write max or min.")
    require = found.get("require") or ()
    gates = (require,) if isinstance(require, str) else tuple(require)
    for text in gates:
        parse_gate(text)
    losers = " ".join(str(found.get("losers", "keep")).split())
    if losers not in ("keep", "drop") and not re.match(_EXPIRE, losers):
        raise InvalidInput(
            f"`losers` of `promote` in {where} is {losers[:40]!r}.", hint="Write keep, drop, or `expire after 7d`."
        )
    model = found.get("model") or ""
    alias = base_of(checked_alias(found.get("alias", "production")))
    return Rule(metric.strip(), mode, alias, check_name(model) if model else "", gates, losers)
