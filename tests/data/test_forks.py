"""Work that is spread over forked processes."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, objects, read

from madang.errors import Conflict, MadangError, StorageError
from madang.testing.patience import wait_for
from madang.wiring_data import open_remote
from madang.workspace.data.files.adding import add
from madang.workspace.data.objects import forks, parallel, reading, taking
from madang.workspace.data.objects.parallel import each_file
from madang.workspace.data.objects.reading import Hashed
from madang.workspace.data.objects.state import FileKey
from madang.workspace.data.progress import Advance
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.remotes import remote_objects
from madang.workspace.data.remotes.transfer import fetch
from madang.workspace.data.repo.repository import Repository


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Workers for a few items already, on any machine, beside the threads of other tests; here are their processes."""
    monkeypatch.setattr(parallel, "MANY", 1)
    monkeypatch.setattr(parallel, "_may_fork", lambda: True)
    monkeypatch.setattr(parallel, "cores", lambda: 3)
    monkeypatch.setattr(forks, "CHUNK", 4)
    made: list[int] = []
    real = os.fork

    def fork() -> int:
        made.append(real())
        return made[-1]

    monkeypatch.setattr(os, "fork", fork)
    return made


def nothing(done: int) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("count", [1, 4, 5, 1_000])
def test_results_keep_their_order(count: int) -> None:
    """Results of all items come in the order of these, and the units that workers tell of add up."""
    done: list[int] = []

    def work(number: int, advance: Advance) -> tuple[int, int]:
        advance(2)
        return number * 3, os.getpid()

    found = list(each_file(work, range(count), tuple[int, int], done.append))
    assert [number for number, _ in found] == [number * 3 for number in range(count)]
    assert os.getpid() not in {process for _, process in found}
    assert sum(done) == 2 * count


