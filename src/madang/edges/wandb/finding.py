"""Projects and runs by the names that clients give them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from madang.domain.access import Permission, Principal, require
from madang.domain.ids import is_id
from madang.domain.query import Compare, Field, RunQuery
from madang.domain.runs import RunRecord
from madang.edges.wandb.registry_search import project_called
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.ids import ID_TAG, read_node_id, run_id

_GENERATIONS = 1000  # runs of one name, all but the last of them deleted


def project_of(call: WandbCall, entity: str | None, project: str | None) -> str:
    """The name of the project that a client means; one that no run has named yet is as good."""
    launched = call.services.launched
    name = project_called(call, entity, project)
    return name if launched is None else launched.place(name)


def readable_project(call: WandbCall, entity: str | None, project: str | None) -> str | None:
    """The name of the project that a client means; None where the caller may not know of it."""
    name = project_of(call, entity, project)
    return name if call.who.level(name) >= Permission.READ else None


def run_of(call: WandbCall, project: str, name: str, *, metrics: int = 1 << 40) -> RunRecord | None:
    """The run that a client calls ``name`` in a project of ours, with at most so many metrics; None: there is none."""
    for run in _candidates(call, project, name, metrics):
        if not run.deleted_at:
            return run
    return None


def need_run(call: WandbCall, project: str, name: str) -> RunRecord:
    """As `run_of`.

    Raises:
        NotFound: there is none.
    """
    found = run_of(call, project, name, metrics=0)
    if found is None:
        raise NotFound(f"run {project}/{name[:100]} not found")
    return found


def target_of(call: WandbCall, project: str, name: str, *, anew: bool = False) -> tuple[str, RunRecord | None]:
    """The id under which a client's run is written, and the run where there is one.

    A deleted run whose client still lives stays the one that it writes; ``anew``, and after its end, the name begins
    another one.
    """
    launched = call.services.launched
    if launched is not None and (id_ := launched.run_named(name)) is not None:
        return id_, call.services.search.run(call.who, id_, metrics=0)
    last, generation = None, 0
    for last in _candidates(call, project, name, 0):
        generation += last.id != name
    if last is not None and (not last.deleted_at or (last.status == "running" and not anew)):
        return last.id, last
    found = run_id(project, name, generation)
    if call.services.streams.is_elsewhere(found, project):  # somebody has guessed it, and taken it
        found = _unguessable(call, project, name, generation)
    return found, None


def _candidates(call: WandbCall, project: str, name: str, metrics: int) -> Iterator[RunRecord]:
    """The runs of a project that a name may mean: of its own id, or derived, those of later generations after deleted.

    A run that a command under `madang run` has logged to has an id of its own, and only its tag tells the name.
    """
    own = _stored(call, project, name, metrics) if is_id(name) else None
    if own is not None:
        yield own
    is_derived = False
    for generation in range(_GENERATIONS):
        found = _stored(call, project, run_id(project, name, generation), metrics)
        found = found or _stored(call, project, _unguessable(call, project, name, generation), metrics)
        if found is None:
            break
        is_derived = True
        yield found
    if not is_derived:
        yield from _tagged(call, project, name, metrics)


def _unguessable(call: WandbCall, project: str, name: str, generation: int) -> str:
    return run_id(project, name, generation, call.services.signer.secret)


def _tagged(call: WandbCall, project: str, name: str, metrics: int) -> Iterator[RunRecord]:
    query = RunQuery(projects=(project,), where=Compare(Field("tags", ID_TAG), "=", name), limit=1, keys=())
    with suppress(NotFound):
        for run in call.services.search.runs(call.who, query).runs:
            yield call.services.search.run(call.who, run.id, metrics=metrics)


def _stored(call: WandbCall, project: str, run: str, metrics: int) -> RunRecord | None:
    """The run with an id, if it is one of the project: a name never leads to what somebody keeps elsewhere."""
    try:
        found = call.services.search.run(call.who, run, metrics=metrics, exact=True)
    except NotFound:
        return None
    return found if found.project == project else None


def run_by_node(call: WandbCall, node: str) -> RunRecord:
    """The run with an id as `runs.node_of` tells it.

    Raises:
        NotFound, InvalidInput: there is none, or it is no such id.
    """
    run = read_node_id(node, "Run")[0]
    if not is_id(run):
        raise InvalidInput(f"{node[:80]!r} is not the id of a run.")
    return call.services.search.run(call.who, run, metrics=0, exact=True)


def name_of(run: RunRecord) -> str:
    """What clients call a run: the name that one gave it, else its id."""
    return run.tags.get(ID_TAG) or run.id


def require_writing(who: Principal, run: RunRecord) -> None:
    """Refuse a caller who may not write a run.

    Raises:
        Unauthenticated, NotFound, AccessDenied: as `require`.
    """
    require(who, Permission.WRITE, run.project, {run.id, run.parent})
