"""Which stages a reproduction looks at, and in which order."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence

from madang.domain.values import value
from madang.errors import NotFound
from madang.workspace.data.records.outs import PIPELINE, chosen, stages
from madang.workspace.data.records.stages import Stage
from madang.workspace.data.records.trees import FileTree
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.graph import Graph


@value
class Options:
    """What is to be done with which stages; the names are those of the command's options."""

    single_item: bool = False
    force: bool = False
    pipeline: bool = False
    all_pipelines: bool = False
    recursive: bool = False
    downstream: bool = False
    force_downstream: bool = False
    pull: bool | None = None  # missing data and results of others, from the remote; None: when there is a default one
    allow_missing: bool = False
    run_cache: bool = True
    commit: bool = True
    dry: bool = False
    glob: bool = False
    on_error: str = "fail"  # or "keep-going", "ignore"
    group: str = ""  # of the runs that come of it


def plan(
    repository: Repository, targets: Sequence[str], options: Options, tree: FileTree | None = None
) -> tuple[Graph, list[int]]:
    """The graph of stages, and the positions in it of those that are looked at, in order. Raises as `chosen_stages`."""
    every = options.all_pipelines
    if options.single_item and not (options.pipeline or every):
        first = chosen_stages(repository, targets, options)
        return Graph(first), list(range(len(first)))
    known = {_key(stage): stage for stage in stages(repository, tree=tree)}
    here = os.path.abspath(PIPELINE)
    first = [stage for stage in known.values() if stage.file == here] if not targets and not every else []
    if not first and not every:
        first = chosen_stages(repository, targets, options)
    known.update((_key(stage), stage) for stage in first if _key(stage) not in known)  # git ignores its file
    graph = Graph(list(known.values()))
    start = [graph.position(stage) for stage in first]
    return graph, graph.ordered(_reach(graph, start, options))


def _reach(graph: Graph, start: Sequence[int], options: Options) -> set[int]:
    if options.all_pipelines:
        return set(range(len(graph.stages)))
    if options.pipeline:
        return graph.pipeline_of(start)
    return graph.all_downstream(start) if options.downstream else graph.all_upstream(start)


def chosen_stages(repository: Repository, targets: Sequence[str], options: Options) -> list[Stage]:
    """The stages that targets name; without any those of the present folder's dvc.yaml. Raises as `chosen`."""
    names = list(targets) or [PIPELINE]
    if not targets and not os.path.exists(PIPELINE):
        raise NotFound(
            f"{os.path.abspath(PIPELINE)} does not exist.",
            hint="Go to the folder of a pipeline, name a target, or take all of them by --all-pipelines.",
        )
    if not options.glob:
        return list(
            {_key(one.stage): one.stage for one in chosen(repository, names, recursive=options.recursive)}.values()
        )
    found: dict[tuple[str, str], Stage] = {}
    for name in names:
        file, _, pattern = name.rpartition(":")
        path = os.path.abspath(file or PIPELINE)
        every = [one.stage for one in chosen(repository, [os.path.relpath(path)])]
        fitting = [stage for stage in every if fnmatch.fnmatchcase(stage.name, pattern)]
        found.update((_key(stage), stage) for stage in fitting)
    return list(found.values())


def _key(stage: Stage) -> tuple[str, str]:
    return (stage.file, stage.name)
