"""Lineage: what a run read and wrote, and what used a version."""

from __future__ import annotations

from collections.abc import Iterator

from madang.domain import lineage as rules
from madang.domain.access import Principal
from madang.domain.lineage import RunLineage, VersionLineage
from madang.domain.query import RunQuery
from madang.domain.runs import RunRecord
from madang.services.artifacts import Artifacts
from madang.services.search import Search

_PAGE = 1000


class Lineage:
    """The graph of runs and versions, in both directions. Thread-safe."""

    def __init__(self, search: Search, artifacts: Artifacts) -> None:
        self._search = search
        self._artifacts = artifacts

    def of_run(self, who: Principal, run: str) -> RunLineage:
        """What a run read and wrote.

        Raises:
            NotFound: no such run.
        """
        found = self._search.run(who, run)
        return RunLineage(rules.reads_of(found), rules.writes_of(found))

    def of_version(self, who: Principal, project: str, ref: str) -> VersionLineage:
        """The runs of the project that wrote a version, and those that used it.

        Raises:
            NotFound: no such version.
        """
        version = self._artifacts.resolve(who, project, ref)
        runs = list(self._runs(who, project))
        writers = [run for run in runs if version.ref in run.versions]
        writers.sort(key=lambda run: (run.created_at, run.id))
        return rules.of_version(version.ref, version.digest, [run.id for run in writers], runs)

    def _runs(self, who: Principal, project: str) -> Iterator[RunRecord]:
        cursor = ""
        while True:
            page = self._search.runs(who, RunQuery((project,), limit=_PAGE, cursor=cursor, deleted="all", keys=()))
            yield from page.runs
            cursor = page.next
            if not cursor:
                return