def test_more_chunks_than_a_pipe_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are given out as they are taken."""
    monkeypatch.setattr(forks, "CHUNK", 1)
    assert list(each_file(lambda number, _: number, range(40_000), int, nothing)) == list(range(40_000))


def test_values_arrive_as_they_were() -> None:
    """What is known of a file comes through: negative inodes, no copy, large numbers."""
    key = FileKey(1, -5, 1 << 40, 1 << 62, -1)
    made = Hashed("0" * 32, key, True, "/한글/1", key)
    assert list(each_file(lambda _, __: made, [1, 2], Hashed, nothing)) == [made, made]
    assert list(each_file(lambda one, _: made if one else None, [1, 0], Hashed | None, nothing)) == [made, None]


def test_paths_that_are_not_text() -> None:
    """Paths that are not UTF-8 cannot be sent: the command does the work itself."""
    found = each_file(
        lambda number, _: (f"\udcff{number}", os.getpid()), [1, 2], tuple[str, int], nothing, below="\udcff"
    )
    assert list(found) == [("\udcff1", os.getpid()), ("\udcff2", os.getpid())]


@pytest.mark.parametrize(
    "error", [Conflict("changed", hint="again"), OSError(errno.ENOSPC, "full", "path"), ValueError()]
)
def test_an_error_is_raised_where_the_work_was_asked_for(error: Exception, workers: list[int]) -> None:
    """The results before it come, then the very error; nobody works on."""

    def work(number: int, advance: Advance) -> int:
        if number == 30:
            raise error
        return number

    found: list[int] = []
    with pytest.raises(type(error)) as raised, closing(each_file(work, range(1_000), int, nothing)) as results:
        found.extend(results)
    assert raised.value is error
    assert found == list(range(30))
    nobody_is_left(workers)


def test_what_fails_only_in_a_worker_is_done_here() -> None:
    """An item that fails in a worker alone is no failure."""
    command = os.getpid()

    def work(number: int, advance: Advance) -> int:
        if os.getpid() != command and number % 7 == 0:
            raise OSError(errno.EMFILE, "too many")
        return number

    assert list(each_file(work, range(100), int, nothing)) == list(range(100))


def test_a_worker_that_is_killed(workers: list[int]) -> None:
    """The command says so, and nobody is left."""
    command = os.getpid()

    def work(number: int, advance: Advance) -> int:
        if number == 50 and os.getpid() != command:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(StorageError, match="killed"):
        list(each_file(work, range(1_000), int, nothing))
    nobody_is_left(workers)


def test_work_that_is_given_up(tmp_path: Path, workers: list[int]) -> None:
    """When the results are closed, all work has stopped, wherever it was."""

    def work(number: int, advance: Advance) -> int:
        if number >= 100:
            signal.pause()
        (tmp_path / str(number)).write_bytes(b"")
        return number

    with closing(each_file(work, range(10_000), int, nothing)) as results:
        assert next(results) == 0
    nobody_is_left(workers)
    assert len(os.listdir(tmp_path)) <= 100


def test_what_workers_have_done_is_handed_over(
    tmp_path: Path, workers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the results are closed, each item that was done is among those taken or those unclaimed, and none is cut."""
    monkeypatch.setattr(forks, "_PATIENCE", 600)

    def work(number: int, advance: Advance) -> int:
        time.sleep(0.001)
        (tmp_path / str(number)).write_bytes(b"")
        return number * 2

    unclaimed: dict[int, int] = {}
    with closing(each_file(work, range(10_000), int, nothing, unclaimed=unclaimed)) as results:
        taken = [next(results) // 2 for _ in range(6)]
    nobody_is_left(workers)
    assert taken == list(range(6))
    assert all(value == number * 2 for number, value in unclaimed.items())
    assert sorted([*taken, *unclaimed]) == sorted(int(name) for name in os.listdir(tmp_path))


def test_a_worker_that_does_not_end_in_time(workers: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped command waits a while only; what the others have done is not lost."""
    monkeypatch.setattr(forks, "_PATIENCE", 0.2)
    end = forks.Crew.end

    def ending(self: forks.Crew[int, int], unclaimed: dict[int, int] | None = None) -> None:
        while len(self._done) < 9:  # all chunks but the one that does not end
            self._listen(nothing)
        end(self, unclaimed)

    monkeypatch.setattr(forks.Crew, "end", ending)

    def work(number: int, advance: Advance) -> int:
        while number == 5:
            time.sleep(1)
        return number

    unclaimed: dict[int, int] = {}
    with closing(each_file(work, range(40), int, nothing, unclaimed=unclaimed)) as results:
        assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    nobody_is_left(workers)
    assert sorted(unclaimed) == list(range(8, 40))


@pytest.mark.parametrize("command", ["add", "fetch"])
def test_a_command_that_is_stopped(
    repo: Repository, root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Ctrl-C: whatever the workers have made is in the cache, but for the object that was being noted."""
    make(root, {f"d/{number:04}": b"%d" % number * 500 for number in range(200)})
    if command == "fetch":
        madang(root, "remote", "add", "-d", "r", str(root.parent / "store"))
        assert (madang(root, "add", "d").code, madang(root, "push").code) == (0, 0)
        (root / ".dvc" / "cache").rename(root.parent / "cache")
        repo = Repository(repo.root)
    monkeypatch.setattr(forks, "_PATIENCE", 600)
    made = root.parent / "made"
    made.mkdir()
    real, noted = reading.write_object, 0

    def noting(path: str, body: bytes) -> FileKey | None:
        key = real(path, body)
        (made / path.replace("/", "_")).touch()
        return key

    def stopping(self: taking.Intake, *given: object) -> None:
        nonlocal noted
        noted += 1
        if noted == 3:
            wait_for(lambda: len(os.listdir(made)) >= 40)  # the workers are ahead
            raise KeyboardInterrupt
        original(self, *given)  # type: ignore[arg-type]

    original = taking.Intake.add
    with monkeypatch.context() as patch:
        patch.setattr(reading, "write_object", noting)
        patch.setattr(remote_objects, "write_object", noting)
        patch.setattr(taking.Intake, "add", stopping)
        with pytest.raises(KeyboardInterrupt):
            add(repo, ["d"]) if command == "add" else fetch(repo, resolve(repo, []), open_remote)
    there = [name for name in objects(root / ".dvc" / "cache") if not name.endswith(".dir")]
    assert len(there) >= 39
    assert len([path for path in made.iterdir() if path.suffix != ".dir"]) - len(there) <= 1
    assert madang(root, *(("add", "d") if command == "add" else ("fetch",))).code == 0
    assert len(objects(root / ".dvc" / "cache")) == 201


def test_a_command_that_is_killed(tmp_path: Path) -> None:
    """Its workers end by themselves; until then they hold its locks."""
    script = (
        "import fcntl, os, sys, time\n"
        "from madang.workspace.data.objects import parallel\n"
        "parallel.MANY, parallel._may_fork = 1, lambda: True\n"
        "parallel.cores = lambda: 3\n"
        "lock = open('lock', 'w')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "def work(number, advance):\n"
        "    open(f'made/{number}', 'w').close()\n"
        "    time.sleep(0.002)\n"
        "    return number\n"
        "for number in parallel.each_file(work, range(100_000), int, lambda done: None):\n"
        "    print(number, flush=True)\n"
    )
    (tmp_path / "made").mkdir()
    command = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
    assert command.stdout is not None
    with command.stdout:
        assert command.stdout.readline() == b"0\n"
        command.kill()
        command.wait()
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for the last worker
    made = len(os.listdir(tmp_path / "made"))
    time.sleep(0.05)
    assert len(os.listdir(tmp_path / "made")) == made < 100_000


def test_no_fork_beside_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread lives the work is done by threads."""
    monkeypatch.undo()
    monkeypatch.setattr(parallel, "MANY", 1)
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        assert set(each_file(lambda _, __: os.getpid(), range(200), int, nothing)) == {os.getpid()}
    finally:
        end.set()
        other.join()


@pytest.mark.parametrize(("jobs", "processes"), [(1, 0), (2, 2), (5, 5)])
def test_as_many_as_are_asked_for(workers: list[int], jobs: int, processes: int) -> None:
    """Who says how many are worked on at once gets so many processes; for one at a time there is no other."""
    assert list(each_file(lambda one, _: one, range(100), int, nothing, at_once=jobs)) == list(range(100))
    assert len(workers) == processes


def test_jobs_of_a_folder_remote(
    repo: Repository, root: Path, madang: Tool, workers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--jobs`` and the remote's setting say how many small files of a folder remote are moved at once."""
    make(root, {f"d/{number:03}": b"%d" % number for number in range(100)})
    add(repo, ["d"])
    madang(root, "remote", "add", "-d", "r", str(root.parent / "store"))
    crews: list[int] = []
    hire = forks.Crew._hire

    def hiring(self: forks.Crew[object, object]) -> None:
        hire(self)
        crews.append(len(self._workers))

    monkeypatch.setattr(forks.Crew, "_hire", hiring)
    for command, jobs in (("push", 4), ("fetch", 5)):
        assert madang(root, command, "--jobs", str(jobs)).code == 0
        assert max(crews) == jobs
        crews.clear()
        (root / ".dvc" / "cache").rename(root.parent / f"cache {command}")
    madang(root, "remote", "modify", "r", "jobs", "1")
    workers.clear()
    assert madang(root, "fetch").code == 0
    assert workers == []


def test_data_is_the_same(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers bring into the cache is what one process brings, equal files once."""
    make(root, {f"d/{number:03}": b"%d" % (number % 90) * (1 + number * 50) for number in range(200)})
    make(root, {f"d/large {number}": b"L" * 3_000_000 for number in range(2)})
    first = add(repo, ["d"]).contents[f"{root}/d"]
    made = objects(root / ".dvc" / "cache")
    assert len(made) == len(set(read(root / "d").values())) + 1
    assert all(mode == 0o444 for mode, _ in made.values())
    (root / ".dvc" / "cache").rename(root.parent / "cache")
    monkeypatch.setattr(parallel, "MANY", 1_000)
    assert add(repo, ["d"]).contents[f"{root}/d"] == first
    assert objects(root / ".dvc" / "cache") == made


def test_a_file_that_cannot_be_read(repo: Repository, root: Path) -> None:
    """An add that fails names the file, keeps what was added before it, and goes on from there."""
    make(root, {f"d/{number:03}": b"%d" % number for number in range(100)})
    real = os.open

    def refusing(path: str, *rest: int, **options: int) -> int:
        if os.fspath(path) == f"{root}/d/060":
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refusing)
        with pytest.raises((OSError, MadangError)) as raised:
            add(repo, ["d"])
    assert "060" in str(raised.value)
    assert not (root / "d.dvc").exists()
    assert len(objects(root / ".dvc" / "cache")) > 0
    add(repo, ["d"])
    assert len(objects(root / ".dvc" / "cache")) == 101


def nobody_is_left(workers: list[int]) -> None:
    """There were workers, and none of them is there any more."""
    assert workers
    for process in workers:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)
