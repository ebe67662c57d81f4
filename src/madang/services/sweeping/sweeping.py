"""All that carries out sweeps over one store, made together: what one part remembers the others use."""

from __future__ import annotations

from madang.ports.records import Records
from madang.ports.sweeps import Suggester
from madang.services.sweeping.agents import SweepAgents
from madang.services.sweeping.cache import SweepCache
from madang.services.sweeping.sweeps import Sweeps
from madang.services.sweeping.trials import SweepRuns
from madang.services.tracking import Tracking


class Sweeping:
    """The sweeps of a store and what their agents ask for."""

    def __init__(self, records: Records, tracking: Tracking, suggester: Suggester) -> None:
        cache = SweepCache(records.sweeps)
        self.sweeps = Sweeps(records, records.sweeps, suggester, cache)
        self.agents = SweepAgents(records, records.sweeps, self.sweeps, SweepRuns(records, tracking), suggester, cache)
