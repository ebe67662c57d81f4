"""`madang reproduce` at work: pre-flight, a clean place, the repetition, the verdict."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from madang import wiring
from madang.cli import launching
from madang.client.segments import segments_of
from madang.domain.reproduce import Judgement, Spread, cannot, of_several
from madang.domain.runs import RunRecord
from madang.errors import MadangError, NotFound, Refused
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.ports.reader import Reader
from madang.sdk.init import user_name
from madang.sdk.run import Run
from madang.services import evidence
from madang.services import reproduce as service
from madang.version import __version__
from madang.wiring_data import open_remote
from madang.workspace import volatile
from madang.workspace.environments.building import Environments, kept_in
from madang.workspace.environments.choosing import Chosen, Mode, choose
from madang.workspace.keys import keyring
from madang.workspace.process import Ended, find_program
from madang.workspace.reproduction.command import command_of, environment_of, inside
from madang.workspace.reproduction.place import Place, Workspace

Say = Callable[[str], None]
MAX_LISTED = 50


@dataclass
class Options:
    """What the user chose."""

    with_local: bool = False
    keep: bool = False
    quiet: bool = False
    env: Mode = "auto"


@dataclass
class Outcome:
    """The verdict, the repetition (none when nothing ran), and how the environment differs."""

    judgement: Judgement
    run: str = ""
    environment: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: str = ""  # the work tree, when it was kept


@dataclass
class Several:
    """Repetitions of one run: the verdict over all of them, and where they spread."""

    outcomes: list[Outcome]
    judgement: Judgement
    spreads: dict[str, Spread] = field(default_factory=dict)

    @property
    def is_chance(self) -> bool:
        """Whether the repetitions differ from each other: the run does not repeat itself, whatever was restored."""
        return any(one.is_chance for one in self.spreads.values())


def reproduce_times(reader: Reader, run: RunRecord, times: int, options: Options, say: Say) -> Several:
    """Repeat a run several times, each in a clean place of its own. Raises as `reproduce`."""
    outcomes: list[Outcome] = []
    for number in range(times):
        if times > 1:
            say(f"Repetition {number + 1} of {times}")
        outcomes.append(reproduce(reader, run, options, say))
        if not outcomes[-1].run:
            break  # what is missing now is missing the next time
    made = Several(outcomes, of_several([one.judgement for one in outcomes]))
    if times > 1:
        own = wiring.local_reader()
        try:
            repeated = [own.run(one.run) for one in outcomes if one.run]
        finally:
            own.close()
        made.spreads = service.spreads(run, repeated) if repeated else {}
    return made


def is_foreign(run: RunRecord, env: dict[str, str]) -> bool:
    """Whether another user or machine made the run: then its command is shown before it is run.

    What a record from a hub says of its user can be anything: only a run whose segments lie in this store is our own.
    """
    ours = bool(segments_of(layout.find_store().store, run.id))
    return not ours or run.user != user_name(env) or run.host != os.uname().nodename


def describe(run: RunRecord, say: Say) -> None:
    """What would be run, for somebody who has to decide whether to trust it."""
    say(f"The run {run.id[:8]} {run.name} was made by {run.user} on {run.host}. It runs:")
    say(f"  {shlex.join(run.command)}")
    code = run.code
    if code is not None:
        say(f"  at commit {code.commit} of {code.remote or 'this repository'}")
        for line in code.diff_stat.splitlines():
            say(f"  {line.strip()}")
        if code.untracked:
            say(f"  with the untracked files {', '.join(item.path for item in code.untracked)}")
    if run.environment is not None:
        say(f"  with packages from {', '.join(run.environment.indexes) or 'PyPI'}")


def reproduce(reader: Reader, run: RunRecord, options: Options, say: Say) -> Outcome:
    """Repeat a run from its record alone and judge the repetition.

    Raises:
        MadangError: the store cannot be written. What the record lacks is not an error: the verdict is CANNOT.
    """
    places = layout.find_store()
    layout.ensure(places.store)
    git = wiring.git(places.root) if places.root else None
    say("Looking for what is missing…")
    flight = service.check_record(run, reader, git, with_local=options.with_local)
    if git is None:
        return Outcome(cannot(flight.missing), notes=flight.notes)
    workspace = Workspace(git, places.git_common_dir, places.store, open_remote)
    if flight.missing:
        chosen = _choose(run, run.root, options, say)
        missing = [*flight.missing, *workspace.missing_data(run), *chosen.missing]
        return Outcome(cannot(missing), environment=chosen.differences, notes=flight.notes)
    say("Making a clean work tree…")
    try:
        place = workspace.prepare(run, reader, with_local=options.with_local)
    except MadangError as error:
        return Outcome(service.refusal(error), notes=flight.notes)
    try:
        outcome = _in_place(reader, run, place, places, options, say)
        outcome.notes = [*flight.notes, *outcome.notes]
    finally:
        (workspace.keep if options.keep else workspace.remove)(place)
    if options.keep:
        outcome.kept = place.root
    return outcome


def _in_place(
    reader: Reader, run: RunRecord, place: Place, places: layout.StorePaths, options: Options, say: Say
) -> Outcome:
    """Find what the work tree, the environment and the command lack; with nothing missing, repeat the run."""
    chosen = _choose(run, place.root, options, say)
    command, folder = command_of(run, place.root, chosen.python)
    env = environment_of(run, os.environ, place.root, chosen.python)
    missing = [*place.missing, *chosen.missing]
    if not chosen.missing:
        missing += _no_program(command, folder, env)
    if missing:
        return Outcome(cannot(missing), environment=chosen.differences, notes=chosen.notes)
    try:
        job = _contained(run, _job(run, place, places, command, folder, env, quiet=options.quiet), place.root)
    except Refused as error:
        return Outcome(service.refusal(error), environment=chosen.differences, notes=chosen.notes)
    outcome = _repeat(reader, run, place, chosen, job, say)
    outcome.environment, outcome.notes = chosen.differences, chosen.notes
    return outcome


def _choose(run: RunRecord, root: str, options: Options, say: Say) -> Chosen:
    env = environment_of(run, os.environ, root)
    try:
        return choose(run, env, options.env, Environments(kept_in(os.environ), say))
    except MadangError as error:
        return Chosen(missing=[error.message])


def _no_program(command: list[str], folder: str, env: dict[str, str]) -> list[str]:
    try:
        find_program(command[0], folder, env.get("PATH"))
    except (NotFound, Refused) as error:
        return [f"the command: {error.message}"]
    return []


def _repeat(reader: Reader, run: RunRecord, place: Place, chosen: Chosen, job: launching.Job, say: Say) -> Outcome:
    say(f"Running {shlex.join(run.command)}")
    verdicts: list[Judgement] = []

    def judge(repetition: Run, ended: Ended) -> None:
        """Compare while the repetition can still be written to, so that the verdict goes where the run goes."""
        own = wiring.local_reader(store=job.places.store)
        try:
            again = replace(own.run(repetition.id), status=ended.status, exit_code=ended.exit_code, signal=ended.signal)
            found = _judge(reader, run, own, again, len(place.local))
            found = replace(found, compared={**found.compared, "environment differences": len(chosen.differences)})
            signed = _signed((reader, run), (own, again), found, _circumstances(place, chosen), say)
        finally:
            own.close()
        verdicts.append(found)
        repetition.append(codec.VERDICT, {"of": run.id, **asdict(found), "attestation": signed})

    done = launching.launch(job, say, lambda *_: None, judge)
    return Outcome(verdicts[0], done.run)


def _signed(
    original: tuple[Reader, RunRecord],
    again: tuple[Reader, RunRecord],
    found: Judgement,
    around: evidence.Circumstances,
    say: Say,
) -> dict[str, Any]:
    """The signed statement of a verdict; empty when it cannot be signed, which is said."""
    try:
        return evidence.attest(original, again, found, around, keyring(os.environ).own())
    except MadangError as error:
        say(f"The verdict is not signed: {error}")
        return {}


def _circumstances(place: Place, chosen: Chosen) -> evidence.Circumstances:
    return evidence.Circumstances(
        environment=chosen.digest,
        is_rebuilt=chosen.is_rebuilt,
        differences=chosen.differences,
        local=place.local,
        user=user_name(dict(os.environ)),
        host=os.uname().nodename,
        version=__version__,
        time=time.time_ns() // 1000,
    )


def _contained(run: RunRecord, job: launching.Job, root: str) -> launching.Job:
    """The job, if what it is to read after the command lies in the work tree: its record may be anybody's.

    Raises:
        Refused: a path of the record leads elsewhere.
    """
    return replace(
        job,
        metrics=[inside(run, path, job.folder, root) for path in job.metrics],
        models=[(inside(run, path, job.folder, root), name) for path, name in job.models],
    )


def _judge(reader: Reader, run: RunRecord, own: Reader, again: RunRecord, local: int) -> Judgement:
    try:
        return service.compare(reader, run, own, again, volatile.digest, local=local)
    except MadangError as error:
        return service.refusal(error)


def _job(
    run: RunRecord,
    place: Place,
    places: layout.StorePaths,
    command: list[str],
    folder: str,
    env: dict[str, str],
    *,
    quiet: bool,
) -> launching.Job:
    child = {key: value for key, value in env.items() if key not in ("MADANG_RUN_ID", "MADANG_LAUNCHED")}
    models = [(path, name) for path, name in tagged_list(run.tags.get(service.MODELS_TAG))]
    return launching.Job(
        command=command,
        folder=folder,
        places=layout.StorePaths(place.root, places.git_common_dir, places.store),
        project=run.project,
        name=f"reproduce {run.name}",
        params=dict(run.config),
        tags={service.TAG: run.id},
        metrics=tagged_list(run.tags.get(service.METRICS_TAG)),
        outputs=[
            os.path.relpath(os.path.join(place.root, item.path), folder)
            for item in run.outputs
            if not service.is_outside(item.path)
        ],
        models=models,
        job_type="reproduction",
        env={**child, "MADANG_REPRODUCES": run.id},
        quiet=quiet,
        alone=True,
        collect=any(segment.writer == "launcher" for segment in run.segments),
        strict=False,
        versions=False,
    )


def tagged_list(text: str | None) -> list[Any]:
    """The list that a tag of `madang run` holds as JSON; empty for anything else."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return value if isinstance(value, list) else []
