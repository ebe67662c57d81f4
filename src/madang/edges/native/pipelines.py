"""Reproductions: pipelines with what became of each stage."""

from __future__ import annotations

from typing import Any

from madang.edges.native.services import NativeCall

MAX_PAGE = 200


def pipelines(call: NativeCall) -> Any:
    """GET /projects/{project}/pipelines."""
    limit = call.integer("limit", 50, 1, MAX_PAGE)
    return call.services.pipelines.latest(call.who, call.path["project"], call.integer("before", 0, 0), limit)


def pipeline(call: NativeCall) -> Any:
    """GET /projects/{project}/pipelines/{group}."""
    return call.services.pipelines.pipeline(call.who, call.path["project"], call.path["group"])
