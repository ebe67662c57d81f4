"""Starting the follower, and waiting for it at the end. It is a program of its own (`python -m madang.follower`)."""

from __future__ import annotations

import os
import sys
import time

from madang.formats import store as layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from madang.sdk.run import Run

CAPTURE_WAIT = 10.0  # seconds
INPUTS_WAIT = 2.0  # seconds
SYNC_WAIT = 60.0  # seconds; MADANG_SYNC_TIMEOUT
_NOT_PASSED = frozenset(("MADANG_LAUNCHED", "RANK", "WORLD_SIZE", "PYTHONINSPECT"))
_started: set[int] = set()  # process ids of followers that we have to collect


def start(run: Run) -> None:
    """Have a follower look after the run: sample the system, capture code and environment, upload."""
    store = run.places.store
    if os.environ.get("MADANG_FOLLOWER") == "0" or not sys.executable:
        return
    if _wake(store):
        return
    env = {key: value for key, value in os.environ.items() if key not in _NOT_PASSED}
    if run.hub:
        env["MADANG_HUB"] = run.hub
    command = [
        sys.executable, "-P", "-m", "madang.follower",
        "--store", store, "--run", run.id, "--segment", run.segment,
    ]  # fmt: skip
    log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, store + "/follower.log", log, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        try:
            child = os.posix_spawn(sys.executable, command, env, file_actions=actions, setsid=True)
        except NotImplementedError:  # macOS
            child = os.posix_spawn(sys.executable, command, env, file_actions=actions, setpgroup=0)
    except OSError as error:
        _say(f"cannot start the follower ({error.strerror}): the system and code of this run are not captured")
        return
    _started.add(child)


def _wake(store: str) -> bool:
    """Have the follower look now, if there is one; returns whether there is."""
    follower = layout.holder(layout.follower_lock(store))
    if follower:
        try:  # noqa: SIM105 - contextlib is not to be imported here
            os.kill(follower, layout.BELL)
        except OSError:
            pass  # it ended just now, or is not ours: one that cannot be woken looks soon by itself
    return follower is not None


def wait(run: Run, written: dict[str, int], limit: float | None = None) -> None:
    """Wait a while for what the follower still has to do for this run, and say what is left.

    ``written`` are the segments of this process and their sizes. With a ``limit``, in seconds, only the capture is
    waited for, no longer than that, and nothing is said: the follower goes on.
    """
    if os.environ.get("MADANG_FOLLOWER") == "0":
        return
    folder = layout.run_dir(run.places.store, run.id)
    if limit is not None:
        if limit:
            _until(lambda: os.path.exists(folder + "/captured"), limit, run)
        return
    if not run.rank and not _until(lambda: os.path.exists(folder + "/captured"), CAPTURE_WAIT, run):
        _say(f"code and environment of the run {run.name} are not recorded; see {run.places.store}/follower.log")
    if not run.rank and "MADANG_LAUNCHED" not in os.environ and os.path.isdir(run.places.root + "/.dvc"):
        # Tracked data that was read is named now: afterwards the user may change it. Other ranks may go on longer.
        _until(lambda: os.path.exists(folder + "/resolved"), INPUTS_WAIT, run)
    if run.hub:
        _wait_for_hub(run, folder, written)


def _wait_for_hub(run: Run, folder: str, written: dict[str, int]) -> None:
    if _refusal(folder):  # of an earlier try: a login may have helped since
        os.unlink(folder + "/refused")
    _until(lambda: _acknowledged(folder + "/synced", written) or _refusal(folder) != "", sync_wait(), run)
    if not _acknowledged(folder + "/synced", written):
        why = _refusal(folder) or f"{run.hub} does not have all of it yet."
        _say(f"run {run.name}: {why} Nothing is lost: run `madang sync` later.")


def _refusal(folder: str) -> str:
    """What the hub said to the follower when it refused the run for good, if it did."""
    try:
        with open(folder + "/refused", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _until(done: Callable[[], bool], limit: float, run: Run) -> bool:
    """Look again and again until it is done; False when the time is over or no follower lives any more."""
    end = time.monotonic() + limit
    pause = 0.002
    restarted = False
    if not done():
        _wake(run.places.store)
    while not done():
        if not _lives(run.places.store):
            if restarted:
                return done()
            restarted = True  # the one that lived at the start may have gone idle in between
            start(run)
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


def _lives(store: str) -> bool:
    for child in list(_started):
        try:
            ended, _ = os.waitpid(child, os.WNOHANG)
        except OSError:
            ended = child
        if not ended:
            return True
        _started.discard(child)
    return layout.is_held(layout.follower_lock(store))


def _acknowledged(path: str, written: dict[str, int]) -> bool:
    left = dict(written)
    try:
        with open(path, encoding="ascii") as file:
            for line in file:
                segment, _, offset = line.partition(" ")
                if segment in left and int(offset) >= left[segment]:
                    del left[segment]
    except (OSError, ValueError):
        return False
    return not left


def sync_wait() -> float:
    """Seconds that an exit waits for a hub."""
    try:
        return float(os.environ.get("MADANG_SYNC_TIMEOUT", SYNC_WAIT))
    except ValueError:
        return SYNC_WAIT


def _say(text: str) -> None:
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"madang: {text}\n")
