"""The follower as a process: out of the way of the training, gone when idle."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from contextlib import suppress
from types import FrameType

import psutil

from madang.errors import MadangError
from madang.follower.bell import Bell
from madang.follower.runs import Follower
from madang.formats import store as layout

IDLE = 5.0  # seconds without a live run until the follower goes
QUICK = 0.1  # seconds between two looks while something began or ended a moment ago
CALM = 0.5
PACK_AFTER = 2.0  # seconds without a live run until what has ended is packed
MAX_LOG = 1 << 20  # bytes
_stop = False


def settle() -> None:
    """Be nice to the processor and the disk, deaf to the terminal, and hold nothing of the training's."""
    try:
        os.nice(10)
        os.setsid()
    except OSError:
        pass  # already as nice as can be, or the leader of a session
    if sys.platform == "linux":
        with suppress(psutil.Error, OSError):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    os.chdir("/")


def _terminate(number: int, frame: FrameType | None) -> None:
    global _stop
    _stop = True


def follow(store: str, run: str) -> None:
    """Look after the store's runs until there has been none for a while."""
    follower = Follower(store, say)
    follower.expect(run)
    lock, bell = layout.follower_lock(store), Bell()
    _until_idle(follower, lock, bell)
    while not _stop and layout.keeps(lock):
        # Let the lock go, then look once more: a run that began meanwhile has seen the lock held.
        layout.release(lock, remove=False)
        if not follower.find_all() or not layout.hold(lock):
            break
        _until_idle(follower, lock, bell)
    follower.close()


def _until_idle(follower: Follower, lock: str, bell: Bell) -> None:
    idle_since, pack_after = time.monotonic(), min(PACK_AFTER, IDLE)
    while not _stop and layout.keeps(lock):  # a store that was made anew has, or will have, another follower
        try:
            follower.look()
        except MadangError as error:  # the disk is full, or the store was removed: later may be better
            say(str(error))
            time.sleep(CALM)
        if follower.busy:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since >= pack_after and follower.packer.step():
            idle_since = time.monotonic() - pack_after
            continue
        elif time.monotonic() - idle_since >= IDLE:
            return
        bell.sleep(QUICK if follower.quick else CALM)


def say(text: str) -> None:
    """Write a line to the log, which starts anew when it is long."""
    try:
        facts = os.fstat(2)
        if facts.st_size > MAX_LOG and stat.S_ISREG(facts.st_mode):
            os.ftruncate(2, 0)
        sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} [{os.getpid()}] {text}\n")
        sys.stderr.flush()
    except OSError:
        pass  # a log that cannot be written must not stop the work
