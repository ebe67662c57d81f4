"""What a reproduction knows of its stages, in pieces for the runs that record it: each thing is told once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence

from madang.domain import redact
from madang.domain.events import Pipeline, PlannedStage, StageFound
from madang.domain.files import FileRef
from madang.errors import MadangError
from madang.workspace.data.records.stages import Stage, TrackedOut, is_local
from madang.workspace.pipelines.graph import Graph


class Report:
    """Collects the plan, and what became of the stages that have no run of their own.

    Nothing is put into words before a run asks for news: where no stage runs, nobody does.
    """

    def __init__(self, root: str) -> None:
        """``root`` is the work tree's: paths are told relative to it."""
        self.last_run = ""  # of the stage that ran last
        self._root = root
        self._graph = Graph(())
        self._order: Sequence[int] = ()
        self._found: list[tuple[Stage, str, int, MadangError | None]] = []
        self._returned: list[Pipeline] = []

    def plan(self, graph: Graph, order: Sequence[int]) -> None:
        """The stages that are going to be looked at."""
        self._graph, self._order = graph, list(order)

    def found(self, stage: Stage, status: str, error: MadangError | None) -> None:
        """What became of a stage without a run."""
        self._found.append((stage, status, time.time_ns() // 1000, error))

    def news(self, known: Mapping[str, TrackedOut]) -> Pipeline | None:
        """What was not told yet, if there is anything; ``known`` says what outputs hold, by path."""
        told = self._told(known, 0)
        return told if told.plan or told.found else None

    def take_back(self, news: Pipeline | None) -> None:
        """Keep news that could not be recorded for the next run."""
        if news is not None:
            self._returned.append(news)

    def rest(self, known: Mapping[str, TrackedOut]) -> Pipeline:
        """What is left at the end."""
        return self._told(known, time.time_ns() // 1000)

    def _told(self, known: Mapping[str, TrackedOut], ended_at: int) -> Pipeline:
        chosen = set(self._order)
        plan = [item for news in self._returned for item in news.plan]
        found = [item for news in self._returned for item in news.found]
        plan += [self._planned(index, chosen) for index in self._order]
        found += [self._described(*one, known) for one in self._found]
        self._order, self._found, self._returned = (), [], []
        return Pipeline(plan, found, ended_at)

    def _planned(self, index: int, chosen: set[int]) -> PlannedStage:
        stages = self._graph.stages
        stage = stages[index]
        return PlannedStage(
            stage.address,
            "data" if stage.cmd is None else "stage",
            [stages[one].address for one in self._graph.upstream[index] if one in chosen],
            self._relative([*(dep.path for dep in stage.deps), *(one.path for one in stage.params)]),
            self._relative(out.path for out in stage.outs),
        )

    def _described(
        self, stage: Stage, status: str, at: int, error: MadangError | None, known: Mapping[str, TrackedOut]
    ) -> StageFound:
        outs = [known.get(out.path, out) for out in stage.outs]
        paths = self._relative(out.path for out in outs)
        made = [
            FileRef(path, f"md5:{out.md5}", out.size or 0) for path, out in zip(paths, outs, strict=True) if out.md5
        ]
        return StageFound(stage.address, status, at, redact.text(error.message) if error is not None else "", made)

    def _relative(self, paths: Iterable[str]) -> list[str]:
        return [os.path.relpath(path, self._root) if is_local(path) else path for path in dict.fromkeys(paths)]
