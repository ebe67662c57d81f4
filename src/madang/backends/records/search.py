"""The one place where a query becomes SQL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import msgspec

from madang.backends.records.database import Dialect
from madang.backends.records.names import Names
from madang.domain import values
from madang.domain.query import (
    ATTRIBUTES,
    AllOf,
    Among,
    AnyOf,
    Compare,
    Condition,
    Exists,
    Field,
    Negation,
    RunQuery,
)
from madang.domain.runs import BESIDE_RUNS
from madang.errors import InvalidInput

_COLUMNS = {
    **{name: f"r.{name}" for name in ATTRIBUTES},
    "user": "r.user_name",
    "group": "r.run_group",
    "commit": "r.commit_id",
    "started_at": "r.created_at",
    "duration": "(CASE WHEN r.ended_at > 0 THEN r.ended_at ELSE r.seen_at END - r.created_at)",
}
_NAMED = frozenset({"metrics", "params", "tags", "data"})  # their tables have one row for a name and run
_NUMERIC = frozenset({"created_at", "started_at", "ended_at", "seen_at", "duration"})
_STATISTICS = {
    "last": "COALESCE(f.hand, f.last)",
    "min": "f.low",
    "max": "f.high",
    "mean": "(f.total / NULLIF(f.numbers, 0))",
    "step": "f.last_step",
    "time": "f.last_time",
    "best": "(CASE f.goal WHEN 1 THEN f.low WHEN 2 THEN f.high END)",
}
_NAN = "f.count > 0 AND f.kind <= 2"  # of a row without the number; the first three kinds are those of numbers


@values.value
class Compiled:
    """Two statements and their values. A row of the page is the run's number, then its sort keys."""

    page: str
    count: str
    values: dict[str, Any]

    @staticmethod
    def cursor(keys: tuple[Any, ...]) -> str:
        """The cursor that goes on after a row with these sort keys."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(list(keys))).decode().rstrip("=")


Narrow: TypeAlias = Callable[[str, int], bool]
"""Whether a name's rows in a table (`metrics`, `params`, `tags`, `data`) are few enough to begin a search with."""


def compile_search(query: RunQuery, dialect: Dialect, names: Names, narrow: Narrow) -> Compiled:
    """The statements for a query.

    Raises:
        InvalidInput: the cursor is not one that this query gave.
    """
    made = _Compiler(dialect, names)
    source, condition = made.top(query.where, narrow)
    where = " AND ".join([*made.scope(query), condition])
    joins, keys = made.order(query)
    after = made.after(keys, query.cursor)
    columns = ", ".join(["r.number", "r.changed", "r.id", *(expression for expression, _ in keys)])
    order = ", ".join(f"{expression} {'DESC' if down else 'ASC'}" for expression, down in keys)
    made.values["limit"] = query.limit + 1
    return Compiled(
        f"SELECT {columns} FROM {source}{joins} WHERE {where}{after} ORDER BY {order} LIMIT :limit",  # noqa: S608 - below
        f"SELECT COUNT(*) FROM {source} WHERE {where}",  # noqa: S608 - every value is a placeholder
        made.values,
    )


