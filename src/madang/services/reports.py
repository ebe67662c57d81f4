"""Reports as the page shows them: what a client has saved, with its run sets looked up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from madang.domain.access import Principal
from madang.domain.query import RunQuery
from madang.domain.runs import RunRecord
from madang.domain.values import value
from madang.domain.views import CHART, DRAFT, REPORT, View
from madang.errors import InvalidInput, MadangError, NotFound
from madang.formats.regex import compiled
from madang.formats.wandb.ids import ID_TAG
from madang.formats.wandb.report_blocks import Block, blocks, width
from madang.formats.wandb.report_panels import field_bodies
from madang.formats.wandb.report_runs import RunSet
from madang.formats.wandb.values import read_json
from madang.services.search import Search
from madang.services.views import Views

MOST_RUNS = 500  # of a run set that are told
_MOST_KEYS = 10_000  # metric names among which a pattern looks


@value
class ReportSummary:
    """A report in a list. Times are µs UTC."""

    id: str
    project: str
    title: str
    description: str
    author: str
    created_at: int
    updated_at: int
    is_draft: bool


@value
class ReportView(ReportSummary):
    """A report with all that it shows; the blocks' shapes are in docs/formats/native-api.md."""

    width: str
    blocks: list[dict[str, Any]]


@value
class Chart:
    """A custom chart; ``spec`` is its Vega or Vega-Lite document."""

    id: str
    name: str
    title: str
    type: str
    spec: Any
    created_at: int
    updated_at: int


class Reports:
    """The reading side of reports. Thread-safe."""

    def __init__(self, views: Views, search: Search) -> None:
        self._views = views
        self._search = search

    def all(self, who: Principal, project: str) -> list[ReportSummary]:
        """The reports of a project, newest change first."""
        return [ReportSummary(*_facts(item)) for item in self._views.of_project(who, project, (REPORT, DRAFT))]

    def get(self, who: Principal, project: str, number: int) -> ReportView:
        """One report.

        Raises:
            NotFound: there is none with this number in the project that the caller may read.
        """
        found = self.find(who, project, number)
        spec = read_json(found.spec) if found.spec else {}
        return ReportView(*_facts(found), width(spec), [self._block(who, project, item) for item in blocks(spec)])

    def find(self, who: Principal, project: str, number: int) -> View:
        """A report as it was saved. Raises as `get`."""
        found = self._views.get(who, number)
        if found.project != project or found.kind not in (REPORT, DRAFT):
            raise NotFound(f"Project {project!r} has no such report.")
        return found

    def charts(self, who: Principal) -> list[Chart]:
        """All custom charts, newest change first."""
        return [_chart(item) for item in self._views.charts(who) if item.kind == CHART]

    def _block(self, who: Principal, project: str, block: Block) -> Block:
        if block["type"] == "heading":
            return {**block, "blocks": [self._block(who, project, item) for item in block["blocks"]]}
        if block["type"] != "panels":
            return block
        asked: list[RunSet] = block["run_sets"]
        found = [self._runs(who, item.project or project, item) for item in asked]
        sets = [_set_body(item, item.project or project, *pair) for item, pair in zip(asked, found, strict=True)]
        shown = [(item.project or project, runs) for item, (runs, _, _) in zip(asked, found, strict=True)]
        panels = [self._panel(who, shown, item) for item in block["panels"]]
        return {**block, "run_sets": sets, "panels": panels}

    def _runs(self, who: Principal, project: str, asked: RunSet) -> tuple[list[RunRecord], int, list[str]]:
        """(runs, how many there are, notes)."""
        query = RunQuery(
            projects=(project,), where=asked.where, order=asked.order, limit=MOST_RUNS, text=asked.text, keys=()
        )
        try:
            found = self._search.runs(who, query)
        except NotFound:
            return [], 0, [*asked.notes, f"There is no project {project!r} that you may read."]
        except InvalidInput as error:
            return [], 0, [*asked.notes, error.message]
        return found.runs, found.total, asked.notes

    def _panel(self, who: Principal, shown: list[tuple[str, list[RunRecord]]], panel: Block) -> Block:
        if "pattern" not in panel:
            return panel
        made = {name: item for name, item in panel.items() if name != "pattern"}
        if not panel["pattern"]:
            return made
        keys = dict.fromkeys([*panel["metrics"], *sorted(set(self._fitting(who, shown, panel["pattern"])))])
        return {**made, "metrics": list(keys)}

    def _fitting(self, who: Principal, shown: list[tuple[str, list[RunRecord]]], pattern: str) -> Iterator[str]:
        """The metrics of some runs whose names fit a pattern; none for what is no pattern."""
        for project, runs in shown:
            try:
                fits = compiled(pattern)
                known = self._search.metric_keys(who, project, [run.id for run in runs], "", _MOST_KEYS)
            except MadangError:
                continue
            yield from (key.name for key in known if fits.found(key.name))


def _set_body(asked: RunSet, project: str, runs: list[RunRecord], total: int, notes: list[str]) -> dict[str, Any]:
    return {
        "name": asked.name,
        "project": project,
        "runs": [_run_body(asked, run) for run in runs],
        "total": total,
        "groups": field_bodies(asked.groups),
        "columns": field_bodies(asked.columns),
        "notes": notes,
    }


def _run_body(asked: RunSet, run: RunRecord) -> dict[str, Any]:
    name = run.tags.get(ID_TAG) or run.id
    color = asked.colors.get(name, "")
    return {"id": run.id, "name": run.name or name, "color": color, "is_hidden": asked.hides(name)}


def _facts(item: View) -> tuple[str, str, str, str, str, int, int, bool]:
    times = item.created_at, item.updated_at
    about = item.project, item.title or item.name, item.description, item.author
    return (str(item.number), *about, *times, item.kind == DRAFT)


def _chart(item: View) -> Chart:
    spec = read_json(item.spec) if item.spec else {}
    kind = item.facts.get("type", "")
    return Chart(str(item.number), item.name, item.title, kind, spec, item.created_at, item.updated_at)
