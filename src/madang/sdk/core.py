"""How a process writes to a run: one lock of its own, one frame for each call, a new segment when in doubt."""

from __future__ import annotations

import os
from _thread import RLock

from madang.errors import InvalidInput
from madang.formats import store as layout
from madang.sdk.writer import NoWriter, RunWriter, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from madang.formats.store import StorePaths


class Core:
    """The journal of one run in one process; safe for threads, forks, signal handlers and interruptions."""

    def __init__(
        self, header: dict[str, Any], places: StorePaths, *, silent: bool = False, attached: bool = False
    ) -> None:
        self.id: str = header["run"]
        self.places = places
        self.forked = attached  # in a child process: it adds to the run and does not end it
        self.last_step = -1
        self._header = header
        self._lock = RLock()
        self._spare: list[RunWriter] = []  # segments for calls that interrupt another call of their own thread
        self._pending: list[Callable[[], None]] = []
        self._writer: NoWriter | RunWriter = NoWriter()
        self._metrics: Callable[..., None] = self._writer.metrics
        if attached and not silent:
            self._set_unopened()
        elif not silent:
            self._open()

    @property
    def segment(self) -> str:
        """The id of the segment that this process writes; empty before the first event of a child process."""
        return self._writer.segment

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record values at a step: numbers, booleans, texts, NumPy scalars, 0-d arrays and tensors.

        Nested mappings are joined with ``/``. Without a step it is the last one plus one; steps may go back.

        Raises:
            InvalidInput: a value is a list or an array, or the step is not a 64-bit integer.
            Conflict: the run has finished.
            StorageError: the disk refused; nothing of this call was kept.
        """
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]  # a signal handler inside a call of this very thread
            self._aside("metrics", metrics, self.last_step + 1 if step is None else step)
            return
        with lock:
            if step is None:
                step = self.last_step + 1
            try:
                self._metrics(metrics, step)
            except BaseException as error:
                self._abandon_torn()
                if not hasattr(metrics, "items"):
                    raise InvalidInput(f"log() takes a mapping of names to values, not {metrics!r:.80}.") from error
                raise
            self.last_step = step
            if self._pending:
                self._drain()

    def append(self, kind: int, body: Mapping[str, Any]) -> None:
        """Write one event of the journal (docs/formats/journal.md).

        Raises:
            Conflict: the run has finished.
            StorageError: the disk refused.
        """
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]
            self._aside("append", kind, body)
            return
        with lock:
            self.write_now(kind, body)
            if self._pending:
                self._drain()

    def write_now(self, kind: int, body: Mapping[str, Any]) -> None:
        """Write one event; only for an action of `serialize`, which holds the lock."""
        try:
            self._writer.append(kind, body)
        except BaseException:
            self._abandon_torn()
            raise

    def append_aside(self, kind: int, body: Mapping[str, Any]) -> None:
        """Write one event to a small segment of its own, whatever this thread or another is in the middle of."""
        writer = self._new_segment({**self._header, "writer": "signal", "parent": self._writer.segment})
        writer.append(kind, body)
        self._close(writer)

    def serialize(self, action: Callable[[], None]) -> None:
        """Do ``action`` under the lock; when it interrupts a call of this thread, after that call."""
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]
            self._pending.append(action)
            return
        with lock:
            action()
            self._drain()

    def _drain(self) -> None:
        while self._pending:
            self._pending.pop(0)()

    def _open(self) -> RunWriter:
        """Begin a new segment of this process."""
        writer = self._new_segment(self._header)
        self._writer = writer
        self._metrics = writer.metrics
        return writer

    def _new_segment(self, header: Mapping[str, Any]) -> RunWriter:
        segment = os.urandom(16).hex()
        store = self.places.store
        lock = layout.lock_path(store, self.id, segment)
        layout.hold(lock)
        try:
            writer = RunWriter(layout.segment_path(store, self.id, segment), segment, {**header, "pid": os.getpid()})
        except BaseException:
            layout.release(lock)
            raise
        layout.announce(store, self.id)
        return writer

    def _aside(self, method: str, *args: Any) -> None:
        """A call that interrupts another of its thread has a segment of its own: waiting would never end."""
        if not isinstance(self._writer, RunWriter):
            getattr(self._writer, method)(*args)
            return
        try:
            spare = self._spare.pop()
        except IndexError:
            spare = self._new_segment({**self._header, "writer": "signal", "parent": self._writer.segment})
        getattr(spare, method)(*args)
        self._spare.append(spare)

    def _abandon_torn(self) -> None:
        """After a failed call: go on in a new segment unless this one certainly ends with a whole record.

        An interrupt may come between a write and the note of it; a disk may refuse to cut off a torn record.
        """
        writer = self._writer
        if isinstance(writer, RunWriter) and not writer.is_whole():
            self._set_unopened()
            self._close(writer)

    def _set_unopened(self) -> None:
        self._writer = Unopened(self._open)
        self._metrics = self._writer.metrics

    def _close(self, writer: RunWriter) -> None:
        writer.close()
        layout.release(layout.lock_path(self.places.store, self.id, writer.segment))

    def shut(self) -> None:
        """Close the segments for good, without a word about how the run ended."""
        with self._lock:
            for writer in (self._writer, *self._spare):
                if isinstance(writer, RunWriter):
                    self._close(writer)
            self._spare.clear()
            self._writer = NoWriter()
            self._metrics = self._writer.metrics

    def after_fork(self) -> None:
        """In a forked child: leave the parent's segments alone; the first event opens one of the child's own."""
        self._lock = RLock()  # another thread of the parent may have held the old one
        self._pending.clear()
        parent = self._writer.segment
        for writer in (self._writer, *self._spare):
            writer.close()
        self._spare.clear()
        if parent:
            self._header = {**self._header, "writer": "fork", "parent": parent}
        self.forked = True
        if isinstance(self._writer, RunWriter):
            self._set_unopened()