class _Compiler:
    def __init__(self, dialect: Dialect, names: Names) -> None:
        self.dialect = dialect
        self.names = names
        self.values: dict[str, Any] = {}

    def value(self, value: Any) -> str:
        """A placeholder for a value."""
        name = f"v{len(self.values)}"
        self.values[name] = value.replace("\x00", "␀") if isinstance(value, str) else value
        return f":{name}"

    def number(self, key: str) -> str:
        return self.value(self.names.numbers([key]).get(key, 0))

    def scope(self, query: RunQuery) -> list[str]:
        """Projects, deletion and free text."""
        parts = []
        if query.projects is not None:
            if len(query.projects) == 1:
                parts.append(f"r.project = {self.value(query.projects[0])}")
            else:
                parts.append(f"r.project = ANY({self.value(list(query.projects))})")
        if query.kind:
            parts.append(f"r.job_type = {self.value(query.kind)}")
        else:
            parts += [f"r.job_type <> '{kind}'" for kind in BESIDE_RUNS]
        if query.deleted != "all":
            parts.append("r.deleted_at = 0" if query.deleted == "active" else "r.deleted_at > 0")
        if query.text:
            parts.append(self.text(query.text))
        return parts

    def text(self, text: str) -> str:
        holds = "%" + _escape(text) + "%"
        options = [self.like(f"r.{name}", holds, fold=True) for name in ("name", "notes")]
        if is_prefix(text):
            low, high = bytes.fromhex(text.ljust(32, "0")), bytes.fromhex(text.ljust(32, "f"))
            options.append(f"r.id BETWEEN {self.value(low)} AND {self.value(high)}")
        tag = f"{self.like('t.value', holds, fold=True)} OR {self.like('n.name', holds, fold=True)}"
        named = "SELECT t.run FROM tags t JOIN names n ON n.number = t.name"
        options.append(f"r.number IN ({named} WHERE {tag})")
        return "(" + " OR ".join(options) + ")"

    def like(self, expression: str, pattern: str, *, fold: bool) -> str:
        """SQL's LIKE with a backslash as escape; SQLite's own ignores case of ASCII letters, its GLOB minds case."""
        if self.dialect == "postgres":
            return f"{expression} {'ILIKE' if fold else 'LIKE'} {self.value(pattern)} ESCAPE '\\'"
        if fold and pattern.isascii():
            return f"{expression} LIKE {self.value(pattern)} ESCAPE '\\'"
        if fold:
            return f"folded({expression}) LIKE {self.value(pattern.casefold())} ESCAPE '\\'"
        return f"{expression} GLOB {self.value(_glob(pattern))}"

    def matches(self, expression: str, pattern: str) -> str:
        if self.dialect == "postgres":
            return f"{expression} ~ {self.value(pattern)}"
        return f"matches({self.value(pattern)}, {expression})"

    def condition(self, condition: Condition) -> str:
        """A condition as SQL that is true or false, never NULL."""
        match condition:
            case AllOf(parts):
                return "(" + " AND ".join(map(self.condition, parts)) + ")" if parts else "TRUE"
            case AnyOf(parts):
                return "(" + " OR ".join(map(self.condition, parts)) + ")" if parts else "FALSE"
            case Negation(part):
                return f"NOT {self.condition(part)}"
            case Compare(field, op, value):
                value = _fitting(field, value)
                return self.on(field, lambda expression: self.compare(expression, op, value), _kind(value))
            case Among(field, values, negated):
                return self.among(field, values, negated)
            case Exists(field, negated):
                found = self.on(field, lambda expression: f"{expression} IS NOT NULL", "any")
                return f"NOT {found}" if negated else found
        raise InvalidInput(f"{condition!r} is not a condition.")

    def among(self, field: Field, values: tuple[Any, ...], negated: bool) -> str:
        if not values:
            return self.condition(Exists(field)) if negated else "FALSE"
        fitting = [_fitting(field, str(value) if isinstance(value, bool) else value) for value in values]
        kinds = {kind: [item for item in fitting if _kind(item) == kind] for kind in sorted(set(map(_kind, fitting)))}
        parts = [self.on(field, partial(self.member, found, negated), kind) for kind, found in kinds.items()]
        return "(" + (" AND " if negated else " OR ").join(parts) + ")"

    def member(self, values: list[Any], negated: bool, expression: str) -> str:
        """Whether a value is one of some, however many."""
        known = [value.replace("\x00", "␀") if isinstance(value, str) else float(value) for value in values]
        return f"{'NOT ' * negated}{expression} = ANY({self.value(known)})"

    def on(self, field: Field, test: Any, kind: str) -> str:
        """A test of a field's value; false when the run has no such field."""
        if field.scope == "attributes":
            column = self.attribute(field.key)
            if kind != "any" and (field.key in _NUMERIC) != (kind == "number"):
                return "FALSE"
            empty = f" AND {column} <> ''" if kind == "any" and field.key not in _NUMERIC else ""
            return f"({test(column)}{empty})"
        if field.scope == "labels":
            named = "SELECT t.run FROM tags t JOIN names n ON n.number = t.name WHERE t.value = ''"
            return f"r.number IN ({named} AND {test('n.name')})"
        if field.scope == "datasets":
            return _of_run("run_datasets", test(_dataset_column(field.key)))
        table, expression = _place(field, kind)
        return _of_run(table, f"f.name = {self.number(field.key)} AND {test(expression)}")

    def top(self, condition: Condition, narrow: Narrow) -> tuple[str, str]:
        """(tables, condition) of a whole search.

        A comparison that every hit must pass becomes a join: the database can then begin with the neighbouring rows of
        that metric or parameter. There is one row at most for a name and run, so that a join multiplies nothing.
        PostgreSQL chooses the order by its statistics; SQLite is told by CROSS JOIN.
        """
        source, joins, rest = "runs r", "", []
        for place, part in enumerate(_conjuncts(condition)):
            if isinstance(part, Compare) and part.field.scope in _NAMED:
                value = _fitting(part.field, part.value)
                table, expression = _place(part.field, _kind(value))
                test = self.compare(expression, part.op, value).replace("f.", f"c{place}.")
                number = self.names.numbers([part.field.key]).get(part.field.key, 0)
                match = f"c{place}.run = r.number AND c{place}.name = {self.value(number)} AND {test}"
                if self.dialect == "sqlite" and source == "runs r" and narrow(table, number):
                    source = f"{table} c{place} CROSS JOIN runs r"
                    rest.append(match)
                else:
                    joins += f" JOIN {table} c{place} ON {match}"
            else:
                rest.append(self.condition(part))
        return source + joins, " AND ".join(rest) or "TRUE"

    def attribute(self, key: str) -> str:
        if key not in ATTRIBUTES:
            raise InvalidInput(f"Runs have no attribute {key!r}.", hint="Known: " + ", ".join(sorted(ATTRIBUTES)) + ".")
        if key == "id":
            return "encode(r.id, 'hex')" if self.dialect == "postgres" else "lower(hex(r.id))"
        return _COLUMNS[key]

    def compare(self, expression: str, op: str, value: Any) -> str:
        if op in ("like", "ilike"):
            return self.like(expression, str(value), fold=op == "ilike")
        if op == "regex":
            from madang.formats.regex import compiled  # noqa: PLC0415 - few searches have a pattern

            compiled(str(value))  # says what is wrong with it, before a database does
            return self.matches(expression, str(value))
        if op == "contains":
            return self.like(expression, "%" + _escape(str(value)) + "%", fold=False)
        if isinstance(value, bool):
            value = str(value)
        return f"{expression} {'<>' if op == '!=' else op} {self.value(value)}"

    def order(self, query: RunQuery) -> tuple[str, list[tuple[str, bool]]]:
        """(joins, sort keys with their direction): NaN after what has a value, then runs without the field.

        Ties are broken by newest, then id.
        """
        joins, keys = "", []
        for place, order in enumerate(query.order):
            field, alias = order.field, f"o{place}"
            if field.scope == "attributes":
                expression = self.attribute(field.key)
                if field.key == "ended_at":  # 0 while it runs
                    keys.append((f"CASE WHEN {expression} = 0 THEN 1 ELSE 0 END", False))
                keys.append((expression, order.descending))
                continue
            name = self.number(field.key)
            joins += f" LEFT JOIN {field.scope} {alias} ON {alias}.name = {name} AND {alias}.run = r.number"
            if field.scope == "metrics":
                expressions = [_STATISTICS[field.statistic].replace("f.", f"{alias}.")]
                if field.statistic == "last":
                    expressions.append(f"{alias}.words")
            elif field.scope == "params" and not order.as_text:
                expressions = [f"{alias}.number", f"{alias}.value"]
            else:
                expressions = [f"{alias}.value"]
            for expression in expressions:
                keys.append((f"CASE WHEN {expression} IS NULL THEN 1 ELSE 0 END", False))
                keys.append((expression, order.descending))
            if field.scope == "metrics":
                nan = (_NAN + " AND f.goal > 0" * (field.statistic == "best")).replace("f.", f"{alias}.")
                keys.append((f"CASE WHEN {expressions[0]} IS NULL AND {nan} THEN 0 ELSE 1 END", False))
        return joins, [*keys, ("r.created_at", True), ("r.id", False)]

    def after(self, keys: list[tuple[str, bool]], cursor: str) -> str:
        """The condition that begins after the last row of the page before."""
        if not cursor:
            return ""
        last = _read_cursor(cursor, len(keys))
        options, equal = [], ""
        for (expression, down), value in zip(keys, last, strict=True):
            if value is not None:
                options.append(f"({equal}{expression} {'<' if down else '>'} {self.value(value)})")
                equal += f"{expression} = {self.value(value)} AND "
            else:
                equal += f"{expression} IS NULL AND "
        return " AND (" + " OR ".join(options) + ")"


