"""One run that the follower looks after."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from madang.domain import events
from madang.domain.events import Event, Stamp
from madang.domain.ids import new_id
from madang.domain.run_state import PRIMARY
from madang.errors import MadangError
from madang.follower import capturing
from madang.follower.system import Machine, Processes, environment_of, same_cgroup
from madang.follower.tail import Tail
from madang.formats import recent
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.version import __version__

DOUBT = 1.0  # seconds for which a writer without its lock may still be starting
FIRST_WAIT = 10.0  # seconds for a run to show its first segment
SAMPLES_AT_FIRST = 2.0  # seconds between samples during the first minute
SAMPLES_LATER = 10.0
HEARTBEATS = 30.0
RETRY = 5.0  # seconds until a run is looked at again after a failure
MAX_FAILURES = 200
INPUTS_AT_ONCE = 200  # in one round, so that samples and uploads go on
if TYPE_CHECKING:
    from madang.follower.uploads import Upload, Uploads
    from madang.workspace.inputs import Inputs

_DECIDING = PRIMARY | {"launcher"}


@dataclass
class Writer:
    """What is known of one segment that somebody else writes."""

    tail: Tail
    header: events.Header | None = None
    started: tuple[Stamp, events.Started] | None = None
    captured: bool = False
    finished: bool = False


@dataclass
class _Seen:
    """What the run's processes have told of themselves."""

    imports: dict[str, int] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)  # all that was ever read; `read` is what waits to be resolved
    read: dict[str, int] = field(default_factory=dict)  # opened paths that were not resolved yet → when (µs)
    again: dict[str, int] = field(default_factory=dict)  # opened path → when it was opened last (µs)
    named: dict[str, int] = field(default_factory=dict)  # path → when some follower has named its data (µs)
    captured: int = 0  # time of the newest capture, by whichever follower
    ended: int = 0  # time of the newest word of a process about its end; 0 when it was killed
    told: set[str] = field(default_factory=set)  # segments of which some writer said how they ended

    def forget_named(self) -> None:
        """Leave what has been named since it was read: by now the file may hold something else."""
        for path, at in list(self.read.items()):
            named, again = self.named.get(path, 0), self.again.get(path, 0)
            if named > at and again > named:
                self.read[path] = again
            elif named > at:
                del self.read[path]


