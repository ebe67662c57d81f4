"""Overrides of parameters mean what they mean to dvc, which asks Hydra; and files change in nothing else."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps, to_hydra_overrides
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from madang.errors import InvalidInput
from madang.formats.dvc.overrides import Sweep, parse, sweeps
from madang.formats.dvc.parameters import parse as read
from madang.formats.dvc.parameters_editing import edited

VALUES = [
    "1", "-1", "+1", "1_000", "007", "1.5", ".5", "1.", "1e-3", "-1E5", "1e", "inf", "-INF", "nan", "true", "FALSE",
    "null", "Null", "text", "two words", " padded ", "a:b", "a/b.c", "v1.0", "1.0.0", "10a", "$x", "%d", "a@b",
    "a?b|c", "*", "'quoted, text'", '"double"', r"'it\'s'", r"'back\\'", r"'a\b'", r'"\\\""', "'1'", r"a\,b", r"\(x\)",
    r"a\ ", "''", "[1,2,3]", "[]", "[a, 'b c', [1.5, null]]", "{a:1,b:{c:true}}", "{}", "{a: [1,{b:2}]}", "", "a=b",
    "(", "[1", "{a}", "'x", "1,2,3", "a, b ,c", "[1],[2]", "choice(1,2,a)", "choice(x)", "range(1,4)", "range(3)",
    "range(0,1,0.25)", "range(4,1,-1)", "range(start=1,stop=8,step=3)", "sort(3,1,2)", "sort(choice(b,a))",
    "sort([2,1])", "sort(1,2,reverse=true)", "int(3.7)", "float(1)", "str(1)", "str(true)", "bool(true)",
    "int(choice(1.5,2.5))", "float(1,2)", "json_str({a:1})", "choice(a,b", "nothing(1)", "choice()", "range(1)x",
    "1,,2", "a,", "${a.b}", "x${a}y", "a b,c d",
]  # fmt: skip


def _theirs(text: str) -> Any:
    (override,) = to_hydra_overrides([text])
    if not override.is_sweep_override():
        return override.value()
    (by_path,) = zip(*[list(one.values()) for one in get_hydra_sweeps({"p": [text]})], strict=True)
    found = [to_hydra_overrides(one)[0].value() for one in by_path]
    return Sweep(tuple(found))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, Sweep) and isinstance(other, Sweep):
        return len(one.values) == len(other.values) and all(map(_same, one.values, other.values))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("value", VALUES)
def test_values_are_those_of_hydra(value: str) -> None:
    """A value is read as Hydra reads it, or refused by both."""
    text = f"key={value}"
    try:
        expected = _theirs(text)
    except HydraException:
        with pytest.raises(InvalidInput):
            parse(text)
        return
    assert _same(parse(text).value, expected), (parse(text).value, expected)


_PRIMITIVE = st.one_of(
    st.integers(-99, 99).map(str),
    st.floats(allow_nan=False, width=32).map(repr),
    st.sampled_from(["true", "null", "abc", "x y", "a-b", "v1.2", r"a\,b", "'q, q'", '"d"', "$x"]),
)
_ELEMENT = st.recursive(
    _PRIMITIVE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(inner, max_size=3).map(
            lambda items: "{" + ",".join(f"k{at}: {item}" for at, item in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(_ELEMENT, min_size=1, max_size=3))
def test_any_values_are_those_of_hydra(elements: list[str]) -> None:
    """Whatever is put together of what the grammar allows means the same, alone or as several values to try."""
    text = f"key={','.join(elements)}"
    assert _same(parse(text).value, _theirs(text))


def test_combinations_are_those_of_dvc() -> None:
    """Several files and keys with several values give the same experiments in the same order."""
    given_ones = ["a=1,2", "x.yaml:b=range(2)", "c=fixed", "x.yaml:d=p,q", "a=5,6"]
    expected = [
        {path: [to_hydra_overrides([one])[0] for one in found] for path, found in combination.items()}
        for combination in get_hydra_sweeps(to_path_overrides(given_ones))
    ]
    found = sweeps([parse(text) for text in given_ones])
    assert [
        [(path, one.key_or_group, one.value()) for path, held in combination.items() for one in held]
        for combination in expected
    ] == [[(one.file, one.key, one.value) for one in combination] for combination in found]


def test_what_hydra_refuses_and_people_need() -> None:
    """Letters of other scripts need no quotes."""
    assert parse("이름=모델 하나").value == "모델 하나"


YAML_TEXT = """\
# head
lr: 0.1   # the rate
name: 'quoted'
list: [1, 2, 3]
model: {depth: 3, layers: [1, {units: 8}]}
nested:
  # inside
  deep:
    value: 1
  other: text
