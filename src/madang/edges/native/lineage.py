"""The lineage graph."""

from __future__ import annotations

from typing import Any

from madang.domain.lineage_graph import Graph
from madang.edges.native.services import NativeCall
from madang.http.routes import READ, Param, Route
from madang.services.lineage import MAX_DEPTH


def graph(call: NativeCall) -> Any:
    """GET /projects/{project}/lineage."""
    above, below = (call.integer(name, 2, 0, MAX_DEPTH) for name in ("above", "below"))
    return call.services.lineage.around(call.who, call.path["project"], call.text("of"), above, below)


def routes() -> list[Route]:
    """The route of the graph."""
    depth = f"Steps to go; up to {MAX_DEPTH}."
    return [
        Route(
            "GET", "/projects/{project}/lineage", graph, READ,
            "What something was made of, and what it led to", answer=Graph,
            query=(
                Param("of", help="`run:ID`, `data:PATH@DIGEST` or `version:NAME:v3`."),
                Param("above", "integer", help=depth), Param("below", "integer", help=depth),
            ),
        )
    ]  # fmt: skip
