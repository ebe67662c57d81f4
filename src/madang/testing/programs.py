"""For tests: a work tree with a store of its own, programs that log into it, and what they wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from madang.domain.events import Event, Stamp
from madang.domain.run_state import RunState, apply, outcome
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.formats.journal import KeySet, Position, decode_event, keyset_of, read_events, read_frames
from madang.testing.segment_files import segment_bytes, segment_files
from madang.testing.typed import scripted

T = TypeVar("T")


@dataclass
class Place:
    """A Git work tree, its store, and what programs wrote there."""

    root: Path
    store: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def env(self, **more: str) -> dict[str, str]:
        """The environment for a program: no settings of the tester's own."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MADANG_")}
        return {**clean, "MADANG_FOLLOWER": "0", "PYTHONFAULTHANDLER": "1", **more}

    def start(self, code: str, *args: str, **env: str) -> subprocess.Popen[str]:
        """Start a Python program in the work tree."""
        path = self._written(code)
        process = subprocess.Popen(
            [sys.executable, str(path), *args],
            cwd=self.root, env=self.env(**env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def run(self, code: str, *args: str, expect: int = 0, **env: str) -> str:
        """Run a Python program in the work tree and return its output."""
        process = self.start(code, *args, **env)
        out, err = process.communicate(timeout=250)
        assert process.returncode == expect, f"exit {process.returncode}\n{out}\n{err}"
        return out

    def forked(self, code: str, loads: str, **env: str) -> str:
        """As `run`, in a process forked from one that has loaded modules already: ``loads``, apart by commas."""
        done = scripted(str(self._written(code)), (), str(self.root), self.env(**env), loads)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == 0, f"exit {done.returncode}\n{out}\n{err}"
        return out

    def _written(self, code: str) -> Path:
        """The file of a program."""
        path = self.root / f"program-{abs(hash(code)) % 10**8}.py"
        if not path.exists():  # one that is being read by another process must not be cut
            path.write_text(code, encoding="utf-8")
        return path

    def runs(self) -> list[str]:
        """Ids of all runs in the store."""
        return sorted(path.name for path in Path(self.store, "segments").glob("*/*"))

    def segments(self, run: str) -> list[Path]:
        """Segment files of a run by their plain names; `segment_bytes` reads them, also when they are packed."""
        folder = Path(layout.run_dir(self.store, run))
        return [folder / f"{segment}.seg" for segment in segment_files(folder)]

    def only(self) -> str:
        """The id of the only run."""
        (run,) = self.runs()
        return run

    def state(self, run: str = "") -> RunState:
        """The state that the segments of a run (the only one by default) lead to."""
        state = RunState(run or self.only())
        for stamp, event in self._stamped(state.run):
            apply(state, stamp, event)
        return state

    def status(self, run: str = "") -> str:
        """Where the run stands."""
        return outcome(self.state(run)).status

    def points(self, run: str = "") -> list[tuple[str, int, Any]]:
        """Every logged (key, step, value), segment by segment; every segment must be whole up to a torn tail."""
        found: list[tuple[str, int, Any]] = []
        for path in self.segments(run or self.only()):
            found += points_of(path)
        return found

    def events(self, kind: type[T], run: str = "") -> list[T]:
        """Every event of a kind, in the order of time."""
        return [event for _, event in self._stamped(run or self.only()) if isinstance(event, kind)]

    def _stamped(self, run: str) -> list[tuple[Stamp, Event]]:
        found: list[tuple[Stamp, Event]] = []
        for path in self.segments(run):
            found += read_events(segment_bytes(path), path.stem, Position())
        return sorted(found, key=lambda pair: pair[0])


def points_of(path: Path) -> list[tuple[str, int, Any]]:
    """Points of one segment file."""
    position = Position()
    keys: dict[int, KeySet] = {}
    found: list[tuple[str, int, Any]] = []
    for frame in read_frames(segment_bytes(path), position):
        if frame.kind == codec.KEYS:
            event: Any = decode_event(frame.payload, path.stem, frame.sequence)[1]
            keys[event.id] = KeySet(event.names, event.types)
        elif frame.kind == codec.METRICS:
            known = keys[keyset_of(frame.payload)]
            _, step, values = known.row(frame.payload)
            found += [(key, step, value) for key, value in zip(known.names, values, strict=True)]
    assert not position.damage, position.damage
    return found
