"""The results of stages as their runs recorded them, as files of a commit: ``dvc.lock``, and outputs that git keeps.

A run is captured when it begins, before its stage has written anything, so its commit and changes hold the results of
whatever ran before it. Who goes back to the run wants its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any

from madang.domain.files import FileRef
from madang.domain.pipelines import STAGE_TAG, stage_outs
from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.errors import CorruptData, NotFound
from madang.formats.dvc import layout, lockfile, parameters
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.lock_editing import LockText
from madang.workspace.data.records import outs
from madang.workspace.data.records.stages import Parameters, Stage
from madang.workspace.data.records.trees import CommitTree
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.recording import lock_of


@mutable
class Results:
    """Files by path below the root of the git repository, and what of them cannot be had."""

    files: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def results(repository: Repository, commit: str, runs: Sequence[RunRecord]) -> Results:
    """What the executions of stages of a commit have left in its files, one after the other.

    Raises:
        InvalidInput: the commit's records cannot be read.
    """
    look = _Look(repository, CommitTree(repository, commit))
    for run in runs:
        if STAGE_TAG in run.tags and stage_outs(run):
            look.take(run)
    return look.found


class _Look:
    def __init__(self, repository: Repository, tree: CommitTree) -> None:
        self._repository = repository
        self._tree = tree
        self._top = repository.git_root or repository.root
        self._stages = [stage for stage in outs.stages(repository, tree=tree) if stage.cmd is not None]
        self._locks: dict[str, LockText] = {}
        self.found = Results()

    def take(self, run: RunRecord) -> None:
        """Add what one run has left."""
        made = {item.path: item for item in stage_outs(run)}
        stage = self._stage(run, made)
        if stage is None:
            self.found.missing.append(f"{run.tags[STAGE_TAG]}: no stage of the commit has the outputs of the run")
            return
        read = {item.path: FileRef(item.path, item.digest, item.size) for item in run.inputs}
        try:
            self._put(stage, self._entry(stage, read, made))
            for out in stage.outs:
                if not out.entry.cache:
                    self._bring(made[self._below_top(out.path)])
        except NotFound as error:
            self.found.missing.append(error.message)

    def _put(self, stage: Stage, entry: Mapping[str, Any]) -> None:
        path = lock_of(stage)
        name = self._below_top(path)
        lock = self._locks.setdefault(name, LockText(self._text(path), path))
        self.found.files[name] = lock.put({stage.name: entry}).encode()

    def _stage(self, run: RunRecord, made: Mapping[str, FileRef]) -> Stage | None:
        """The stage that a run executed. Its address depends on the folder where it was typed; its outputs do not."""
        name = run.tags[STAGE_TAG].rpartition(":")[2]
        fitting = [stage for stage in self._stages if {self._below_top(out.path) for out in stage.outs} == made.keys()]
        return next((stage for stage in fitting if stage.name == name), fitting[0] if len(fitting) == 1 else None)

    def _entry(self, stage: Stage, read: Mapping[str, FileRef], made: Mapping[str, FileRef]) -> dict[str, Any]:
        assert stage.cmd is not None
        deps = []
        for dep in stage.deps:
            item = read.get(self._below_top(dep.path))
            if item is None:
                raise NotFound(f"{dep.written}: what the stage {stage.name} read there is not recorded")
            deps.append(lockfile.item(dep.written, self._content(item)))
        params = {one.written: self._values(one) for one in stage.params}
        written = [lockfile.item(out.entry.path, self._content(made[self._below_top(out.path)])) for out in stage.outs]
        return lockfile.entry(stage.cmd, deps, params, written)

    def _content(self, item: FileRef) -> Content:
        md5 = _md5(item)
        return Content(md5, item.size, self._count(md5) if md5.endswith(".dir") else None)

    def _count(self, md5: str) -> int | None:
        try:
            return len(self._repository.cache.listing(md5))
        except (NotFound, CorruptData):
            return None  # only told to people; whether the data can be had is looked for elsewhere

    def _values(self, one: Parameters) -> dict[str, Any]:
        body = self._tree.read(os.path.relpath(one.path, self._repository.root))
        if body is None:
            raise NotFound(f"{one.written}: the parameters are not in the commit")
        values = parameters.parse(body, one.path)
        return parameters.selected(values, one.keys, one.path) if one.keys else dict(values)

    def _bring(self, item: FileRef) -> None:
        """Take an output that git keeps: its bytes are in the cache too, where the run cache wants them."""
        md5, cache = _md5(item), self._repository.cache
        try:
            inside = cache.listing(md5) if md5.endswith(".dir") else {"": md5}
        except (NotFound, CorruptData):
            inside = {"": md5}
        for name, digest in inside.items():
            path = os.path.join(item.path, name) if name else item.path
            body = b""
            with suppress(OSError), open(cache.path(digest), "rb") as file:
                body = file.read()
            if hashlib.md5(body, usedforsecurity=False).hexdigest() == digest:
                self.found.files[path] = body
            else:
                self.found.missing.append(f"{path} (md5:{digest}): its bytes were not kept")

    def _text(self, path: str) -> str:
        body = self._tree.read(os.path.relpath(path, self._repository.root))
        return (body or b"").decode()

    def _below_top(self, path: str) -> str:
        return os.path.relpath(path, self._top)


def _md5(item: FileRef) -> str:
    """The hash of what a run read or made. Raises `NotFound` when it has none: the record may come from elsewhere."""
    md5 = item.digest.removeprefix("md5:")
    if not layout.is_name(md5):
        raise NotFound(f"{item.path}: its hash in the record of the run is {item.digest[:50]!r}")
    return md5
