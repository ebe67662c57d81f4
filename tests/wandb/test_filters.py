"""W&B's filters and orders of runs against a small evaluator of MongoDB's language, and patterns against `re`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from madang.backends.records import SqlRecords, open_sqlite
from madang.domain.query import AllOf, AnyOf, Compare, Field, RunQuery
from madang.errors import InvalidInput
from madang.formats.regex import Regex
from madang.formats.wandb.filters import condition, orders
from madang.testing.records import make_run, put

_places = count(1)
_VALUES: dict[str, list[Any]] = {
    "config.lr": [0.1, 0.5, 1, 2], "config.opt": ["adam", "SGD", "ad.m"], "config.deep": [True, False],
    "config.model.kind": ["a", "b"], "summary_metrics.loss": [0.5, 0.25, -1.0], "summary_metrics.word": ["good", "bad"],
    "state": ["finished", "failed", "killed"], "display_name": ["alpha", "beta-1", "beta-2"], "group": ["g", "h"],
    "tags": ["one", "둘", "three"], "nothing": [1, "x"], "name": ["w1", "w2"],
}  # fmt: skip
_PATTERNS = ["^a", "a$", "ta-[12]", "o", "^(one|둘)$", "(?i)ADAM", "."]


@st.composite
def _runs(draw: st.DrawFn) -> list[dict[str, Any]]:
    def one() -> dict[str, Any]:
        keys = [key for key in _VALUES if key not in ("nothing", "tags")]
        always = ("state", "display_name", "name")
        found = {key: draw(st.sampled_from(_VALUES[key])) for key in keys if key in always or draw(st.booleans())}
        tags = draw(st.lists(st.sampled_from(_VALUES["tags"]), unique=True, max_size=3))
        return {**found, **({"tags": tags} if tags else {})}

    return [one() for _ in range(draw(st.integers(1, 5)))]


@st.composite
def _leaves(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(sorted(_VALUES)))
    value, some = st.sampled_from(_VALUES[key]), st.lists(st.sampled_from([*_VALUES[key], None]), max_size=3)
    numeric = key in ("config.lr", "summary_metrics.loss")
    options = [
        value, st.none(), st.builds(lambda item: {"$eq": item}, value), st.builds(lambda item: {"$ne": item}, value),
        st.builds(lambda items: {"$in": items}, some), st.builds(lambda items: {"$nin": items}, some),
        st.builds(lambda flag: {"$exists": flag}, st.booleans()), st.just({"$ne": None}),
        st.builds(lambda item: {"$not": {"$in": [item]}}, value),
    ]  # fmt: skip
    if numeric:
        names = st.sampled_from(["$gt", "$gte", "$lt", "$lte"])
        options += [st.dictionaries(names, value, min_size=1, max_size=2)]
    if isinstance(_VALUES[key][0], str):
        options += [st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(_PATTERNS))]
    return {key: draw(st.one_of(options))}


_filters: st.SearchStrategy[Any] = st.recursive(
    st.one_of(_leaves(), st.just({})),
    lambda inner: st.one_of(
        st.builds(lambda items: {"$and": items}, st.lists(inner, max_size=3)),
        st.builds(lambda items: {"$or": items}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda items: {"$nor": items}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda item: {"$not": item}, inner),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=5,
)


def _holds(run: dict[str, Any], filters: dict[str, Any]) -> bool:
    return all(_entry(run, key, said) for key, said in filters.items())


def _entry(run: dict[str, Any], key: str, said: Any) -> bool:
    if key == "$not":
        return not _holds(run, said)
    if key in ("$and", "$or", "$nor"):
        parts = [_holds(run, item) for item in said]
        return {"$and": all(parts), "$or": any(parts), "$nor": not any(parts)}[key]
    rules = said if isinstance(said, dict) else {"$eq": said}
    return all(_rule(run.get(key), name, value) for name, value in rules.items())


def _rule(held: Any, name: str, value: Any) -> bool:
    items = held if isinstance(held, list) else [] if held is None else [held]
    if name == "$not":
        return not all(_rule(held, inner, item) for inner, item in value.items())
    if name in ("$ne", "$nin"):
        return not _rule(held, {"$ne": "$eq", "$nin": "$in"}[name], value)
    if name == "$in":
        return any(_rule(held, "$eq", item) for item in value)
    if name == "$exists":
        return (held is not None) is value
    if value is None:
        return held is None
    tests: dict[str, Callable[[Any], bool]] = {
        "$eq": lambda item: item == value and (type(item) is type(value) or _is_number(item, value)),
        "$gt": lambda item: item > value, "$gte": lambda item: item >= value, "$lt": lambda item: item < value,
        "$lte": lambda item: item <= value, "$regex": lambda item: re.search(value, item) is not None,
    }  # fmt: skip
    return any(tests[name](item) for item in items)


def _is_number(*items: Any) -> bool:
    return all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlRecords]:
    """Records that all examples share; each has a project of its own."""
    made = open_sqlite(str(tmp_path_factory.mktemp("filters") / "records.db"), durable=False)
    yield made
    made.close()


def _stored(records: SqlRecords, project: str, base: int, run: dict[str, Any]) -> str:
    config = {key.removeprefix("config."): value for key, value in run.items() if key.startswith("config.")}
    logged = {key.partition(".")[2]: value for key, value in run.items() if key.startswith("summary_metrics.")}
    metrics: dict[str, Sequence[Any]] = {key: [value] for key, value in logged.items()}
    tags = {"wandb.id": run["name"], "key": "text", **dict.fromkeys(run.get("tags", []), "")}
    made = make_run(base, project, name=run["display_name"], status=run["state"], config=config, tags=tags)
    if "group" in run:
        made.overrides.group = run["group"]
    return put(records, made, metrics).state.run


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(_runs(), st.lists(_filters, min_size=4, max_size=4))
def test_filters_mean_what_mongodb_means(
    records: SqlRecords, runs: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    """Whatever the filter, the runs that a search finds are those that an evaluator of MongoDB's language finds."""
    place = next(_places)
    found = {_stored(records, f"p{place}", (place << 8) + number, run): run for number, run in enumerate(runs)}
    for said in filters:
        where = condition(msgspec.json.encode(said).decode())
        page = records.runs.search(RunQuery((f"p{place}",), where, limit=50))
        assert {item.state.run for item in page.runs} == {id_ for id_, run in found.items() if _holds(run, said)}, said


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{", '{"$or": []}', '{"$or": {}}', '{"a": {"$where": 1}}', '{"$where": "1"}', '{"state": {"$in": "x"}}',
        '{"display_name": {"$regex": "(a"}}', '{"display_name": {"$regex": "(?=a)"}}', '{"tags": {"$regex": 1}}',
        '{"config.a": ' + '{"a":' * 200 + "1" + "}" * 201,
        '{"$not":' * 60 + "{}" + "}" * 60, '{"$and":[' + ",".join(['{"state":"x"}'] * 2001) + "]}",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(records: SqlRecords, text: str) -> None:
    """A filter that cannot be read, is too deep or large, or has an unknown operator gives a clear error."""
    with pytest.raises(InvalidInput):
        records.runs.search(RunQuery(("p",), AllOf((condition(text),))))


def test_states_have_words_of_their_own(records: SqlRecords) -> None:
    """`pending` is what is scheduled; a run that made way is `preempting` or `preempted` and nothing else."""
    base, made_way = 1 << 61, {"wandb.preempting": "true"}
    told: list[dict[str, Any]] = [{"status": "failed"}, {"status": "failed", "tags": made_way}, {"status": "crashed"}]
    for number, more in enumerate([*told, {"tags": made_way}, {}]):
        put(records, make_run(base + number, "states", **more))

    def found(state: Any) -> list[int]:
        where = condition(msgspec.json.encode({"state": state}).decode())
        page = records.runs.search(RunQuery(("states",), where))
        return sorted(int(item.state.run, 16) - base for item in page.runs)

    words = ("failed", "preempted", "crashed", "preempting", "running")
    assert [found(word) for word in words] == [[0], [1], [2], [3], [4]]
    assert (found({"$in": ["Failed", "preempting", None]}), found({"$ne": "failed"})) == ([0, 3], [1, 2, 3, 4])
    assert condition('{"state": "pending"}') == AnyOf((Compare(Field("attributes", "status"), "=", "scheduled"),))


def test_long_lists_are_taken(records: SqlRecords) -> None:
    """Thousands of names in one `$in` are one comparison, of which every database is capable."""
    run = _stored(records, "long", 1 << 60, {"name": "w7", "display_name": "x", "state": "finished"})
    names = [f"w{number}" for number in range(20_000)]
    page = records.runs.search(RunQuery(("long",), condition(msgspec.json.encode({"name": {"$in": names}}).decode())))
    assert [item.state.run for item in page.runs] == [run]


def test_orders_are_read() -> None:
    """Signs say the direction, several keys stand behind commas, and keys that runs do not have say nothing."""
    made = orders("-summary_metrics.loss,+config.a.value.b, created_at,-nothing,tags,created_at")
    assert [(item.field.scope, item.field.key, item.descending) for item in made] == [
        ("metrics", "loss", True), ("params", "a.b", False), ("attributes", "created_at", False),
    ]  # fmt: skip
    assert orders(None) == orders("") == ()


_atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", "", "[[&|~a]", r"\.", "둘"])
_regexes: st.SearchStrategy[str] = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.builds(lambda one, other: f"(?:{one}|{other})", inner, inner),
        st.builds(lambda one, other: one + other, inner, inner),
        st.builds(lambda one, times: f"({one}){times}", inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "*?"])),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(_regexes, st.lists(st.text("ab1.둘&[", max_size=8), min_size=5, max_size=5))
def test_patterns_find_what_pythons_engine_finds(pattern: str, texts: list[str]) -> None:
    """The engine without a way back agrees with `re` on every pattern that it takes."""
    escaped = pattern.replace("[[&|~a]", r"[\[\&\|\~a]").replace("$", r"\Z")
    for text in texts:
        assert Regex(pattern).found(text) == (re.search(escaped, text) is not None)


def test_a_pattern_that_explodes_elsewhere_is_quick() -> None:
    """Nested repetitions take a step a character."""
    assert not Regex("^(a+)+$").found("a" * 20_000 + "b")
    assert not Regex("(.*)*x(.*)*y").found("x" * 20_000)
    for wrong in ("(", "a)", "*", r"\1", "(?<n>a)", "a**", "[a", "a{3,2}", "((a{100}){100}){100}", "x" * 2000):
        with pytest.raises(InvalidInput):
            Regex(wrong)
