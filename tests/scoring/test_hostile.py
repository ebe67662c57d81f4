"""Whatever is sent, a scoring process answers: with predictions or with what is wrong, never with its end."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.scoring import signature as signatures
from madang.scoring.worker import Scorer

COLUMNS: list[dict[str, Any]] = [
    {"name": "a", "type": "double"},
    {"name": "b", "type": "long"},
    {"name": "c", "type": "string", "required": False},
    {"name": "d", "type": "array", "items": {"type": "integer"}, "required": False},
    {"name": "e", "type": "object", "properties": {"k": {"type": "datetime"}}, "required": False},
    {"name": "f", "type": "binary", "required": False},
]
TENSOR: list[dict[str, Any]] = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]
TENSORS: list[dict[str, Any]] = [{**TENSOR[0], "name": "a"}, {**TENSOR[0], "name": "b"}]
PARAMS = [{"name": "n", "type": "integer", "default": 1}, {"name": "l", "type": "double", "default": [], "shape": [-1]}]
SIGNATURES: list[Any] = [
    None,
    *(
        {"inputs": json.dumps(inputs), "params": json.dumps(PARAMS)}
        for inputs in (COLUMNS, TENSOR, TENSORS, [{"type": "long"}, {"type": "string"}], COLUMNS[3:4])
    ),
]
cells = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
names = st.sampled_from(["a", "b", "c", "d", "e", "f", "data", "columns", "index", "k", ""]) | st.text(max_size=3)
values = st.recursive(
    cells, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=14
)
rows = st.lists(st.dictionaries(names, cells, max_size=5), max_size=3)
tables = st.fixed_dictionaries({"columns": st.lists(names | cells, max_size=4), "data": st.lists(st.lists(cells))})
bodies = st.fixed_dictionaries({}, optional={"params": values}).flatmap(
    lambda more: st.dictionaries(
        st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs"]),
        values | rows | tables,
        min_size=1,
        max_size=1,
    ).map(lambda body: {**body, **more})
)


def scorer(signature: Any) -> Scorer:
    """A model that takes everything."""
    return Scorer(lambda data, parameters: np.array([1.0]), signatures.parse(signature))


@settings(max_examples=400)
@given(st.sampled_from(SIGNATURES), bodies | values)
def test_json(signature: Any, body: Any) -> None:
    """Any JSON is scored, or refused with a message."""
    answer = scorer(signature)(json.dumps(body).encode("utf-8", "surrogatepass"), "application/json")
    assert answer.status in (200, 400)
    assert answer.status == 200 or json.loads(answer.body)["message"]


@settings(max_examples=200)
@given(st.sampled_from(SIGNATURES), st.text(alphabet="abcd,\n\r\"1.eNA'e+_ 가", max_size=60) | st.text())
def test_csv(signature: Any, body: str) -> None:
    """Any text is scored as CSV, or refused with a message."""
    answer = scorer(signature)(body.encode("utf-8", "surrogatepass"), "text/csv")
    assert answer.status in (200, 400)


@given(st.text(max_size=40))
def test_content_types(kind: str) -> None:
    """An unknown content type is refused as such."""
    assert scorer(None)(b"{}", kind).status in (400, 415)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"inputs":' + b"9" * 5000 + b"}", b'{"inputs":"\\ud800"}'])
def test_extremes(body: bytes) -> None:
    """Depth, length and lone surrogates end no process."""
    assert scorer(SIGNATURES[1])(body, "application/json").status == 400


def test_too_large_is_infinite() -> None:
    """As in MLflow, what the declared type cannot hold is infinite, and nothing is warned of, in JSON and in CSV."""
    given: list[Any] = []

    def predict(data: Any, _: Any) -> Any:
        given.append(data.tolist())
        return data

    score = Scorer(predict, signatures.parse(SIGNATURES[2]))
    assert score(b'{"inputs": [[3.4028235677973366e+38, -1e300]]}', "application/json").status == 200
    assert score(b"a,b\n1e39,-1e39\n", "text/csv").status == 200
    assert given == [[[np.inf, -np.inf]]] * 2
