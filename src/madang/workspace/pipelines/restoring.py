"""Stages that need no run: their results are in the cache, in the run cache or in a remote."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from madang.errors import ConfigError, MadangError, NotFound, Refused
from madang.ports.executor import Write
from madang.ports.objects import Objects
from madang.workspace.data import progress
from madang.workspace.data.files import committing
from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
from madang.workspace.data.files.comparing import StageState, is_cached
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.files.unprotecting import unprotect
from madang.workspace.data.imports import importing
from madang.workspace.data.records.outs import Chosen, Target, TrackedOut
from madang.workspace.data.records.stages import LookExternal, Stage, is_local
from madang.workspace.data.remotes import transfer
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.settings import RemoteConfig
from madang.workspace.pipelines import recording
from madang.workspace.pipelines import run_cache as runs
from madang.workspace.pipelines.recording import Inputs, LockWriter
from madang.workspace.pipelines.running import Finished

OpenRemote = Callable[[RemoteConfig], Objects]
Say = Callable[[str], None]


def fetch_runs(repository: Repository, open_remote: OpenRemote, say: Say) -> None:
    """Bring the default remote's run cache. One that has none is said, and no error."""
    try:
        transfer.move_runs(repository, open_remote, pushing=False)
    except (ConfigError, Refused) as error:
        say(f"The run cache is not pulled: {error.message}")


def pull(repository: Repository, stage: Stage, open_remote: OpenRemote, say: Say, meter: progress.Meter) -> bool:
    """Bring the recorded outputs of a stage that lacks only them. Returns whether they are all there now."""
    say(f"Pulling data for {stage.address}")
    targets = [Target(out) for out in stage.outs if out.md5 is not None and is_local(out.path)]
    try:
        _bring(repository, targets, open_remote, meter)
    except MadangError as error:
        say(f"Unable to pull data for {stage.address}: {error.message}")
        return False
    return all(os.path.lexists(out.path) for out in stage.outs)


def pull_deps(
    repository: Repository,
    stage: Stage,
    known: Mapping[str, TrackedOut],
    open_remote: OpenRemote,
    say: Say,
    meter: progress.Meter,
) -> None:
    """Bring dependencies that are tracked data and not there."""
    targets = [Target(known[dep.path]) for dep in stage.deps if dep.path in known and not os.path.lexists(dep.path)]
    if targets:
        say(f"Pulling dependencies of {stage.address}")
        _bring(repository, targets, open_remote, meter)


def _bring(repository: Repository, targets: Sequence[Target], open_remote: OpenRemote, meter: progress.Meter) -> None:
    moved = transfer.fetch(repository, targets, open_remote, meter=meter)
    transfer.raise_if_incomplete(moved, "pull")
    report = checkout(repository, targets, meter=meter)
    raise_if_incomplete(report, repository.root)


def find(
    repository: Repository,
    stage: Stage,
    state: StageState,
    read: Inputs,
    *,
    run_cache: bool,
    pull: OpenRemote | None,
) -> list[Target] | None:
    """Outputs in the cache that the stage's command would make of what it reads; None when they are not known.

    Of a stage whose inputs are as recorded these are the recorded ones, else those of the run cache.
    """
    if not runs.is_kept(repository, stage):
        return None
    is_recorded = stage.recorded_cmd is not None and not state.deps and not state.other
    if is_recorded and all(out.md5 is not None for out in stage.outs):
        targets: list[Target] | None = [Target(_cached(out)) for out in stage.outs]
    else:
        targets = runs.find(repository, stage, read) if run_cache else None
    if targets is None:
        return None
    if pull is not None and not runs.are_cached(repository, targets):
        try:
            transfer.fetch(repository, targets, pull)
        except (NotFound, ConfigError):
            return None
    return targets if runs.are_cached(repository, targets) else None


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
