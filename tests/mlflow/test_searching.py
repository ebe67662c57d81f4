"""MLflow's filters and orders, through its client; hostile ones too."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import RestException
from tests.mlflow.conftest import Hub

from madang.edges.mlflow.clauses import parse, parse_order
from madang.edges.mlflow.experiment_search import like
from madang.edges.mlflow.run_search import condition, orders
from madang.errors import InvalidInput

ACC = [0.1, 0.9, math.nan, 0.5, None]
LR = ["0.1", "10", "9", "aBc", "%x_y"]


@given(st.text("abB\n", max_size=7), st.text("ab%_", max_size=7), st.booleans())
def test_like_is_that_of_sql(text: str, pattern: str, fold: bool) -> None:
    """A percent sign stands for any signs, an underscore for one."""
    parts = (".*" if sign == "%" else "." if sign == "_" else sign for sign in pattern)
    flags = re.DOTALL | (re.IGNORECASE if fold else re.NOFLAG)
    assert like(text, pattern, fold=fold) == (re.fullmatch("".join(parts), text, flags) is not None)


def test_like_ends() -> None:
    """A pattern with many percent signs for a long text keeps no server busy: as one expression it never ended."""
    assert not like("a" * 100_000, "%a" * 60 + "%b")
    assert like("a" * 100_000 + "b", "%a" * 60 + "%b")


@pytest.fixture(scope="module")
def experiment(hub: Hub) -> str:
    """Five runs, r0 to r4, a second apart; the first has failed, one has no metric."""
    client = MlflowClient(hub.address)
    made = client.create_experiment("searching")
    for number in range(5):
        run = client.create_run(made, start_time=1_700_000_000_000 + number * 1000, run_name=f"r{number}").info.run_id
        value = ACC[number]
        metrics = [] if value is None else [Metric("acc", value, 1, 1)]
        tags = [RunTag("group", "A" if number < 3 else "b"), RunTag("a b", str(number))]
        client.log_batch(run, metrics, [Param("lr", LR[number])], tags)
        if number == 0:
            client.set_terminated(run, "FAILED", end_time=1_700_000_009_000)
            client.set_tag(run, "only", "it''s")
    return made


def names(client: MlflowClient, experiment: str, text: str = "", order: list[str] | None = None) -> str:
    """The numbers of the runs that are found, in order."""
    return "".join(item.info.run_name[1] for item in client.search_runs([experiment], text, order_by=order))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "43210"),
        ("metrics.acc > 0.2", "31"),
        ("metric.`acc` >= .5 AND metrics.\"acc\" < 1e0", "31"),
        ("metrics.acc != 0.5", "10"),
        ("params.lr = '10'", "1"),
        ("params.lr != '10'", "4320"),
        ("params.lr LIKE '_._'", "0"),
        ("params.lr LIKE 'abc'", ""),
        ("params.lr ILIKE 'ABC'", "3"),
        ("param.lr LIKE '\\%x%'", ""),
        ("tags.group = 'A' and params.lr ILIKE '%1%'", "10"),
        ("tag.`a b` = \"2\"", "2"),
        ("tags.only IS NULL", "4321"),
        ("tags.only IS NOT NULL", "0"),
        ("tags.only != 'x'", "0"),
        ("attributes.status = 'FAILED'", "0"),
        ("status != 'FAILED'", "4321"),
        ("status = 'failed'", ""),
        ("run_name LIKE 'r%' AND `run name` != 'r3'", "4210"),
        ("tags.mlflow.runName = 'r2'", "2"),
        ("attribute.start_time > 1700000002000", "43"),
        ("created <= 1700000001000", "10"),
        ("start_time = 1700000003000", "3"),
        ("end_time > 0", "0"),
        ("run_id IN ('nothing')", ""),
    ],
)  # fmt: skip
def test_filters(client: MlflowClient, experiment: str, text: str, expected: str) -> None:
    """A filter finds the same runs as in MLflow."""
    assert names(client, experiment, text) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["metrics.acc"], "03142"),
        (["metrics.acc DESC"], "13042"),
        (["params.lr"], "40123"),
        (["params.lr DESC"], "32104"),
        (["tags.group DESC", "run_name ASC"], "34012"),
        (["start_time ASC"], "01234"),
        (["end_time"], "04321"),
        (["attributes.`Run name` desc"], "43210"),
    ],
)
def test_orders(client: MlflowClient, experiment: str, order: list[str], expected: str) -> None:
    """Texts are compared as texts; a run without the field comes last in both directions."""
    found = names(client, experiment, order=order)
    assert sorted(found[-2:]) == sorted(expected[-2:]) if "acc" in order[0] else found == expected
    assert found[:3] == expected[:3]


@pytest.mark.parametrize(
    "text",
    [
        "metrics.acc", "metrics.acc >", "metrics.acc > 'x'", "metrics.acc LIKE '1'", "params.lr = 10",
        "params.lr > '1'", "params.lr IN ('1')",
        "dog.x = '1'", "nothing = 'x'", "metrics.acc > 1 OR metrics.acc < 0", "(metrics.acc > 1)",
        "start_time > 'x'", "run_name IN ('r1')", "run_id IN ()", "run_id IN ('a'", "datasets.size = 'x'",
        "status IS NULL", "tags.a = 'x", "metrics.acc > 1; DROP TABLE runs",
        "tags.a LIKE '%" + "_" * 501 + "x'",
    ],
)  # fmt: skip
def test_bad_filters(client: MlflowClient, experiment: str, text: str) -> None:
    """What is no filter is refused as MLflow refuses it, and never as a mistake of the server."""
    with pytest.raises(RestException) as caught:
        client.search_runs([experiment], text)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("text", ["metrics.acc IS NULL", "attributes.status IS NOT NULL", "start_time IS NULL"])
def test_what_is_always_there(client: MlflowClient, experiment: str, text: str) -> None:
    """A question for what is missing is told which fields it can be asked of, in MLflow's words."""
    said = "IS NULL / IS NOT NULL is only supported for tags"
    with pytest.raises(RestException, match=said):
        client.search_runs([experiment], text)
    with pytest.raises(RestException, match=said):
        client.search_experiments(filter_string="name IS NULL")


