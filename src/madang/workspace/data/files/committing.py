"""``commit``: record what the data, the outputs and the dependencies of stages hold now, and keep it in the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import Incompatible, InvalidInput, NotFound, Refused
from madang.formats.dvc import dvcfile, imports, lockfile, parameters
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.lock_editing import LockText
from madang.formats.dvc.lockfile import Recorded
from madang.staging import Staging
from madang.workspace.data import progress
from madang.workspace.data.files import adding, leftovers
from madang.workspace.data.files.adding import Manner
from madang.workspace.data.files.comparing import differing, read_parameters
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.files.inside import Elsewhere
from madang.workspace.data.files.legacy import LegacyPlace, place_of
from madang.workspace.data.records.outs import Chosen
from madang.workspace.data.records.stages import Dependency, LookExternal, Parameters, Stage, TrackedOut, is_local
from madang.workspace.data.repo import git, gitignores
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.visible import Visibility

Ask = Callable[[str], bool]
"""Puts a question to the user. Returns whether the answer is yes."""


@mutable
class Committed:
    """What a commit did."""

    stages: list[str] = field(default_factory=list)  # addresses
    git_files: list[str] = field(default_factory=list)  # changed files that belong into git, absolute
    entries: list[tuple[Stage, dict[str, Any]]] = field(default_factory=list)  # what dvc.lock says now of stages


def commit(
    repository: Repository,
    chosen: Sequence[Chosen],
    *,
    force: bool = False,
    relink: bool = True,
    ask: Ask = lambda question: False,
    external: LookExternal | None = None,
    elsewhere: Elsewhere | None = None,
    meter: progress.Meter = progress.silent,
) -> Committed:
    """Record the stages as they are. What changed is asked for first, unless ``force``.

    ``external`` looks at dependencies that are no files here; without it what is recorded of them stays. Objects are
    kept before a record names them. Of a path inside a tracked folder only this path is recorded; ``elsewhere`` is
    asked for the folder's listing when the cache lacks it.

    Raises:
        Refused: something changed, and the answer was no. NotFound: an output or dependency is not there.
        InvalidInput: a parameter is not there. Others as `adding.add`.
    """
    if not force:
        for one in chosen:
            _ask(repository, one.stage, ask, meter)
    done = Committed()
    inside = [one.path for one in chosen if _is_inside(one)]
    if inside:
        manner = Manner(relink=relink)
        done.git_files += adding.add(repository, inside, manner=manner, elsewhere=elsewhere, meter=meter).git_files
    whole = {(one.stage.file, one.stage.name): one.stage for one in chosen if not _is_inside(one)}
    outs = [out for stage in whole.values() for out in stage.outs]
    os.makedirs(repository.private_dir, exist_ok=True)
    visible = Visibility(repository)
    for out in outs:
        visible.check(out.path)
    with hold(repository, [out.path for out in outs]), Staging(repository.private_dir) as aside:
        work = _Commit(repository, relink, external, meter, aside, done)
        work.hide([out for out in outs if out.entry.cache and is_local(out.path)])
        work.take([out.path for out in outs if out.entry.cache and not out.is_legacy and os.path.isfile(out.path)])
        by_file: dict[str, list[Stage]] = {}
        for stage in whole.values():
            by_file.setdefault(stage.file, []).append(stage)
        for file, stages in by_file.items():
            work.file(file, stages)
        leftovers.note(repository, [out.path for out in outs if out.entry.cache and is_local(out.path)])
    done.stages = [one.stage.address for one in chosen]
    return done


def _is_inside(one: Chosen) -> bool:
    """Whether a path inside a folder of a ``.dvc`` file is meant, which can be recorded alone."""
    return not one.stage.name and any(one.path.startswith(out.path + os.sep) for out in one.stage.outs)


def _ask(repository: Repository, stage: Stage, ask: Ask, meter: progress.Meter) -> None:
    deps, outs, command = differing(repository, stage, meter)
    if not (deps or outs or command):
        return
    what = f"stage: {stage.address!r}"
    parts = [f"dependencies {deps}"] * bool(deps) + [f"outputs {outs}"] * bool(outs)
    sentence = f"{' and '.join(parts)} of {what} changed." if parts else command
    if not ask(f"{sentence} Are you sure you want to commit it?"):
        raise Refused(f"The changed {what} is not committed: {sentence}", hint="--force commits it without asking.")


class _Commit:
    """A commit in progress."""

    def __init__(
        self,
        repository: Repository,
        relink: bool,
        external: LookExternal | None,
        meter: progress.Meter,
        aside: Staging,
        done: Committed,
    ) -> None:
        self._repository = repository
        self._external = external
        self._relink = relink
        self._meter = meter
        self._aside = aside
        self._done = done
        self._contents: dict[str, Content] = {}  # of cached files, by path
        self._looked_at: dict[str, Content] = {}  # of what is not cached

    def take(self, paths: Sequence[str]) -> None:
        """Bring single files into the cache, all at once."""
        self._contents = adding.take_files(self._repository, paths, Manner(relink=self._relink), self._meter)

    def hide(self, outs: Sequence[TrackedOut]) -> None:
        """Keep git away from cached data."""
        root = self._repository.git_root
        if root is None:
            return
        paths = [out.path for out in outs if out.path.startswith(self._repository.root.rstrip(os.sep) + os.sep)]
        asked = gitignores.unnamed(filter(os.path.lexists, paths))
        known = git.ignored(root, asked) if asked else set()
        for path in asked:
            if path not in known:
                self._done.git_files += gitignores.hide(path, self._aside.new_path())

    def file(self, file: str, stages: Sequence[Stage]) -> None:
        """Record the stages of one file."""
        if stages[0].name:
            lock = os.path.join(os.path.dirname(file), lockfile.FILE_NAME)
            before = record_text(lock)
            entries = {stage.name: self._entry(stage) for stage in stages}
            self._done.entries += [(stage, entries[stage.name]) for stage in stages]
            self._write(lock, before, LockText(before, lock).put(entries))
            return
        (stage,) = stages
        before = record_text(file)
        contents = {out.entry.path: self._content(out) for out in stage.outs}
        new = {path: content for path, content in contents.items() if isinstance(content, Content)}
        if stage.source is not None and new:
            (content,) = new.values()
            self._write(file, before, imports.updated(before, file, stage.source, content))
        elif new:
            self._write(file, before, dvcfile.updated(before, file, new))

    def _write(self, path: str, before: str, text: str) -> None:
        if text != before:
            write_file(path, text.encode(), aside=self._aside.new_path())
            self._done.git_files.append(path)

    def _entry(self, stage: Stage) -> dict[str, Any]:
        assert stage.cmd is not None
        values = {one.written: self._parameters(one) for one in stage.params}
        deps = [self._dep(dep) for dep in stage.deps]
        outs = []
        for out in stage.outs:
            content = self._content(out)
            written = out.entry.path
            outs.append(lockfile.item(written, content) if isinstance(content, Content) else _kept(written, content))
        return lockfile.entry(stage.cmd, deps, values, outs)

    def _content(self, out: TrackedOut) -> Content | Recorded:
        """What an output holds, kept in the cache; of unchanged data of dvc 2 what is recorded."""
        if not is_local(out.path):
            raise Incompatible(f"{out.path} lies elsewhere, so it cannot be recorded here.", hint="Use dvc for it.")
        if not os.path.exists(out.path):
            raise NotFound(f"The output {out.path} does not exist.", hint="Run its stage, or madang checkout it.")
        entry = out.entry
        if out.is_legacy:
            present = current_content(place_of(self._repository, out), out.path, self._meter)
            if present is not None and present.md5 == out.md5 and (not entry.cache or self._is_kept(out)):
                return Recorded(entry.path, entry.md5, entry.size, entry.nfiles, entry.isexec, None)
        if out.path in self._contents:
            return self._contents[out.path]
        if entry.cache:
            return adding.take(self._repository, out.path, Manner(relink=self._relink), self._meter)
        return self._present(out.path)

    def _is_kept(self, out: TrackedOut) -> bool:
        """Whether data of dvc 2 is in its cache: what is not is recorded anew, with the names of dvc 3."""
        cache, name = place_of(self._repository, out).cache, str(out.md5)
        return cache.holds_all(name) if out.is_dir else not cache.look([name]).missing

    def _dep(self, dep: Dependency) -> dict[str, Any]:
        recorded = dep.recorded
        if not is_local(dep.path):
            item = (
                self._external(dep)
                if self._external is not None
                else recorded.external
                if recorded is not None
                else None
            )
            if item is None:
                raise Incompatible(f"{dep.written} lies elsewhere, so it cannot be recorded here.", hint="Use dvc.")
            return {"path": dep.written, **item}
        if recorded is not None and recorded.md5 is not None and recorded.hash_name is None:
            present = current_content(LegacyPlace(self._repository), dep.path, self._meter)
            if present is not None and present.md5 == recorded.md5:
                return _kept(dep.written, recorded)
        if not os.path.exists(dep.path):
            raise NotFound(f"The dependency {dep.path} does not exist.", hint="Make it, or take it out of dvc.yaml.")
        return lockfile.item(dep.written, self._present(dep.path))

    def _present(self, path: str) -> Content:
        if path not in self._looked_at:
            content = current_content(self._repository, path, self._meter)
            if content is None:
                raise NotFound(f"{path} vanished while it was read.", hint="Repeat the command.")
            self._looked_at[path] = content
        return self._looked_at[path]

    def _parameters(self, one: Parameters) -> dict[str, Any]:
        try:
            values = read_parameters(one.path)
        except FileNotFoundError:
            raise NotFound(f"The file of parameters {one.path} does not exist.", hint="Make it.") from None
        if not one.keys:
            return dict(values)
        found = parameters.selected(values, one.keys, one.path)
        missing = [key for key in one.keys if key not in found]
        if missing:
            raise InvalidInput(f"Parameters are missing from {one.path}: {', '.join(missing)}.")
        return found


def _kept(path: str, recorded: Recorded) -> dict[str, Any]:
    """A record that stays as it is."""
    found: dict[str, Any] = {"path": path}
    values = (("hash", recorded.hash_name), ("md5", recorded.md5), ("size", recorded.size), ("nfiles", recorded.nfiles))
    found.update((key, value) for key, value in values if value is not None)
    if recorded.isexec:
        found["isexec"] = True
    return found


def record_text(path: str) -> str:
    """What a record holds; empty when there is none. Raises `InvalidInput` when it is not UTF-8."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text.") from None
