"""The lineage graph."""

from __future__ import annotations

from typing import Any

from madang.edges.native.services import NativeCall
from madang.services.lineage import MAX_DEPTH


def graph(call: NativeCall) -> Any:
    """GET /projects/{project}/lineage."""
    above, below = (call.integer(name, 2, 0, MAX_DEPTH) for name in ("above", "below"))
    return call.services.lineage.around(call.who, call.path["project"], call.text("of"), above, below)
