"""`madang reproduce` at work: pre-flight, a clean place, the repetition, the verdict."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import field

from madang import wiring
from madang.cli import verdicts
from madang.cli.output import printable
from madang.cli.repeating import Options, Outcome, Repetition, Say, environment_for
from madang.client.segments import segments_of
from madang.domain.environments import lock_of
from madang.domain.reproduce import cannot, of_several
from madang.domain.runs import RunRecord
from madang.domain.spread import Spread
from madang.domain.values import mutable
from madang.errors import MadangError
from madang.formats import store as layout
from madang.ports.reader import Reader
from madang.sdk.init import user_name
from madang.services import reproduce as service
from madang.wiring_data import open_remote
from madang.workspace import volatile
from madang.workspace.reproduction.place import Workspace


@mutable
class Several:
    """Repetitions of one run: the verdict over all of them, and where they spread."""

    outcomes: list[Outcome]
    outcome: Outcome  # the one with the gravest verdict
    spreads: dict[str, Spread] = field(default_factory=dict)
    unsteady: list[str] = field(default_factory=list)  # metrics and outputs that the repetitions do not agree in

    @property
    def repeats_itself(self) -> bool:
        """Whether the repetitions came out the same as each other: then a difference from the original is no chance."""
        return not self.unsteady


def reproduce_times(reader: Reader, run: RunRecord, times: int, options: Options, say: Say) -> Several:
    """Repeat a run several times, each in a clean place of its own. Raises as `reproduce`."""
    outcomes: list[Outcome] = []
    for number in range(times):
        if times > 1:
            say(f"Repetition {number + 1} of {times}")
        outcomes.append(reproduce(reader, run, options, say))
        if not outcomes[-1].is_repeated:
            break  # what is missing now is missing the next time
    gravest = of_several([one.judgement for one in outcomes])
    made = Several(outcomes, next(one for one in outcomes if one.judgement is gravest))
    if len([one for one in outcomes if one.is_repeated]) > 1:
        own = wiring.local_reader()
        try:
            repeated = [own.run(one.run) for one in outcomes if one.is_repeated]
            made.spreads = service.spreads(run, repeated)
            made.unsteady = service.unsteady(own, repeated, volatile.digest, options.leniency)
        finally:
            own.close()
    return made


def is_foreign(run: RunRecord, env: dict[str, str]) -> bool:
    """Whether another user or machine made the run: then its command is shown before it is run.

    What a record from a hub says of its user can be anything: only a run whose segments lie in this store is our own.
    """
    ours = bool(segments_of(layout.find_store().store, run.id))
    return not ours or run.user != user_name(env) or run.host != os.uname().nodename


def describe(run: RunRecord, say: Say) -> None:
    """What would be run, for somebody who has to decide whether to trust it. No text of the record moves the cursor."""
    for line in _described(run):
        say(printable(line))


def _described(run: RunRecord) -> Iterator[str]:
    yield f"The run {run.id[:8]} {run.name} was made by {run.user} on {run.host}. It runs:"
    yield f"  {shlex.join(run.command)}"
    code = run.code
    if code is not None:
        yield f"  at commit {code.commit} of {code.remote or 'this repository'}"
        for line in code.diff_stat.splitlines():
            yield f"  {line.strip()}"
        if code.untracked:
            yield f"  with the untracked files {', '.join(item.path for item in code.untracked)}"
    if run.environment is not None:
        yield f"  with packages from {', '.join(run.environment.indexes) or 'PyPI'}"
        for package in lock_of(run.environment).packages:
            if package.address:
                yield f"  and {package} from {package.address}"


def reproduce(reader: Reader, run: RunRecord, options: Options, say: Say) -> Outcome:
    """Repeat a run from its record alone and judge the repetition. The verdict is on record, whatever it is.

    Raises:
        MadangError: the store cannot be written. What the record lacks is not an error: the verdict is CANNOT.
    """
    places = layout.find_store()
    layout.ensure(places.store)
    outcome = _tried(reader, run, places, options, say)
    if not outcome.run:
        around = verdicts.circumstances(outcome.chosen, outcome.local, options.leniency)
        outcome.run = verdicts.record_attempt(reader, run, places, outcome.judgement, around, say)
        outcome.is_repeated = False
    return outcome


def _tried(reader: Reader, run: RunRecord, places: layout.StorePaths, options: Options, say: Say) -> Outcome:
    git = wiring.git(places.root) if places.root else None
    say("Looking for what is missing…")
    flight = service.check_record(run, reader, git, with_local=options.with_local)
    if git is None:
        return Outcome(cannot(flight.missing), notes=flight.notes)
    workspace = Workspace(git, places.git_common_dir, places.store, open_remote)
    if flight.missing:
        chosen = environment_for(run, run.root, options, say)
        missing = [*flight.missing, *workspace.missing_data(run), *chosen.missing]
        return Outcome(cannot(missing), chosen=chosen, notes=flight.notes)
    say("Making a clean work tree…")
    try:
        place = workspace.prepare(run, reader, with_local=options.with_local)
    except MadangError as error:
        return Outcome(service.refusal(error), notes=flight.notes)
    try:
        outcome = Repetition(reader, run, place, places, options, say).outcome()
        outcome.notes = [*flight.notes, *outcome.notes]
    finally:
        (workspace.keep if options.keep else workspace.remove)(place)
    if options.keep:
        outcome.kept = place.root
    return outcome
