"""What a process remembers of sweeps, so that a suggestion does not read a thousand trials again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from madang.domain.sweeping.config import GRID, SweepConfig, parse_config
from madang.domain.sweeping.search_space import Grid
from madang.domain.sweeping.sweeps import Sweep, Trial
from madang.ports.sweeps import SweepRecords

_MOST = 256  # sweeps
_MOST_AGENTS = 20_000  # that are remembered, before those are dropped of whom nothing was heard in the last hour
_HOUR = 3_600_000_000  # µs
_LOOKED = 1_000_000  # µs between two looks for silent agents: a thousand may ask at once
_FLUSHED = 10_000_000  # µs between two notes of when an agent was heard of


class SweepState:
    """One sweep: its configuration, its grid, and its trials as far as they were read."""

    def __init__(self, sweep: Sweep) -> None:
        self.text = sweep.text
        self.config: SweepConfig = parse_config(sweep.config)
        self.grid = Grid(self.config.space) if self.config.method == GRID else None
        self._trials: dict[int, Trial] = {}
        self._revision = 0
        self._lock = threading.Lock()

    def trials(self, records: SweepRecords, sweep: str) -> list[Trial]:
        """All trials by number, as they are now."""
        with self._lock:
            changed, self._revision = records.trials(sweep, self._revision)
            for trial in changed:
                self._trials[trial.number] = trial
            if changed and next(reversed(self._trials)) != len(self._trials):
                self._trials = dict(sorted(self._trials.items()))
            return list(self._trials.values())


class SweepCache:
    """The sweeps that were looked at last, and when agents were heard of. Thread-safe."""

    def __init__(self, records: SweepRecords) -> None:
        self._records = records
        self._states: OrderedDict[str, SweepState] = OrderedDict()
        self._heard: dict[str, int] = {}
        self._flushed: dict[str, int] = {}
        self._looked: dict[str, int] = {}  # by sweep
        self._lock = threading.Lock()
        self._began = time.time_ns() // 1000

    def state(self, sweep: Sweep) -> SweepState:
        """What is remembered of a sweep. Raises `InvalidInput` for a configuration of a newer release."""
        with self._lock:
            found = self._states.get(sweep.id)
            if found is not None and found.text == sweep.text:
                self._states.move_to_end(sweep.id)
                return found
        made = SweepState(sweep)
        with self._lock:
            self._states[sweep.id] = made
            while len(self._states) > _MOST:
                self._states.popitem(last=False)
        return made

    def hear(self, agent: str, at: int, patience: float) -> None:
        """Note that an agent was heard of at a time (µs UTC), well before others take it for dead (seconds)."""
        with self._lock:
            self._heard[agent] = at
            due = at - self._flushed.get(agent, 0) >= min(_FLUSHED, patience * 1e6 / 4)
            if due:
                self._flushed[agent] = at
            if len(self._heard) > _MOST_AGENTS:  # those that were killed have not said good-bye
                self._heard = {name: heard for name, heard in self._heard.items() if at - heard < _HOUR}
                self._flushed = {name: self._flushed[name] for name in self._heard if name in self._flushed}
        if due:
            self._records.heard({agent: at})

    def may_look(self, sweep: str, at: int) -> bool:
        """Whether it is time to look for agents of a sweep that fell silent; then nobody does for a second."""
        with self._lock:
            if at - self._looked.get(sweep, 0) < _LOOKED:
                return False
            self._looked[sweep] = at
            return True

    def forget(self, agent: str) -> None:
        """Drop what is remembered of an agent that has left."""
        with self._lock:
            self._heard.pop(agent, None)
            self._flushed.pop(agent, None)

    def silence(self, agent: str, seen_at: int, now: int) -> int:
        """For how long (µs) nothing was heard of an agent whose record says ``seen_at``.

        Not longer than this process lives: while nobody listened, nobody could be heard.
        """
        return now - max(self._heard.get(agent, 0), seen_at, self._began)
