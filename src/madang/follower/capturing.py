"""The capture of one process's code and environment as the events of a run."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, field

from blake3 import blake3

from madang.backends.git.program import GitProgram
from madang.backends.objects.local import LocalObjects
from madang.domain.causes import is_program
from madang.domain.events import Started
from madang.domain.values import mutable
from madang.follower.system import environment_of
from madang.formats import segment as codec
from madang.workspace import capture, environment


@mutable
class Capture:
    """What was captured of a process, and when."""

    began: int  # µs since 1970 UTC
    ended: int
    process_started: int
    changed: set[str] = field(default_factory=set)  # files written after the process had started
    paths: frozenset[str] = frozenset()  # files whose text was captured: changed or untracked ones


def of_process(
    store: str, started: Started, at: int, pid: int, written: set[str], writer: codec.SegmentWriter
) -> Capture:
    """Capture what a process runs and write it down; durable when this returns.

    ``at`` is the time of the `started` event, which counts where the start of the process is not known; ``written``
    are files that the run has made itself, which are no part of its code.
    """
    began = time.time_ns() // 1000
    since = started.process_started or at
    root = os.path.abspath(started.root or started.cwd or "/")
    entry = capture.entry_script(started.command, started.cwd, root)
    blobs = LocalObjects(store + "/blobs")

    def put(data: bytes) -> str:
        digest = blake3(data).hexdigest()
        blobs.put(f"{digest[:2]}/{digest[2:]}", data, if_absent=True)
        return "blake3:" + digest

    git = GitProgram(root) if started.root else None
    found = capture.capture_code(git, root, put, entry=entry, without=written)
    # A file that Git does not know and that is no program may be something that the run has just written itself;
    # one that it reads is seen when it is opened.
    outputs = {item.path for item in found.code.untracked if item.path != entry and not is_program(item.path)}
    changed = set(capture.changed_since(root, set(found.paths) - outputs, since))
    ended = time.time_ns() // 1000
    writer.append(codec.CODE, asdict(found.code))
    variables = environment_of(pid)
    writer.append(codec.ENVIRONMENT, asdict(environment.capture(started.executable, variables)))
    writer.append(codec.CAPTURED, {"began": began, "ended": ended, "changed": sorted(changed)})
    writer.sync()
    return Capture(began, ended, since, changed, frozenset(found.paths))


def changed_imports(done: Capture, imports: dict[str, int]) -> set[str]:
    """The imported files that were written after the process had started: it may have run another text than we read."""
    return {path for path, modified in imports.items() if modified > done.process_started + capture.CLOCK_TICK}


def changed_reads(done: Capture, root: str, opened: set[str], ended: int) -> set[str]:
    """The files of the code that were opened and had been written between the process's start and its end (0: unknown).

    A file in Git that somebody edits between the capture and the moment at which the script opens it was read with
    another text than the one on record; who edits it when the run is over has changed nothing. Data that is tracked
    otherwise is told by its digest.
    """
    suspects = set(capture.changed_since(root, opened, done.process_started, ended)) if root else set()
    if not suspects:
        return suspects
    return suspects & (done.paths | set(GitProgram(root).tracked()))
