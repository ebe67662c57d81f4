"""Runs that live and die: alerts, stops, exits, crashes, console lines that are written anew, a hub that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest
import urllib3
from tests.wandb.conftest import Client, Hub, said

from madang.testing.patience import wait_for

PROJECT = "living"
HEAD = (
    "import wandb, sys, time, json\nsettings = wandb.Settings(x_file_stream_transmit_interval=0.2)\n"
    "run = wandb.init(project='living', id=sys.argv[1], settings=settings)\n"
)


def run_of(hub: Hub, name: str) -> dict[str, Any]:
    """The run that a client calls so, as our own API has it."""
    listed = hub.native(f"runs?project={PROJECT}")["runs"]
    found: dict[str, Any] = hub.native(
        "runs/" + next(item["id"] for item in listed if item["tags"].get("wandb.id") == name)
    )
    return found


@pytest.mark.parametrize(("tail", "code"), [("sys.exit(3)", 3), ("raise ValueError('broken')", 1)])
def test_how_it_ended(wandb_client: Client, hub: Hub, tail: str, code: int) -> None:
    """The exit code of a script is that of its run."""
    wandb_client(HEAD + "run.log({'x': 1})\n" + tail, f"end{code}", code=code)
    found = run_of(hub, f"end{code}")
    assert (found["status"], found["exit_code"]) == ("failed", code)


def test_what_it_said(wandb_client: Client, hub: Hub) -> None:
    """Alerts are kept with their levels, the same title again at once is not told twice; of a line that is written

    again and again its last state stays; a code that `finish` is given is that of the run.
    """
    script = HEAD + (
        "for level in ('INFO', 'WARN'):\n    run.alert('제목', 'text', level=level)\nrun.alert('b', 'c')\n"
        "for n in range(50):\n    sys.stdout.write(f'\\rstep {n}')\n    time.sleep(0.01)\nprint()\nprint('done')\n"
        "run.finish(exit_code=7)"
    )
    wandb_client(script, "said")
    found = run_of(hub, "said")
    assert [(item["title"], item["level"]) for item in found["alerts"]] == [("제목", "info"), ("b", "info")]
    lines = hub.native(f"runs/{found['id']}/console")["lines"]
    assert [line["text"] for line in lines] == ["step 49", "done"]
    assert (found["status"], found["exit_code"]) == ("failed", 7)


def test_stop(wandb_client: Client, hub: Hub) -> None:
    """A run that is asked to stop is interrupted, and then counts as killed; one that has ended cannot be stopped."""
    process = wandb_client.start(HEAD + "while True:\n    run.log({'x': 1})\n    time.sleep(0.1)", "stop")
    wait_for(lambda: "stop" in names(hub))
    address = f"{hub.address}/api/v1/runs/{run_of(hub, 'stop')['id']}/stop"
    assert urllib3.request("POST", address, retries=False, timeout=200).json()["tags"]["madang.stop"] == "local"
    process.communicate(timeout=200)
    assert process.returncode != 0
    assert run_of(hub, "stop")["status"] == "killed"
    assert urllib3.request("POST", address, retries=False, timeout=200).status == 409


def test_stopped_by_the_api(wandb_client: Client, hub: Hub) -> None:
    """The client's own call asks for the same."""
    hub.post("/files/madang/living/asked/file_stream", {})
    wandb_client("import wandb\nwandb.Api().run('living/asked').stop()")
    assert hub.post("/files/madang/living/asked/file_stream", {})[1]["stopped"] is True
    hub.post("/files/madang/living/asked/file_stream", {"complete": True, "exitcode": 255})
    assert run_of(hub, "asked")["status"] == "killed"


def test_deleted_while_it_runs(wandb_client: Client, hub: Hub) -> None:
    """What the client still sends goes to the deleted run; the name begins a new one, even where the old was killed."""
    process = wandb_client.start(HEAD + "while True:\n    run.log({'x': 1})\n    time.sleep(0.1)", "deleted")
    wait_for(lambda: "deleted" in names(hub))
    run = run_of(hub, "deleted")["id"]
    wandb_client("import wandb\nwandb.Api().run('living/deleted').delete()")
    then = rows_of(hub, run)
    wait_for(lambda: rows_of(hub, run) > then)
    for pid in (process.pid, *children(process.pid)):  # what the client has begun would go on sending for a while
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    assert "deleted" not in names(hub)
    wandb_client(HEAD + "run.log({'x': 2})\nrun.finish()", "deleted")
    assert rows_of(hub, run_of(hub, "deleted")["id"]) == 1


def children(pid: int) -> list[int]:
    """The processes that one has begun."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in listed.stdout.split()]


def rows_of(hub: Hub, run: str) -> int:
    """How many values of `x` a run has, also one that was deleted."""
    return int(hub.native(f"runs/{run}")["metrics"].get("x", {"count": 0})["count"])


def names(hub: Hub) -> list[str]:
    """What clients call the runs that are listed."""
    return [item["tags"].get("wandb.id", "") for item in hub.native(f"runs?project={PROJECT}")["runs"]]


def test_the_hub_is_killed(own_client: Client, own_hub: Hub) -> None:
    """The client goes on when the hub is back on its port: no line is lost, none is there twice."""
    count = 160
    script = (
        HEAD + f"for n in range({count}):\n    run.log({{'x': n}})\n    print(n)\n    time.sleep(0.02)\nrun.finish()"
    )
    process = own_client.start(script, "killed", PYTHONUNBUFFERED="1")
    for line in (30, 70, 110):
        said(process, str(line))
        own_hub.kill(signal.SIGKILL)
        own_hub.start()
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, out + err
    found = run_of(own_hub, "killed")
    assert found["status"] == "finished"
    read = "import wandb\nprint([row['x'] for row in wandb.Api().run('living/killed').scan_history()])"
    assert own_client(read) == list(range(count))
    assert found["metrics"]["x"]["count"] == count
    lines = own_hub.native(f"runs/{found['id']}/console?limit=10000")["lines"]
    assert [line["text"] for line in lines] == [str(n) for n in range(count)]
