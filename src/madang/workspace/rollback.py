"""Code and data of a work tree back to what they were, as a new commit: nothing of the history is rewritten.

The steps, the moves of pointers among them, are written down before the first is taken (``rollback-…`` in the store),
so that a rollback that was killed is taken back by the next one, or found complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import field

from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.domain.versions import AliasMove
from madang.durable import write_file
from madang.errors import Conflict, CorruptData, MadangError, NotFound, Refused
from madang.formats.dvc import layout
from madang.ports.git import Git
from madang.ports.objects import Objects
from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
from madang.workspace.data.records import outs
from madang.workspace.data.records.outs import Target, TrackedOut
from madang.workspace.data.records.trees import CommitTree
from madang.workspace.data.remotes import cloud_status, transfer
from madang.workspace.data.repo.repository import Repository, find_root
from madang.workspace.data.repo.settings import RemoteConfig
from madang.workspace.pipelines.results import Results, results

_WAIT, _PAUSE = 10.0, 0.05  # seconds
_WORD = "-ended"

OpenRemote = Callable[[RemoteConfig], Objects]


@mutable
class Plan:
    """What a rollback changes; nothing is changed yet but that the new commit exists beside the branch."""

    old: str  # commits
    new: str
    code: list[tuple[str, str]] = field(default_factory=list)  # letter, path
    data: list[tuple[str, str, str]] = field(default_factory=list)  # path, digest now, digest then; empty: none
    fetch: int = 0  # objects that only a remote has
    missing: list[str] = field(default_factory=list)  # what cannot be had any more


def plan(git: Git, new: str, open_remote: OpenRemote) -> Plan:
    """What going to the commit ``new`` changes, and whether everything it needs can still be had.

    Raises:
        Refused: the work tree has changes that are not committed.
    """
    status = git.status()
    if status.changed:
        shown = ", ".join(status.changed[:5])
        raise Refused(f"These files have changes that are not committed: {shown}.", hint="Commit them, or git stash.")
    old = status.head.commit
    made = Plan(old, new, code=[pair for pair in git.changes(old, new) if not _is_record(pair[1])])
    root = find_root(git.root)
    if root is None:
        return made
    with closing(Repository(root)) as repository:
        now, then = (_recorded(repository, commit) for commit in (old, new))
        for path in sorted(now.keys() | then.keys()):
            digests = [side[path].md5 or "" if path in side else "" for side in (now, then)]
            if digests[0] != digests[1]:
                made.data.append((os.path.relpath(path, git.root), *digests))  # type: ignore[arg-type]
        _look(repository, list(then.values()), made, open_remote)
    return made


def results_of(git: Git, commit: str, runs: Sequence[RunRecord]) -> Results:
    """What executions of stages have left, as files of a commit. Raises `InvalidInput`."""
    root = find_root(git.root)
    if root is None:
        return Results(missing=[f"{git.root} is no data repository: madang init"])
    with closing(Repository(root)) as repository:
        return results(repository, commit, runs)


def _is_record(path: str) -> bool:
    return path.endswith(".dvc") or path.rpartition("/")[2] == "dvc.lock"


def _recorded(repository: Repository, commit: str) -> dict[str, TrackedOut]:
    tree = CommitTree(repository, commit)
    return {out.path: out for out in outs.tracked(repository, tree=tree) if out.md5 and out.entry.cache}


def _targets(repository: Repository, commit: str) -> list[Target]:
    return [Target(out) for out in _recorded(repository, commit).values()]


def _look(repository: Repository, wanted: Sequence[TrackedOut], made: Plan, open_remote: OpenRemote) -> None:
    """Which objects are here, which only in a remote, which nowhere."""
    absent = []
    for out in wanted:
        names = {out.md5 or ""}
        if out.is_dir:
            try:
                names |= set(repository.cache.listing(out.md5 or "").values())
            except (NotFound, CorruptData):
                absent.append(out)
                continue
        if repository.cache.look(names).missing:
            absent.append(out)
    if not absent:
        return
    try:
        states = cloud_status.cloud_changes(repository, [Target(out) for out in absent], open_remote)
    except MadangError as error:
        made.missing += [f"{repository.relative(out.path)} ({out.md5}): {error.message}" for out in absent]
        return
    made.fetch = sum(state == "deleted" for state in states.values())
    made.missing += [f"{path}: neither in the cache nor in the remote" for path, s in states.items() if s == "missing"]


@contextmanager
def alone(store: str) -> Iterator[None]:
    """Be the only rollback of a store, after a while of waiting. Raises `Conflict`."""
    descriptor = os.open(os.path.join(store, "rollback.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = time.monotonic() + _WAIT
    try:
        while not _is_locked(descriptor):
            if time.monotonic() > end:
                raise Conflict("Another rollback is at work here.", hint="Wait for it to end, then repeat.")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def leave_word(git: Git, store: str, text: str) -> None:
    """Write down for the next rollback of this work tree what became of an interrupted one."""
    write_file(_note_of(store, git.root) + _WORD, text.encode())


def word_left(git: Git, store: str) -> str:
    """What was left by `leave_word`, once; empty for nothing."""
    path = _note_of(store, git.root) + _WORD
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        os.unlink(path)
    except FileNotFoundError:
        return ""
    return text


class Rollback:
    """Applies a plan. Until `finish` it can be taken back, also by a later process."""

    def __init__(self, git: Git, store: str, made: Plan, moves: Sequence[AliasMove] = (), reason: str = "") -> None:
        """``moves`` of pointers come after `apply`, for a ``reason`` that no other moves have."""
        self._git = git
        self._note = _note_of(store, git.root)
        self.plan = made
        self.moves = list(moves)
        self.reason = reason

    def fetch(self, open_remote: OpenRemote) -> None:
        """Bring what only a remote has into the cache, of the present data too: it is replaced only when it is saved.

        Raises:
            NotFound, CorruptData: something cannot be had.
        """
        root = find_root(self._git.root)
        if root is None or not self.plan.fetch:
            return
        with closing(Repository(root)) as repository:
            transfer.fetch(repository, _targets(repository, self.plan.old), open_remote)
            moved = transfer.fetch(repository, _targets(repository, self.plan.new), open_remote)
            transfer.raise_if_incomplete(moved, "rollback")

    def apply(self) -> None:
        """Move the branch and the work tree, then the data.

        Raises:
            Conflict, Refused: something is in the way. What was done is taken back first.
        """
        moves = [[one.project, one.name, one.alias, one.number, one.expected] for one in self.moves]
        facts = {"old": self.plan.old, "new": self.plan.new, "moves": moves, "reason": self.reason}
        write_file(self._note, json.dumps(facts).encode())
        try:
            self._git.move(self.plan.old, self.plan.new)
        except BaseException:
            self.finish()
            raise
        try:
            _check_out(self._git.root)
        except BaseException:
            self.take_back()
            raise

    def take_back(self) -> None:
        """Undo `apply`. The new commit stays in git, without a branch. Raises as `Git.take_back`."""
        self._git.take_back(self.plan.old, self.plan.new)
        _check_out(self._git.root)
        self.finish()

    def finish(self) -> None:
        """All is done: forget how to take it back."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._note)


