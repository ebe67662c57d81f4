"""Stages that need no run: their results are in the cache, in the run cache or in a remote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from madang.errors import NotFound
from madang.ports.executor import Write
from madang.workspace.data import progress
from madang.workspace.data.files import committing
from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
from madang.workspace.data.files.comparing import StageState, is_cached
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.files.unprotecting import unprotect
from madang.workspace.data.imports import importing
from madang.workspace.data.records.outs import Chosen, Target, TrackedOut
from madang.workspace.data.records.stages import LookExternal, Stage
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines import recording
from madang.workspace.pipelines import run_cache as runs
from madang.workspace.pipelines.recording import Inputs, LockWriter
from madang.workspace.pipelines.running import Finished
from madang.workspace.pipelines.shared_results import OpenRemote, SharedResults


def find(
    repository: Repository,
    stage: Stage,
    state: StageState,
    read: Inputs,
    *,
    run_cache: bool,
    shared: SharedResults | None,
) -> list[Target] | None:
    """Outputs in the cache that the stage's command would make of what it reads; None when they are not known.

    Of a stage whose inputs are as recorded these are the recorded ones, else those of the run cache. What ``shared``
    has is brought.
    """
    if not runs.is_kept(repository, stage):
        return None
    is_recorded = stage.recorded_cmd is not None and not state.deps and not state.other
    if is_recorded and all(out.md5 is not None for out in stage.outs):
        targets: list[Target] | None = [Target(_cached(out)) for out in stage.outs]
    else:
        targets = _known_run(repository, stage, read, shared) if run_cache else None
    if targets is None:
        return None
    if shared is not None and not runs.are_cached(repository, targets):
        shared.bring_objects(targets)
    return targets if runs.are_cached(repository, targets) else None


def _known_run(repository: Repository, stage: Stage, read: Inputs, shared: SharedResults | None) -> list[Target] | None:
    key = runs.key_of(stage, read)
    if key is None:
        return None
    found = runs.find(repository, stage, key)
    if found is None and shared is not None and shared.bring_runs(key):
        found = runs.find(repository, stage, key)
    return found


def _cached(out: TrackedOut) -> TrackedOut:
    """An output as if it belonged into the cache: reports are restored from there as well."""
    return replace(out, entry=replace(out.entry, cache=True))


def restore(
    repository: Repository,
    stage: Stage,
    read: Inputs,
    targets: Sequence[Target],
    lock: LockWriter,
    *,
    commit: bool,
    meter: progress.Meter,
) -> Finished:
    """Put cached outputs in their places and record the stage. Raises as `checkout`."""
    report = checkout(repository, targets, force=True, command=f"repro {stage.address}", meter=meter)
    raise_if_incomplete(report, repository.root)
    done = Finished(kept=report.kept or "")
    with hold(repository, [out.path for out in stage.outs]):
        for out in stage.outs:
            if not out.entry.cache:
                unprotect(repository, out.path)
        writes = [Write(out.path, out.entry.cache) for out in stage.outs]
        done.made = recording.keep(repository, writes, commit=commit, meter=meter)
        entry = recording.entry(stage, read, done.made)
        if commit and runs.saves(stage):
            runs.save(repository, entry)
        done.git_files += recording.hide(repository, stage)
        if lock.write(stage, entry):
            done.git_files.append(recording.lock_of(stage))
    return done


def verify(repository: Repository, stage: Stage, external: LookExternal | None, meter: progress.Meter) -> list[str]:
    """Record a stage as it is, without its command. Returns changed files that belong into git.

    Raises:
        NotFound: an output is not there.
    """
    absent = [os.path.relpath(out.path) for out in stage.outs if not os.path.lexists(out.path)]
    if absent:
        raise NotFound(
            f"{', '.join(absent)} of {stage.address} does not exist.",
            hint="madang checkout, or madang pull, brings it.",
        )
    return committing.commit(repository, [Chosen(stage)], force=True, external=external, meter=meter).git_files


def import_anew(repository: Repository, stage: Stage, open_remote: OpenRemote, meter: progress.Meter) -> None:
    """Bring an import that is not frozen to the state of its source. Raises as `importing.update`."""
    importing.update(repository, [stage], open_remote, meter=meter)


def unsaved(repository: Repository, stage: Stage, meter: progress.Meter) -> list[str]:
    """Outputs whose bytes no object of the cache holds, and that are meant to be there."""
    found = []
    for out in stage.outs:
        if out.entry.cache and not out.entry.persist and os.path.exists(out.path):
            content = current_content(repository, out.path, meter)
            if content is not None and not is_cached(place_of(repository, out), content.md5):
                found.append(out.path)
    return found
