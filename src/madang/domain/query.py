"""One value for every search dialect: what to filter by, how to order, where to go on."""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from madang.domain.values import value

Scope: TypeAlias = Literal["metrics", "params", "tags", "labels", "data", "datasets", "attributes"]
Statistic: TypeAlias = Literal["last", "min", "max", "best", "mean", "step", "time"]
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "like", "ilike", "contains", "regex"]

ATTRIBUTES = frozenset(
    {
        "id", "name", "status", "project", "group", "job_type", "user", "host", "notes", "commit", "branch",
        "created_at", "started_at", "ended_at", "seen_at", "duration", "parent", "verdict",
    }
)  # fmt: skip


@value
class Field:
    """A thing to compare or order by. ``statistic`` counts for metrics only; `step` and `time` are of the last value.

    The scope `labels` means the names of all tags without a text, whatever the key: a comparison holds if one fits it.
    """

    scope: Scope
    key: str
    statistic: Statistic = "last"


@value
class Compare:
    """``field op value``. Parameters compare as numbers with a number, as text with a text."""

    field: Field
    op: Operator
    value: str | int | float | bool


@value
class Among:
    """``field in (values)``."""

    field: Field
    values: tuple[str | int | float, ...]
    negated: bool = False


@value
class Exists:
    """The run has the field."""

    field: Field
    negated: bool = False


@value
class AllOf:
    """Every part holds; true when empty."""

    parts: tuple[Condition, ...]


@value
class AnyOf:
    """One part holds; false when empty."""

    parts: tuple[Condition, ...]


@value
class Negation:
    """The part does not hold. A missing field makes any comparison false, and so its negation true."""

    part: Condition


Condition: TypeAlias = Compare | Among | Exists | AllOf | AnyOf | Negation


@value
class Order:
    """One sort key; runs without the field come last, whichever the direction. Ties: newest first, then id.

    ``as_text`` has parameters compared as texts also where they are numbers.
    """

    field: Field
    descending: bool = False
    as_text: bool = False


@value
class RunQuery:
    """A search for runs. ``cursor`` is what the page before gave; ``text`` searches names, ids, notes and tags."""

    projects: tuple[str, ...] | None = None  # None: all that the caller may read
    where: Condition = AllOf(())
    order: tuple[Order, ...] = ()
    limit: int = 100
    cursor: str = ""
    deleted: Literal["active", "deleted", "all"] = "active"
    text: str = ""
    kind: str = ""  # one of `domain.runs.BESIDE_RUNS`: records of that kind in place of runs
    keys: tuple[str, ...] | None = field(default=None)  # metric keys to bring along; None: all
