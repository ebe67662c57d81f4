"""The outputs of a stage before its command makes new ones: moved aside, brought back when it fails or is killed.

dvc deletes them. Here a folder ``.dvc/tmp/madang/stages/NAME`` holds ``lock``, held by whoever runs the stage,
``record.json`` (what was moved) and the files. Without its record nothing in it is needed any more: removing the record
is what makes a success final.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from madang.domain.values import value
from madang.durable import remove_tree, unlink
from madang.errors import Refused
from madang.staging import abandoned
from madang.workspace.data.files import undoing
from madang.workspace.data.repo.repository import Repository
from madang.workspace.processes import end_left

if TYPE_CHECKING:
    import psutil

_FOLDER, _RECORD = "stages", "record.json"
_locks: set[int] = set()  # descriptors of this process


def _leave_locks() -> None:
    """A process that executes a stage does not hold its outputs: they are free when the reproduction is dead."""
    for lock in _locks:
        os.close(lock)
    _locks.clear()


os.register_at_fork(after_in_child=_leave_locks)


@value
class Brought:
    """What became of an execution that did not succeed."""

    stage: str
    paths: tuple[str, ...]  # absolute: what is as it was before
    kept: str = ""  # folder that holds what the command had made in their place


class Aside:
    """The outputs of one execution. Made with the repository held."""

    def __init__(self, repository: Repository, stage: str, paths: Sequence[str]) -> None:
        """Move what exists of ``paths`` (absolute). Raises `Refused` when one cannot be moved; then none is.

        ``stage`` is what the command has as ``DVC_STAGE`` in its environment.
        """
        self._repository = repository
        self._stage = stage
        self._moves: list[tuple[str, str]] = []
        present = [path for path in paths if os.path.lexists(path)]
        area = os.path.join(repository.private_dir, _FOLDER)
        self._folder = os.path.join(area, f"{os.getpid()}-{os.urandom(6).hex()}")
        os.makedirs(self._folder)
        self._lock = os.open(os.path.join(self._folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _locks.add(self._lock)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        device = os.stat(self._folder).st_dev
        for number, path in enumerate(present):
            above = os.path.dirname(path)
            near = os.path.join(self._folder, str(number))
            far = os.path.join(above, f".{os.path.basename(path)[:100]}.{os.urandom(4).hex()}.madang")
            self._moves.append((path, near if os.stat(above).st_dev == device else far))
        self._write_record()
        try:
            for path, aside in self._moves:
                os.rename(path, aside)
        except OSError as error:
            self.bring_back()
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            raise Refused(
                f"The output {error.filename} of {stage} cannot be moved aside: it is a mount point.",
                hint="Set persist: true for it, or name a folder inside it.",
            ) from None

    def _write_record(self) -> None:
        record = os.path.join(self._folder, _RECORD)
        with open(record + ".new", "w", encoding="utf-8") as file:
            json.dump({"stage": self._stage, "moves": self._moves}, file)
        os.rename(record + ".new", record)

    def settle(self, unsaved: Sequence[str]) -> str:
        """The stage succeeded: what was before goes, but for ``unsaved`` paths, which `undoing` keeps.

        Returns the folder that holds those, or nothing.
        """
        if not self._folder:
            return ""
        kept = ""
        moves = dict(self._moves)
        wanted = [path for path in unsaved if path in moves and _is_inside(self._repository, path)]
        unlink(os.path.join(self._folder, _RECORD))
        if wanted:
            kept = undoing.keep(self._repository, wanted, f"repro {self._stage}", moves)
        for _, aside in self._moves:
            _remove(aside)
        self._close()
        return kept

    def bring_back(self) -> Brought | None:
        """The stage did not succeed: everything is as it was. None when nothing had been moved."""
        if not self._folder:
            return None
        brought = _restore(self._repository, self._folder)
        self._close()
        return brought

    def _close(self) -> None:
        remove_tree(self._folder)
        os.close(self._lock)
        _locks.discard(self._lock)
        self._folder = ""


def recover(repository: Repository) -> list[Brought]:
    """End what still runs of stages whose execution was killed, and bring back their outputs.

    The caller holds the repository.
    """
    area = os.path.join(repository.private_dir, _FOLDER)
    if not os.path.isdir(area):
        return []
    found = []
    for folder in abandoned(area):
        _end_command(repository, folder)
        brought = _restore(repository, folder)
        if brought is not None:
            found.append(brought)
        remove_tree(folder)
    return found


def _end_command(repository: Repository, folder: str) -> None:
    """A command outlives who had started it and was killed; what it still writes would spoil the next execution."""
    stage = _record(folder).get("stage")

    def is_its(process: psutil.Process) -> bool:
        variables = process.environ()
        return variables.get("DVC_STAGE") == stage and variables.get("DVC_ROOT") == repository.root

    if stage:
        end_left(is_its)


def _record(folder: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, _RECORD), encoding="utf-8") as file:
            record: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return {}
    return record


def _restore(repository: Repository, folder: str) -> Brought | None:
    record = _record(folder)
    if not record:
        return None
    moves = [(path, aside) for path, aside in record["moves"] if os.path.lexists(aside)]
    made = [path for path, _ in moves if os.path.lexists(path) and _is_inside(repository, path)]
    kept = undoing.keep(repository, made, f"repro {record['stage']} (failed)") if made else ""
    for path, aside in moves:
        _remove(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.rename(aside, path)
    unlink(os.path.join(folder, _RECORD))
    return Brought(record["stage"], tuple(path for path, _ in moves), kept) if moves else None


def _is_inside(repository: Repository, path: str) -> bool:
    return path.startswith(repository.root.rstrip(os.sep) + os.sep)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        remove_tree(path)
    else:
        unlink(path)
