"""Whatever a program hands to the SDK: it is taken, or refused by an error that names it; never a raw one."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import pytest

import madang
from madang.errors import MadangError
from madang.sdk.run import Run
from madang.testing.programs import Place

JUNK: list[Any] = [
    None,
    5,
    -1,
    2.5,
    float("nan"),
    "",
    "x\x00\n",
    b"b",
    [],
    [object()],
    {},
    {5: {None: object()}},
    object(),
]
FITTING: dict[str, dict[str, Any]] = {
    "alert": {"title": "t", "text": "x", "level": "info"},
    "define_metric": {
        "key": "k", "goal": "min", "summary": "best", "step_metric": "s", "volatile": True, "rtol": 1.0, "atol": 1.0
    },
    "describe": {"name": "n", "notes": "n", "group": "g", "job_type": "j"},
    "finish": {"exit_code": 0},
    "log": {"metrics": {"x": 1}, "step": 1},
    "log_artifact": {
        "path": "file.txt", "name": "n", "type": "file", "aliases": ["a"], "description": "d", "metadata": {"a": 1}
    },
    "log_confusion_matrix": {
        "key": "k", "truth": [0, 1], "predicted": [0, 1], "matrix": None, "labels": None, "step": 1
    },
    "log_figure": {"key": "k", "figure": None, "step": 1},
    "log_histogram": {"key": "k", "values": [1.0], "bins": 3, "step": 1},
    "log_html": {"key": "k", "page": "<p>", "step": 1},
    "log_image": {"key": "k", "image": [[0]], "step": 1, "caption": "c"},
    "log_model": {
        "model": "file.txt", "name": "m", "aliases": ["a"], "allow_pickle": False, "metadata": {"a": 1},
        "input_example": None, "signature": None,
    },
    "log_params": {"params": {"a": 1}},
    "log_table": {"key": "k", "rows": [[1]], "columns": ["a"], "step": 1},
    "log_text": {"key": "k", "text": "t", "step": 1},
    "remove_tags": {"names": ["a"]},
    "rewind": {"step": 1},
    "set_tags": {"tags": ["a"]},
    "use": {"ref": "file.txt"},
}  # fmt: skip


def test_every_method_is_here() -> None:
    """The table has each method that a program may call, with all that it takes."""
    inner = {
        "after_fork",
        "begin",
        "append",
        "append_aside",
        "close",
        "end",
        "release",
        "serialize",
        "shut",
        "write_now",
    }
    assert {name: set(given) for name, given in FITTING.items()} == {
        name: set(inspect.signature(method).parameters) - {"self"}
        for name, method in inspect.getmembers(Run, inspect.isfunction)
        if not name.startswith("_") and name not in inner
    }


@pytest.mark.parametrize("method", FITTING)
def test_junk_is_refused_by_name(place: Place, method: str) -> None:
    """Each argument in turn is replaced by all junk; the run can be logged to afterwards, and read in the end."""
    (place.root / "file.txt").write_text("x")
    for name in FITTING[method]:
        run = madang.init(mode="offline")
        for number, junk in enumerate(JUNK):
            with contextlib.suppress(MadangError):
                getattr(run, method)(**{**FITTING[method], name: junk})
            if method == "finish":
                run.finish()
                run = madang.init(mode="offline")
            run.log({"after": number}, step=100 + number)
        assert list(madang.get_run(run.id).history("after")["after"])[-1] == number, name
        run.finish()
