"""The `SweepApi` over this machine's store."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from madang.domain.access import Principal
from madang.domain.sweeping.sweeps import Agent, Order
from madang.domain.sweeping.views import SweepView
from madang.services.sweeping.sweeping import Sweeping


class LocalSweepApi:
    """See `madang.ports.sweeps.SweepApi`."""

    def __init__(self, who: Principal, place: str, sweeping: Sweeping, close: Callable[[], object]) -> None:
        self._who = who
        self._place = place
        self._sweeps = sweeping.sweeps
        self._agents = sweeping.agents
        self._close = close

    @property
    def place(self) -> str:
        """See `SweepApi.place`."""
        return self._place

    def create(self, project: str, text: str, name: str = "") -> SweepView:
        """See `SweepApi.create`."""
        made = self._sweeps.create(self._who, project, text, name)
        return self._sweeps.view(self._who, project, made.id)

    def find(self, sweep: str, project: str = "") -> SweepView:
        """See `SweepApi.find`."""
        return self._sweeps.view(self._who, project, sweep)

    def list(self, project: str = "") -> builtins.list[SweepView]:
        """See `SweepApi.list`."""
        return self._sweeps.views(self._who, project)

    def change(self, project: str, sweep: str, changes: Mapping[str, Any]) -> SweepView:
        """See `SweepApi.change`."""
        made = self._sweeps.change(self._who, project, sweep, changes)
        return self._sweeps.view(self._who, made.project, made.id)

    def join(self, project: str, sweep: str, host: str, name: str = "") -> Agent:
        """See `SweepApi.join`."""
        return self._agents.join(self._who, project, sweep, host, name)

    def beat(
        self,
        project: str,
        agent: Agent,
        running: Sequence[str],
        ended: Mapping[str, str],
        *,
        wants: bool,
        leaves: bool = False,
    ) -> builtins.list[Order]:
        """See `SweepApi.beat`."""
        return self._agents.beat(self._who, agent.id, running, ended, wants=wants, leaves=leaves)

    def close(self) -> None:
        """See `SweepApi.close`."""
        self._close()
