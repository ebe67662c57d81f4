"""Console lines of runs, read back in pages or from the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from madang.domain.series import ConsoleLine
from madang.edges.wandb.pages import connection, cursor_for, offset_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import RunNode
from madang.edges.wandb.services import WandbCall

_USUAL, _MOST = 1000, 10_000  # lines of a page


def lines(node: RunNode, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Run.logLines: ``first`` lines after a cursor, or the ``last`` ones."""
    last = given.get("last")
    asked = last if last is not None else given.get("first")
    limit = _USUAL if asked is None else max(1, min(asked, _MOST))
    after = offset_of(given.get("after"))
    found = call.services.search.console(call.who, node.run.id, after, limit, last is not None)
    shown = found.lines
    labels = call.services.streams.labels(call.who, node.run.id, shown[0].n, shown[-1].n + 1) if shown else {}
    edges = [{"node": _line(item, labels.get(item.n, "")), "cursor": cursor_for(item.n)} for item in shown]
    goes_on = last is None and bool(found.lines) and found.lines[-1].n < found.last
    return connection(edges, goes_on, found.total)


def _line(item: ConsoleLine, label: str) -> dict[str, Any]:
    """A line as clients number it, from 0; ``label`` says who of several writers has printed it."""
    at = datetime.fromtimestamp(item.time / 1_000_000, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    level = "error" if item.stream == "err" else ""
    return {"number": item.n - 1, "timestamp": at, "level": level, "label": label, "line": item.text}


RESOLVERS: dict[str, Resolver] = {"Run.logLines": lines}
