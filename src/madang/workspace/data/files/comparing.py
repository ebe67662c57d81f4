"""``status``: the workspace against what is recorded, stage by stage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import mutable, value
from madang.errors import ConfigError, Conflict, Incompatible, InvalidInput, NotFound, Unavailable
from madang.formats.dvc import imports, lockfile, parameters, source_versions
from madang.workspace.data import progress
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.files.legacy import LegacyPlace, place_of
from madang.workspace.data.records.outs import Chosen, Target, check_supported
from madang.workspace.data.records.stages import Dependency, LookExternal, Parameters, Stage, TrackedOut, is_local
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.visible import Visibility
from madang.workspace.data.sources import clones, opening

MODIFIED, DELETED, NEW, NOT_IN_CACHE, UPDATE = "modified", "deleted", "new", "not in cache", "update available"
# dvc calls a file without a record modified; "new" is for values of parameters.

NOT_IN_SYNC = "not in sync"  # of a data set whose definition changed since it was looked up


@value
class Change:
    """A tracked path that is not as recorded."""

    out: TrackedOut
    state: str  # "modified" (also when nothing is recorded yet), "deleted" or "not in cache", as dvc says it


@mutable
class StageState:
    """What of a stage is not as recorded; paths as they are shown from the present folder."""

    stage: Stage
    deps: dict[str, str | dict[str, str]] = field(default_factory=dict)  # a file of parameters: state by key
    outs: dict[str, str] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)  # "always changed", "changed command", "changed checksum"
    skipped: list[str] = field(default_factory=list)  # dependencies that only other tools can look at

    def __bool__(self) -> bool:
        return bool(self.deps or self.outs or self.other)


def changes(repository: Repository, targets: Iterable[Target], meter: progress.Meter = progress.silent) -> list[Change]:
    """Every target that differs from its record. Files that were not touched are not read.

    Raises:
        Incompatible: data this release cannot handle. Others as `current_content`.
    """
    look = _Look(repository, meter)
    found = []
    for target in targets:
        state = look.out(target.out)
        if state is not None:
            found.append(Change(target.out, state))
    return found


def states(
    repository: Repository,
    chosen: Iterable[Chosen],
    *,
    check_updates: bool = True,
    external: LookExternal | None = None,
    meter: progress.Meter = progress.silent,
) -> list[StageState]:
    """Every stage that is not as recorded; one entry for each that was named.

    ``external`` looks at dependencies that are no files here; without it they are skipped. ``check_updates`` says
    whether sources of imports are asked for newer versions. Raises as `changes`, and:

    Raises:
        Unavailable, NotFound: the source of an import cannot be asked.
    """
    look = _Look(repository, meter, external)
    found = []
    with clones.once():
        for one in chosen:
            state = look.stage(one, check_updates)
            if state or state.skipped:
                found.append(state)
    return found


def hidden_deps(stage: Stage) -> bool:
    """Whether the dependencies of a stage are not looked at, because it is frozen (imports of repositories are)."""
    return stage.frozen and not _tells_updates(stage)


def differing(
    repository: Repository, stage: Stage, meter: progress.Meter = progress.silent
) -> tuple[list[str], list[str], str]:
    """What would have to be recorded anew: dependencies, outputs, and a sentence when the command changed."""
    look = _Look(repository, meter)
    state = StageState(stage)
    deps = [] if stage.is_import else stage.deps
    look.deps(state, deps, check_updates=False)
    outs = [shown(repository, out.path, out.entry.path) for out in stage.outs if look.workspace(out) is not None]
    command = stage.recorded_cmd is not None and stage.recorded_cmd != stage.cmd
    return list(state.deps), outs, f"'cmd' of {stage.address} has changed." if command else ""


def shown(repository: Repository, path: str, written: str) -> str:
    """A path of a record as dvc shows it from the present folder."""
    if not is_local(written) or os.path.isabs(written):
        return written
    root = repository.root.rstrip(os.sep) + os.sep
    if not path.startswith(root) and path != repository.root:
        return path
    here = os.getcwd()
    return os.path.relpath(path, here if here.startswith(root) or here == repository.root else repository.root)


def _tells_updates(stage: Stage) -> bool:
    """Whether the source of a stage can be asked for something newer: a repository, or a store that keeps versions."""
    return stage.source is not None and ("repo" in stage.source or source_versions.is_recorded(stage.source))


def _newer_version(dep: Dependency, present: Mapping[str, Any], file: str) -> str:
    """How the versions of a source differ from those that were imported."""
    before = source_versions.recorded(dep.source or {}, file)
    if before == source_versions.recorded(present, file):
        return ""
    return UPDATE if "" in before else MODIFIED  # of a folder dvc says it so


class _Look:
    """Looks at each path once, however many stages name it."""

    def __init__(self, repository: Repository, meter: progress.Meter, external: LookExternal | None = None) -> None:
        self._repository = repository
        self._external = external
        self._meter = meter
        self._visible = Visibility(repository)
        self._names: dict[tuple[str, bool], str | None] = {}
        self._values: dict[str, Any] = {}

    def stage(self, one: Chosen, check_updates: bool) -> StageState:
        """The state of a stage, or of one of its outputs."""
        stage = one.stage
        state = StageState(stage)
        if not stage.frozen or (check_updates and _tells_updates(stage)):
            self.deps(state, stage.deps, check_updates=check_updates)
        for out in stage.outs:
            if not one.path or one.path == out.path or one.path.startswith(out.path + os.sep):
                found = self.out(out)
                if found is not None:
                    state.outs[shown(self._repository, out.path, out.entry.path)] = found
        if stage.is_callback or stage.always_changed:
            state.other.append("always changed")
        if stage.cmd is not None:
            if stage.recorded_cmd is not None and stage.recorded_cmd != stage.cmd:
                state.other.append("changed command")
        elif stage.document.get("md5") != (imports.stage_md5(stage.document) if stage.is_import else None):
            state.other.append("changed checksum")
        return state

    def deps(self, state: StageState, deps: Iterable[Dependency], *, check_updates: bool) -> None:
        """Fill in what became of the dependencies and parameters."""
        for dep in deps:
            name = shown(self._repository, dep.path, dep.written)
            if dep.source is not None and "repo" in dep.source:
                if check_updates and _has_update(self._repository, state.stage, dep.source["repo"]):
                    state.deps[f"{dep.written} ({dep.source['repo'].get('url')})"] = UPDATE
            elif not is_local(dep.path):
                self._external_dep(state, dep, name)
            else:
                found = self._dep(dep)
                if found is not None:
                    state.deps[name] = found
        for one in state.stage.params:
            values = self._parameters(one)
            if values:
                state.deps[shown(self._repository, one.path, one.written)] = values

    def _external_dep(self, state: StageState, dep: Dependency, name: str) -> None:
        """Compare what lies elsewhere."""
        if self._external is None:
            state.skipped.append(name)
            return
        recorded = dep.recorded.external if dep.recorded is not None else None
        try:
            present = self._external(dep)
        except NotFound:
            state.deps[name] = DELETED
        except Conflict:
            state.deps[name] = NOT_IN_SYNC
        except (ConfigError, Incompatible, Unavailable):
            state.skipped.append(name)
        else:
            if source_versions.is_recorded(dep.source):
                if found := _newer_version(dep, present, state.stage.file):
                    state.deps[name] = found
            elif recorded is None and "dataset" in present:
                state.deps[name] = NEW
            elif recorded is None or lockfile.mark_of(present) != lockfile.mark_of(recorded):
                state.deps[name] = MODIFIED

    def out(self, out: TrackedOut) -> str | None:
        """The state of an output; None when it is as recorded."""
        check_supported(out)
        if out.md5 is not None and out.entry.cache and not is_cached(place_of(self._repository, out), out.md5):
            return NOT_IN_CACHE
        return self.workspace(out)

    def workspace(self, out: TrackedOut) -> str | None:
        """The same whatever the cache holds."""
        if not is_local(out.path):
            return None
        self._visible.check(out.path)
        if out.md5 is None:
            return MODIFIED if os.path.lexists(out.path) else DELETED
        name = self._name(out.path, is_legacy=out.is_legacy)
        if name is None:
            return DELETED
        return None if name == out.md5 else MODIFIED

    def _dep(self, dep: Dependency) -> str | None:
        recorded = dep.recorded
        is_legacy = recorded is not None and recorded.md5 is not None and recorded.hash_name is None
        name = self._name(dep.path, is_legacy=is_legacy)
        if name is None:
            return DELETED
        return None if recorded is not None and name == recorded.md5 else MODIFIED

    def _name(self, path: str, *, is_legacy: bool) -> str | None:
        if (path, is_legacy) not in self._names:
            place = LegacyPlace(self._repository) if is_legacy else self._repository
            content = current_content(place, path, self._meter)
            self._names[path, is_legacy] = content.md5 if content is not None else None
        return self._names[path, is_legacy]

    def _parameters(self, one: Parameters) -> str | dict[str, str]:
        if not os.path.exists(one.path):
            return DELETED
        if one.recorded is None:
            return NEW
        values = self._values_of(one)
        found = {}
        for key in one.keys or dict.fromkeys([*values, *one.recorded]):
            if key not in values:
                found[key] = DELETED
            elif key not in one.recorded:
                found[key] = NEW
            elif not parameters.same(values[key], one.recorded[key]):
                found[key] = MODIFIED
        return found

    def _values_of(self, one: Parameters) -> Mapping[str, Any]:
        if one.path not in self._values:
            self._values[one.path] = read_parameters(one.path)
        values = self._values[one.path]
        if one.keys:
            return parameters.selected(values, one.keys, one.path)
        return values if isinstance(values, Mapping) else {}


def read_parameters(path: str) -> Any:
    """What a file of parameters holds. Raises `InvalidInput`, `FileNotFoundError`."""
    if os.path.isdir(path):
        raise InvalidInput(f"{path} is a folder, not a file of parameters.")
    with open(path, "rb") as file:
        return parameters.parse(file.read(), path)


def _has_update(repository: Repository, stage: Stage, repo: Mapping[str, Any]) -> bool:
    """Whether the source of an import has another commit than the one that was imported, if one was."""
    locked = repo.get("rev_lock")
    if not locked:
        return False
    url = opening.address_of(str(repo.get("url") or ""), repository.root, stage.file)
    return opening.commit_at(url, repo.get("rev")) != str(locked)


def is_cached(repository: Repository, name: str) -> bool:
    """Whether an object, and for a folder everything in it, is in the cache."""
    if name.endswith(".dir"):
        return repository.cache.holds_all(name)
    return os.path.exists(repository.cache.path(name))
