"""Runs by filters and order.

A list may have ten thousand runs, each asked for twenty fields. What most documents ask for is kept encoded beside the
run (`services.rows`), in two forms: the short one that lists begin with, and one with config and summary.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from madang.domain.pages import RowPage
from madang.domain.query import Condition, RunQuery
from madang.domain.runs import RunRecord
from madang.edges.wandb import history, runs
from madang.edges.wandb.executor import Prepared, Resolver
from madang.edges.wandb.pages import connection, size_of
from madang.edges.wandb.runs import ProjectNode, RunNode, run_node
from madang.edges.wandb.services import WandbCall
from madang.formats.wandb import filters as formats
from madang.formats.wandb.ids import read_node_id

_SHORT = (
    "id", "name", "displayName", "description", "notes", "tags", "state", "group", "jobType", "commit", "sweepName",
    "readOnly", "createdAt", "heartbeatAt", "projectId", "user", "historyLineCount",
)  # fmt: skip
_LONG = ("config", "summaryMetrics", "systemMetrics", "historyKeys")
_FORMS = {"wandb": _SHORT, "wandb-long": ("id", *_LONG)}
_RUN = {**runs.RESOLVERS, **history.RESOLVERS}
_MOST_KEYS = 10_000  # metrics of one run that a summary in a list has


class _Page:
    """Runs that a query has found, each with its fields."""

    def __init__(self, call: WandbCall, query: RunQuery) -> None:
        self.call = call
        self._query = query
        found = self._rows("wandb")
        self.next, self.total, self.short = found.next, found.total, [_decoded(row) for row in found.rows]

    @cached_property
    def long(self) -> dict[str, dict[str, Any]]:
        """The fields that few documents ask for, by the ids of runs; read for all at once."""
        return {item["id"]: item for item in map(_decoded, self._rows("wandb-long").rows)}

    def _rows(self, form: str) -> RowPage:
        def encode(run: RunRecord) -> bytes:
            node = run_node(run, complete=True)
            return msgspec.json.encode({name: _RUN[f"Run.{name}"](node, self.call, {}) for name in _FORMS[form]})

        return self.call.services.search.rows(self.call.who, self._query, form, encode, _MOST_KEYS)


def _decoded(row: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(row)
    return found


class _Listed(Prepared):
    """One run of a page."""

    def __init__(self, page: _Page, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self._page = page

    def more(self, name: str) -> Any:
        """A field of the longer form. Raises `KeyError` for others, and where the run has left the page meanwhile."""
        if name not in _LONG:
            raise KeyError(name)
        return self._page.long[self.fields["id"]][name]

    @cached_property
    def whole(self) -> RunNode:
        """The run itself."""
        call = self._page.call
        return run_node(call.services.search.run(call.who, read_node_id(self.fields["id"], "Run")[0]), complete=True)


def found_runs(call: WandbCall, project: str, where: Condition, given: dict[str, Any]) -> dict[str, Any]:
    """The page of a project's runs that the arguments ``order``, ``first`` and ``after`` mean."""
    query = RunQuery(
        projects=(project,),
        where=where,
        order=formats.orders(given.get("order")),
        limit=size_of(given.get("first")),
        cursor=given.get("after") or "",
    )
    page = _Page(call, query)
    edges: list[dict[str, Any]] = [{"node": _Listed(page, fields), "cursor": None} for fields in page.short]
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