class FollowedRun:
    """A run: its segments, our own segment beside them, and what is still to do."""

    def __init__(
        self,
        store: str,
        run: str,
        say: Callable[[str], None],
        uploads: Callable[[], Uploads],
        *,
        expected: bool = False,
    ) -> None:
        self.store = store
        self.run = run
        self.done = False
        self.project = ""
        self.root = ""
        self._folder = layout.run_dir(store, run)
        self._say = say
        self._uploads = uploads
        self._upload: Upload | None = None
        self._asked_for_hub = False
        self._ended = False
        self._inputs: Inputs | None = None
        self._expected = expected  # its process has started us: it is ours though it may be gone already
        self._writers: dict[str, Writer] = {}
        self._seen = _Seen()
        self._processes = Processes()
        self._unlocked: dict[str, float] = {}  # writers whose lock nobody holds, and since when: starting, or dead
        self._own: codec.SegmentWriter | None = None
        self._capture: capturing.Capture | None = None
        self._began = time.monotonic()
        self._next_sample = self._next_beat = 0.0
        self._samples = 0
        self._retry_at = 0.0
        self._failures = 0
        self._failure = ""

    @property
    def awaited(self) -> bool:
        """Whether a process may be waiting for its capture."""
        return self._capture is None and time.monotonic() - self._began < FIRST_WAIT

    def look(self, now: float, machine: Machine) -> None:
        """One round. Raises `StorageError` or `OSError` when the disk refuses; it may be repeated."""
        if self._ended:
            self.done = self._upload is None or self._upload.over
            return
        if now < self._retry_at:
            return
        locks = self._find_segments()
        alive = {name for name in locks if layout.is_held(layout.lock_path(self.store, self.run, name))}
        for writer in self._writers.values():
            self._take(writer)
        self._close_dead(locks - alive, now)
        ours = [writer for name, writer in self._writers.items() if name in alive and self._is_ours(writer)]
        if self._expected and self._capture is None:
            ours = ours or [writer for writer in self._writers.values() if writer.header is not None]
        self._capture_new(ours)
        self._upload_for(ours)
        self._resolve(INPUTS_AT_ONCE)
        if any(not writer.finished for writer in ours):
            self._sample(ours, machine, now)
        elif (self._writers or now - self._began > FIRST_WAIT) and not self._unlocked:
            self._last_pass()
            self.close()
            with open(os.path.join(self._folder, "resolved"), "w", encoding="ascii"):
                pass
            self._ended = True
            self.done = self._upload is None
            if self._upload is not None:
                self._upload.end()
                self._uploads().hurry()

    def failed(self, now: float, why: str) -> None:
        """A round failed: say so once, leave the run alone for a while, and for good when it fails again and again."""
        if why != self._failure:
            self._failure = why
            self._say(f"run {self.run}: {why}")
        self._failures += 1
        self._retry_at = now + RETRY
        self.done = self._failures >= MAX_FAILURES

    def close(self) -> None:
        """End our own segment."""
        own, self._own = self._own, None
        if own is not None:
            try:
                own.append(codec.FINISHED, {"status": "finished"})
                own.sync()
            except MadangError as error:
                self._say(f"run {self.run}: {error}")
            own.close()
            layout.release(layout.lock_path(self.store, self.run, own.segment))

    def _find_segments(self) -> set[str]:
        """Begin to read new segments; return the writers that have a lock file, ourselves left out."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            names = []
        own = self._own.segment if self._own is not None else ""
        locks = set()
        for name in names:
            segment, _, ending = name.partition(".")
            if segment == own or len(segment) != 32:
                continue
            if ending in ("seg", "seg.zst") and segment not in self._writers:
                self._writers[segment] = Writer(Tail(os.path.join(self._folder, segment + ".seg"), segment))
            elif ending == "lock":
                locks.add(segment)
        return locks

    def _take(self, writer: Writer) -> None:
        """Read what is new in a segment."""
        damaged = writer.tail.damage
        for stamp, event in writer.tail.read():
            self._event(writer, stamp, event)
        if writer.tail.damage and not damaged:
            self._say(f"run {self.run}: segment {writer.tail.segment}: {writer.tail.damage}")

    def _event(self, writer: Writer, stamp: Stamp, event: Event) -> None:
        match event:
            case events.Header():
                writer.header = event
                self.project = self.project or event.project
            case events.Started():
                writer.started = (stamp, event)
                self.root = self.root or event.root
            case events.Finished():
                if event.of and event.of != stamp.segment:
                    self._seen.told.add(event.of)
                else:
                    writer.finished = True
                    self._seen.ended = max(self._seen.ended, stamp.time)
                    if self._upload is not None:
                        self._uploads().hurry()
            case events.Captured():
                self._seen.captured = max(self._seen.captured, stamp.time)
            case events.Imports():
                self._seen.imports.update(event.files)
            case events.Opened():
                self._seen.written.update(event.written)
                self._seen.opened.update(event.read)
                for path in event.read:
                    self._seen.read.setdefault(path, stamp.time)
                    self._seen.again[path] = max(stamp.time, self._seen.again.get(path, 0))
            case events.Inputs():
                for item in event.items:
                    self._seen.named[item.path] = max(stamp.time, self._seen.named.get(item.path, 0))
            case _:
                pass

    def _is_ours(self, writer: Writer) -> bool:
        """Whether the writer is a process that we see, in our cgroup: its pid means nothing elsewhere."""
        header = writer.header
        return (
            header is not None
            and header.writer != "follower"
            and header.host == os.uname().nodename
            and header.pid > 0
            and (self._expected or same_cgroup(header.pid))
        )

    def _close_dead(self, unlocked: set[str], now: float) -> None:
        """Say of a writer that lost its lock without a word that it crashed, and clear the lock file away."""
        self._unlocked = {name: since for name, since in self._unlocked.items() if name in unlocked}
        for name in unlocked:
            writer = self._writers.get(name)
            if writer is not None and writer.header is not None and writer.header.host != os.uname().nodename:
                continue  # another machine's: its own follower knows better
            if now - self._unlocked.setdefault(name, now) <= DOUBT:
                continue
            if writer is not None:
                self._close_writer(name, writer)
            with suppress(OSError):  # a full disk: readers find it where it is
                recent.settle(layout.segment_path(self.store, self.run, name))
            with suppress(FileNotFoundError):
                os.unlink(layout.lock_path(self.store, self.run, name))
            del self._unlocked[name]

    def _close_writer(self, name: str, writer: Writer) -> None:
        self._take(writer)
        decides = writer.header is not None and writer.header.writer in _DECIDING
        if decides and not writer.finished and name not in self._seen.told:
            own = self._segment()
            own.append(codec.FINISHED, {"of": name, "status": "crashed"})
            own.sync()

    def _capture_new(self, ours: list[Writer]) -> None:
        """Capture for the first process of the run, and again for each that resumes it."""
        for writer in ours:
            if writer.started is None or writer.captured or writer.header is None:
                continue
            stamp, started = writer.started
            if not self._seen.captured or (isinstance(started, events.Resumed) and stamp.time > self._seen.captured):
                self._capture = capturing.of_process(
                    self.store, started, stamp.time, writer.header.pid, self._seen.written, self._segment()
                )
                self._seen.captured = self._capture.ended
            with open(os.path.join(self._folder, "captured"), "w", encoding="ascii"):
                pass
            writer.captured = True

    def _upload_for(self, ours: list[Writer]) -> None:
        """Have the run uploaded when its process was told a hub."""
        if self._asked_for_hub or not ours or os.path.exists(os.path.join(self._folder, "offline")):
            return
        try:
            with open(os.path.join(self._folder, "hub"), encoding="utf-8") as file:
                address = file.read().strip()
        except OSError:
            return
        self._asked_for_hub = True
        header = ours[0].header
        variables = environment_of(header.pid) if header is not None else {}
        self._upload = self._uploads().want(self.run, address, variables or os.environ)

    def _sample(self, ours: list[Writer], machine: Machine, now: float) -> None:
        if now < self._next_sample:
            return
        early = now - self._began < 60.0
        self._next_sample = now + (SAMPLES_AT_FIRST if early else SAMPLES_LATER)
        values = machine.sample(now, self.root or self.store)
        values.update(self._processes.sample(writer.header.pid for writer in ours if writer.header is not None))
        self._segment().metrics(values, self._samples, codec.SYSTEM)
        self._samples += 1
        if now >= self._next_beat:
            self._next_beat = now + HEARTBEATS
            self._segment().append(codec.HEARTBEAT, {})

    def _last_pass(self) -> None:
        """What can be said only when the processes have ended: all inputs, and which files of the code had changed."""
        while self._seen.read and self._resolve(INPUTS_AT_ONCE):
            pass
        if self._inputs is not None:
            self._inputs.close()
        done = self._capture
        if done is None:
            return
        changed = (done.changed - self._seen.written) | capturing.changed_imports(done, self._seen.imports)
        changed |= capturing.changed_reads(done, self.root, self._seen.opened - self._seen.written, self._seen.ended)
        if changed != done.changed:
            self._segment().append(
                codec.CAPTURED, {"began": done.began, "ended": done.ended, "changed": sorted(changed)}
            )
            done.changed = changed

    def _resolve(self, most: int) -> bool:
        """Name the tracked data among the files that were opened; False when none of them can be named now."""
        self._seen.forget_named()
        if not self._seen.read or not self.root:
            return False
        paths = dict(islice(self._seen.read.items(), most))
        for path in paths:
            del self._seen.read[path]
        if self._inputs is None:
            from madang.workspace.inputs import Inputs  # noqa: PLC0415 - the first capture is waited for, this is not

            self._inputs = Inputs(self.root)
        try:
            items, busy = self._inputs.resolve(paths)
        except MadangError as error:
            self._say(f"run {self.run}: inputs of the run cannot be told: {error}")
            return True
        if self._capture is not None:
            named = {item.path for item in items} | self._seen.written | set(busy)
            others = {path: at for path, at in paths.items() if path not in named}
            items += self._inputs.untracked(others, self._capture.paths)
        if items:
            self._segment().append(codec.INPUTS, {"items": [asdict(item) for item in items]})
        self._seen.read.update({path: paths[path] for path in busy})
        return len(busy) < len(paths)

    def _segment(self) -> codec.SegmentWriter:
        """Our own segment of this run, begun on first use."""
        if self._own is None:
            segment = new_id()
            lock = layout.lock_path(self.store, self.run, segment)
            layout.hold(lock)
            header = {
                "run": self.run, "project": self.project, "writer": "follower", "host": os.uname().nodename,
                "user": os.environ.get("USER") or str(os.getuid()), "pid": os.getpid(), "version": __version__,
            }  # fmt: skip
            try:
                self._own = codec.SegmentWriter(layout.segment_path(self.store, self.run, segment), segment, header)
            except MadangError:
                layout.release(lock)
                raise
            layout.announce(self.store, self.run)
        return self._own