def interrupted(git: Git, store: str) -> Rollback | None:
    """A rollback of this work tree that was killed; none when the branch has gone on since."""
    note = _note_of(store, git.root)
    try:
        with open(note, encoding="utf-8") as file:
            facts = json.load(file)
        moves = [AliasMove(*move) for move in facts["moves"]]
        left = Rollback(git, store, Plan(str(facts["old"]), str(facts["new"])), moves, str(facts["reason"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise CorruptData(
            f"The note of an interrupted rollback, {note}, cannot be read.", hint="Move it away."
        ) from None
    if git.head().commit in (left.plan.old, left.plan.new):
        return left
    left.finish()
    return None


def recover(left: Rollback, *, is_pointed: bool) -> str:
    """End a rollback that was killed: take it back or, when its last step (the pointers) was done, complete it.

    Returns what was done. Raises as `Git.take_back` and `checkout`; the next call tries again.
    """
    old, new = left.plan.old[:12], left.plan.new[:12]
    if not is_pointed:
        left.take_back()
        return f"A rollback to {new} was interrupted; {old} is restored."
    left.finish()
    return f"A rollback to {new} was interrupted when all was done; it stands."


def _note_of(store: str, root: str) -> str:
    """Where a rollback of a work tree is noted: the store is that of all work trees."""
    name = hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()
    return os.path.join(store, f"rollback-{name}")


def _check_out(root: str) -> None:
    found = find_root(root)
    if found is None:
        return
    with closing(Repository(found)) as repository:
        targets = [Target(out) for out in outs.tracked(repository) if out.md5 and out.entry.cache]
        raise_if_incomplete(checkout(repository, targets, command="rollback"), repository.root)


def data_at(git: Git, commit: str) -> dict[str, str]:
    """The digest that a commit records of each tracked path, relative to the work tree's root."""
    root = find_root(git.root)
    if root is None:
        return {}
    with closing(Repository(root)) as repository:
        found = _recorded(repository, commit)
        return {
            os.path.relpath(path, git.root): f"md5:{layout.check_name(out.md5 or '', path)}"
            for path, out in found.items()
        }