@pytest.mark.parametrize(
    "order", [["nothing"], ["metrics.acc up"], ["metrics.acc DESC x"], ["metrics.a", "metrics.a"], [""]]
)
def test_bad_orders(client: MlflowClient, experiment: str, order: list[str]) -> None:
    """A sort key that makes no sense, or comes twice, is refused."""
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment], order_by=order)


def test_pages(client: MlflowClient, experiment: str) -> None:
    """Pages follow one another without gap; a token of somewhere else is refused."""
    seen, token = "", None
    while True:
        page = client.search_runs([experiment], order_by=["run_name"], max_results=2, page_token=token)
        seen, token = seen + "".join(item.info.run_name[1] for item in page), page.token
        if not token:
            break
    assert seen == "01234"
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment], page_token="bm90aGluZw==")


@given(st.text(alphabet="metricsparam.tags`'\"()<>=!,% ANDLIKEINULLO19\\\n한", max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    """Reading a filter or an order gives a value or `InvalidInput`, whatever the text."""
    for read in (parse, condition, parse_order, lambda order: orders([order])):
        try:
            read(text)
        except InvalidInput:
            continue


def test_experiments_are_searched(client: MlflowClient) -> None:
    """By name, tags and time, in the order asked for, in pages."""
    for number in range(3):
        client.create_experiment(f"found-{number}", tags={"n": str(number)})
    search = client.search_experiments
    assert [item.name for item in search(filter_string="name LIKE 'found-%'")] == ["found-2", "found-1", "found-0"]
    assert [item.name for item in search(filter_string="tags.n = '1'")] == ["found-1"]
    found = search(filter_string="name ILIKE 'FOUND-%' AND tags.n != '1'", order_by=["name ASC"])
    assert [item.name for item in found] == ["found-0", "found-2"]
    assert "found-0" not in {item.name for item in search(filter_string="tag.n IS NULL")}
    page = search(filter_string="name LIKE 'found-%'", order_by=["name"], max_results=2)
    rest = search(filter_string="name LIKE 'found-%'", order_by=["name"], max_results=2, page_token=page.token)
    assert ([item.name for item in rest], rest.token) == (["found-2"], None)
    for bad in ("name > 'a'", "creation_time > 'x'", "metrics.a = 1", "foo = 'x'", "name IN ('a')"):
        with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
            search(filter_string=bad)
