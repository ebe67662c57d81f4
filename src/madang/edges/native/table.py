"""The routes of the native API: each module has those of its handlers. OpenAPI is made from this table."""

from __future__ import annotations

from madang.edges.native import (
    adopting,
    artifacts,
    commands,
    comparing,
    datasets,
    events,
    lineage,
    models,
    openapi,
    people,
    pipelines,
    reports,
    runs,
    states,
    sweeps,
    uploads,
    webhooks,
)
from madang.http.routes import RouteTable

PREFIX = "/api/v1"
_PARTS = (
    runs, commands, comparing, events, artifacts, models, states, adopting, datasets, lineage, pipelines, sweeps,
    reports, webhooks, uploads, people, openapi,
)  # fmt: skip


def table() -> RouteTable:
    """The routes of the native API."""
    return RouteTable(PREFIX, [route for part in _PARTS for route in part.routes()])
