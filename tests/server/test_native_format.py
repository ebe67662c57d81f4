"""The wire's values and records: exact in MessagePack, readable everywhere in JSON."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain import events
from madang.domain.files import BlobRef, FileRef, InputItem
from madang.domain.metrics import MetricSummary, single
from madang.domain.runs import RunRecord, SegmentInfo
from madang.domain.series import Series
from madang.domain.versions import VersionRecord
from madang.errors import InvalidInput
from madang.formats import native, wire

TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def same(left: Any, right: Any) -> bool:
    """Equality where NaN equals itself and 1 is not 1.0."""
    return repr(left) == repr(right)


@given(VALUES)
def test_messagepack_is_exact(value: Any) -> None:
    """Every value comes back as it was: NaN, infinities and integers of any size too."""
    assert same(wire.decode(wire.encode({"v": value}, binary=True), dict, binary=True)["v"], value)


@given(VALUES)
def test_json_is_strict(value: Any) -> None:
    """Every value becomes JSON that a strict reader takes, with no number that any reader would bend."""

    def exact(text: str) -> int:
        assert abs(int(text)) <= 1 << 53
        return int(text)

    def never(text: str) -> None:
        raise AssertionError(text)

    json.loads(wire.encode(wire.json_value({"v": value})), parse_int=exact, parse_constant=never)


def test_halves_of_surrogate_pairs_do_no_harm() -> None:
    """A file name that is not UTF-8 can be told in both encodings."""
    for binary in (False, True):
        encoded = wire.encode({"a\udcff": ["b\udcff", 2**70]}, binary)
        assert wire.decode(encoded, dict, binary)["a?"][0] == "b?"


@pytest.mark.parametrize("kind", ["float", "int"])
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e308, 2**53 + 1, -(2**70), 3])
def test_series_in_json(kind: str, odd: Any) -> None:
    """One odd number among many is written by the rule; a list without any is passed on without a copy."""
    values = [1, 2, odd] if kind == "int" and isinstance(odd, int) else [1.5, 2.5, odd, 1e308]
    kind = "float" if isinstance(odd, float) else kind
    body = native.series(Series("k", kind, [1, 2, 3], [1, 2, 3], values), wire.json_value)  # type: ignore[arg-type]
    assert json.loads(wire.encode(body))["values"] == [wire.json_value(value) for value in values]
    plain = Series("k", "float", [1], [1], [0.5])
    assert native.series(plain, wire.json_value).values is plain.values


def full() -> RunRecord:
    """A run with something in every part."""
    ref = FileRef("a", "blake3:" + "0" * 64, 1)
    summary = MetricSummary()
    for step, value in enumerate([0.1, math.nan, 3, True]):
        summary.add(value, (step, step, "", 0))
    return RunRecord(
        "a" * 32, "프로젝트", name="이름", status="failed", created_at=1, ended_at=5, seen_at=5,
        config={"x": math.nan, "n": 2**80}, exit_code=1, revision=4, command=["python", "train.py"],
        summary={"s": math.inf}, tags={"a": ""}, metrics={"m": summary}, error=events.Failure("E", "m", "trace"),
        definitions={"m": events.DefineMetric("m", "max", rtol=0.1)}, files=[events.File("f", ref.digest, 1)],
        uses=[events.Use("d:latest")], versions=["m:v1"], opened={"d": "r"}, inputs=[InputItem("d", ref.digest)],
        outputs=[ref], imports={"train.py": 3}, captured=events.Captured(1, 2, ["x"]), damage=["s: cut"],
        code=events.Code("c", diff=BlobRef(ref.digest, 1), untracked=[ref]),
        environment=events.Environment("3.11", packages=[("numpy", "2.0", "pypi")]),
        forked_from=events.ForkedFrom("b" * 32, 3), alerts=[events.Alert("t")], seeds={"numpy": 2**70},
        verdict=events.Verdict("b" * 32, "DIFFERS", {"x": math.nan}),
        pipeline=events.Pipeline([events.PlannedStage("s", needs=["r"])], [events.StageFound("r", "unchanged")], 3),
        datasets=[events.Dataset("d", "9", "local")], linked_inputs=["m-1"], linked_outputs={"m-2": 3},
        segments=[SegmentInfo("s", "process", "h", 1, 0, 1, 2, True)],
    )  # fmt: skip


def test_a_run_comes_back_whole() -> None:
    """Record → MessagePack → record is the same in every field."""
    record = full()
    body = wire.decode(wire.encode(native.whole_run(record, wire.exact), binary=True), native.Run, binary=True)
    back = native.read_run(body)
    for name in vars(record):
        assert same(getattr(back, name), getattr(record, name)), name


def test_a_light_run_says_enough() -> None:
    """A list's row reads as a record, lacks the long parts, and is a fraction of the whole."""
    record = full()
    row = wire.encode(native.light_run(record, wire.json_value))
    whole = json.loads(wire.encode(native.whole_run(record, wire.json_value)))
    light = json.loads(row)
    assert set(light) < set(whole)
    assert not {"files", "environment", "opened", "segments"} & set(light)
    assert light["definitions"] == whole["definitions"]
    assert light["uses"] == whole["uses"]
    assert light["error"]["traceback"] == ""
    assert light["metrics"]["m"]["best"] == 3
    assert light["config"] == {"x": "NaN", "n": str(2**80)}
    binary = wire.decode(wire.encode(native.light_run(record, wire.exact), binary=True), native.Run, binary=True)
    assert same(native.read_run(binary).config, record.config)
    assert set(json.loads(wire.encode(native.light_run(RunRecord("a", "p"), wire.json_value)))) <= set(light)


def test_every_field_of_a_run_is_on_the_wire() -> None:
    """A field that the record gets has its place in the body, and the body has no other but two of the wire's own."""
    names = [item.name for item in fields(RunRecord)]
    assert sorted([*names, "duration", "more_metrics"]) == sorted(native.Run.__struct_fields__)


def test_versions_come_back() -> None:
    """A version's record survives the wire."""
    record = VersionRecord("p", "m", "model", 3, "d", 1, 1, 2, "r", ("best",), "text", {"n": 2**70}, {"t": ""}, "ann")
    body = wire.decode(wire.encode(native.version(record, wire.exact), binary=True), native.Version, binary=True)
    assert native.read_version(body) == record


def test_mean_of_one_point() -> None:
    """A summary's mean, extremes and place travel."""
    made = native.metric("m", single(2.0, (7, 8, "s", 9)), {}, wire.exact)
    assert (made.last, made.step, made.time, made.mean, made.best, made.count) == (2.0, 7, 8, 2.0, None, 1)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x81\xa1v\xd4\x02\x00", b"\x81\xa1v\xc7\x03\x01abc", b"\x91" * 100_000]
)
def test_nonsense_is_refused(data: bytes) -> None:
    """What is no MessagePack, holds a foreign extension, or nests without end is a named error."""
    with pytest.raises(InvalidInput):
        wire.decode(data, dict, binary=True)
