"""Credentials that the user has for MLflow are shown to the user's server, and those of a run to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.cli import tracker_calls
from madang.sdk.run import Run


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", ""])
def test_own_credentials_stay(name: str, tmp_path: Path) -> None:
    """Whoever has some, in the environment or a file, may name their server in the script: nothing is put over them."""
    env = {"HOME": str(tmp_path), "MADANG_WANDB": "0"}
    if name:
        env[name] = "the company's"
    else:
        (tmp_path / ".mlflow").mkdir()
        (tmp_path / ".mlflow" / "credentials").write_text("[mlflow]\nmlflow_tracking_password = the company's\n")
    assert tracker_calls.open_for(Run.__new__(Run), env) is None


def test_those_of_a_launcher_around_are_not_the_users(tmp_path: Path) -> None:
    """A launcher inside another one takes the place of its credentials."""
    env = {"HOME": str(tmp_path), "USER": "me"}
    outer = tracker_calls.open_for(Run.__new__(Run), env)
    assert outer is not None
    inner = tracker_calls.open_for(Run.__new__(Run), outer.environment(env))
    assert inner is not None
    outer.stop("finished")
    inner.stop("finished")
