"""Sweeps on a hub."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from madang.client.http import HubClient
from madang.domain.sweep_views import SweepView
from madang.domain.sweeps import Agent, Order
from madang.formats import sweeps as wire


class HubSweepDesk:
    """See `madang.ports.sweeps.SweepDesk`."""

    def __init__(self, client: HubClient) -> None:
        self._client = client

    @property
    def place(self) -> str:
        """See `SweepDesk.place`."""
        return self._client.address

    def create(self, project: str, text: str, name: str = "") -> SweepView:
        """See `SweepDesk.create`."""
        body = {"config": text, "name": name}
        return self._client.send("POST", ("projects", project, "sweeps"), body, SweepView)

    def find(self, sweep: str, project: str = "") -> SweepView:
        """See `SweepDesk.find`."""
        where = ("projects", project, "sweeps", sweep) if project else ("sweeps", sweep)
        return self._client.get(where, SweepView)

    def list(self, project: str = "") -> builtins.list[SweepView]:
        """See `SweepDesk.list`."""
        where = ("projects", project, "sweeps") if project else ("sweeps",)
        return self._client.get(where, wire.SweepsBody).sweeps

    def change(self, project: str, sweep: str, changes: Mapping[str, Any]) -> SweepView:
        """See `SweepDesk.change`."""
        return self._client.send("PATCH", ("projects", project, "sweeps", sweep), dict(changes), SweepView)

    def join(self, project: str, sweep: str, host: str, name: str = "") -> Agent:
        """See `SweepDesk.join`."""
        where = ("projects", project, "sweeps", sweep, "agents")
        return self._client.send("POST", where, {"host": host, "name": name}, Agent)

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
        """See `SweepDesk.beat`."""
        where = ("projects", project, "sweeps", agent.sweep, "agents", agent.id, "beat")
        body = {"running": list(running), "ended": dict(ended), "wants": wants, "leaves": leaves}
        answer = self._client.send("POST", where, body, wire.OrdersBody)
        return [wire.read_order(agent.sweep, item) for item in answer.commands]

    def close(self) -> None:
        """See `SweepDesk.close`."""
        self._client.close()
