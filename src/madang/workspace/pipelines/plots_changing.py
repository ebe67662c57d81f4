"""``plots modify``: write into ``dvc.yaml`` how a plot of a stage is drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from madang.durable import write_file
from madang.errors import InvalidInput, NotFound
from madang.formats import plots_editing
from madang.workspace.data.records.stages import PipelineFile
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.plots import template
from madang.workspace.pipelines.states import state_of


def modify(repository: Repository, target: str, properties: Mapping[str, Any], unset: Sequence[str] = ()) -> str:
    """Change an output of a stage. Returns the path of the file that was written.

    Raises:
        NotFound: no stage has such an output, or there is no such template. InvalidInput: it cannot be a plot, comes
            from a template, or has no such property.
    """
    if properties.get("template"):
        template(repository, str(properties["template"]))
    path = os.path.abspath(target)
    pipeline, stage, written = _owner(repository, path, target)
    with open(pipeline.file, encoding="utf-8") as file:
        text = file.read()
    where = os.path.relpath(pipeline.file)
    changed = plots_editing.changed(text, where, stage, written, properties, unset)
    write_file(pipeline.file, changed.encode("utf-8"), os.stat(pipeline.file).st_mode & 0o777)
    return pipeline.file


def _owner(repository: Repository, path: str, target: str) -> tuple[PipelineFile, str, str]:
    for pipeline in state_of(repository, "").pipelines:
        for name in pipeline.pipeline.names():
            entry = pipeline.pipeline.stage(name)
            for out in entry.outs:
                if os.path.normpath(os.path.join(os.path.dirname(pipeline.file), entry.wdir, out.path)) != path:
                    continue
                if entry.group:
                    raise InvalidInput(
                        f"{target!r} is an output of {name}, one of a group of stages.", hint="Edit dvc.yaml."
                    )
                return pipeline, name, out.path
    raise NotFound(
        f"No stage of dvc.yaml has the output {target!r}.",
        hint="madang plots show, or madang list . -R --dvc-only, names them.",
    )