def _place(field: Field, kind: str) -> tuple[str, str]:
    """The table in which a field lies, and the expression of its value; the table's alias is `f`."""
    if field.scope == "params":
        return "params", "f.number" if kind == "number" else "f.value"
    if field.scope in ("tags", "data"):
        return field.scope, "f.value"
    if kind == "any":
        return "metrics", "f.run"
    if kind == "text":  # a text has no minimum, maximum or mean
        return "metrics", "f.words" if field.statistic == "last" else "CAST(NULL AS TEXT)"
    return "metrics", _STATISTICS[field.statistic]


def _of_run(table: str, test: str) -> str:
    """Whether a run has a row that fits in a table of facts about runs."""
    return f"EXISTS (SELECT 1 FROM {table} f WHERE f.run = r.number AND {test})"  # noqa: S608 - values are placeholders


def _dataset_column(key: str) -> str:
    if key not in ("name", "digest", "context"):
        raise InvalidInput(f"Data sets have no {key!r}.", hint="Known: name, digest, context.")
    return f"f.{key}"


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, AllOf):
        for part in condition.parts:
            yield from _conjuncts(part)
    else:
        yield condition


def is_prefix(text: str) -> bool:
    """Whether a text can be the beginning of a run's id."""
    return 0 < len(text) <= 32 and not set(text) - set("0123456789abcdef")


def _fitting(field: Field, value: Any) -> Any:
    """The value to compare with: a tag or version is text, whatever it is compared with."""
    return str(value) if field.scope in ("tags", "data") else value


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "text"


def _read_cursor(cursor: str, count: int) -> list[Any]:
    try:
        keys = msgspec.msgpack.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[Any])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        keys = []
    if len(keys) != count or not all(key is None or isinstance(key, str | int | float | bytes) for key in keys):
        raise InvalidInput("The cursor does not belong to this search.", hint="Start again without a cursor.")
    return keys


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _glob(pattern: str) -> str:
    """A LIKE pattern as a GLOB pattern."""
    made, escaped = [], False
    for sign in pattern:
        if escaped or sign not in "\\%_":
            made.append(f"[{sign}]" if sign in "*?[" else sign)
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            made.append("*" if sign == "%" else "?")
    return "".join(made)
