"""Bringing the runs of a store to a hub, and proving that the hub has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import Any

from madang.client.http import HubClient
from madang.client.segments import SegmentFile, runs_of, segments_of
from madang.client.upload import RunUpload
from madang.domain.runs import RunRecord
from madang.domain.series import Series
from madang.errors import Diverged, MadangError, NotFound, Unauthenticated, Unavailable
from madang.ports.reader import Reader

THREADS = 4

# What people may change on a record from outside: it is told, and proves nothing about the segments.
_CHANGEABLE = ("name", "notes", "group", "tags", "deleted_at", "archived")
# What each store knows for itself: numbers of versions are given at commit, damage is of one disk's bytes.
_OWN = frozenset(("versions", "damage", "metrics", "revision", *_CHANGEABLE))
COMPARED = tuple(item.name for item in fields(RunRecord) if item.name not in _OWN)


@dataclass(frozen=True)
class Sent:
    """What became of one run."""

    run: str
    project: str = ""
    segments: int = 0
    bytes: int = 0
    blobs: int = 0
    missing: tuple[str, ...] = ()  # digests of blobs that are named by the run but not in the store
    ahead: tuple[str, ...] = ()  # segments of which the hub has more than is here
    error: str = ""
    diverged: bool = False


def sync(hub: HubClient, store: str, runs: Sequence[str] | None = None) -> Iterator[Sent]:
    """Send these runs (all of the store when None), as they are done; a refused run does not stop the others.

    Raises:
        Unavailable: the hub does not answer; what was sent is kept there, and sent no second time.
        Unauthenticated: the hub wants a token.
        NotFound: a run of which the store has no segments.
    """
    yield from _each(lambda run: _send(hub, store, run), _chosen(store, runs))


def _chosen(store: str, runs: Sequence[str] | None) -> list[str]:
    if runs is None:
        return runs_of(store)
    for run in runs:
        if not segments_of(store, run):
            raise NotFound(f"The store {store} has no segments of run {run}.", hint="List runs with `madang runs`.")
    return list(runs)


def _each(work: Callable[[str], Any], runs: Sequence[str]) -> Iterator[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(work, run) for run in runs]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _send(hub: HubClient, store: str, run: str) -> Sent:
    upload = RunUpload(hub, store, run)
    error, diverged = "", False
    try:
        upload.push()
        upload.write_synced()
    except (Unavailable, Unauthenticated):
        raise
    except MadangError as failure:
        error, diverged = str(failure), isinstance(failure, Diverged)
    done = upload.progress
    return Sent(
        run,
        upload.project,
        len(upload.acknowledged),
        done.bytes,
        done.blobs,
        tuple(done.missing),
        tuple(sorted(upload.ahead)),
        error,
        diverged,
    )


@dataclass(frozen=True)
class SegmentCheck:
    """One segment here and on the hub: offsets in bytes, and the chains there."""

    segment: str
    state: str  # same, behind (the hub lacks the end), missing, ahead (we lack the end, so nothing is proven), diverged
    here: int
    there: int
    chain_here: str
    chain_there: str


@dataclass(frozen=True)
class Check:
    """What a comparison of one run with the hub has shown."""

    run: str
    segments: list[SegmentCheck] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)  # derived fields and series that are not the same
    changed: list[str] = field(default_factory=list)  # fields that were changed on the record since

    @property
    def ok(self) -> bool:
        """Whether the hub holds all that is here, and reads it in the same way."""
        return not self.differs and all(item.state == "same" for item in self.segments)


def check(
    hub: HubClient, here: Reader, there: Reader, store: str, runs: Sequence[str] | None = None
) -> Iterator[Check]:
    """Compare runs with the hub: the hashes of their segments, then everything that is derived from them.

    ``here`` and ``there`` read this store and the hub. Raises as `sync` does.
    """
    yield from _each(lambda run: _check(hub, here, there, store, run), _chosen(store, runs))


def _check(hub: HubClient, here: Reader, there: Reader, store: str, run: str) -> Check:
    upload = RunUpload(hub, store, run)
    segments = [_check_segment(upload, SegmentFile(store, run, name)) for name in segments_of(store, run)]
    found = Check(run, segments)
    if all(item.state == "same" for item in segments):
        try:
            _compare_records(here.run(run), there.run(run), found)
            _compare_history(here.history([run]).get(run, {}), there.history([run]).get(run, {}), found)
        except NotFound as error:
            found.differs.append(error.message)
    return found


def _check_segment(upload: RunUpload, file: SegmentFile) -> SegmentCheck:
    offset, chain = upload.hub_position(file.segment)
    ours = file.position_at(file.size())
    common = ours if offset >= ours.offset else file.position_at(offset)
    if not offset:
        state = "missing" if ours.offset else "same"
    elif offset > ours.offset:
        state = "ahead"
    elif common.offset != offset or common.chain.hex() != chain:
        state = "diverged"
    else:
        state = "same" if offset == ours.offset else "behind"
    return SegmentCheck(file.segment, state, ours.offset, offset, ours.chain.hex(), chain)


def _compare_records(here: RunRecord, there: RunRecord, found: Check) -> None:
    here, there = _sorted(here), _sorted(there)
    for name in COMPARED:
        if not same(getattr(here, name), getattr(there, name)):
            found.differs.append(name)
    for name in _CHANGEABLE:
        if not same(getattr(here, name), getattr(there, name)):
            (found.changed if here.revision or there.revision else found.differs).append(name)


def _sorted(record: RunRecord) -> RunRecord:
    """With the segments in an order that does not depend on their arrival."""
    return replace(record, segments=sorted(record.segments, key=lambda info: info.id))


def _compare_history(here: dict[str, Series], there: dict[str, Series], found: Check) -> None:
    for key in sorted(here.keys() | there.keys()):
        left, right = here.get(key), there.get(key)
        if left is None or right is None:
            found.differs.append(f"history of {key}: only {'there' if left is None else 'here'}")
        elif not all(same(getattr(left, part), getattr(right, part)) for part in ("kind", "steps", "times", "values")):
            found.differs.append(f"history of {key}")


def same(left: Any, right: Any) -> bool:
    """Exact equality: NaN is itself, 1 is neither 1.0 nor True; it makes no difference which kind of sequence it is."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right or (left != left and right != right)
    if hasattr(left, "__dataclass_fields__"):
        return all(same(getattr(left, item.name), getattr(right, item.name)) for item in fields(left))
    return bool(left == right)
