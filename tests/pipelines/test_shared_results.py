"""What a colleague has made is fetched from the default remote, not computed again, without being asked for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make
from tests.data.test_remotes import good
from tests.data.test_repro import ran

# A command that gives something else each time shows whether it ran.
PIPELINE = b"""\
stages:
  a:
    cmd: cat data > a.out; date +%N >> a.out
    deps: [data]
    params: [lr]
    outs: [a.out]
  b:
    cmd: cp a.out b.out
    deps: [a.out]
    outs: [b.out]
"""


@pytest.fixture
def pair(root: Path, madang: Tool) -> tuple[Path, Path]:
    """Two clones, of which the first has run the pipeline and pushed what came of it."""
    make(root, {"data": "자료\n".encode(), "params.yaml": b"lr: 1\n", "dvc.yaml": PIPELINE})
    good(madang(root, "remote", "add", "-d", "store", str(root.parent / "store")))
    good(madang(root, "add", "data"))
    good(madang(root, "repro"))
    good(madang(root, "push", "--run-cache"))
    other = root.parent / "colleague 동료"
    shutil.copytree(root, other, symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp", "data", "*.out"))
    return root, other


def test_recorded_results_are_fetched(pair: tuple[Path, Path], madang: Tool) -> None:
    """In a fresh clone nothing runs: data and outputs are brought. An option and a variable say no."""
    first, other = pair
    assert madang(other, "repro", "--no-pull").code == 255
    os.environ["MADANG_PULL"] = "0"
    try:
        assert madang(other, "repro").code == 255
    finally:
        del os.environ["MADANG_PULL"]
    assert not (other / "data").exists()
    answer = good(madang(other, "repro"))
    assert not ran(answer.out)["ran"], answer.out
    for name in ("data", "a.out", "b.out", "dvc.lock"):
        assert (other / name).read_bytes() == (first / name).read_bytes()


def test_what_the_cache_has_is_not_pulled(pair: tuple[Path, Path], madang: Tool) -> None:
    """A removed output comes from the cache, as without a remote."""
    first, _ = pair
    os.unlink(first / "b.out")
    answer = good(madang(first, "repro"))
    assert "Stage 'b' is cached - skipping run, checking out outputs" in answer.out
    assert "Pulling" not in answer.out


def test_results_of_other_parameters_are_fetched(pair: tuple[Path, Path], madang: Tool) -> None:
    """What no lock here records comes through the run cache, entry by entry, also for an experiment."""
    first, other = pair
    good(madang(other, "repro"))
    make(first, {"params.yaml": b"lr: 2\n"})
    good(madang(first, "repro"))
    good(madang(first, "push", "--run-cache"))
    make(other, {"params.yaml": b"lr: 2\n"})
    answer = good(madang(other, "repro"))
    assert not ran(answer.out)["ran"], answer.out
    assert (other / "b.out").read_bytes() == (first / "b.out").read_bytes()
    assert (other / "dvc.lock").read_bytes() == (first / "dvc.lock").read_bytes()
    make(other, {"params.yaml": b"lr: 3\n"})
    assert ran(good(madang(other, "repro")).out)["ran"] == {"a", "b"}, "nobody has these results"


def test_a_remote_that_cannot_be_reached_is_left_alone(pair: tuple[Path, Path], madang: Tool) -> None:
    """It is said once, and what is stale runs here."""
    _, other = pair
    good(madang(other, "pull"))
    make(other, {"params.yaml": b"lr: 5\n"})
    good(madang(other, "config", "remote.store.url", "http://127.0.0.1:9/nothing"))
    answer = good(madang(other, "repro"))
    assert ran(answer.out)["ran"] == {"a", "b"}
    assert answer.out.count("is not pulled") + answer.out.count("Nothing more is fetched") == 1


def test_a_dry_look_fetches_nothing(pair: tuple[Path, Path], madang: Tool) -> None:
    """--dry leaves the work tree and the cache as they are."""
    _, other = pair
    madang(other, "repro", "--dry")
    assert not (other / "data").exists()
    assert not list((other / ".dvc").glob("cache/files/md5/*/*"))
