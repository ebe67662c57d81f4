"""W&B's lines, summaries and configs."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.errors import InvalidInput
from madang.formats.wandb import config, values
from madang.formats.wandb.console import read_console
from madang.formats.wandb.machine import command_of, environment_of, newest, packages_of

KEYS = st.text("ab/_한 ", min_size=1, max_size=4)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=3)
)
NESTED = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3), max_leaves=12)
OBJECTS = st.dictionaries(KEYS, NESTED, max_size=4)


def like(one: Any, other: Any) -> bool:
    """Equality under which NaN is itself."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(OBJECTS)
def test_nested_objects_come_back(told: dict[str, Any]) -> None:
    """Flat keys and the list of objects hold all of a nested object."""
    flat, inner = values.flatten(told), values.objects(told)
    assert like(values.nest(flat, inner), told)


@given(st.dictionaries(st.text("a.b", min_size=1, max_size=5), st.integers(), max_size=6))
def test_dots_are_signs_too(told: dict[str, int]) -> None:
    """Keys with dots of their own are not taken for nested ones."""
    assert values.nest(values.flatten(told), values.objects(told)) == told


@given(OBJECTS)
def test_json_comes_back(told: dict[str, Any]) -> None:
    """NaN and infinities stand bare, and are read again."""
    assert like(values.read_object(values.write_json(told)), told)


@given(st.dictionaries(KEYS, LEAVES, max_size=5), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(1, 1 << 60))
def test_rows_come_back(told: dict[str, Any], step: int, micros: int) -> None:
    """A line is the row that it was, but for what has no value."""
    line = {**told, "_step": step, "_timestamp": micros / 1_000_000}
    found = values.line_of_row(*values.row_of_line(line, 7, 9))
    assert found["_step"] == step
    assert math.isclose(found["_timestamp"], line["_timestamp"], abs_tol=1e-6, rel_tol=1e-12)
    rest = {key: item for key, item in told.items() if item is not None}
    assert like({key: item for key, item in found.items() if key not in ("_step", "_timestamp")}, rest)


@pytest.mark.parametrize(
    "media",
    [
        {"_type": "image-file", "path": "media/images/a.png", "masks": {"m": {"path": "b"}}, "caption": "c"},
        {"_type": "images/separated", "count": 2, "filenames": ["a", "b"]},
        {"_type": "histogram", "values": [1], "bins": [0, 1]},
        {"_type": "of-tomorrow", "x": [1, {"y": 2}]},
    ],
)
def test_media_comes_back(media: dict[str, Any]) -> None:
    """A pointer to media is a media value of ours, and the same pointer again."""
    point = values.to_point(media)
    assert isinstance(point["media"], str)
    assert values.from_point(point) == media


def test_our_media_as_the_client_reads_it() -> None:
    """What our SDK has logged has W&B's types."""
    found = values.from_point({"media": "histogram", "counts": [1, 2], "edges": [0, 1, 2]})
    assert found == {"_type": "histogram", "values": [1, 2], "bins": [0, 1, 2]}
    assert values.from_point({"media": "image", "path": "a.png"}) == {"_type": "image-file", "path": "a.png"}


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text breaks the readers."""
    for read in (values.read_object, config.read_config):
        with contextlib.suppress(InvalidInput):
            read(text)
    assert isinstance(read_console(text)[0], str)


@given(OBJECTS.filter(lambda told: "_wandb" not in told))
def test_configs_come_back(told: dict[str, Any]) -> None:
    """A wrapped config is read and wrapped again."""
    wrapped = {key: {"value": item, "desc": None} for key, item in told.items()}
    own = {"t": {"1": [1]}, "m": []}
    found = config.read_config(values.write_json({**wrapped, "_wandb": {"value": own}}))
    assert like(
        config.wrapped_config(found.values, found.inner, found.own), {**wrapped, "_wandb": {"value": own, "desc": None}}
    )


def test_definitions() -> None:
    """Protobuf by field numbers: name or pattern, step metric by its place, summary and goal."""
    told = [
        {"1": "epoch"},
        {"1": "loss", "6": [3], "7": [1]},
        {"2": "val/*", "5": 1, "7": [2]},
        {"1": "f1", "7": [4], "8": 2},
    ]
    found = {item.key: (item.summary, item.step_metric, item.goal) for item in config.definitions({"m": told})}
    assert found == {
        "epoch": ("", "", ""),
        "loss": ("min", "", ""),
        "val/*": ("max", "epoch", ""),
        "f1": ("best", "", "max"),
    }
    for odd in (None, 5, [1, "x", {}, {"1": 5}, {"1": "a", "5": 99, "7": "x", "8": "y"}]):
        assert all(item.key == "a" for item in config.definitions({"m": odd}))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"ts": "2026-01-01T00:00:00", "content": "a", "level": "error"}', ("a", "err")),
        ('{"content": "{\\"x\\": 1}"}', ('{"x": 1}', "out")),
        ('{"x": 1}', ('{"x": 1}', "out")),
        ("ERROR 2026-01-01T00:00:00.123456 a b", ("a b", "err")),
        ("[ERROR ]2026-01-01T00:00:00.123456 a", ("a", "err")),
        ("2026-01-01T00:00:00.123456 a", ("a", "out")),
        ("a", ("a", "out")),
        ("", ("", "out")),
    ],
)
def test_console_lines(line: str, told: tuple[str, str]) -> None:
    """Both forms of lines give their text and stream; what is neither is text."""
    assert read_console(line) == told


def test_the_machine() -> None:
    """Of several writers the newest counts; odd values are left out."""
    own = {"e": {
        "a": {"startedAt": "1", "program": "old.py"},
        "b": {"startedAt": "2", "program": "train.py", "args": ["--lr", 1], "python": "CPython 3.11.7",
              "memory": {"total": "5"}, "gpu_nvidia": [{"name": "H200"}, 7], "cpu": "?", "cpu_count_logical": -1},
        "c": "x",
    }}  # fmt: skip
    told = newest(own)
    assert command_of(told) == ["train.py", "--lr", "1"]
    found = environment_of(told, packages_of("numpy==2.0\n# x\nother"))
    assert found is not None
    assert (found.python, found.memory, found.gpus, found.cpus) == ("3.11.7", 5, ["H200"], 0)
    assert found.packages == [("numpy", "2.0", "")]
    assert environment_of(newest({"e": []}), []) is None
