"""An experiment in the work tree: its files and data take the place of what is there; HEAD and the index stay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field

from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import NotFound, Refused
from madang.workspace.data import progress
from madang.workspace.data.files import undoing
from madang.workspace.data.files.checkout import Report, checkout
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.records.trees import commit_of
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs
from madang.workspace.experiments.commits import Change
from madang.workspace.experiments.queue import Queue

_LINK, _MODULE, _PROGRAM = "120000", "160000", "100755"
_DISTRUST = "Do not trust its author. What was replaced: madang undo brings it back."


@mutable
class Applied:
    """What changed."""

    commit: str
    written: list[str] = field(default_factory=list)  # absolute paths
    removed: list[str] = field(default_factory=list)
    kept: str = ""  # folder that holds what was replaced
    data: Report = field(default_factory=Report)


def commit_named(repository: Repository, name: str) -> str:
    """The commit of an experiment, of a task of the queue, or of any revision. Raises `NotFound`."""
    try:
        return refs.named(repository, [name])[0].commit
    except NotFound:
        pass
    try:
        return Queue(repository).named([name])[0].task.start.commit
    except NotFound:
        pass
    try:
        return commit_of(repository, name)
    except NotFound:
        raise NotFound(
            f"There is no experiment {name!r}, and no such commit.", hint="madang exp list -A lists experiments."
        ) from None


def apply(repository: Repository, commit: str, *, force: bool = True, meter: progress.Meter) -> Applied:
    """Bring the work tree to an experiment. Everything that is replaced `undo` brings back.

    Files that neither the experiment nor HEAD knows stay.

    Raises:
        Refused: files with changes are in the way and not ``force``, or lie outside of the data repository.
        StorageError: git refused.
    """
    root = refs.root_of(repository)
    applied = Applied(commit)
    with hold(repository):
        changes = _changes(root, commit)
        for change in changes:
            _check(change.path)
        unsaved = _unsaved(root, [change.path for change in changes])
        outside = [path for path in unsaved if not _is_inside(repository, os.path.join(root, path))]
        if outside or (unsaved and not force):
            names = ", ".join((outside or unsaved)[:5])
            raise Refused(f"These files have changes that the experiment would replace: {names}.", hint="Commit them.")
        applied.kept = _keep(repository, root, changes)
        for change in changes:
            _write(root, change, applied)
    commits.set_ref(root, refs.APPLIED, commit)
    again = Repository(repository.root)  # the records are others now
    try:
        wanted = [one for one in resolve(again, ()) if one.out.md5 is not None]  # not of stages that never ran
        applied.data = checkout(again, wanted, force=True, command="exp apply", meter=meter)
    finally:
        again.close()
    return applied


def _changes(root: str, commit: str) -> list[Change]:
    """What has to be written or removed."""
    wanted = {change.path for change in commits.changes(root, "HEAD", commit)}
    there = commits.snapshot(root, forced=[os.path.join(root, path) for path in wanted])
    ours = {change.path for change in commits.changes(root, "HEAD", there) if change.old is None} - wanted
    found = [change for change in commits.changes(root, there, commit) if _MODULE not in _modes(change)]
    return [change for change in found if change.new is not None or change.path not in ours]


def _check(path: str) -> None:
    """Refuse a path that a tree of a stranger may hold and that is none of the work tree.

    Raises:
        Refused: it leads out of the work tree or into ``.git``.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower().rstrip(". ") in (".git", "git~1") for part in parts):
        raise Refused(f"The experiment has {path!r}, which is no path of a work tree.", hint=_DISTRUST)


def _modes(change: Change) -> list[str]:
    return [one[0] for one in (change.old, change.new) if one is not None]


def _unsaved(root: str, paths: Sequence[str]) -> list[str]:
    """Those of the paths whose bytes in the work tree are not those of HEAD."""
    there = commits.snapshot(root, forced=[os.path.join(root, path) for path in paths])
    changed = {change.path for change in commits.changes(root, "HEAD", there) if change.new is not None}
    return [path for path in paths if path in changed]


def _is_inside(repository: Repository, path: str) -> bool:
    return path.startswith(repository.root.rstrip("/") + "/")


def _keep(repository: Repository, root: str, changes: Sequence[Change]) -> str:
    """Move aside what is replaced or removed, as far as the data repository reaches; elsewhere it is as HEAD has it."""
    places = [os.path.join(root, change.path) for change in changes]
    inside = [path for path in places if _is_inside(repository, path)]
    there = [path for path in dict.fromkeys(_in_the_way(root, path) for path in inside) if os.path.lexists(path)]
    new = [path for path in inside if path not in there]
    if not inside:
        return ""
    return undoing.keep(repository, there, "exp apply", absent=new)


def _in_the_way(root: str, path: str) -> str:
    """The path itself, or what stands above it where a folder is needed: a file, or a link to anywhere."""
    above = root
    for part in path[len(root) + 1 :].split("/")[:-1]:
        above = os.path.join(above, part)
        if os.path.islink(above) or os.path.isfile(above):
            return above
    return path


def _write(root: str, change: Change, applied: Applied) -> None:
    path = os.path.join(root, change.path)
    if _in_the_way(root, path) != path:
        raise Refused(f"{change.path!r} would lie below a file or link of the experiment itself.", hint=_DISTRUST)
    if change.new is None:
        if os.path.lexists(path):
            os.unlink(path)  # outside of the data repository, as HEAD has it
        applied.removed.append(path)
        return
    mode, name = change.new
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if mode == _LINK:
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(os.fsdecode(commits.blob(root, name)), path)
    else:
        write_file(path, commits.checked_out(root, change.path, name), 0o755 if mode == _PROGRAM else 0o644)
        os.chmod(path, 0o755 if mode == _PROGRAM else 0o644)
    applied.written.append(path)


def branch(repository: Repository, one: refs.Experiment, name: str) -> None:
    """Make a branch of an experiment.

    Raises:
        Conflict: there is one of this name. StorageError: git allows no such name.
    """
    commits.set_ref(
        refs.root_of(repository),
        f"refs/heads/{name}",
        one.commit,
        old=commits.NOTHING,
        why=f"madang: created from experiment '{one.name}'",
    )
