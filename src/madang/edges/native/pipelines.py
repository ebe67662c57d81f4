"""Reproductions: pipelines with what became of each stage."""

from __future__ import annotations

from typing import Any

from madang.domain.pipelines import PipelineView
from madang.edges.native.services import NativeCall
from madang.http.routes import READ, Param, Route
from madang.services.pipelines import PipelinePage

MAX_PAGE = 200


def pipelines(call: NativeCall) -> Any:
    """GET /projects/{project}/pipelines."""
    limit = call.integer("limit", 50, 1, MAX_PAGE)
    return call.services.pipelines.latest(call.who, call.path["project"], call.integer("before", 0, 0), limit)


def pipeline(call: NativeCall) -> Any:
    """GET /projects/{project}/pipelines/{group}."""
    return call.services.pipelines.pipeline(call.who, call.path["project"], call.path["group"])


def routes() -> list[Route]:
    """The routes of reproductions."""
    group = "/projects/{project}/pipelines"
    before = Param("before", "integer", help="`before` of the page before.")
    return [
        Route(
            "GET", group, pipelines, READ, "Reproductions", answer=PipelinePage,
            query=(before, Param("limit", "integer", help=f"Up to {MAX_PAGE}.")),
        ),
        Route("GET", group + "/{group}", pipeline, READ, "A reproduction's stages", answer=PipelineView),
    ]  # fmt: skip
