"""Sweeps on a hub."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from madang.client.http import HubClient
from madang.domain.sweeping.sweeps import Agent, Order
from madang.domain.sweeping.views import SweepView
from madang.formats import sweeps as wire


class HubSweepApi:
    """See `madang.ports.sweeps.SweepApi`."""

    def __init__(self, client: HubClient) -> None:
        self._client = client

    @property
    def place(self) -> str:
        """See `SweepApi.place`."""
        return self._client.address

    def create(self, project: str, text: str, name: str = "") -> SweepView:
        """See `SweepApi.create`."""
        body = {"config": text, "name": name}
        return self._client.send("POST", ("projects", project, "sweeps"), body, SweepView)

    def find(self, sweep: str, project: str = "") -> SweepView:
        """See `SweepApi.find`."""
        where = ("projects", project, "sweeps", sweep) if project else ("sweeps", sweep)
        return self._client.get(where, SweepView)

    def list(self, project: str = "") -> builtins.list[SweepView]:
        """See `SweepApi.list`."""
        where = ("projects", project, "sweeps") if project else ("sweeps",)
        return self._client.get(where, wire.SweepsBody).sweeps

    def change(self, project: str, sweep: str, changes: Mapping[str, Any]) -> SweepView:
        """See `SweepApi.change`."""
        return self._client.send("PATCH", ("projects", project, "sweeps", sweep), dict(changes), SweepView)

    def join(self, project: str, sweep: str, host: str, name: str = "") -> Agent:
        """See `SweepApi.join`."""
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
        """See `SweepApi.beat`."""
        where = ("projects", project, "sweeps", agent.sweep, "agents", agent.id, "beat")
        body = {"running": list(running), "ended": dict(ended), "wants": wants, "leaves": leaves}
        answer = self._client.send("POST", where, body, wire.OrdersBody)
        return [wire.read_order(agent.sweep, item) for item in answer.commands]

    def close(self) -> None:
        """See `SweepApi.close`."""
        self._client.close()
