"""The work tree as it is as an experiment: nothing is run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from madang.errors import NotFound
from madang.workspace.data import progress
from madang.workspace.data.files.committing import Committed, commit
from madang.workspace.data.records.outs import chosen
from madang.workspace.data.records.stages import Stage, is_local
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import recording, refs
from madang.workspace.experiments.refs import Experiment


def save(
    repository: Repository,
    name: str,
    targets: Sequence[str] = (),
    *,
    recursive: bool = False,
    include: Sequence[str] = (),
    message: str = "",
    force: bool = False,
    meter: progress.Meter,
) -> tuple[Experiment, Committed]:
    """Keep the work tree, its data and what stages made of it, as an experiment of the present commit.

    ``include`` are files that git does not know. Stages that lack a dependency or output are left as recorded, unless
    they are named.

    Raises:
        NotFound: a target or a file to include is not there. Conflict: there is an experiment of this name.
    """
    for path in include:
        if not os.path.lexists(path):
            raise NotFound(f"{path} cannot be included: it is not there.")
    found = chosen(repository, targets, recursive=recursive)
    whole = [one for one in found if targets or _is_whole(one.stage)]
    done = commit(repository, whole, force=True, relink=False, meter=meter)
    one = recording.record(
        repository,
        refs.head(repository),
        name,
        [one.stage for one in found],
        message=message,
        forced=[os.path.abspath(path) for path in include],
        force=force,
    )
    return one, done


def _is_whole(stage: Stage) -> bool:
    """Whether everything that a stage reads and makes is there."""
    paths = [*(dep.path for dep in stage.deps), *(out.path for out in stage.outs), *(one.path for one in stage.params)]
    return not stage.is_import and all(os.path.lexists(path) for path in paths if is_local(path))
