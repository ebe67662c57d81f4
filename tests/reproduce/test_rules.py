"""The rules of the verdict, for any two runs."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain import events
from madang.domain.events import DefineMetric
from madang.domain.reproduce import Points, Side, judge, not_repeatable
from madang.domain.runs import RunRecord
from madang.domain.spread import Spread
from madang.services.reproduce import Leniency
from madang.workspace.reproduction.command import import_roots

_numbers = st.floats() | st.integers() | st.booleans() | st.sampled_from([0.0, -0.0, 1.0, 1.0000001, 1, True, "a"])
_points = st.lists(_numbers, max_size=4).map(lambda values: Points(range(len(values)), values))
_keys = st.sampled_from(["loss", "f1", "system/cpu", "_runtime", "time/step"])
_paths = st.sampled_from(["model.bin", "a/b", "name/MLmodel"])
_sides = st.builds(
    Side,
    st.sampled_from(["finished", "failed"]),
    st.sampled_from([None, 0, 3]),
    st.dictionaries(_keys, _points, max_size=4),
    st.dictionaries(_keys, _numbers, max_size=2),
    st.dictionaries(_paths, st.sampled_from(["blake3:a", "blake3:b"]), max_size=3),
)
_definitions = st.fixed_dictionaries(
    {}, optional={"loss": st.builds(DefineMetric, st.just("loss"), rtol=st.none() | st.floats(0, 1)),
                  "time/*": st.just(DefineMetric("time/*", volatile=True))}
)  # fmt: skip
LOSS = {"loss": Points([0, 1], [0.5, 0.25])}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return (one != one and other != other) or (one == other and math.copysign(1, one) == math.copysign(1, other))
    return type(one) is type(other) and bool(one == other)


@given(_sides, _sides, _definitions, st.lists(st.just("train.py"), max_size=1))
def test_never_identical_when_something_differs(
    one: Side, other: Side, definitions: dict[str, DefineMetric], changed: list[str]
) -> None:
    """IDENTICAL needs every digest, point and value equal and code that did not change after the start."""
    found = judge(one, other, definitions, changed=changed)
    if found.verdict != "IDENTICAL":
        return
    assert not changed
    assert found.first_difference is None
    assert all(other.outputs[path] == digest for path, digest in one.outputs.items())
    for key, points in one.metrics.items():
        if not key.startswith(("system/", "_")) and not (key == "time/step" and "time/*" in definitions):
            again = other.metrics.get(key, Points([], []))
            assert list(points.steps) == list(again.steps)
            assert all(map(_same, points.values, again.values))
    assert found.compared["metrics"] + found.compared["outputs"] + found.compared["summary"] > 0


@given(_sides, _sides, _definitions)
def test_a_difference_is_named(one: Side, other: Side, definitions: dict[str, DefineMetric]) -> None:
    """Any verdict but IDENTICAL and CANNOT says where the first difference is; CANNOT says what is missing."""
    found = judge(one, other, definitions)
    assert (found.first_difference is not None) == (found.verdict in ("DIFFERS", "WITHIN TOLERANCE"))
    assert bool(found.missing) == (found.verdict == "CANNOT")
    if found.verdict == "WITHIN TOLERANCE":
        assert one.outputs.keys() <= other.outputs.keys()
        assert one.metrics.keys() - {"system/cpu", "_runtime", "time/step"} <= other.metrics.keys() | {
            key for key, points in one.metrics.items() if not points.values
        }


@given(_sides, _definitions)
def test_a_run_is_itself(side: Side, definitions: dict[str, DefineMetric]) -> None:
    """A run beside itself is IDENTICAL wherever there is something to compare."""
    assert judge(side, side, definitions).verdict in ("IDENTICAL", "CANNOT")


def test_first_step() -> None:
    """The first difference is the one at the lowest step, whatever the names."""
    one = Side("finished", metrics={"a": Points([0, 1, 2], [1.0, 1.0, 1.0]), "b": Points([0, 1], [1.0, 2.0])})
    other = Side("finished", metrics={"a": Points([0, 1, 2], [1.0, 1.0, 9.0]), "b": Points([0, 1], [1.0, 3.0])})
    found = judge(one, other, {})
    assert found.verdict == "DIFFERS"
    assert found.first_difference == {"kind": "metric", "key": "b", "step": 1, "expected": 2.0, "found": 3.0}


@pytest.mark.parametrize(
    ("value", "definition", "verdict"),
    [
        (0.25 * (1 + 9e-7), DefineMetric("loss"), "WITHIN TOLERANCE"),
        (0.25 * (1 + 2e-6), DefineMetric("loss"), "DIFFERS"),
        (0.26, DefineMetric("loss", rtol=0.1), "WITHIN TOLERANCE"),
        (0.26, DefineMetric("loss", atol=0.02), "WITHIN TOLERANCE"),
        (0.25 * (1 + 9e-7), DefineMetric("loss", rtol=0.0), "DIFFERS"),
        (0.25, DefineMetric("loss"), "IDENTICAL"),
        (math.nan, DefineMetric("loss", rtol=1.0), "DIFFERS"),
        (9.0, DefineMetric("loss", volatile=True), "CANNOT"),
    ],
)
def test_bounds(value: float, definition: DefineMetric, verdict: str) -> None:
    """A metric's own bound counts, else 1e-6; volatile metrics are only counted."""
    other = Side("finished", metrics={"loss": Points([0, 1], [0.5, value])})
    assert judge(Side("finished", metrics=dict(LOSS)), other, {"loss": definition}).verdict == verdict


