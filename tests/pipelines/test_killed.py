"""A reproduction that is killed: what its command still does spoils nothing, and the next one goes on there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.data.helpers import Tool, make
from tests.data.test_remotes import good
from tests.data.test_repro import ran

from madang.testing.patience import wait_for
from madang.workspace.data.repo.locks import PATIENCE

PIPELINE = b"""\
stages:
  before:
    cmd: cp in mid
    deps: [in]
    outs: [mid]
  slow:
    cmd: cp mid out; touch started; test -e fast || sleep 600; echo whole >> out
    deps: [mid]
    outs: [out]
"""


def stages_under_way(root: Path) -> list[int]:
    """The processes that execute stages of a repository."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DVC_ROOT") == str(root) and "madang.follower" not in process.cmdline():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("first", [True, False])
def test_the_command_of_a_killed_reproduction_is_ended(
    root: Path, madang: Tool, jobs: str, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    """SIGKILL leaves the command alone: the next reproduction ends it, then runs the stage from its beginning."""
    monkeypatch.setenv(PATIENCE, "true")
    make(root, {"in": b"1\n", "dvc.yaml": PIPELINE, "fast": b""})
    if not first:
        good(madang(root, "repro"))
        make(root, {"in": b"2\n"})
        os.unlink(root / "started")
    os.unlink(root / "fast")
    killed = subprocess.Popen(
        [sys.executable, "-m", "madang", "repro", "-j", jobs], cwd=root, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: killed.poll() is not None or (root / "started").exists())
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert stages_under_way(root)
    make(root, {"fast": b""})
    answer = good(madang(root, "repro"))
    assert ran(answer.out)["ran"] == {"slow"}
    wait_for(lambda: not stages_under_way(root))
    assert (root / "out").read_bytes() == (b"1\n" if first else b"2\n") + b"whole\n"
    assert not ran(good(madang(root, "repro")).out)["ran"]
    assert not list((root / ".dvc" / "tmp" / "madang" / "stages").iterdir())
