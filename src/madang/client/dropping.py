"""Giving up segments that a hub verifiably holds, and bringing them back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from madang.client.http import HubClient
from madang.client.segments import SegmentFile, runs_of, segments_of
from madang.client.upload import RunUpload
from madang.domain.held import Held, HeldSegment
from madang.domain.runs import RunRecord
from madang.domain.values import value
from madang.durable import sync_folder, unlink, write_file
from madang.errors import CorruptData, MadangError, NotFound, Unauthenticated, Unavailable
from madang.formats import journal, packed, recent
from madang.formats import store as layout
from madang.formats.held import encode_held, held_path, read_held
from madang.ports.segments import SegmentFiles

PIECE = 4 << 20  # bytes asked for at once


@value
class Finding:
    """Whether a run's segments may be given up. ``bytes`` is what their files take, ``reason`` why they must stay."""

    run: str
    project: str = ""
    name: str = ""
    bytes: int = 0
    segments: tuple[HeldSegment, ...] = ()
    reason: str = ""

    @property
    def droppable(self) -> bool:
        """Whether the hub holds every one of them."""
        return bool(self.segments) and not self.reason


def verify(hub: HubClient, store: str, run: RunRecord) -> Finding:
    """Ask the hub how far it has each segment of a run and with which chain, and compare with the bytes here.

    Every byte here is read and hashed; the index is not asked.

    Raises:
        Unavailable: the hub does not answer. Unauthenticated: it wants a token.
    """
    upload = RunUpload(hub, store, run.id)
    found = Finding(run.id, run.project, run.name)
    for segment in segments_of(store, run.id):
        try:
            held, size = _verified(upload, store, segment)
        except (Unavailable, Unauthenticated):
            raise
        except (MadangError, OSError) as error:
            return replace(found, reason=str(error))
        found = replace(found, bytes=found.bytes + size, segments=(*found.segments, held))
    return found


def _verified(upload: RunUpload, store: str, segment: str) -> tuple[HeldSegment, int]:
    """The segment and the bytes of its file.

    Raises:
        NotFound: the hub does not hold it as it is here; the message says what differs.
        StorageError: the disk refused what its writer had left.
    """
    if layout.is_held(layout.lock_path(store, upload.run, segment)):
        raise NotFound(f"segment {segment} is being written")
    path = layout.segment_path(store, upload.run, segment)
    try:
        is_settled = recent.settle(path)
    except OSError as error:
        raise layout.refused(path, error) from error
    if not is_settled:
        raise NotFound(f"segment {segment} is being written")
    file = SegmentFile(store, upload.run, segment)
    size = file.size()
    ours = file.position_at(size)
    if file.damage or ours.offset != size or not size:
        raise NotFound(f"segment {segment} is not whole after byte {ours.offset}")
    offset, chain, holds = upload.hub_holding(segment)
    if not holds:
        raise NotFound(f"{upload.hub.address} shows this store or cannot say that it keeps its segments itself")
    if (offset, chain) != (ours.offset, ours.chain.hex()):
        raise NotFound(
            f"segment {segment} is {ours.chain.hex()} at byte {ours.offset} here, {chain} at byte {offset} on"
            f" {upload.hub.address}"
        )
    return HeldSegment(segment, size, chain, upload.hub.address), sum(_files(store, upload.run, segment).values())


def _files(store: str, run: str, segment: str) -> dict[str, int]:
    """The files of a segment and their sizes."""
    plain = layout.segment_path(store, run, segment)
    found = {}
    for path in (plain, plain + packed.ENDING):
        try:
            found[path] = os.stat(path).st_size
        except FileNotFoundError:
            continue
    return found


def drop(store: str, run: RunRecord, found: Finding) -> int:
    """Remove the files of the segments that `verify` has found on the hub; how many bytes became free.

    First the note which hub holds them is durable, so that a crash at any point leaves the segments or the note.

    Raises:
        StorageError: the disk refused. What is left is found by the next call.
    """
    if not found.droppable:
        return 0
    before = read_held(store, run.id)
    known = {item.id: item for item in (*(before.segments if before else ()), *found.segments)}
    ended = run.created_at + run.duration
    note = Held(run.project, run.name, run.status, run.created_at, ended, [known[name] for name in sorted(known)])
    freed = 0
    try:
        write_file(held_path(store, run.id), encode_held(note))
        for item in found.segments:
            for path, size in _files(store, run.id, item.id).items():
                if SegmentFile(store, run.id, item.id).size() == item.size:  # else an edge has gone on with it
                    os.unlink(path)
                    freed += size
        sync_folder(layout.run_dir(store, run.id))
    except OSError as error:
        raise layout.refused(store, error) from error
    return freed


@value
class Fetched:
    """What came back of one run."""

    run: str
    segments: int = 0
    bytes: int = 0
    error: str = ""


def held_runs(store: str) -> list[str]:
    """The runs of a store of which a hub holds segments that are not here."""
    return [run for run in runs_of(store) if missing(store, run)]


def missing(store: str, run: str) -> list[HeldSegment]:
    """The segments of a run that a hub holds and that are not here."""
    held = read_held(store, run)
    if held is None:
        return []
    here = set(segments_of(store, run))
    return [item for item in held.segments if item.id not in here]


def fetch(hub: HubClient, files: SegmentFiles, store: str, run: str) -> Fetched:
    """Bring the segments of a run back that were given up, each verified by its chain; then remove the note.

    Raises:
        Unavailable: the hub does not answer. Unauthenticated: it wants a token.
        StorageError: the disk refused.
    """
    done = Fetched(run)
    for item in missing(store, run):
        try:
            files.bring(run, item.id, _pieces(hub, run, item))
        except (NotFound, CorruptData) as error:
            return replace(done, error=str(error))
        done = replace(done, segments=done.segments + 1, bytes=done.bytes + item.size)
    if not missing(store, run):
        unlink(held_path(store, run))
    return done


def _pieces(hub: HubClient, run: str, item: HeldSegment) -> Iterator[bytes]:
    """The bytes of a segment, checked frame by frame.

    Raises:
        CorruptData: they are not those that were given up.
    """
    position, rest, came = journal.Position(), b"", 0
    while came < item.size:
        query: Sequence[tuple[str, int]] = (("offset", came), ("limit", min(PIECE, item.size - came)))
        data = hub.request("GET", ("runs", run, "segments", item.id), query=query).body
        if not data or came + len(data) > item.size:
            break
        came += len(data)
        rest, start = rest + data, position.offset
        journal.read_frames(rest, position)
        rest = rest[position.offset - start :]
        if position.damage:
            break
        yield data
    if (position.offset, position.chain.hex()) != (item.size, item.chain):
        raise CorruptData(
            f"{hub.address} has other bytes of segment {item.id} than were given up:"
            f" {position.damage or position.chain.hex()} at byte {position.offset} of {item.size}.",
            hint="Look for another copy; nothing was changed here.",
        )
