"""Parameters from a command line, numbers from metrics files, models from single files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.errors import UsageError
from madang.formats import mlmodel
from madang.workspace.arguments import command_parameters, given_parameters, parse_value
from madang.workspace.metric_files import MetricFiles, read_metrics
from madang.workspace.model_files import description


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python train.py --C 1.0 --seed=3", {"C": 1.0, "seed": 3}),
        ("python -u -X utf8 train.py --lr -0.5 --name x", {"lr": -0.5, "name": "x"}),
        ("python train.py --batch-size 8 --fp16 --out", {"batch_size": 8, "fp16": True, "out": True}),
        ("python train.py optimizer.lr=0.1 +data=iris ++x.y=[1,2] data/x.csv", {
            "optimizer.lr": 0.1, "data": "iris", "x.y": [1, 2],
        }),
        ("python -m pkg.train --C 1 -v 2 -q", {"C": 1, "v": 2}),
        ("torchrun --nproc_per_node 2 train.py --C 1", {"C": 1}),
        ("./train.sh --C 1 -- --D 2", {"C": 1, "D": 2}),
        ("train --flag --C none --b True", {"flag": True, "C": None, "b": True}),
        ("python train.py --C 1 --C 2", {"C": 2}),
        ("python train.py a b http://x/y?z=1 --=3 -=4", {}),
        ("python -c print(1)", {}),
        ("true", {}),
    ],
)  # fmt: skip
def test_command_parameters(command: str, found: dict[str, Any]) -> None:
    """The arguments of the script are its parameters; those of the interpreter before it are not."""
    assert command_parameters(command.split()) == found


def test_given_parameters() -> None:
    """Values are JSON, words of truth, numbers or text; a pair without a key or sign is refused."""
    assert given_parameters(["a=1", "b=1e-3", "c=x=y", "d=", "e={\"k\": [1]}", "f=1_000", "g=  1 "]) == {
        "a": 1, "b": 0.001, "c": "x=y", "d": "", "e": {"k": [1]}, "f": "1_000", "g": 1,
    }  # fmt: skip
    for bad in ("a", "=1", " =1"):
        with pytest.raises(UsageError):
            given_parameters([bad])


@given(st.text(max_size=50))
def test_any_value(text: str) -> None:
    """Any text is a value; what is no number, list or word stays the text itself."""
    value = parse_value(text)
    assert isinstance(value, str | int | float | bool | list | dict | type(None))
    if isinstance(value, str) and not text.strip().startswith('"'):
        assert value == text


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_command(words: list[str]) -> None:
    """No command line makes the reader fail."""
    assert isinstance(command_parameters(["python", "train.py", *words]), dict)


def test_deep_value() -> None:
    """A value nested thousands of levels deep is a text, not a stack overflow."""
    assert isinstance(parse_value("[" * 9000), str)


def test_metrics_file(tmp_path: Path) -> None:
    """Numbers and truth values at the leaves count, keys joined; texts and lists do not; big and odd numbers stay."""
    path = tmp_path / "metrics.json"
    path.write_text('{"a": {"b": 1, "c": NaN, "d": "x"}, "e": [1], "f": true, "g": 123456789012345678901}', "utf-8")
    found = read_metrics(str(path))
    assert found.pop("a/c") != found.get("a/c")
    assert found == {"a/b": 1, "f": True, "g": 123456789012345678901}
    for text in ("[1]", "", "{", "1"):
        path.write_text(text)
        with pytest.raises(ValueError):  # noqa: PT011 - json's own messages
            read_metrics(str(path))


def test_only_what_was_written_counts(tmp_path: Path) -> None:
    """A file that was there before and did not change is not the command's."""
    (tmp_path / "metrics.json").write_text('{"old": 1}')
    files = MetricFiles(str(tmp_path), [])
    assert files.read().values == {}
    assert files.read().problems == []  # the default pattern asks for nothing
    os.replace(tmp_path / "metrics.json", tmp_path / "other")
    (tmp_path / "metrics.json").write_text('{"new": 1}')
    assert files.read().values == {"new": 1}
    asked = MetricFiles(str(tmp_path), ["m*.json", "[odd].json"])
    assert len(asked.read().problems) == 1
    (tmp_path / "[odd].json").write_text('{"a": 2}')
    assert asked.read().values == {"a": 2}


def test_commands_side_by_side_are_told_of_each_other(tmp_path: Path) -> None:
    """Who wrote a file last is not known where another command was at work at any time meanwhile; else it is."""
    folder, store = tmp_path / "폴더", str(tmp_path / "store")
    folder.mkdir()

    def begin() -> MetricFiles:
        (folder / "metrics.json").unlink(missing_ok=True)
        return MetricFiles(str(folder), [], store)

    def doubts(files: MetricFiles) -> bool:
        (folder / "metrics.json").write_text('{"a": 1}')
        return bool(files.read().problems)

    first = begin()
    assert not doubts(first)
    second = begin()
    assert doubts(first)
    first.close()
    assert doubts(second)  # the other one has gone, and may have written before
    elsewhere = MetricFiles(str(tmp_path), ["*/metrics.json"], store)
    assert not doubts(elsewhere)
    second.close()
    assert not doubts(begin())


@pytest.mark.parametrize(
    ("name", "flavor"),
    [("m.onnx", "onnx"), ("m.skops", "sklearn"), ("m.ubj", "xgboost"), ("m.SAFETENSORS", "madang_torch"),
     ("m.pkl", "madang_pickle"), ("모델.bin", "madang_file")],
)  # fmt: skip
def test_model_files(name: str, flavor: str) -> None:
    """A single file becomes a folder of the right flavor, with the same text each time."""
    text = description(f"/x/{name}", 10, run="a" * 32)
    model = mlmodel.load(text)
    assert flavor in model.flavors
    assert name in json.dumps(model.flavors[flavor], ensure_ascii=False)
    assert text == description(f"/y/{name}", 10, run="a" * 32)


def test_damaged_skops(tmp_path: Path) -> None:
    """A file that only claims to be skops is described all the same."""
    path = tmp_path / "m.skops"
    path.write_bytes(b"not a zip")
    assert "sklearn" in mlmodel.load(description(str(path), 9, local=str(path))).flavors
