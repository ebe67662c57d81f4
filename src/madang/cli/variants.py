"""`madang why --rerun` at work: two runs are repeated here, and mixed, until each part's share is known."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Any

from madang import wiring
from madang.cli import launching
from madang.cli.repeating import job_again
from madang.domain.causes import DECISIVE, NO_CHANGE, PARTS, Measured, Mix, Pair, Part, Shares, close, share
from madang.domain.environments import differences, lock_of
from madang.domain.query import AllOf, Compare, Field, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.errors import MadangError, NotFound, Refused
from madang.formats import store as layout
from madang.ports.reader import Reader
from madang.services import reproduce as reproduction
from madang.services import why
from madang.services.why import VARIANT, Explanation
from madang.workspace import environment
from madang.workspace.mixing import Mixture
from madang.workspace.reproduction.command import command_of, environment_of
from madang.workspace.reproduction.place import Place, Workspace

Say = Callable[[str], None]
_HERE = frozenset(("environment", "hardware"))  # parts that one machine has only one of


@mutable
class Rerun:
    """What came of it: the shares, and every variant with its values."""

    shares: Shares
    variants: dict[Mix, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def rerun(reader: Reader, pair: Pair, found: Explanation, times: int, say: Say, *, quiet: bool) -> Rerun:
    """Measure each part's share in the change.

    Raises:
        Refused: one of the runs cannot be repeated here; the message lists what is missing.
    """
    places = layout.find_store()
    if not places.root:
        raise Refused("This is no git repository, so the runs cannot be repeated here.", hint="Go to their repository.")
    git = wiring.git(places.root)
    workspace = Workspace(git, places.git_common_dir, places.store)
    made: list[Place] = []
    try:
        made += [_prepared(workspace, reader, pair.before, git)]
        made += [_prepared(workspace, reader, pair.after, git)]
        mixture = Mixture(pair.before, pair.after, (made[0].root, made[1].root), found.settled)
        bench = _Bench(pair, mixture, places, made[0].folder, times, say, quiet)
        parts = _swappable(found, mixture, pair)
        result = Rerun(_shared(parts, found, bench), bench.values, bench.notes)
    finally:
        for place in made:
            workspace.remove(place)
    _add_machine(result, pair, found, parts)
    return result


def _prepared(workspace: Workspace, reader: Reader, run: RunRecord, git: Any) -> Place:
    flight = reproduction.check_record(run, reader, git, with_local=False)
    if flight.missing:
        raise Refused(f"Run {run.id[:8]} cannot be repeated (missing: {'; '.join(flight.missing)}).")
    place = workspace.prepare(run, reader, with_local=False)
    if place.missing:
        workspace.remove(place)
        raise Refused(f"Run {run.id[:8]} cannot be repeated (missing: {'; '.join(place.missing)}).")
    return place


def _swappable(found: Explanation, mixture: Mixture, pair: Pair) -> list[Part]:
    """The changed parts that can be taken from either run on this machine."""
    chosen = [part for part in PARTS if part not in _HERE and found.causes[part].changed]
    both = all(_is_rebuilt(run) for run in (pair.before, pair.after))
    if found.causes["environment"].changed and both:
        chosen.append("environment")
    by_file, base = set(mixture.files.values()), mixture.record(frozenset(), "")

    def is_swapped(part: Part) -> bool:
        made = mixture.record(frozenset((part,)), "")
        return part in by_file or (made.command, made.executable, made.environment) != (
            base.command, base.executable, base.environment,
        )  # fmt: skip

    return [part for part in chosen if is_swapped(part)]


def _shared(parts: Sequence[Part], found: Explanation, bench: _Bench) -> Shares:
    """The shares, unless parts that cannot be told apart have one that counts."""
    made = share(parts, bench.measure)
    unclear = [part for part in found.together if abs(made.shares.get(part, 0.0)) >= DECISIVE]
    if unclear:
        return Shares(unknown=f"{' and '.join(sorted(found.together))} changed in one file")
    return made


def _is_rebuilt(run: RunRecord) -> bool:
    """Whether the interpreter of a run is still here with the packages that the record has."""
    if not run.executable or not os.access(run.executable, os.X_OK):
        return False
    now = environment.capture(run.executable, dict(os.environ))
    return run.environment is not None and not differences(lock_of(run.environment), now.python, now.packages)


def _add_machine(result: Rerun, pair: Pair, found: Explanation, parts: Sequence[Part]) -> None:
    """What the recorded change has more than the one seen here comes from the environment or the machine."""
    ends = [result.variants.get(frozenset(mix), []) for mix in ((), parts)]
    unknown = result.shares.unknown if parts else ""
    if not all(ends) or unknown not in ("", NO_CHANGE):
        return
    if unknown and not all(len(values) > 1 and _equal(values) for values in ends):
        return  # chance may be all that there is
    measured = result.shares.shares or dict.fromkeys(parts, 0.0)
    recorded = [why.number_of(run, pair.metric) for run in (pair.before, pair.after)]
    here = sum(ends[1]) / len(ends[1]) - sum(ends[0]) / len(ends[0])
    whole = recorded[1] - recorded[0]
    spread = max(max(values) - min(values) for values in ends if values)
    if close(here, whole, max(spread, abs(whole) * 1e-6)) or not whole:
        return
    rest = [part for part in PARTS if part in _HERE - set(parts) and found.causes[part].changed]
    if len(rest) != 1:
        reason = "environment and hardware both differ" if rest else "neither run comes out here as it was recorded"
        result.shares = Shares(unknown=f"{reason}, and only {here:g} of the change of {whole:g} is seen here")
        return
    scale = here / whole
    shares = {part: one * scale for part, one in measured.items()}
    result.shares = Shares({**shares, rest[0]: 1 - scale}, abs(spread / whole))


class _Bench:
    """Runs variants, each once unless repeated runs differ; those that ran before are found again."""

    def __init__(
        self, pair: Pair, mixture: Mixture, places: layout.StorePaths, folder: str, times: int, say: Say, quiet: bool
    ) -> None:
        self.values: dict[Mix, list[float]] = {}
        self.notes: list[str] = []
        self._pair, self._mixture, self._places = pair, mixture, places
        self._folder, self._times, self._say, self._quiet = folder, times, say, quiet
        self._repeats = times

    def measure(self, mix: Mix) -> Measured | None:
        """The metric of a variant; None when it does not run to its end or has no such metric."""
        if mix not in self.values:
            self.values[mix] = [
                value for number in range(self._repeats) if (value := self._one(mix, number)) is not None
            ]
            is_end = not mix or len(self.values) == 2
            if is_end and len(self.values) == 2 and all(_equal(values) for values in self.values.values()):
                self._repeats = 1  # both ends come out the same each time: so will what lies between them
        found = self.values[mix]
        if not found:
            return None
        return Measured(sum(found) / len(found), (max(found) - min(found)) / 2)

    def _one(self, mix: Mix, number: int) -> float | None:
        name = f"{self._pair.before.id[:12]}..{self._pair.after.id[:12]}:{','.join(sorted(mix))}#{number}"
        reader = wiring.local_reader(store=self._places.store)
        try:
            known = self._known(reader, name)
            if known is None:
                known = self._launched(mix, name, reader)
            if known is None or known.status != "finished":
                return None
            return why.number_of(known, self._pair.metric)
        except NotFound:
            return None
        finally:
            reader.close()

    def _known(self, reader: Reader, name: str) -> RunRecord | None:
        fits = (Compare(Field("tags", VARIANT), "=", name), Compare(Field("attributes", "status"), "=", "finished"))
        page = reader.runs(RunQuery(None, AllOf(fits), limit=1, keys=()))
        return reader.run(page.runs[0].id) if page.runs else None

    def _launched(self, mix: Mix, name: str, reader: Reader) -> RunRecord | None:
        tree = os.path.basename(self._mixture.roots[0])
        root = os.path.join(self._folder, "variants", os.urandom(4).hex(), tree)
        record = self._mixture.make(mix, root)
        python = record.executable if os.access(record.executable, os.X_OK) else ""
        command, folder = command_of(record, root, python)
        env = environment_of(record, os.environ, root, python)
        title = f"{', '.join(sorted(mix)) or 'nothing'} of {self._pair.after.name or self._pair.after.id[:8]}"
        self._say(f"Running with {title}: {shlex.join(record.command)}")
        places = layout.StorePaths(root, self._places.git_common_dir, self._places.store)
        job = replace(
            job_again(record, command, folder, env, places, quiet=self._quiet),
            project=self._pair.after.project,
            name=f"why: {title}",
            tags={VARIANT: name},
            job_type="variant",
        )
        try:
            done = launching.launch(job, self._say, lambda *_: None)
        except MadangError as error:
            self.notes.append(f"With {title} it cannot be started: {error.message}")
            return None
        if done.ended.code:
            self.notes.append(f"With {title} it fails (exit code {done.ended.code}, run {done.run[:8]}).")
        return reader.run(done.run)


def _equal(values: Sequence[float]) -> bool:
    return bool(values) and close(min(values), max(values))