on: off
empty:
"""
CHANGES = [
    ["lr=0.5"], ["name=x", "nested.deep.value=2"], ["list=[4]"], ["list.1=9"], ["model.layers.1.units=16"],
    ["+new=1"], ["+nested.more.keys=text"], ["++lr=2"], ["++fresh.a=1"], ["~lr"], ["~nested.deep"], ["~lr=0.1"],
    ["model={depth:4,extra:true}"], ["nested.deep={value:5}"], ["lr=null"], ["name='1'"], ["empty=1"], ["+empty=2"],
    ["lr=1e-7"], ["list.7=1"], ["unknown=1"], ["nested.no=1"], ["+lr=3"], ["~unknown"], ["~lr=7"], ["lr=inf"],
    ["lr.x=1"],
]  # fmt: skip


def _dvc_result(folder: Path, name: str, text: str, overrides: list[str]) -> Any:
    """What dvc makes of a file; None when it refuses."""
    path = folder / name
    path.write_text(text)
    try:
        apply_overrides(str(path), overrides)
    except Exception:
        return None
    return read(path.read_bytes(), name)


def _our_result(name: str, text: str, overrides: list[str]) -> Any:
    try:
        return read(edited(text.encode(), name, [parse(one) for one in overrides]), name)
    except InvalidInput:
        return None


@pytest.mark.parametrize("overrides", CHANGES, ids=" ".join)
@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_files_hold_what_dvc_would_write(tmp_path: Path, kind: str, overrides: list[str]) -> None:
    """A file has the same values afterwards, or both refuse the change."""
    text = YAML_TEXT if kind == "yaml" else json.dumps(YAML(typ="safe").load(YAML_TEXT))
    expected = _dvc_result(tmp_path, f"p.{kind}", text, overrides)
    assert _our_result(f"p.{kind}", text, overrides) == expected


TOML_TEXT = """\
# head
lr = 0.1 # the rate
name = "x # no comment"

[model]
depth = 3
layers = [1, 2]
opt = {kind = "sgd", rate = 1.5}

[model.inner]
value = true
"""


@pytest.mark.parametrize(
    "overrides",
    [["lr=0.5"], ["name=y"], ["model.depth=4", "model.inner.value=false"], ["model.layers=[3]"], ["+model.new=1"],
     ["~model.depth"], ["++model.inner.more=text"], ["+top=1"], ["unknown=1"]],
    ids=" ".join,
)  # fmt: skip
def test_toml(tmp_path: Path, overrides: list[str]) -> None:
    """The same of TOML, and comments stay."""
    expected = _dvc_result(tmp_path, "p.toml", TOML_TEXT, overrides)
    assert _our_result("p.toml", TOML_TEXT, overrides) == expected
    if expected is not None:
        after = edited(TOML_TEXT.encode(), "p.toml", [parse(one) for one in overrides]).decode()
        assert "# head" in after
        assert "# the rate" in after


PYTHON_TEXT = """\
LR = 0.1  # the rate
NAMES = ["a", "b"]
SIZES = {"x": 1, "y": (2, 3)}


class Train:
    EPOCHS: int = 3

    def __init__(self):
        self.depth = 4
        self.made = sum(SIZES.values())
"""


@pytest.mark.parametrize("overrides", [["LR=0.5"], ["Train.EPOCHS=10", "Train.depth=5"], ["NO=1"]], ids=" ".join)
def test_python(tmp_path: Path, overrides: list[str]) -> None:
    """The same of Python, which is not run."""
    expected = _dvc_result(tmp_path, "p.py", PYTHON_TEXT, overrides)
    assert _our_result("p.py", PYTHON_TEXT, overrides) == expected


def test_python_lists() -> None:
    """What is in lists and mappings of Python can be set as well; dvc leaves it as it was without a word."""
    after = edited(PYTHON_TEXT.encode(), "p.py", [parse("NAMES=[c]"), parse("SIZES.x=7")]).decode()
    assert after == PYTHON_TEXT.replace('["a", "b"]', "['c']").replace('"x": 1', '"x": 7')


def test_only_what_changes_changes() -> None:
    """A YAML file keeps its comments, quotes and lists on one line; an unchanged one every byte."""
    text = YAML_TEXT.encode()
    after = edited(text, "p.yaml", [parse("lr=0.5"), parse("model.layers.1.units=9"), parse("name=x")]).decode()
    assert after == YAML_TEXT.replace("0.1 ", "0.5 ").replace("units: 8", "units: 9").replace("'quoted'", "x")
    assert edited(b"a:   1\n", "p.yaml", [parse("a=1")]) == b"a:   1\n"


def test_json_keeps_its_form() -> None:
    """JSON keeps its indentation, letters and last line end."""
    text = '{\n    "이름": "가",\n    "b": 1\n}\n'
    assert edited(text.encode(), "p.json", [parse("b=2")]).decode() == text.replace("1", "2")


@given(
    st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text(max_size=5), min_size=1, max_size=4), st.text()
)
def test_toml_is_never_broken(values: dict[str, Any], new: str) -> None:
    """Whatever text is set, the file can be read and says it, or the change is refused."""
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    key = next(iter(values))
    try:
        override = parse(f"{key}={json.dumps(new, ensure_ascii=False)}")
        after = edited(text.encode("utf-8", "surrogatepass"), "p.toml", [override])
    except (InvalidInput, UnicodeError):
        return
    assert tomllib.loads(after.decode()) == {**before, key: override.value}
