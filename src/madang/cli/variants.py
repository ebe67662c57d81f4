"""`madang why --rerun` at work: two runs are repeated here, and mixed, until each part's share is known."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import field

from madang import wiring
from madang.cli.bench import Bench, Say, is_steady
from madang.domain.causes import PARTS, Pair, Part, close, is_used, part_of_file
from madang.domain.environments import differences, lock_of
from madang.domain.pipelines import STAGE_TAG
from madang.domain.runs import RunRecord
from madang.domain.shares import DECISIVE, NO_CHANGE, Mix, Shares, share
from madang.domain.values import mutable
from madang.errors import Conflict, CorruptData, NotFound, Refused
from madang.formats import store as layout
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services import reproduce as reproduction
from madang.services.comparing import why
from madang.services.comparing.code_files import CodeFiles, code_marks
from madang.services.comparing.differences import Explanation
from madang.services.comparing.upstream import Chain, Step
from madang.wiring_data import open_remote
from madang.workspace import environment, gpu
from madang.workspace.mixing import Mixture
from madang.workspace.reproduction.command import environment_of
from madang.workspace.reproduction.place import Place, Workspace

_HERE = frozenset(("environment", "hardware"))  # parts that one machine has only one of


@mutable
class Rerun:
    """What came of it: the shares, and every variant with its values."""

    shares: Shares
    variants: dict[Mix, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def rerun(reader: Reader, pair: Pair, found: Explanation, times: int, say: Say, *, quiet: bool) -> Rerun:
    """Measure each part's share in the change. Where a run cannot be repeated here, it is said why.

    Raises:
        StorageError: the disk refused.
    """
    places = layout.find_store()
    if not places.root:
        return Rerun(Shares(unknown="this is no git repository, so the runs cannot be repeated here"))
    git = wiring.git(places.root)
    workspace = Workspace(git, places.git_common_dir, places.store, open_remote)
    chain = found.chain or Chain((Step(pair.before, pair.after),))
    made: list[Place] = []
    try:
        made += [_prepared(workspace, reader, chain, 0, git)]
        made += [_prepared(workspace, reader, chain, 1, git)]
        mixture = Mixture(chain, (made[0].root, made[1].root), found.settled, found.mixed)
        bench = Bench(pair, mixture, places, made[0].folder, times, say, quiet=quiet)
        parts = _swappable(found, mixture, pair)
        result = Rerun(_shared(parts, found, bench), bench.values, bench.notes)
    except (Refused, Conflict, CorruptData, NotFound) as error:
        return Rerun(Shares(unknown=error.message))
    finally:
        for place in made:
            workspace.remove(place)
    _add_machine(result, pair, found, parts)
    return result


def _prepared(workspace: Workspace, reader: Reader, chain: Chain, side: int, git: Git) -> Place:
    """The work tree of one of the two runs, with all that its steps read."""
    run = chain.whole(side)
    flight = reproduction.check_record(run, reader, git, with_local=False)
    if flight.missing:
        raise Refused(f"run {run.id[:8]} cannot be repeated (missing: {'; '.join(flight.missing)})")
    place = workspace.prepare(run, reader, with_local=False, with_unchanged=True)
    missing = place.missing or _other_code(chain, side, CodeFiles(reader, git))
    if missing:
        workspace.remove(place)
        raise Refused(f"run {run.id[:8]} cannot be repeated (missing: {'; '.join(missing)})")
    return place


def _other_code(chain: Chain, side: int, code: CodeFiles) -> list[str]:
    """Files that a step used and that the last one's commit holds otherwise: they were changed between the steps."""
    *steps, last = [step.runs[side] for step in chain.steps]
    now: dict[str, str] | None = None
    found: dict[str, None] = {}
    for run in steps:
        if code_marks(run) == code_marks(last):
            continue
        now = code.of(last) if now is None else now
        then = code.of(run)
        for path in sorted(then.keys() | now.keys()):
            if then.get(path) != now.get(path) and not chain.is_made(path) and _runs_with(path, run):
                found[f"{path} as {run.tags.get(STAGE_TAG, run.id[:8])} used it: it was changed before the run"] = None
    return list(found)


def _runs_with(path: str, run: RunRecord) -> bool:
    return part_of_file(path, (run,)) is not None and is_used(path, (run,))


def _swappable(found: Explanation, mixture: Mixture, pair: Pair) -> list[Part]:
    """The changed parts that can be taken from either run on this machine."""
    chosen = [part for part in PARTS if part not in _HERE and found.causes[part].changed]
    both = all(_is_rebuilt(run) for run in (pair.before, pair.after))
    if found.causes["environment"].changed and both:
        chosen.append("environment")
    return [part for part in chosen if mixture.has(part)]


def _shared(parts: Sequence[Part], found: Explanation, bench: Bench) -> Shares:
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
    now = environment.capture(run.executable, environment_of(run, os.environ, run.root))
    return run.environment is not None and not differences(lock_of(run.environment), now.python, now.packages)


def _add_machine(result: Rerun, pair: Pair, found: Explanation, parts: Sequence[Part]) -> None:
    """What the recorded change has more than the one seen here comes from the environment or the machine.

    That is said only where a run that was made in the present environment comes out here as it was recorded.
    """
    ends = [result.variants.get(frozenset(mix), []) for mix in ((), parts)]
    unknown = result.shares.unknown if parts else ""
    if not all(ends) or unknown not in ("", NO_CHANGE):
        return
    if unknown and not all(len(values) > 1 and is_steady(values) for values in ends):
        return  # chance may be all that there is
    recorded = [why.number_of(run, pair.metric) for run in (pair.before, pair.after)]
    means = [sum(values) / len(values) for values in ends]
    here, whole = means[1] - means[0], recorded[1] - recorded[0]
    spread = sum(max(values) - min(values) for values in ends)
    allowed = max(spread, abs(whole) * 1e-6)
    if not math.isfinite(whole + here) or close(here, whole, allowed) or not whole:
        return
    rest = [part for part in PARTS if part in _HERE - set(parts) and found.causes[part].changed]
    if len(rest) != 1 or not _comes_out(pair, rest[0], means, recorded, allowed):
        reason = "environment and hardware both differ" if len(rest) > 1 else "the runs do not come out as recorded"
        result.shares = Shares(unknown=f"{reason}, and only {here:g} of the change of {whole:g} is seen here")
        return
    scale, off = here / whole, abs(spread / whole)
    measured = result.shares.shares or dict.fromkeys(parts, 0.0)
    shares = {part: one * scale for part, one in measured.items()}
    spreads = {part: one * abs(scale) + off for part, one in result.shares.spreads.items()}
    result.shares = Shares({**shares, rest[0]: 1 - scale}, {**spreads, rest[0]: off})


def _comes_out(pair: Pair, rest: Part, means: Sequence[float], recorded: Sequence[float], allowed: float) -> bool:
    """Whether a run from the present environment, or machine, comes out as recorded: else something else differs."""
    return any(
        close(mean, then, allowed) and (_is_rebuilt(run) if rest == "environment" else _is_machine(run))
        for run, mean, then in zip((pair.before, pair.after), means, recorded, strict=True)
    )


def _is_machine(run: RunRecord) -> bool:
    """Whether a run was made by this processor and with these graphics cards."""
    recorded = run.environment
    return recorded is not None and (recorded.cpu, recorded.gpus) == (environment.processor(), gpu.describe().names)
