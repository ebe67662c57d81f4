"""A work tree as an experiment: what belongs to it, the commit, the ref."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from madang.errors import Conflict, MadangError
from madang.formats.dvc import lockfile, parameters
from madang.workspace.data.records.outs import owner_of, tracked
from madang.workspace.data.records.stages import Stage, is_local, text_of
from madang.workspace.data.records.trees import WorkTree
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs
from madang.workspace.experiments.refs import Experiment
from madang.workspace.pipelines import plots
from madang.workspace.pipelines.states import WORKSPACE, State


def record(
    repository: Repository,
    baseline: str,
    name: str,
    stages: Sequence[Stage],
    *,
    message: str = "",
    extra: Sequence[str] = (),
    forced: Sequence[str] = (),
    force: bool = False,
) -> Experiment:
    """Keep the work tree as an experiment of a commit. The same one again is no conflict.

    ``stages`` are those whose files belong to it, ``extra`` and ``forced`` other absolute paths (see
    `commits.snapshot`). ``force`` replaces an experiment of this name.

    Raises:
        Conflict: there is another experiment of this name. StorageError: git refused.
    """
    root = refs.root_of(repository)
    tree = commits.snapshot(root, extra=[*belonging(repository, stages), *extra], forced=forced)
    made = commits.commit(root, tree, [baseline], message or f"dvc: commit experiment {_digest(stages)}")
    one = Experiment(name, baseline, made)
    try:
        commits.set_ref(root, one.ref, made, old=None if force else commits.NOTHING)
    except Conflict:
        (there,) = refs.named(repository, [one.ref])
        if commits.tree_of(root, there.commit) != tree:
            raise Conflict(f"There is an experiment {name!r} of this commit.", hint="Replace it: --force.") from None
        return there
    return one


def belonging(repository: Repository, stages: Sequence[Stage]) -> list[str]:
    """The files (absolute) that belong to an experiment of some stages, beside what git tracks already."""
    return [*_files_of(repository, stages), *_reported(repository)]


def _files_of(repository: Repository, stages: Sequence[Stage]) -> Iterator[str]:
    """What belongs to stages and is for git to keep: their files, what they read and write beside tracked data."""
    data = tracked(repository)
    for stage in stages:
        yield stage.file
        if stage.name:
            yield os.path.join(os.path.dirname(stage.file), lockfile.FILE_NAME)
        yield from (one.path for one in stage.params)
        yield from (dep.path for dep in stage.deps if is_local(dep.path) and owner_of(dep.path, data) is None)
        for out in stage.outs:
            if is_local(out.path):
                yield os.path.join(os.path.dirname(out.path), ".gitignore") if out.entry.cache else out.path


def _reported(repository: Repository) -> Iterator[str]:
    """Files of parameters, metrics and plots that dvc.yaml names beside the stages."""
    state = State(repository, WORKSPACE, WorkTree(repository))
    try:
        names = [*plots.sources_of(state)]
        for section in ("params", "metrics"):
            names += [os.path.join(folder, str(item)) for _, folder, items in state.section(section) for item in items]
    except MadangError:
        return  # what could not be read is told where it is used
    if state.exists(parameters.DEFAULT_FILE):
        names.append(parameters.DEFAULT_FILE)
    yield from (os.path.normpath(os.path.join(repository.root, name)) for name in names)


def _digest(stages: Sequence[Stage]) -> str:
    """What dvc has in the message of an experiment: the hash of what its stages read and wrote."""
    found: dict[str, Any] = {}
    for file in dict.fromkeys(stage.file for stage in stages if stage.name):
        path = os.path.join(os.path.dirname(file), lockfile.FILE_NAME)
        try:
            with open(path, "rb") as opened:
                lock = lockfile.Lock(text_of(opened.read(), path), path)
        except FileNotFoundError:
            continue
        names = {stage.name for stage in stages if stage.file == file}
        found |= {name: entry for name, entry in lock.value.get("stages", {}).items() if name in names}
    return hashlib.sha256(json.dumps(found, sort_keys=True, default=str).encode()).hexdigest()