def test_outputs() -> None:
    """A missing output differs; another digest is within tolerance only where metrics vouch for it."""
    one = Side("finished", metrics=dict(LOSS), outputs={"m": "blake3:a"})
    assert judge(one, Side("finished", metrics=dict(LOSS)), {}).verdict == "DIFFERS"
    changed = judge(one, Side("finished", metrics=dict(LOSS), outputs={"m": "blake3:b"}), {})
    assert changed.verdict == "WITHIN TOLERANCE"
    assert changed.first_difference is not None
    assert changed.first_difference["path"] == "m"
    alone = judge(Side("finished", outputs={"m": "blake3:a"}), Side("finished", outputs={"m": "blake3:b"}), {})
    assert alone.verdict == "DIFFERS"


def test_ending() -> None:
    """A repetition that fails where the original finished differs, whatever its numbers."""
    found = judge(Side("finished", 0, dict(LOSS)), Side("failed", 1, dict(LOSS)), {})
    assert found.verdict == "DIFFERS"
    assert found.first_difference == {"kind": "status", "expected": "finished", "found": "failed (1)"}
    assert judge(Side("failed", 1, dict(LOSS)), Side("failed", 1, dict(LOSS)), {}).verdict == "IDENTICAL"


def test_what_was_not_compared_is_counted() -> None:
    """Volatile metrics, and what only the repetition has, are counted in the verdict."""
    one = Side("finished", metrics={**LOSS, "system/cpu": Points([], []), "_runtime": Points([0], [1.0])})
    other = Side("finished", metrics={**LOSS, "new": Points([0], [1])}, outputs={"x": "blake3:a"})
    found = judge(one, other, {}, not_compared={"console lines": 4, "media files": 0})
    assert found.verdict == "IDENTICAL"
    assert found.not_compared == {
        "console lines": 4,
        "volatile metrics": 2,
        "metrics that only the repetition has": 1,
        "outputs that only the repetition has": 1,
    }


@pytest.mark.parametrize(
    ("command", "repeatable"),
    [
        ("python train.py -", True),
        ("python train.py --x 1", True),
        ("/usr/bin/python3.11 -u -X utf8 -W error -m pkg", True),
        ("python -c print()", True),
        ("./train.sh", True),
        ("torchrun train.py", True),
        ("python", False),
        ("python -i -X utf8", False),
        ("python -", False),
        ("python -m ipykernel_launcher -f kernel.json", False),
        ("bash -c -", True),
    ],
)
def test_commands_that_start_nothing(command: str, repeatable: bool) -> None:
    """Notebooks, sessions and programs from a pipe are told apart from commands that can be started again."""
    assert (not_repeatable(command.split()) == "") == repeatable


