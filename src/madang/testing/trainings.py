"""Trainings without the SDK, and followers with short patience, for tests of the follower."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from madang.domain import events
from madang.domain.events import Event
from madang.domain.run_state import RunState, apply
from madang.formats import journal
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.testing.segment_files import segment_files

# A training process without the SDK: it writes a segment, says so, and waits for its end.
TRAINING = """
import os, sys, time
from madang.formats import segment as codec, store as layout
store, run, root, script = sys.argv[1:5]
segment = os.urandom(16).hex()
layout.ensure(store)
os.makedirs(layout.run_dir(store, run), exist_ok=True)
layout.hold(layout.lock_path(store, run, segment))
writer = codec.SegmentWriter(layout.segment_path(store, run, segment), segment, {
    "run": run, "project": "p", "writer": os.environ.get("WRITER", "process"),
    "host": os.environ.get("HOST_NAME") or os.uname().nodename, "user": "u", "pid": os.getpid(), "version": "t"})
writer.append(codec.STARTED, {"command": ["python", script], "cwd": root, "root": root, "executable": sys.executable,
    "process_started": int(time.time() * 1e6)})
print(segment, flush=True)
for line in sys.stdin:
    verb, _, rest = line.strip().partition(" ")
    if verb == "read":
        writer.append(codec.OPENED, {"read": rest.split("|"), "written": []})
    elif verb == "wrote":
        writer.append(codec.OPENED, {"read": [], "written": rest.split("|")})
    elif verb == "log":
        writer.metrics({"x": float(rest)}, 0)
    elif verb == "finish":
        writer.append(codec.FINISHED, {"status": "finished"})
        writer.close()
        layout.release(layout.lock_path(store, run, segment))
    print("done", flush=True)
"""


class Training:
    """One training process."""

    def __init__(self, store: Path, run: str, root: Path, **env: str) -> None:
        self.run = run
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(store), run, str(root), "train.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        assert self.process.stdout is not None
        self.segment = self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        """Have it do something, and wait until it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "done"

    def kill(self) -> None:
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Finish and exit."""
        self.tell("finish")
        self.leave()

    def leave(self) -> None:
        """Exit without a word."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Place:
    """A repository, its store, and what was started there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = root / ".git" / "madang"
        self.trainings: list[Training] = []
        self.followers: list[subprocess.Popen[str]] = []

    def train(self, run: str = "", **env: str) -> Training:
        """Start a training; its segment exists when this returns."""
        training = Training(self.store, run or os.urandom(16).hex(), self.root, **env)
        self.trainings.append(training)
        return training

    def follow(
        self, run: str = "", *, idle: float = 0.5, doubt: float = 0.2, patience: float = 60.0
    ) -> subprocess.Popen[str]:
        """Start a follower, with shorter patience than usual; ``patience`` is for a hub, after the end of a run."""
        script = (
            "import sys; from madang.follower import process, run, uploads, __main__ as program;"
            f"process.IDLE = {idle}; run.DOUBT = {doubt}; process.CALM = process.QUICK = 0.05;"
            f"uploads.GIVE_UP = {patience}; uploads.FIRST_PAUSE = uploads.EVERY = 0.05;"
            "sys.exit(program.main(sys.argv[1:]))"
        )
        extra = ["--run", run] if run else []
        with open(self.store / "follower.log", "a") as log:
            started = subprocess.Popen(
                [sys.executable, "-c", script, "--store", str(self.store), *extra],
                stdin=subprocess.DEVNULL, stderr=log, text=True,
            )  # fmt: skip
        self.followers.append(started)
        return started

    def folder(self, run: str) -> Path:
        """The folder of a run."""
        return Path(layout.run_dir(str(self.store), run))

    def events(self, run: str) -> list[tuple[events.Stamp, Event]]:
        """Every event of a run, in the order of stamps."""
        found: list[tuple[events.Stamp, Event]] = []
        for segment, data in segment_files(self.folder(run)).items():
            found += journal.read_events(data, segment, journal.Position())
        return sorted(found, key=lambda item: item[0])

    def of_kind(self, run: str, kind: type[Event]) -> list[Event]:
        """The events of one type."""
        return [event for _, event in self.events(run) if isinstance(event, kind)]

    def state(self, run: str) -> RunState:
        """The state that readers derive."""
        state = RunState(run)
        for stamp, event in self.events(run):
            apply(state, stamp, event)
        return state

    def rows(self, run: str, kind: int = codec.SYSTEM) -> list[dict[str, float]]:
        """The rows of all system (or metrics) frames of a run."""
        rows = []
        for segment, data in segment_files(self.folder(run)).items():
            sets: dict[int, journal.KeySet] = {}
            for frame in journal.read_frames(data, journal.Position()):
                if frame.kind == codec.KEYS:
                    _, event = journal.decode_event(frame.payload, segment, frame.sequence)
                    assert isinstance(event, events.Keys)
                    sets[event.id] = journal.KeySet(event.names, event.types)
                elif frame.kind == kind:
                    keys = sets[journal.keyset_of(frame.payload)]
                    rows.append(dict(zip(keys.names, keys.row(frame.payload)[2], strict=True)))
        return rows

    def log(self) -> str:
        """The follower's log."""
        return (self.store / "follower.log").read_text()

    def wait(self, condition: Callable[[], object], seconds: float = 200.0) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def captured(self, run: str) -> bool:
        """Whether the follower has marked the run as captured."""
        return (self.folder(run) / "captured").exists()
