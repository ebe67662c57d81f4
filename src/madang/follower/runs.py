"""All runs of a store that this follower looks after."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from madang.errors import MadangError
from madang.follower.packing import Packer
from madang.follower.run import FollowedRun
from madang.follower.system import Machine

if TYPE_CHECKING:
    from madang.follower.uploads import Uploads

FULL_LOOK = 15.0  # seconds between two looks at all runs of the store
COARSE = 2.0  # seconds within which two changes of a folder may show the same time
YOUNG = 5.0  # seconds for which a run counts as just begun or ended


class Follower:
    """Finds runs with a living or dead writer, and looks after each."""

    def __init__(self, store: str, say: Callable[[str], None]) -> None:
        self.store = store
        self.runs: dict[str, FollowedRun] = {}
        self.packer = Packer(store, say)
        self._say = say
        self._machine = Machine()
        self._uploads: Uploads | None = None
        self._times: dict[str, int] = {}  # folder of runs → its time of change when it was listed
        self._next_full = 0.0
        self._looked_at = 0.0  # wall time of the last look at all runs
        self._excited = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether there is a run to look after."""
        return bool(self.runs)

    @property
    def quick(self) -> bool:
        """Whether somebody may be waiting for us."""
        return time.monotonic() - self._excited < YOUNG or any(run.awaited for run in self.runs.values())

    def expect(self, run: str) -> None:
        """Look after this run first: its process has started us."""
        if run:
            self._adopt(run, expected=True)

    def look(self) -> None:
        """One round: every run, then new ones."""
        now = time.monotonic()
        for run_id, run in list(self.runs.items()):
            self._attend(run, now)
            if run.done:
                run.close()
                del self.runs[run_id]
                self.packer.want(run_id)
        self._find_new(now)

    def _attend(self, run: FollowedRun, now: float) -> None:
        try:
            run.look(now, self._machine)
        except (MadangError, OSError) as error:
            run.failed(now, str(error))
        except Exception:  # noqa: BLE001 - a mistake of ours about one run must not end the care for the others
            run.failed(now, traceback.format_exc())

    def close(self) -> None:
        """Leave all runs as they are: another follower may take them up."""
        for run in self.runs.values():
            run.close()
        self.runs.clear()
        self.packer.close()

    def find_all(self) -> bool:
        """Look at every run of the store; whether there is one to look after."""
        self._find_with_locks()
        return self.busy

    def _uploading(self) -> Uploads:
        """The uploads, begun when the first run has a hub."""
        if self._uploads is None:
            from madang.follower.uploads import Uploads  # noqa: PLC0415 - most workspaces have no hub

            self._uploads = Uploads(self.store, self._say)
        return self._uploads

    def _find_new(self, now: float) -> None:
        if now >= self._next_full:
            began = time.monotonic()
            self._find_with_locks()
            took = time.monotonic() - began
            self._next_full = began + max(FULL_LOOK, 50 * took)
            return
        for shelf in self._shelves():
            for entry in _entries(shelf):
                if len(entry.name) == 32 and entry.name not in self.runs and _has_lock(entry.path):
                    self._adopt(entry.name)

    def _shelves(self) -> list[str]:
        """The folders of runs that have changed since they were listed."""
        changed = []
        for entry in _entries(self.store + "/segments"):
            try:
                modified = entry.stat().st_mtime_ns
            except OSError:
                continue
            if self._times.get(entry.path) != modified:
                recent = time.time_ns() - modified < COARSE * 1_000_000_000
                self._times[entry.path] = 0 if recent else modified
                changed.append(entry.path)
        return changed

    def _find_with_locks(self) -> None:
        """Look at every run whose folder has changed since the last time: at all of them the first time."""
        since, self._looked_at = self._looked_at, time.time() - COARSE
        for shelf in _entries(self.store + "/segments"):
            for entry in _entries(shelf.path):
                if (
                    len(entry.name) == 32
                    and entry.name not in self.runs
                    and _changed(entry, since)
                    and _has_lock(entry.path)
                ):
                    self._adopt(entry.name)

    def _adopt(self, run: str, *, expected: bool = False) -> None:
        followed = FollowedRun(self.store, run, self._say, self._uploading, expected=expected)
        self._attend(followed, time.monotonic())
        if followed.done:  # it belongs to another machine, or has nothing to be done
            self.packer.want(run)
        else:
            self.runs[run] = followed
            self._excited = time.monotonic()


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _changed(entry: os.DirEntry[str], since: float) -> bool:
    try:
        return entry.stat().st_mtime >= since
    except OSError:
        return False


def _has_lock(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(".lock") for entry in entries)
    except OSError:
        return False
