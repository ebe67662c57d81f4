"""A hub with tokens, and the store of a workspace: W&B's keys are tokens of the hub."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wandb.conftest import KEY, Client, Hub, hub_at

from madang.testing.project import PROGRAM

LOG = "import wandb\nrun = wandb.init(project='vision', id='r')\nrun.log({'x': 1})\nrun.finish()\nprint('done')"


def token(hub: Hub, name: str, level: str, *more: str) -> str:
    """A new token of a hub."""
    command = [PROGRAM, "hub", "token", "create", name, "--level", level, "--store", str(hub.store), "--json", *more]
    made: str = json.loads(subprocess.check_output(command, env=hub.env, text=True))["secret"]
    return made


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Hub]:
    """A hub that has a token, so that nobody comes in without one."""
    made = hub_at(tmp_path)
    made.start()
    yield made
    made.kill(signal.SIGTERM)


def test_tokens_are_keys(guarded: Hub, tmp_path: Path) -> None:
    """A writer logs and is the user of the run, a reader reads and may not log, and a wrong key is told at once."""
    writer, reader = token(guarded, "kim", "write"), token(guarded, "lee", "read")
    assert len(writer) >= 40
    client = Client(guarded, tmp_path)
    assert client(LOG, WANDB_API_KEY=writer) == "done"
    read = "import wandb, json\nrun = wandb.Api().run('madang/vision/r')\n"
    read += "print(json.dumps([[row['x'] for row in run.scan_history()], run.user.name]))"
    assert client(read, WANDB_API_KEY=reader) == [[1], "kim"]
    client(LOG.replace("'r'", "'s'"), code=1, WANDB_API_KEY=reader)
    client(LOG, code=1, WANDB_API_KEY=KEY)
    upload = (
        'mutation { createRunFiles(input: {entityName: "madang", projectName: "vision", runName: "r", '
        'files: ["f"]}) { files { uploadUrl } } }'
    )
    assert guarded.post("/graphql", {"query": upload}, key=reader)[0] == 403
    assert guarded.post("/graphql", {"query": upload}, key=writer)[0] == 200
    lines = {"files": {"wandb-history.jsonl": {"offset": 1, "content": ['{"_step": 1}']}}}
    assert guarded.post("/files/madang/vision/r/file_stream", lines, key=reader)[0] == 403
    viewer = {"query": "{ viewer { username } }"}
    assert guarded.post("/graphql", viewer, key=KEY) == (401, {"errors": [{"message": "user is not logged in"}]})
    assert guarded.post("/graphql", viewer, key=writer)[1]["data"]["viewer"]["username"] == "kim"
