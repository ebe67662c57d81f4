"""Runs by filters and order.

A list may have ten thousand runs, each asked for twenty fields. What most documents ask for is kept encoded beside the
run (`services.rows`): the fields that lists begin with, and those with config and summary, which are read on demand.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from madang.domain.query import Condition, RunQuery
from madang.domain.runs import RunRecord
from madang.edges.wandb import history, runs
from madang.edges.wandb.pages import connection, size_of
from madang.edges.wandb.resolving import Prepared, Resolver
from madang.edges.wandb.runs import ProjectNode, RunNode, run_node
from madang.edges.wandb.services import WandbCall
from madang.formats.wandb import filters as formats
from madang.formats.wandb.history import line_count
from madang.formats.wandb.ids import read_node_id
from madang.services.rows import Encode

_RUN: dict[str, Resolver] = {
    **runs.RESOLVERS,
    **history.RESOLVERS,
    "Run.historyLineCount": lambda node, _, __: line_count(node.run.metrics),
}
_SHORT = (
    "id", "name", "displayName", "description", "notes", "tags", "state", "group", "jobType", "commit", "sweepName",
    "readOnly", "createdAt", "heartbeatAt", "projectId", "user", "historyLineCount",
)  # fmt: skip
_LONG = ("config", "summaryMetrics", "systemMetrics", "historyKeys")
_MOST_KEYS = 10_000  # metrics of one run that a summary in a list has


class _Row(msgspec.Struct):
    """Fields of a run by name."""

    short: dict[str, Any]
    long: msgspec.Raw


_read = msgspec.json.Decoder(_Row).decode


def _encoder(call: WandbCall) -> Encode:
    def fields(node: RunNode, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: _RUN[f"Run.{name}"](node, call, {}) for name in names}

    def encode(run: RunRecord) -> bytes:
        node = run_node(run, complete=True)
        return msgspec.json.encode({"short": fields(node, _SHORT), "long": fields(node, _LONG)})

    return encode


class _Listed(Prepared):
    """One run of a page."""

    def __init__(self, call: WandbCall, row: _Row) -> None:
        super().__init__(row.short)
        self._call = call
        self._row = row

    @cached_property
    def _long(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self._row.long)
        return found

    def more(self, name: str) -> Any:
        """A field that few documents ask for. Raises `KeyError` for others."""
        return self._long[name]

    @cached_property
    def whole(self) -> RunNode:
        """The run itself."""
        run = read_node_id(self.fields["id"], "Run")[0]
        return run_node(self._call.services.search.run(self._call.who, run), complete=True)


def found_runs(call: WandbCall, project: str, where: Condition, given: dict[str, Any]) -> dict[str, Any]:
    """The page of a project's runs that the arguments ``order``, ``first`` and ``after`` mean."""
    query = RunQuery(
        projects=(project,),
        where=where,
        order=formats.orders(given.get("order")),
        limit=size_of(given.get("first")),
        cursor=given.get("after") or "",
    )
    page = call.services.search.rows(call.who, query, "wandb", _encoder(call), _MOST_KEYS)
    edges: list[dict[str, Any]] = [{"node": _Listed(call, _read(row)), "cursor": None} for row in page.rows]
    if edges:
        edges[-1]["cursor"] = page.next or "end"
    return connection(edges, bool(page.next), page.total)


def search(node: ProjectNode, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Project.runs."""
    return found_runs(call, node.name, formats.condition(given.get("filters")), given)


def count(node: ProjectNode, call: WandbCall, given: dict[str, Any]) -> int:
    """Project.runCount."""
    query = RunQuery(projects=(node.name,), where=formats.condition(given.get("filters")), limit=1, keys=())
    return call.services.search.runs(call.who, query).total


RESOLVERS: dict[str, Resolver] = {"Project.runs": search, "Project.runCount": count}
