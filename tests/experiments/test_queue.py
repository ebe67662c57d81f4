"""The queue: nothing is lost, nothing runs twice at once, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make
from tests.experiments.conftest import git

from madang.testing.patience import wait_for
from madang.workspace.data.repo.repository import open_repository
from madang.workspace.experiments.queue import Queue

SLOW = b"""\
stages:
  first:
    cmd: echo x >> ${log}/first && cp raw.txt one.txt
    deps: [raw.txt]
    outs: [one.txt]
  second:
    cmd:
    - test -e ${log}/go || touch ${log}/waits
    - while ! test -e ${log}/go; do sleep 0.05; done
    - echo x >> ${log}/second && cp one.txt two.txt
    deps: [one.txt]
    params: [lr]
    outs: [two.txt]
"""


@pytest.fixture
def slow(project: Path) -> Path:
    """A repository whose second stage waits for a file ``go`` in the folder ``log`` beside it."""
    log = project.parent / "log"
    log.mkdir()
    make(project, {"dvc.yaml": SLOW.replace(b"${log}", str(log).encode())})
    git(project, "commit", "-q", "-a", "-m", "slow")
    return project


@pytest.fixture
def workers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers to be ended in the end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for one in started:
        if one.poll() is None:
            one.kill()
        one.wait()


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A worker."""
    command = [sys.executable, "-m", "madang", "--cd", str(folder), "queue", "worker"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def states(madang: Tool, folder: Path) -> dict[str, str]:
    """Name → state of each task."""
    return {one["name"]: one["state"] for one in json.loads(madang(folder, "queue", "status", "--json").out)}


def test_several_values_make_several_experiments(project: Path, dvc: Tool, madang: Tool) -> None:
    """Each combination is queued, run side by side, and seen by dvc; the work tree stays as it is."""
    before = git(project, "status", "--porcelain")
    answer = madang(project, "exp", "run", "--queue", "-S", "lr=0.5,0.7", "-S", "epochs=range(2)", "-n", "grid")
    assert answer.code == 0, answer.err
    assert states(madang, project) == dict.fromkeys([f"grid-{number}" for number in range(1, 5)], "queued")
    assert "Queued" in madang(project, "exp", "show").out
    assert not Path(project, "model.bin").exists()
    answer = madang(project, "exp", "run", "--run-all", "-j", "2")
    assert answer.code == 0, answer.err
    assert "grid-3 | " in answer.out
    assert set(states(madang, project).values()) == {"success"}
    assert git(project, "status", "--porcelain") == before
    rows = {one.split(",")[0]: one for one in dvc(project, "exp", "show", "--csv").out.splitlines()}
    assert rows["grid-3"].split(",")[5:9] == ["1.4", "1.5", "0.7", "0"]
    assert "Running stage" in madang(project, "queue", "logs", "grid-1").out
    assert madang(project, "queue", "remove", "--success").code == 0
    assert states(madang, project) == {}
    assert not git(project, "for-each-ref", "refs/madang").strip()


def test_a_killed_worker_loses_nothing(slow: Path, madang: Tool, workers: list[subprocess.Popen[bytes]]) -> None:
    """After SIGKILL the experiment waits again; the next worker goes on behind the stage that had ended, and ends
    what the killed one had left running.
    """
    log = slow.parent / "log"
    assert madang(slow, "exp", "run", "--queue", "-S", "lr=0.5", "-n", "one").code == 0
    workers.append(start(slow))
    wait_for((log / "waits").exists)
    assert states(madang, slow) == {"one": "running"}
    os.kill(workers[0].pid, signal.SIGKILL)
    workers[0].wait()
    assert states(madang, slow) == {"one": "queued"}
    (log / "waits").unlink()
    workers.append(start(slow))
    wait_for((log / "waits").exists)
    (log / "go").touch()
    assert workers[1].wait() == 0
    assert states(madang, slow) == {"one": "success"}
    assert (log / "first").read_text() == "x\n"
    assert (log / "second").read_text() == "x\n"
    assert madang(slow, "exp", "apply", "one").code == 0
    assert (slow / "two.txt").read_bytes() == b"words\n"


def test_two_workers_share_the_work(slow: Path, madang: Tool, workers: list[subprocess.Popen[bytes]]) -> None:
    """No experiment is run by two workers, however many are started."""
    log = slow.parent / "log"
    (log / "go").touch()
    assert madang(slow, "exp", "run", "--queue", "-S", "lr=range(1,7)", "-n", "many").code == 0
    workers.extend(start(slow) for _ in range(3))
    assert [one.wait() for one in workers] == [0, 0, 0]
    assert set(states(madang, slow).values()) == {"success"}
    assert (log / "second").read_text() == "x\n" * 6
    assert len(madang(slow, "exp", "list", "--name-only").out.split()) == 6


def test_only_one_process_has_a_task(project: Path, madang: Tool) -> None:
    """What one process has claimed no other one gets, until it is given back."""
    assert madang(project, "exp", "run", "--queue", "-n", "one").code == 0
    queue = Queue(open_repository(str(project)))
    task = queue.claim()
    assert task is not None
    script = "import sys; from madang.cli.main import run; sys.exit(run(['queue', 'worker']))"
    subprocess.run([sys.executable, "-c", script], cwd=project, check=True)
    assert states(madang, project) == {"one": "running"}
    assert madang(project, "queue", "remove", "one").code == 255
    queue.give_back(task)
    assert states(madang, project) == {"one": "queued"}


def test_killed_on_purpose_is_failed(slow: Path, madang: Tool, workers: list[subprocess.Popen[bytes]]) -> None:
    """`queue kill` ends the command and the experiment counts as failed; the worker goes on with the next one."""
    log = slow.parent / "log"
    assert madang(slow, "exp", "run", "--queue", "-S", "lr=1,2", "-n", "many").code == 0
    workers.append(start(slow))
    wait_for((log / "waits").exists)
    answer = madang(slow, "queue", "kill", "many-1")
    assert answer.code == 0, answer.err
    (log / "go").touch()
    assert workers[0].wait() == 0
    assert states(madang, slow) == {"many-1": "failed", "many-2": "success"}
    assert madang(slow, "queue", "kill", "many-1").code != 0


def test_force_kills_command_and_worker(slow: Path, madang: Tool, workers: list[subprocess.Popen[bytes]]) -> None:
    """`queue kill --force` leaves neither the worker nor the command, and the experiment as failed."""
    assert madang(slow, "exp", "run", "--queue", "-n", "one").code == 0
    workers.append(start(slow))
    wait_for((slow.parent / "log" / "waits").exists)
    assert madang(slow, "queue", "kill", "--force").code == 0
    assert workers[0].wait() == -signal.SIGKILL
    assert states(madang, slow) == {"one": "failed"}
    assert not list(slow.glob(".git/madang/experiments/queue/*/tree/*"))


def test_stop_lets_the_rest_wait(slow: Path, madang: Tool, workers: list[subprocess.Popen[bytes]]) -> None:
    """After `queue stop` the running experiment ends and no other begins; `queue start` lets them again."""
    log = slow.parent / "log"
    assert madang(slow, "exp", "run", "--queue", "-S", "lr=1,2", "-n", "many").code == 0
    workers.append(start(slow))
    wait_for((log / "waits").exists)
    assert madang(slow, "queue", "stop").code == 0
    (log / "go").touch()
    assert workers[0].wait() == 0
    assert states(madang, slow) == {"many-1": "success", "many-2": "queued"}
    assert madang(slow, "exp", "run", "--run-all", "-q").code == 0
    assert states(madang, slow) == {"many-1": "success", "many-2": "success"}


def test_a_failure_is_told(project: Path, madang: Tool) -> None:
    """An experiment whose stage fails is failed, says why, and leaves no ref; the others run."""
    assert madang(project, "exp", "run", "--queue", "-S", "lr=-1,1", "-n", "try").code == 0
    answer = madang(project, "exp", "run", "--run-all")
    assert answer.code == 255
    assert "try-1" in answer.err
    assert states(madang, project) == {"try-1": "failed", "try-2": "success"}
    assert "a rate below zero" in madang(project, "queue", "logs", "try-1").out
    assert madang(project, "exp", "list", "--name-only").out.split() == ["try-2"]
    shown = madang(project, "exp", "show").out
    assert "Failed" in shown
    assert "Failed" not in madang(project, "exp", "show", "--hide-failed").out


def test_what_waits_is_kept_by_gc(project: Path, madang: Tool) -> None:
    """Data that only a queued experiment needs survives a garbage collection."""
    make(project, {"raw.txt": b"only in the queue\n"})
    assert madang(project, "exp", "run", "--queue", "-n", "one").code == 0
    make(project, {"raw.txt": b"words\n"})
    assert madang(project, "gc", "--workspace", "--force", "--ignore-runs").code == 0
    assert madang(project, "exp", "run", "--run-all").code == 0
    assert madang(project, "exp", "apply", "one").code == 0
    assert (project / "data.txt").read_bytes() == b"ONLY IN THE QUEUE\n"


def test_names_are_not_given_twice(project: Path, madang: Tool) -> None:
    """A name that waits, or that an experiment has, is refused."""
    assert madang(project, "exp", "run", "--queue", "-n", "one").code == 0
    answer = madang(project, "exp", "run", "--queue", "-n", "one")
    assert answer.code == 255
    assert "in the queue" in answer.err
    assert madang(project, "exp", "run", "--run-all", "-q").code == 0
    assert madang(project, "exp", "run", "--queue", "-n", "one").code == 255


def test_removing_and_clearing_up(project: Path, madang: Tool) -> None:
    """Waiting experiments are removed by name or all; `exp clean` takes away what a kill left and nothing else."""
    assert madang(project, "exp", "run", "--queue", "-S", "lr=1,2,3", "-n", "many").code == 0
    assert madang(project, "exp", "remove", "many-2").code == 0
    queue = Queue(open_repository(str(project)))
    left = Path(queue.area, f"{1:016x}dead")
    left.mkdir()
    git(project, "update-ref", f"refs/madang/queue/{left.name}", "HEAD")
    assert madang(project, "exp", "clean").code == 0
    assert not left.exists()
    assert states(madang, project) == {"many-1": "queued", "many-3": "queued"}
    assert len(git(project, "for-each-ref", "refs/madang").splitlines()) == 2
    assert madang(project, "exp", "remove", "--queue").code == 0
    assert states(madang, project) == {}


def test_a_task_is_what_its_folder_says(project: Path, madang: Tool) -> None:
    """A task file that names another folder is no task to be trusted: removing it leaves that folder alone."""
    assert madang(project, "exp", "run", "--queue", "-n", "one").code == 0
    queue = Queue(open_repository(str(project)))
    mine = project.parent / "mine"
    mine.mkdir()
    (mine / "task.json").write_text("{}")
    (folder,) = Path(queue.area).iterdir()
    told = json.loads((folder / "task.json").read_text())
    (folder / "task.json").write_text(json.dumps({**told, "id": str(mine)}))
    assert madang(project, "exp", "remove", "--queue").code == 0
    assert madang(project, "exp", "clean").code == 0
    assert (mine / "task.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_end_gives_its_work_back(
    slow: Path, madang: Tool, workers: list[subprocess.Popen[bytes]], number: int
) -> None:
    """A signal to the worker ends the command and the worker; nothing else is begun, and everything waits."""
    assert madang(slow, "exp", "run", "--queue", "-S", "lr=1,2", "-n", "many").code == 0
    workers.append(start(slow))
    wait_for((slow.parent / "log" / "waits").exists)
    os.kill(workers[0].pid, number)
    assert workers[0].wait() != 0
    assert states(madang, slow) == {"many-1": "queued", "many-2": "queued"}
    (slow.parent / "log" / "go").touch()
    assert madang(slow, "exp", "run", "--run-all", "-q").code == 0
    assert set(states(madang, slow).values()) == {"success"}
    assert (slow.parent / "log" / "first").read_text() == "x\n"


def test_workers_of_one_work_tree_run_what_another_has_queued(project: Path, madang: Tool) -> None:
    """The queue is one for all work trees of a repository; data and settings are those of where a task was put."""
    other = project.parent / "other tree"
    git(project, "worktree", "add", "-q", str(other), "-b", "side")
    assert madang(other, "config", "--local", "cache.dir", str(project.parent / "its own cache")).code == 0
    make(other, {"raw.txt": b"of the other\n"})
    assert madang(other, "exp", "run", "--queue", "-S", "lr=0.5", "-n", "one").code == 0
    answer = madang(project, "exp", "run", "--run-all")
    assert answer.code == 0, answer.err
    assert madang(other, "exp", "apply", "one").code == 0
    assert (other / "model.bin").read_bytes() == b"OF THE OTHER\n0.5"
