"""`madang run` at work: a run around a command that knows nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from madang.cli import tracker_calls
from madang.domain import redact
from madang.domain.launched import METRICS_TAG, MODELS_TAG
from madang.domain.run_names import new_name
from madang.domain.values import mutable, value
from madang.domain.versions import check_name
from madang.errors import MadangError, NotFound
from madang.formats import mlmodel
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.formats.store import StorePaths
from madang.sdk import blobs, follow, inject
from madang.sdk.artifacts import write_version
from madang.sdk.console import Console
from madang.sdk.init import project_name, user_name
from madang.sdk.ranks import check_id
from madang.sdk.run import Run
from madang.version import __version__
from madang.workspace import model_files
from madang.workspace.metric_files import MetricFiles, tree_state
from madang.workspace.process import Ended, Relay, find_program

_DATA_WAIT = 10.0  # seconds
_FILES_WAIT = 2.0
_OURS = ("MADANG_RUN_ID", "MADANG_NAME", "MADANG_PROJECT", "MADANG_LAUNCHED", "MADANG_RESUME", "MADANG_GROUP")


@mutable
class Job:
    """What to run and what to keep of it. Paths are relative to ``folder``."""

    command: list[str]
    folder: str
    places: StorePaths
    project: str = ""
    name: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: Sequence[str] = ()
    outputs: Sequence[str] = ()
    models: Sequence[tuple[str, str]] = ()  # path, name
    group: str = ""
    notes: str = ""
    parent: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    alone: bool = False  # standard input is empty
    quiet: bool = False  # the command's output is recorded, not shown
    versions: bool = True  # outputs and models become versions
    strict: bool = True  # outputs that the command has not left are a problem; else they count only when written by it
    collect: bool = True  # numbers in metrics files become metrics
    job_type: str = ""
    facts: Sequence[tuple[int, Mapping[str, Any]]] = ()  # more events for its beginning
    waits: bool = True  # for the follower to record code and environment, and to name the data that was read


@value
class Done:
    """The run that came of it."""

    run: str
    name: str
    ended: Ended


def launch(
    job: Job,
    say: Callable[[str], None],
    began: Callable[[str, str], None],
    before_end: Callable[[Run, Ended], None] | None = None,
) -> Done:
    """Run the command as a run. ``began`` gets the id and name first; ``say`` gets what the user should know.

    ``before_end`` may write more to the run when the command has ended and all of it is recorded.

    Raises:
        NotFound, Refused: there is no such program, or it cannot be executed; then there is no run either.
        StorageError: the store cannot be written.
    """
    program = find_program(job.command[0], job.folder, job.env.get("PATH"))
    layout.ensure(job.places.store)
    run = _begin(job, program)
    began(run.id, run.name)
    shares = job.collect and "MADANG_LAUNCHED" not in job.env  # what runs within a run is no neighbour of it
    files = MetricFiles(job.folder, job.metrics, job.places.store if shares else "")
    before = {} if job.strict else {path: tree_state(os.path.join(job.folder, path)) for path in _wanted(job)}
    console = Console(run)
    ended = Ended(exit_code=126)
    calls = tracker_calls.open_for(run, job.env)
    failure: dict[str, str] | None = None
    try:
        env = _environment(job, run)
        relay = Relay(
            job.command,
            folder=job.folder,
            env=calls.environment(env) if calls else env,
            listen=console.feed,
            quiet=job.quiet,
            alone=job.alone,
            waiting={calls.descriptor: calls.start} if calls else None,
        )
        ended = relay.run()
    except OSError as error:
        failure = {"type": "OSError", "message": f"{program} cannot be started: {error.strerror}"}
        say(failure["message"])
    finally:
        run.serialize(console.flush)
        if calls and (problem := calls.stop(ended.status)):
            say(problem)
        for problem in _keep(run, _written(job, before), files):
            say(problem)
        if before_end is not None:
            before_end(run, ended)
        run.end(ended.status, exit_code=ended.exit_code, signal=ended.signal, error=failure, wait=job.waits)
    if calls and run.hub and not calls.settle(follow.sync_wait()):
        say(f"{run.hub} does not have all of the run's children yet. Nothing is lost: run `madang sync` later.")
    if job.waits:
        _await_inputs(job, run)
    return Done(run.id, run.name, ended)


def _await_inputs(job: Job, run: Run) -> None:
    """Stay until the follower has named the data that was read: afterwards the user may change it."""
    if not job.places.root or job.env.get("MADANG_FOLLOWER") == "0":
        return
    is_data = os.path.isdir(os.path.join(job.places.root, ".dvc"))
    folder, end = layout.run_dir(job.places.store, run.id), time.monotonic() + (_DATA_WAIT if is_data else _FILES_WAIT)
    while time.monotonic() < end and not os.path.exists(folder + "/resolved"):
        if not layout.is_held(layout.follower_lock(job.places.store)):
            return
        time.sleep(0.02)


def _begin(job: Job, program: str) -> Run:
    env = job.env
    given = env.get("MADANG_RUN_ID", "")
    nested = "MADANG_LAUNCHED" in env
    run_id = check_id(given) if given and not nested else os.urandom(16).hex()
    os.makedirs(layout.run_dir(job.places.store, run_id), exist_ok=True)
    header = {"run": run_id, **writer_of(job.places, env, job.project, job.folder), "writer": "launcher"}
    hub, offline = hub_of(env), _is_offline(env)
    run = Run(header, redact.text(job.name) or new_name(run_id), job.places, "offline" if offline else "online", hub)
    started = {
        "name": run.name,
        "group": redact.text(job.group or env.get("MADANG_GROUP", "")),
        "job_type": redact.text(job.job_type),
        "parent": job.parent or (given if nested else ""),
        "notes": redact.text(job.notes),
        "command": redact.command(job.command),
        "cwd": job.folder,
        "root": job.places.root,
        "executable": _interpreter(job, program),
        "process_started": time.time_ns() // 1000,
    }
    run.append(codec.STARTED, {key: value for key, value in started.items() if value})
    if job.params:
        run.config.update(job.params)
    told = {METRICS_TAG: list(job.metrics), MODELS_TAG: [list(pair) for pair in job.models]}
    tags = {
        **job.tags,
        **{tag: json.dumps(value, ensure_ascii=False) for tag, value in told.items() if value},
    }
    if tags:
        run.set_tags(tags)
    for kind, body in job.facts:
        run.append(kind, body)
    mark_hub(run, offline=offline)
    follow.start(run)
    return run


def mark_hub(run: Run, *, offline: bool = False) -> None:
    """Leave word for the follower where a run is to be sent, or that it is to stay here."""
    if run.hub or offline:
        mark = "hub" if run.hub else "offline"
        with open(f"{layout.run_dir(run.places.store, run.id)}/{mark}", "w", encoding="utf-8") as file:
            file.write(run.hub and run.hub + "\n")


def hub_of(env: Mapping[str, str]) -> str:
    """The address of the hub that runs are sent to; empty for none."""
    return "" if _is_offline(env) else env.get("MADANG_HUB", "")


def _is_offline(env: Mapping[str, str]) -> bool:
    return env.get("MADANG_MODE") == "offline"


def writer_of(places: StorePaths, env: Mapping[str, str], project: str = "", folder: str = "") -> dict[str, str]:
    """What the header of a segment says of who writes it."""
    return {
        "project": project_name(project or env.get("MADANG_PROJECT", ""), places.root or folder),
        "host": os.uname().nodename,
        "user": user_name(env),
        "version": __version__,
    }


def _interpreter(job: Job, program: str) -> str:
    """The Python that the command runs, as far as its first words or the script's first line tell."""
    if os.path.basename(program).startswith(("python", "pypy")):
        return program
    try:
        with open(program, "rb") as file:
            line, second = file.readline(1000), file.readline(1000)
    except OSError:
        return ""
    if line == b"#!/bin/sh\n" and second.startswith(b"'''exec' "):  # what pip and uv write where a path has blanks
        text = os.fsdecode(second)[9:]
        end = text[:1] if text[:1] in ('"', "'") else " "
        return text.lstrip(end).partition(end)[0]
    words = line[2:].decode("utf-8", "replace").split() if line.startswith(b"#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = words[1:]
    if words and os.path.basename(words[0]).startswith(("python", "pypy")):
        return shutil.which(words[0], path=job.env.get("PATH")) or words[0]
    return ""


def _environment(job: Job, run: Run) -> dict[str, str]:
    """The child's environment: the run it belongs to, and what records the files it opens."""
    env = {key: value for key, value in job.env.items() if key not in _OURS}
    return inject.environment(run.places.store, run.id, run.project, run.segment, {**env, "MADANG_NAME": run.name})


def _wanted(job: Job) -> list[str]:
    return [*job.outputs, *(path for path, _ in job.models)]


def _written(job: Job, before: Mapping[str, object]) -> Job:
    """The job without the outputs that stood there before the command and that it has not touched."""
    stale = {path for path, state in before.items() if tree_state(os.path.join(job.folder, path)) == state}
    return replace(
        job,
        outputs=[path for path in job.outputs if path not in stale],
        models=[pair for pair in job.models if pair[0] not in stale],
    )


def _keep(run: Run, job: Job, files: MetricFiles) -> list[str]:
    """Record metrics files, outputs and models; what is wrong with them is returned, and an alert on the run."""
    problems: list[str] = []
    itself = os.path.exists(layout.run_dir(run.places.store, run.id) + "/claimed")  # the script logs by the SDK
    if job.collect and (files.given or not itself):
        found = files.read()
        problems += found.problems
        if found.values:
            run.log(found.values, step=0)
    files.close()
    items: list[dict[str, Any]] = []
    names: set[str] = set()
    for path in job.outputs:
        if not job.strict and not os.path.exists(os.path.join(job.folder, path)):
            continue
        try:
            items += _output(run, job, path, names)
        except MadangError as error:
            problems.append(str(error))
    for path, name in job.models:
        try:
            items += _model(run, job, path, name)
        except MadangError as error:
            problems.append(str(error))
    if items:
        run.append(codec.OUTPUTS, {"items": items})
    for problem in problems:
        run.alert("Something of the run may be missing or wrong", problem, "warn")
    return problems


def _output(run: Run, job: Job, path: str, names: set[str]) -> list[dict[str, Any]]:
    """Keep a file or folder, also as a version under its own name (two of one name: with the folders before it)."""
    whole = _existing(job, path)
    entries = blobs.put_tree(run.places.store, whole)
    if job.versions:
        name = os.path.basename(whole)
        name = name if name not in names else os.path.relpath(whole, job.folder).replace("/", "-").lstrip(".-")
        names.add(name)
        write_version(run, check_name(name), "file", entries)
    root = run.places.root or job.folder
    base = os.path.relpath(whole, root)
    single = os.path.isfile(whole)
    return [
        {"path": base if single else f"{base}/{inner}", "digest": digest, "size": size}
        for inner, digest, size in entries
    ]


def _model(run: Run, job: Job, path: str, name: str) -> list[dict[str, Any]]:
    """Keep a model under its name; a single file is wrapped in the MLmodel layout."""
    whole = _existing(job, path)
    entries = blobs.put_tree(run.places.store, whole)
    if len(entries) == 1 and entries[0][0] != mlmodel.FILE:
        text = model_files.description(whole, entries[0][2], run=run.id, local=whole)
        entries.append((mlmodel.FILE, *blobs.put_bytes(run.places.store, text.encode())))
    if job.versions:
        write_version(run, check_name(name), "model", entries)
        return []
    return [{"path": f"{name}/{inner}", "digest": digest, "size": size} for inner, digest, size in entries]


def _existing(job: Job, path: str) -> str:
    whole = os.path.normpath(os.path.join(job.folder, path))
    if not os.path.exists(whole):
        raise NotFound(f"The command left no {path!r}.", hint="Check the path given to --out or --model.")
    return whole


def announce(run: str, name: str) -> None:
    """The first line on standard error is the run's id, alone."""
    sys.stderr.write(f"{run}\n")
    sys.stderr.flush()
