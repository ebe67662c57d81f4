"""The part of the records' suite that compares searches with a plain model of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.query import (
    AllOf,
    Among,
    AnyOf,
    Compare,
    Condition,
    Exists,
    Field,
    Negation,
    Order,
    RunQuery,
)
from madang.domain.run_state import apply
from madang.domain.runs import RunChange
from madang.errors import InvalidInput
from madang.ports.records import Records, StoredRun
from madang.testing.records import P, make_run, put, summary_of

_places = count(1)  # so that runs of one example are not those of another

_PARAMS: dict[str, list[Any]] = {"lr": [0.1, 0.01, "0.1", 1], "opt": ["adam", "SGD", "a%b_c", True, None]}
_METRICS: dict[str, list[Any]] = {
    "loss": [0.5, 0.25, -1.0, math.nan, math.inf],
    "n": [1, 2, 2**60],
    "t": ["good", "bad"],
    "odd": [math.nan, "good", 0.5],
}


@st.composite
def _runs(draw: st.DrawFn) -> list[dict[str, Any]]:
    def some(choices: dict[str, list[Any]]) -> dict[str, Any]:
        return {key: draw(st.sampled_from(values)) for key, values in choices.items() if draw(st.booleans())}

    return [
        {
            "name": draw(st.sampled_from(["alpha", "Beta", "al_pha", "b%"])),
            "status": draw(st.sampled_from(["finished", "failed"])),
            "config": some(_PARAMS),
            "tags": {"best": draw(st.sampled_from(["", "yes"]))} if draw(st.booleans()) else {},
            "data": {"자료/표.csv": draw(st.sampled_from(["md5:a", "~md5:b.dir"]))} if draw(st.booleans()) else {},
            "metrics": {key: [value, 0.0] if key == "loss" else [value] for key, value in some(_METRICS).items()},
        }
        for _ in range(draw(st.integers(1, 6)))
    ]


_fields = st.one_of(
    st.builds(Field, st.just("params"), st.sampled_from(["lr", "opt", "none"])),
    st.builds(Field, st.just("tags"), st.sampled_from(["best", "none"])),
    st.builds(Field, st.just("data"), st.sampled_from(["자료/표.csv", "none"])),
    st.builds(
        Field,
        st.just("metrics"),
        st.sampled_from(["loss", "n", "t", "odd", "none"]),
        st.sampled_from(["last", "min", "max", "mean"]),
    ),
    st.builds(Field, st.just("attributes"), st.sampled_from(["name", "status", "created_at", "duration", "id"])),
)
_values = st.sampled_from([0.1, 0.25, 1, 2, "adam", "0.1", "yes", "", "alpha", "good", "finished", 1003, True, "md5:a"])
_patterns = st.sampled_from(["al%", "%A%", "a\\%b\\_c", "_eta", "%"])
_conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(
        st.builds(Compare, _fields, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _values),
        st.builds(Compare, _fields, st.sampled_from(["like", "ilike"]), _patterns),
        st.builds(Compare, _fields, st.just("contains"), st.sampled_from(["a", "%", "_"])),
        st.builds(
            Among,
            _fields,
            st.lists(_values.filter(lambda value: value is not True), max_size=3).map(tuple),
            st.booleans(),
        ),
        st.builds(Exists, _fields, st.booleans()),
    ),
    lambda inner: st.one_of(
        st.builds(Negation, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)
_orders = st.lists(st.builds(Order, _fields, st.booleans()), max_size=2).map(tuple)


class SearchConformance:
    """Search against a plain model of it."""

    def test_patterns_labels_and_long_lists(self, records: Records) -> None:
        """Regular expressions look at parts of texts, labels are tags without a text, and a list may be long."""
        place = next(_places)
        project, base = f"p{place}", place << 8
        tags: list[dict[str, str]] = [{"기준": "", "key": "value"}, {"base-2": ""}, {"key": ""}, {}]
        for number, own in enumerate(tags):
            put(
                records,
                make_run(base + number, project, name=f"run-{number}", config={"opt": f"a{number}.b"}, tags=own),
            )

        def found(where: Condition) -> list[int]:
            page = records.runs.search(RunQuery((project,), where))
            return sorted(int(item.state.run, 16) - base for item in page.runs)

        labels, name, option = Field("labels", ""), Field("attributes", "name"), Field("params", "opt")
        assert found(Exists(labels)) == [0, 1, 2]
        assert found(Negation(Exists(labels))) == [3]
        assert found(Compare(labels, "regex", "^base|기")) == [0, 1]
        assert found(Compare(name, "regex", r"(?i)RUN-[1-2]$")) == [1, 2]
        assert found(Compare(option, "regex", r"a(0|3)\.")) == [0, 3]
        assert found(Compare(Field("params", "none"), "regex", "")) == []
        long = tuple(f"run-{number}" for number in range(2, 5000))
        assert found(Among(name, long)) == [2, 3]
        assert found(Among(name, long, negated=True)) == [0, 1]
        with pytest.raises(InvalidInput):
            found(Compare(name, "regex", "(a"))

    def test_the_place_of_the_last_value_is_searched(self, records: Records) -> None:
        """Step and time of the last value are compared and ordered by; a run without the metric fits nothing."""
        place = next(_places)
        project, base = f"p{place}", place << 8
        for number, points in enumerate([3, 1, 0, 2]):
            put(records, make_run(base + number, project), {"m": [0.5] * points} if points else {})

        def found(where: Condition, *order: Order) -> list[int]:
            page = records.runs.search(RunQuery((project,), where, order))
            return [int(item.state.run, 16) - base for item in page.runs]

        step, at = Field("metrics", "m", "step"), Field("metrics", "m", "time")
        assert sorted(found(Compare(step, ">=", 1))) == [0, 3]
        assert found(Compare(at, "=", 12)) == [0]
        assert found(AllOf(()), Order(step)) == [1, 3, 0, 2]
        assert found(AllOf(()), Order(at, True)) == [0, 3, 1, 2]

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_runs(), st.lists(st.tuples(_conditions, _orders), min_size=4, max_size=4))
    def test_search_is_what_a_plain_model_finds(
        self, records: Records, runs: list[dict[str, Any]], searches: list[tuple[Condition, Any]]
    ) -> None:
        """Every filter finds what the model finds, in an order in which the sort keys never go back, page by page."""
        place = next(_places)
        project, base, model = f"p{place}", place << 8, []
        for place, spec in enumerate(runs):
            stored = make_run(
                base + place, project, **{key: spec[key] for key in ("name", "config", "tags", "data", "status")}
            )
            put(records, stored, spec["metrics"])
            model.append(Model(stored, spec))
        for where, order in searches:
            wanted = {item.id for item in model if item.holds(where)}
            query = RunQuery((project,), where, order, limit=2)
            found: list[str] = []
            while True:
                page = records.runs.search(query)
                assert page.total == len(wanted), where
                found += [item.state.run for item in page.runs]
                if not page.next:
                    break
                query = replace(query, cursor=page.next)
            assert len(found) == len(set(found))
            assert set(found) == wanted, where
            by_id = {item.id: item for item in model}
            for one, other in pairwise(found):
                assert not by_id[other].before(by_id[one], order), order

    @pytest.mark.parametrize("statistic", ["last", "min", "best", "mean"])
    def test_nan_stands_after_numbers_and_before_what_is_missing(self, records: Records, statistic: Any) -> None:
        """Whichever way runs are ordered; a text is no number, and what has no goal has no best value."""
        logged: list[list[Any]] = [["text"], [math.nan], [], [2.0], [1.0]]
        for number, values in enumerate(logged, start=1):
            put(records, make_run(number, goals={"m": "min"}), {"m": values} if values else {})
        put(records, make_run(6), {"m": [math.nan]})

        def found(*, descending: bool) -> list[int]:
            order = (Order(Field("metrics", "m", statistic), descending),)
            return [int(item.state.run, 16) for item in records.runs.search(RunQuery(order=order)).runs]

        middle, last = {"last": ([1, 6, 2], [3]), "best": ([2], [6, 3, 1])}.get(statistic, ([6, 2], [3, 1]))
        assert found(descending=False) == [5, 4, *middle, *last]
        assert found(descending=True) == [4, 5, *middle, *last]

    def test_bad_searches_are_refused(self, records: Records) -> None:
        """An attribute that runs do not have, and a cursor of another search."""
        put(records, make_run(1))
        put(records, make_run(2))
        with pytest.raises(InvalidInput):
            records.runs.search(RunQuery(where=Compare(Field("attributes", "nope"), "=", 1)))
        page = records.runs.search(RunQuery(limit=1))
        for cursor in ("%%%", "AAAA", page.next + "A", "한글"):
            with pytest.raises(InvalidInput):
                records.runs.search(RunQuery(limit=1, cursor=cursor, order=(Order(Field("params", "x")),)))

    def test_text_deleted_and_projects(self, records: Records) -> None:
        """Free text looks in names, notes, ids and tags; deleted runs show when asked for."""
        put(records, make_run(0xAB << 120, name="강아지 Dog", tags={"색": "갈색"}))
        gone = make_run(2, project="other")
        gone.overrides.fold(RunChange(deleted=True, notes="지움"), 5)
        put(records, gone)

        def total(**query: Any) -> int:
            return records.runs.search(RunQuery(**query)).total

        assert [total(text=text) for text in ("dog", "아지", "갈색", "색", "000ab"[:5], "고양이")] == [1, 1, 1, 1, 0, 0]
        assert total(text=f"{0xAB << 120:032x}"[:5]) == 1
        assert [total(deleted=kind) for kind in ("active", "deleted", "all")] == [1, 1, 2]
        assert total(projects=("other", P), deleted="all") == 2
        assert total(projects=(), deleted="all") == 0
        assert total(text="지움", deleted="deleted") == 1

    def test_hand_made_summaries_and_best(self, records: Records) -> None:
        """A summary value set by hand wins over the last one; `best` follows the goal, also when it is told later."""
        stored = put(
            records,
            make_run(1, summary={"acc": 0.9, "only": 5}, goals={"loss": "min"}),
            {"acc": [0.1], "loss": [3.0, 1.0, 2.0]},
        )

        def has(key: str, statistic: Any, value: float) -> bool:
            return records.runs.search(RunQuery(where=Compare(Field("metrics", key, statistic), "=", value))).total == 1

        assert has("acc", "last", 0.9)
        assert has("only", "last", 5)
        assert has("loss", "best", 1.0)
        assert not has("acc", "best", 0.1)
        segment = next(iter(stored.state.segments))
        apply(stored.state, Stamp(9000, segment, 20), events.DefineMetric("a*", goal="max"))
        apply(stored.state, Stamp(9000, segment, 21), events.Removed("summary", ["acc", "only"]))
        records.runs.put(stored)
        assert has("acc", "best", 0.1)
        assert has("acc", "last", 0.1)
        assert not has("only", "last", 5)


class Model:
    """A run as the plain model of search sees it."""

    def __init__(self, stored: StoredRun, spec: dict[str, Any]) -> None:
        self.id = stored.state.run
        self._number = int(self.id, 16)
        self._spec = spec
        self._created = stored.state.created
        self._ended = max(info.seen for info in stored.state.segments.values())
        self._metrics = {key: summary_of(values) for key, values in spec["metrics"].items()}

    def values(self, field: Field) -> tuple[float | None, str | None]:
        """The number and the text of a field; (None, None) when there is none."""
        if field.scope == "attributes":
            return {
                "name": (None, self._spec["name"]),
                "status": (None, self._spec["status"]),
                "id": (None, self.id),
                "created_at": (self._created, None),
                "duration": (2000 + (self._number & 0xFFFFFF) - self._created, None),
            }[field.key]
        if field.scope in ("tags", "data"):
            return None, self._spec[field.scope].get(field.key)
        if field.scope == "params":
            return self._param(field.key)
        found = self._metrics.get(field.key)
        if found is None:
            return None, None
        if isinstance(found.last, str):
            return None, (found.last if field.statistic == "last" else None)
        number = {"last": found.last, "min": found.min, "max": found.max, "mean": found.mean}[field.statistic]
        return (None if number is None or number != number else float(number)), None

    def is_nan(self, field: Field) -> bool:
        """Whether a metric has numbers, and all that counts of them are NaN."""
        found = self._metrics.get(field.key) if field.scope == "metrics" else None
        return found is not None and isinstance(found.last, int | float) and self.values(field) == (None, None)

    def _param(self, key: str) -> tuple[float | None, str | None]:
        if key not in self._spec["config"]:
            return None, None
        text = str(self._spec["config"][key])
        try:
            return float(text), text
        except ValueError:
            return None, text

    def holds(self, where: Condition) -> bool:
        """Whether the condition is true of this run."""
        match where:
            case AllOf(parts):
                return all(map(self.holds, parts))
            case AnyOf(parts):
                return any(map(self.holds, parts))
            case Negation(part):
                return not self.holds(part)
            case Exists(field, negated):
                there = field.scope == "metrics" and field.key in self._metrics
                return (there or self.values(field) != (None, None)) != negated
            case Among(field, values, negated):
                if not values:
                    return negated and self.holds(Exists(field))
                if negated:
                    return all(self.holds(Compare(field, "!=", value)) for value in values)
                return any(self.holds(Compare(field, "=", value)) for value in values)
            case Compare(field, op, value):
                return self._compare(field, op, value)

    def _compare(self, field: Field, op: str, value: Any) -> bool:
        number, text = self.values(field)
        if op in ("like", "ilike", "contains"):
            return text is not None and _like(text, op, str(value))
        numeric = isinstance(value, int | float) and not isinstance(value, bool) and field.scope not in ("tags", "data")
        mine: Any = number if numeric else text
        if mine is None:
            return False
        other: Any = value if numeric else str(value)
        tests = {"=": mine == other, "!=": mine != other, "<": mine < other, "<=": mine <= other, ">": mine > other}
        return tests[op] if op in tests else bool(mine >= other)

    def before(self, other: Model, order: tuple[Order, ...]) -> bool:
        """Whether this run must stand before the other."""
        for item in order:
            for mine, theirs in zip(self.values(item.field), other.values(item.field), strict=True):
                if mine == theirs:
                    continue
                if mine is None or theirs is None:
                    return theirs is None
                smaller: bool = mine < theirs  # type: ignore[operator]
                return smaller != item.descending
            if self.is_nan(item.field) != other.is_nan(item.field):
                return self.is_nan(item.field)
        return (-self._created, self.id) < (-other._created, other.id)


def _like(text: str, op: str, pattern: str) -> bool:
    if op == "contains":
        return pattern in text
    made, escaped = "", False
    for sign in pattern:
        if not escaped and sign == "\\":
            escaped = True
            continue
        made += re.escape(sign) if escaped or sign not in "%_" else (".*" if sign == "%" else ".")
        escaped = False
    return re.fullmatch(made, text, re.DOTALL | (re.IGNORECASE if op == "ilike" else 0)) is not None
