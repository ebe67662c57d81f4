"""Sending a run's segments to a hub, each from where the hub stopped. Repeated or interrupted: the same result."""

from __future__ import annotations

import os
from dataclasses import field
from typing import IO

from madang.client.http import Answer, HubClient
from madang.client.segments import Piece, SegmentFile, segments_of
from madang.domain.values import mutable
from madang.errors import Conflict, Diverged, MadangError, NotFound, Unauthenticated, Unavailable
from madang.formats import journal
from madang.formats import store as layout

ASK_FIRST = 1 << 16  # bytes from which on it pays to ask whether the hub has a blob already


@mutable
class Progress:
    """What has been sent in the life of an uploader."""

    bytes: int = 0  # of segments
    blobs: int = 0
    blob_bytes: int = 0
    missing: list[str] = field(default_factory=list)  # digests of blobs that are named but not in the store


class RunUpload:
    """The upload of one run. ``acknowledged`` says how far the hub has each segment."""

    def __init__(self, hub: HubClient, store: str, run: str) -> None:
        self.run = run
        self.project = ""
        self.acknowledged: dict[str, int] = {}
        self.ahead: set[str] = set()  # segments of which the hub has more than is here
        self.progress = Progress()
        self.hub = hub
        self._store = store
        self._at: dict[str, journal.Position] = {}
        self._files: dict[str, SegmentFile] = {}
        self._blobs: set[str] = set()

    def push(self) -> bool:
        """Send everything that is there now; True when something was sent. One segment that is refused stops no other.

        Raises:
            Diverged: the hub has other bytes under the same name.
            MadangError: see `HubClient`; what was acknowledged stays so.
        """
        sent = False
        refused: MadangError | None = None
        for segment in segments_of(self._store, self.run):
            file = self._files.setdefault(segment, SegmentFile(self._store, self.run, segment))
            known = self._at.get(segment)
            if known is not None and (known.damage or file.size() <= known.offset):
                continue
            try:
                sent = self._push_segment(file) or sent
            except (Unavailable, Unauthenticated):
                raise  # it would be the same for the next one
            except MadangError as error:
                refused = refused or error
        if refused is not None:
            raise refused
        return sent

    def write_synced(self) -> None:
        """Note beside the segments what the hub has acknowledged (docs/formats/store.md)."""
        path = os.path.join(layout.run_dir(self._store, self.run), "synced")
        aside = f"{path}-{os.urandom(4).hex()}"
        try:
            with open(aside, "w", encoding="ascii") as file:
                file.writelines(f"{segment} {offset}\n" for segment, offset in sorted(self.acknowledged.items()))
            os.replace(aside, path)  # no sync: the hub is asked anyway when this is lost
        except OSError as error:
            raise layout.refused(path, error) from error

    def _push_segment(self, file: SegmentFile) -> bool:
        position = self._at.get(file.segment)
        if position is None:
            position = self._checked(file, *self.hub_position(file.segment))
            self._note(file.segment, position)
            self.project = self.project or file.project
        sent = False
        while (piece := next(file.pieces(position), None)) is not None:
            self.project = self.project or file.project
            self._send_blobs(file, piece)
            position = self._send_piece(file, piece)
            sent = True
        return sent

    def _checked(self, file: SegmentFile, offset: int, chain: str) -> journal.Position:
        """Where to go on: the hub's offset, if its chain there is ours; our end, when the hub has more."""
        ours = file.position_at(offset)
        ends_there = ours.offset == offset
        if (ends_there and ours.chain.hex() == chain) or offset == 0:
            return ours
        if offset > file.size():
            self.ahead.add(file.segment)
        if ends_there or (file.size() >= offset and not file.damage):
            raise Diverged(
                f"Segment {file.segment} of run {self.run} is {ours.chain.hex()} at byte {ours.offset} here and {chain}"
                f" at byte {offset} on {self.hub.address}.",
                hint="Both are kept. Compare them before you delete either.",
            )
        return ours

    def hub_position(self, segment: str) -> tuple[int, str]:
        """How many bytes of a segment the hub has, and the chain there."""
        return self.hub_holding(segment)[:2]

    def hub_holding(self, segment: str) -> tuple[int, str, bool]:
        """As `hub_position`, and whether the hub says that it keeps these bytes itself."""
        answer = self.hub.request("HEAD", ("runs", self.run, "segments", segment))
        return *self._position_in(answer), answer.headers.get("madang-holds") == "?1"

    def _position_in(self, answer: Answer) -> tuple[int, str]:
        offset, chain = answer.headers.get("upload-offset", ""), answer.headers.get("madang-chain", "")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 19 and len(chain) == 32):
            raise Unavailable(
                f"{answer.url} does not answer as a hub of madang does: its headers lack the offset or the chain.",
                hint="Check the address in MADANG_HUB.",
            )
        return int(offset), chain

    def _send_piece(self, file: SegmentFile, piece: Piece) -> journal.Position:
        """Send some frames; where the hub is then. It may be further: others send the same run."""
        position = piece.end
        try:
            answer = self.hub.request(
                "PATCH",
                ("runs", self.run, "segments", file.segment),
                query={"project": self.project or self._project_of(file)},
                headers={
                    "upload-offset": str(piece.start.offset),
                    "madang-chain": piece.start.chain.hex(),
                    "content-type": "application/octet-stream",
                },
                body=piece.data,
            )
        except Conflict as error:
            if isinstance(error, Diverged):
                raise
            return self._overtaken(file, piece, error)
        offset, chain = self._position_in(answer)
        if offset < position.offset or (offset == position.offset and chain != position.chain.hex()):
            self._at.pop(file.segment, None)  # ask again before going on
            raise Unavailable(
                f"{answer.url} acknowledged {chain} at byte {offset} of what is {position.chain.hex()} at byte"
                f" {position.offset}.",
                hint="It is asked again later; nothing is lost.",
            )
        if offset > position.offset:
            position = self._checked(file, offset, chain)
        self._note(file.segment, position)
        self.progress.bytes += len(piece.data)
        return position

    def _overtaken(self, file: SegmentFile, piece: Piece, error: Conflict) -> journal.Position:
        """The hub has got beyond our piece from somebody else meanwhile: go on from there, or tell its refusal."""
        position = self._checked(file, *self.hub_position(file.segment))
        if position.offset <= piece.start.offset:
            raise error
        self._note(file.segment, position)
        return position

    def _note(self, segment: str, position: journal.Position) -> None:
        self._at[segment] = position
        self.acknowledged[segment] = position.offset

    def _project_of(self, file: SegmentFile) -> str:
        if not file.project:
            next(file.pieces(journal.Position()), None)
        return file.project

    def _send_blobs(self, file: SegmentFile, piece: Piece) -> None:
        for digest in piece.blobs:
            if digest not in self._blobs:
                self._send_blob(self.project or self._project_of(file), digest)
                self._blobs.add(digest)

    def _send_blob(self, project: str, digest: str) -> None:
        path = layout.blob_path(self._store, digest)
        try:
            size = os.stat(path).st_size
        except OSError:
            self.progress.missing.append(digest)
            return
        if size > ASK_FIRST and self._has(("projects", project, "blobs", digest)):
            return
        put_blob(self.hub, project, digest, path, size)
        self.progress.blobs += 1
        self.progress.blob_bytes += size

    def _has(self, where: tuple[str, ...]) -> bool:
        try:
            self.hub.request("HEAD", where)
        except NotFound:
            return False
        return True


def put_blob(hub: HubClient, project: str, digest: str, path: str, size: int) -> None:
    """Send the bytes of a file, which are those of the digest."""

    def opened() -> IO[bytes]:
        return open(path, "rb")

    kind = {"content-type": "application/octet-stream"}
    hub.request("PUT", ("projects", project, "blobs", digest), headers=kind, body=opened, size=size)