def test_namespace_packages_of_an_editable_install(tmp_path: Path) -> None:
    """Modules of the run come from the new work tree, also those of a package without __init__.py that is installed."""
    old, new = tmp_path / "old", tmp_path / "new tree"
    for root in (old, new):
        for path in ("src/space/inner/__init__.py", "src/space/bare/mod.py", "lib/plain/__init__.py", "train.py"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("")
    imports = dict.fromkeys(("src/space/inner/__init__.py", "src/space/bare/mod.py", "lib/plain/__init__.py"), 0)
    packages = [("x", "1", f"editable {old.as_uri()}")]
    run = RunRecord("a" * 32, "p", root=str(old), imports=imports, environment=events.Environment(packages=packages))
    script = (
        f"import sys; sys.path.append({str(old / 'src')!r}); sys.path.append({str(old / 'lib')!r})\n"
        "import space.inner, space.bare.mod, plain\n"
        "print(space.inner.__file__, space.bare.mod.__file__, plain.__file__, sep='\\n')"
    )
    env = {"PYTHONPATH": os.pathsep.join(import_roots(run, str(new)))}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert all(line.startswith(f"{new}/") for line in done.stdout.splitlines()), done.stdout
    other = replace(run, environment=events.Environment(packages=[("x", "1", "index")]))
    assert set(import_roots(other, str(new))) == {f"{new}/lib", f"{new}/src/space", f"{new}/src/space/bare"}


@pytest.mark.parametrize(
    ("original", "repeated", "chance", "inside"),
    [
        (1.0, [1.0, 1.0, 1.0], False, True),
        (1.5, [1.0, 1.0, 1.0], False, False),
        (1.05, [1.0, 1.1, 0.9], True, True),
        (3.0, [1.0, 1.1, 0.9], True, False),
        (3.0, [1.0, 1.1], True, True),  # two values say nearly nothing of their spread
        (99.0, [1.0, 1.1], True, False),
        (math.nan, [math.nan, 1.0], True, True),
        (math.nan, [0.0, 1.0], True, False),
        (1.0, [math.inf, 0.0], True, False),
        ("a", ["b", "a"], True, True),
        (2**70, [2**70 + 1, 2**70], True, True),
        (None, [1.0, 2.0], True, False),
    ],
)
def test_spread(original: Any, repeated: list[Any], chance: bool, inside: bool) -> None:
    """An original is chance when it is one of the repetitions, or lies where one more of them would."""
    found = Spread(original, repeated)
    assert (found.is_chance, found.is_inside) == (chance, inside)


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=40))
def test_a_repetition_is_inside_its_own_spread(values: list[float]) -> None:
    """The interval holds the mean of the repetitions, and every repetition counts as one."""
    low, high = Spread(values[0], values).interval or (0.0, 0.0)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert low - slack <= math.fsum(values) / len(values) <= high + slack
    assert all(Spread(one, values).is_inside for one in values)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(1_790_000_001.5, "DIFFERS"), (1_790_000_001_500.0, "DIFFERS"), (1_790_100_000.0, "WITHIN TOLERANCE")],
)
def test_clocks(value: float, verdict: str) -> None:
    """Two readings of the clock, each while its own run went on, are two times, though they are close as numbers."""
    start = 1_790_000_000 * 1_000_000
    one = Side("finished", metrics={"a": Points([0], [value])}, span=(start, start + 10_000_000))
    later = value * (1 + 2e-8)
    other = Side("finished", metrics={"a": Points([0], [later])}, span=(start + 5_000_000, 0))
    assert judge(one, other, {}).verdict == verdict


def test_leniency_lies_over_the_definitions() -> None:
    """What the user lets pass counts for each metric, whatever its own definition, and leaves the others alone."""
    own = {"a": DefineMetric("a", rtol=0.5), "b/*": DefineMetric("b/*", volatile=True)}
    found = Leniency(("c*",), rtol=0.1).applied(["a", "b/x", "c1"], own)
    assert (found["a"].rtol, found["a"].atol, found["a"].volatile) == (0.1, None, False)
    assert found["b/x"].volatile
    assert found["c1"].volatile
    assert Leniency().applied(["a"], own)["a"] == own["a"]
