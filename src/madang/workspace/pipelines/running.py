"""One stage: its outputs aside, its command as a task, its results kept and recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.errors import MadangError, NotFound, Refused
from madang.formats.dvc.lockfile import mark_of
from madang.formats.dvc.parameters import DEFAULT_FILE
from madang.ports.executor import Made, Read, Result, Task, Write
from madang.workspace.data import progress
from madang.workspace.data.files.unprotecting import unprotect
from madang.workspace.data.records.stages import LookExternal, Stage, TrackedOut, is_local
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines import marking, recording, run_cache
from madang.workspace.pipelines.asides import Aside, Brought
from madang.workspace.pipelines.recording import Inputs, LockWriter

_FLAGS = {"bash": ("--noprofile", "--norc"), "zsh": ("--no-rcs",)}  # as dvc: no start-up file changes the command


@mutable
class Execution:
    """A stage that is under way."""

    stage: Stage
    read: Inputs
    task: Task
    aside: Aside
    unsaved: Sequence[str]  # outputs whose bytes are in no object
    git_files: Sequence[str]  # files that were changed for it and belong into git


@mutable
class Finished:
    """What came of it."""

    made: Mapping[str, Made] = field(default_factory=dict)  # by path
    git_files: list[str] = field(default_factory=list)  # changed files that belong into git, absolute
    brought: Brought | None = None  # of one that failed
    kept: str = ""  # folder that holds what was replaced and saved nowhere
    wrote_lock: bool = False
    changed: list[str] = field(default_factory=list)  # dependencies that are no longer as they were read


def commands_of(cmd: str | list[Any]) -> list[str]:
    """The commands of a stage: the items of a list, the lines of a text."""
    return [str(one) for one in cmd] if isinstance(cmd, list) else cmd.splitlines()


def shell() -> list[str]:
    """The program that gets each command behind these words."""
    program = os.environ.get("SHELL") or "/bin/sh"
    return [program, *_FLAGS.get(os.path.basename(program).lower(), ()), "-c"]


def begin(
    repository: Repository,
    stage: Stage,
    read: Inputs,
    *,
    group: str,
    commit: bool,
    alone: bool,
    known: Mapping[str, TrackedOut],
    unsaved: Sequence[str] = (),
) -> Execution:
    """Make room for a stage's outputs. ``known`` says who tracks a path that it reads; see `Execution`.

    Raises:
        NotFound: its working folder does not exist. Refused: an output cannot be replaced.
        Conflict: another command uses one of its paths.
    """
    if not os.path.isdir(stage.wdir):
        raise NotFound(
            f"{os.path.relpath(stage.wdir)}, where the stage {stage.address} runs, does not exist.", hint="Make it."
        )
    local = [out for out in stage.outs if is_local(out.path)]
    if len(local) < len(stage.outs):
        raise Refused(f"The stage {stage.address} writes to an address.", hint="Use dvc for this stage.")
    task = _task(repository, stage, read, known, group=group, commit=commit, alone=alone)
    with hold(repository, [out.path for out in local]):
        hidden = recording.hide(repository, stage)  # also says when git tracks an output, before anything runs
        for out in local:
            if out.entry.persist and os.path.lexists(out.path):
                unprotect(repository, out.path)
        aside = Aside(repository, stage.address, [out.path for out in local if not out.entry.persist])
        reads = [dep.path for dep in stage.deps] + [one.path for one in stage.params]
        marking.mark(repository, stage.address, reads, [out.path for out in local])
    return Execution(stage, read, task, aside, unsaved, hidden)


def _task(
    repository: Repository,
    stage: Stage,
    read: Inputs,
    known: Mapping[str, TrackedOut],
    *,
    group: str,
    commit: bool,
    alone: bool,
) -> Task:
    assert stage.cmd is not None
    variables = {"DVC_STAGE": stage.address}
    if "DVC_ROOT" not in os.environ:
        variables["DVC_ROOT"] = repository.root
    return Task(
        name=stage.address,
        root=repository.root,
        folder=stage.wdir,
        commands=tuple(commands_of(stage.cmd)),
        variables=variables,
        params=_flat(read.params),
        metrics=tuple(out.entry.path for out in stage.outs if out.entry.kind == "metric"),
        reads=tuple(_read(stage, dep.path, dep.written, read, known) for dep in stage.deps),
        writes=tuple(Write(out.path, out.entry.cache) for out in stage.outs),
        group=group,
        commit=commit,
        alone=alone,
    )


def _flat(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Values by key; those of other files than params.yaml with the file before them."""
    return {
        key if file == DEFAULT_FILE else f"{file}:{key}": value
        for file, values in params.items()
        for key, value in values.items()
    }


def _read(stage: Stage, path: str, written: str, read: Inputs, known: Mapping[str, TrackedOut]) -> Read:
    if written in read.external:
        item = read.external[written]
        kind = next((key for key in ("md5", "etag", "checksum") if key in item), "")
        digest = f"{kind}:{item[kind]}" if kind else f"dataset:{item['dataset'].get('rev_lock', '')}"
        return Read(path, digest, item.get("size", 0))
    content, out = read.deps[written], known.get(path)
    recorded = f"md5:{out.md5}" if out is not None and out.md5 else ""
    return Read(path, f"md5:{content.md5}", content.size or 0, recorded, out.dvc_file if out is not None else "")


def succeeded(
    repository: Repository,
    execution: Execution,
    result: Result,
    lock: LockWriter,
    *,
    wait: float,
    external: LookExternal | None,
    meter: progress.Meter,
) -> Finished:
    """Record a stage whose command did what it should. Raises as `hold`, or OSError: then nothing is recorded."""
    stage = execution.stage
    entry = recording.entry(stage, execution.read, result.made)
    done = Finished(made=result.made, changed=_changed(repository, execution, external, meter))
    with hold(repository, [out.path for out in stage.outs], wait):
        marking.unmark(repository, stage.address)
        if execution.task.commit and run_cache.is_kept(repository, stage) and run_cache.saves(stage):
            recording.keep_reports(repository, stage, meter)
            run_cache.save(repository, entry)
        done.git_files += [*execution.git_files, *recording.hide(repository, stage)]
        done.kept = execution.aside.settle(execution.unsaved)
        done.wrote_lock = lock.write(stage, entry)
    if done.wrote_lock:
        done.git_files.append(recording.lock_of(stage))
    return done


def _changed(
    repository: Repository, execution: Execution, external: LookExternal | None, meter: progress.Meter
) -> list[str]:
    """Dependencies that changed while the stage ran: what it made may be of either."""
    read = execution.read
    try:
        now = recording.inputs(repository, execution.stage, external, meter)
    except MadangError:
        return []  # one is gone: the next look says so
    changed = [path for path, content in read.deps.items() if now.deps[path].md5 != content.md5]
    return changed + [path for path, item in read.external.items() if mark_of(now.external[path]) != mark_of(item)]


def failed(repository: Repository, execution: Execution, *, wait: float) -> Finished:
    """Bring back what was there before a stage that failed."""
    with hold(repository, (), wait):
        marking.unmark(repository, execution.stage.address)
        return Finished(brought=execution.aside.bring_back())
