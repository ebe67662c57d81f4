"""Bringing the runs of a store to a hub, and proving that the hub has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, fields, replace
from typing import Any

from madang.client.dropping import missing
from madang.client.http import HubClient
from madang.client.segments import SegmentFile, runs_of, segments_of
from madang.client.upload import RunUpload
from madang.domain.held import HeldSegment
from madang.domain.runs import RunRecord
from madang.domain.series import Series
from madang.domain.values import value
from madang.errors import Diverged, MadangError, NotFound, Unauthenticated, Unavailable
from madang.formats import recent
from madang.formats import store as layout
from madang.ports.reader import Reader

THREADS = 4

# What people may change on a record from outside: it is told, and proves nothing about the segments.
_CHANGEABLE = ("name", "notes", "group", "tags", "deleted_at", "archived")
# What each store knows for itself: numbers of versions are given at commit, damage is of one disk's bytes.
_OWN = frozenset(("versions", "damage", "metrics", "revision", *_CHANGEABLE))
COMPARED = tuple(name for name in RunRecord.__annotations__ if name not in _OWN)


@value
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
        if not (segments_of(store, run) or missing(store, run)):
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


@value
class SegmentCheck:
    """One segment here and on the hub: offsets in bytes, and the chains there."""

    segment: str
    # same, behind (the hub lacks the end), missing, ahead (we lack the end, so nothing is proven), diverged, damaged,
    # cut (it ends in a piece of a record, as when its writer was killed; all before it is whole), held (given up here,
    # since ``hub`` holds it)
    state: str
    here: int
    there: int
    chain_here: str
    chain_there: str
    hub: str = ""


@value
class Check:
    """What a comparison of one run with the hub has shown."""

    run: str
    segments: list[SegmentCheck] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)  # derived fields and series that are not the same
    changed: list[str] = field(default_factory=list)  # fields that were changed on the record since

    @property
    def ok(self) -> bool:
        """Whether the hub holds all that is here, and reads it in the same way."""
        return not self.differs and all(item.state in ("same", "cut", "held") for item in self.segments)


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
    segments += [_check_held(upload, item) for item in missing(store, run)]
    found = Check(run, segments)
    if all(item.state in ("same", "held") for item in segments):
        try:
            ours = here.run(run)
            if any(item.state == "held" and f"{item.segment}: " in " ".join(ours.damage) for item in segments):
                return found  # the index is new, and nothing here could be read into it
            _compare_records(ours, there.run(run), found)
            _compare_history(here.history([run]).get(run, {}), there.history([run]).get(run, {}), found)
        except NotFound as error:
            found.differs.append(error.message)
    return found


def check_here(here: Reader, derived: Reader, store: str, runs: Sequence[str] | None = None) -> Iterator[Check]:
    """Compare what a store says of its runs with its segments: their hashes, and all that is derived from them anew.

    ``derived`` reads a store that holds nothing but the same segments (`link_segments`).
    """
    yield from _each(lambda run: _check_here(here, derived, store, run), _chosen(store, runs))


def _check_here(here: Reader, derived: Reader, store: str, run: str) -> Check:
    found = Check(run)
    for name in segments_of(store, run):
        file = SegmentFile(store, run, name)
        end = file.position_at(file.size())
        state = "damaged" if file.damage else "same" if end.offset == file.size() else "cut"
        found.segments.append(SegmentCheck(name, state, end.offset, end.offset, end.chain.hex(), end.chain.hex()))
    held = [
        SegmentCheck(item.id, "held", item.size, item.size, item.chain, item.chain, item.hub)
        for item in missing(store, run)
    ]
    found.segments.extend(held)
    if held:
        return found  # what is here does not say all of it
    try:
        _compare_records(here.run(run), derived.run(run), found)
        _compare_history(here.history([run]).get(run, {}), derived.history([run]).get(run, {}), found)
    except NotFound as error:
        found.differs.append(error.message)
    return found


def link_segments(store: str, aside: str, runs: Sequence[str] | None = None) -> None:
    """Make a second store at ``aside`` with the same segment files, whose records are derived from them alone."""
    layout.ensure(aside)
    for run in _chosen(store, runs):
        folder = layout.run_dir(store, run)
        other = layout.run_dir(aside, run)
        if not os.access(folder, os.W_OK):  # whatever cannot be said there must not be said here
            os.makedirs(os.path.dirname(other), exist_ok=True)
            os.symlink(os.path.abspath(folder), other)
            continue
        os.makedirs(other, exist_ok=True)
        for name in os.listdir(folder):
            if name.endswith((".seg", ".seg.zst", ".lock", recent.ENDING)):
                with suppress(FileNotFoundError):  # the writer has just ended, or the segment was packed
                    os.link(f"{folder}/{name}", f"{other}/{name}")


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


def _check_held(upload: RunUpload, item: HeldSegment) -> SegmentCheck:
    offset, chain = upload.hub_position(item.id)
    state = "held" if (offset, chain) == (item.size, item.chain) else "diverged" if offset >= item.size else "missing"
    return SegmentCheck(item.id, state, item.size, offset, item.chain, chain, item.hub)


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
