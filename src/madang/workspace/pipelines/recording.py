"""What a stage reads and writes, looked at and written down: entries of ``dvc.lock``, lines of ``.gitignore``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import Incompatible, InvalidInput, NotFound, Refused
from madang.formats.dvc import gitignore, lockfile, parameters
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.lock_editing import LockText
from madang.ports.executor import Made, Write
from madang.workspace.data import progress
from madang.workspace.data.files import adding
from madang.workspace.data.files.adding import Manner
from madang.workspace.data.files.committing import record_text
from madang.workspace.data.files.comparing import read_parameters
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.records.stages import LookExternal, Stage, TrackedOut, is_local
from madang.workspace.data.repo import git, gitignores
from madang.workspace.data.repo.repository import Repository


@mutable
class Inputs:
    """What a stage reads, as it is just now."""

    deps: dict[str, Content] = field(default_factory=dict)  # by path as written
    external: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # as `LookExternal` tells it
    params: dict[str, dict[str, Any]] = field(default_factory=dict)  # file as written → key → value


def inputs(
    repository: Repository, stage: Stage, external: LookExternal | None = None, meter: progress.Meter = progress.silent
) -> Inputs:
    """Look at everything that a stage reads. Unchanged files are not read.

    Raises:
        NotFound: a dependency or a file of parameters is not there. InvalidInput: a parameter is not there.
        Incompatible: a dependency lies elsewhere, and there is no ``external``; others as `LookExternal`.
    """
    found = Inputs()
    for dep in stage.deps:
        if not is_local(dep.path):
            if external is None:
                raise Incompatible(f"The stage {stage.address} reads {dep.written}, which lies elsewhere.")
            found.external[dep.written] = external(dep)
            continue
        content = current_content(repository, dep.path, meter)
        if content is None:
            raise NotFound(
                f"{os.path.relpath(dep.path)}, which the stage {stage.address} reads, does not exist.",
                hint=f"Make it or bring it (madang pull), or take it out of {os.path.relpath(stage.file)}.",
            )
        found.deps[dep.written] = content
    for one in stage.params:
        found.params[one.written] = _values(stage, one.path, one.keys)
    return found


def _values(stage: Stage, path: str, keys: Sequence[str]) -> dict[str, Any]:
    try:
        values = read_parameters(path)
    except FileNotFoundError:
        raise NotFound(
            f"{os.path.relpath(path)}, whose parameters the stage {stage.address} reads, does not exist.",
            hint="Make it, or take it out of the stage's params.",
        ) from None
    if not keys:
        return dict(values) if isinstance(values, Mapping) else {}
    found = parameters.selected(values, keys, path)
    missing = [key for key in keys if key not in found]
    if missing:
        raise InvalidInput(
            f"{os.path.relpath(path)} has no {', '.join(missing)}, which the stage {stage.address} reads.",
            hint="Add it there, or take it out of the stage's params.",
        )
    return found


def keep(repository: Repository, writes: Sequence[Write], *, commit: bool, meter: progress.Meter) -> dict[str, Made]:
    """Take outputs into the cache (those that belong there), and say what they hold.

    Raises:
        NotFound: one does not exist. Others as `adding.add`.
    """
    found: dict[str, Made] = {}
    for one in writes:
        if not os.path.exists(one.path):
            raise NotFound(
                f"The output {os.path.relpath(one.path)} does not exist.", hint="The stage's command did not make it."
            )
        content = adding.take(repository, one.path, Manner(commit=commit and one.cache), meter)
        found[one.path] = Made(content.md5, content.size or 0, content.nfiles, content.isexec)
    return found


def keep_reports(repository: Repository, stage: Stage, meter: progress.Meter) -> None:
    """Take reports that are kept out of the cache into it, too: the run cache restores them from there."""
    for out in stage.outs:
        if not out.entry.cache:
            adding.take(repository, out.path, Manner(relink=False), meter)


def entry(stage: Stage, read: Inputs, made: Mapping[str, Made]) -> dict[str, Any]:
    """What ``dvc.lock`` says of a stage; ``made`` is by path."""
    assert stage.cmd is not None
    outs = []
    for out in stage.outs:
        one = made[out.path]
        outs.append(lockfile.item(out.entry.path, Content(one.md5, one.size, one.nfiles, one.isexec)))
    deps = [lockfile.item(path, content) for path, content in read.deps.items()]
    deps += [{"path": path, **item} for path, item in read.external.items()]
    return lockfile.entry(stage.cmd, deps, read.params, outs)


def lock_of(stage: Stage) -> str:
    """Path of the ``dvc.lock`` that records a stage."""
    return os.path.join(os.path.dirname(stage.file), lockfile.FILE_NAME)


class LockWriter:
    """Writes stages into ``dvc.lock`` files, one after the other."""

    def __init__(self) -> None:
        self._texts: dict[str, LockText] = {}  # by path

    def write(self, stage: Stage, found: Mapping[str, Any]) -> bool:
        """Record a stage. Returns whether the file had to be changed. Raises `InvalidInput` when it is no lock."""
        path = lock_of(stage)
        before = record_text(path)
        text = self._texts.get(path)
        if text is None or text.text != before:  # somebody else wrote meanwhile
            text = self._texts[path] = LockText(before, path)
        if text.put({stage.name: found}) == before:
            return False
        write_file(path, text.text.encode())
        return True


def hide(repository: Repository, stage: Stage) -> list[str]:
    """Keep git away from a stage's cached outputs. Returns files changed.

    Raises:
        Refused: git tracks one of them.
    """
    root = repository.git_root
    if root is None:
        return []
    inside = repository.root.rstrip(os.sep) + os.sep
    paths = [out.path for out in stage.outs if out.entry.cache and out.path.startswith(inside) and not _is_hidden(out)]
    if not paths:
        return []
    for path in git.holding(root, paths):
        raise Refused(
            f"The output {os.path.relpath(path)} of the stage {stage.address} is tracked by git.",
            hint=f"git rm -r --cached {os.path.relpath(path)}, or cache: false in {os.path.relpath(stage.file)}.",
        )
    known = git.ignored(root, paths)
    return [
        file
        for path in paths
        if path not in known and os.path.isdir(os.path.dirname(path))
        for file in gitignores.hide(path, _aside(repository))
    ]


def _aside(repository: Repository) -> str:
    os.makedirs(repository.private_dir, exist_ok=True)
    return os.path.join(repository.private_dir, f"gitignore.{os.getpid()}.{os.urandom(4).hex()}")


def _is_hidden(out: TrackedOut) -> bool:
    folder, name = os.path.split(out.path)
    try:
        with open(os.path.join(folder, gitignores.FILE_NAME), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError:
        return False
    return gitignore.added(text, name) == text
