"""What the files of a data repository say: ``.dvc`` files, and stages of ``dvc.yaml`` with what is in ``dvc.lock``."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.formats.dvc import dvcfile, lockfile, pipeline, source_versions, templating
from madang.formats.dvc.dvcfile import DvcFile, OutEntry
from madang.formats.dvc.lockfile import Lock, LockEntry, Recorded
from madang.formats.dvc.pipeline import Pipeline, PipelineOut, StageEntry
from madang.workspace.data.records.trees import FileTree
from madang.workspace.data.repo.repository import Repository

LookExternal: TypeAlias = "Callable[[Dependency], Mapping[str, Any]]"
"""Tells what ``dvc.lock`` is to say, beside the path, of a dependency that is no file here.

Raises:
    NotFound: nothing is there. ConfigError: a kind of address that is not spoken.
    Incompatible: its server tells nothing by which a change could be seen.
    InvalidInput: there is no such data set. Conflict: it is not in sync.
"""


@value
class TrackedOut:
    """One tracked path."""

    path: str  # absolute; an address as written when it is no local file
    dvc_file: str  # absolute path of the file that tracks it
    entry: OutEntry
    is_import: bool = False  # its bytes come from a repository, or versions in a cloud: fetched there, never pushed
    stage: str = ""  # of a pipeline: the stage that makes it, as dvc prints its address
    source: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)  # where an import comes from

    @property
    def md5(self) -> str | None:
        """Name of the recorded object; ``.dir`` at its end for a folder; None when nothing was recorded."""
        return self.entry.md5

    @property
    def is_dir(self) -> bool:
        """Whether a folder was recorded."""
        return self.entry.md5 is not None and self.entry.md5.endswith(".dir")

    @property
    def is_legacy(self) -> bool:
        """Whether dvc 2 recorded it: another hash, another place in the cache."""
        return self.entry.md5 is not None and self.entry.hash_name is None

    @property
    def size(self) -> int | None:
        """Recorded bytes."""
        return self.entry.size

    @property
    def nfiles(self) -> int | None:
        """Recorded number of files, for a folder."""
        return self.entry.nfiles


@value
class Dependency:
    """A file or folder that a stage reads, or where imported data comes from."""

    path: str  # absolute; an address as written when it is no local file
    written: str  # as in the file
    recorded: Recorded | None  # None: the stage never ran
    source: Mapping[str, Any] | None = None  # an import: the entry as it stands in the file


@value
class Parameters:
    """Values of one file that a stage depends on."""

    path: str  # absolute
    written: str
    keys: tuple[str, ...]  # none: all of the file
    recorded: Mapping[str, Any] | None  # None: the stage never ran


@value
class Stage:
    """What makes tracked data: a command of a pipeline, an import, or (without dependencies) a person."""

    file: str  # absolute path of the .dvc file or dvc.yaml
    name: str  # "" in a .dvc file
    wdir: str  # absolute
    outs: tuple[TrackedOut, ...] = ()
    deps: tuple[Dependency, ...] = ()
    params: tuple[Parameters, ...] = ()
    cmd: str | list[Any] | None = None
    recorded_cmd: str | list[Any] | None = None  # None: the stage never ran
    frozen: bool = False
    always_changed: bool = False
    desc: str | None = None
    group: str = ""  # the name in dvc.yaml when it is one of a group
    document: Mapping[str, Any] = field(default_factory=dict)  # of a .dvc file: all that it says

    @property
    def address(self) -> str:
        """How dvc names it from the present folder."""
        return address(self.file, self.name)

    @property
    def is_import(self) -> bool:
        """Whether the data comes from elsewhere."""
        return self.cmd is None and len(self.deps) == 1 and len(self.outs) == 1

    @property
    def source(self) -> Mapping[str, Any] | None:
        """Where imported data comes from: the entry in the file."""
        return self.deps[0].source if self.is_import else None

    @property
    def is_callback(self) -> bool:
        """Whether it has a command but nothing that could tell when to run it."""
        return self.cmd is not None and not self.deps and not self.params and not self.outs


def address(file: str, name: str) -> str:
    """How dvc names a stage from the present folder."""
    relative = os.path.relpath(file)
    if not name:
        return relative
    return name if relative == pipeline.FILE_NAME else f"{relative}:{name}"


def text_of(body: bytes, path: str) -> str:
    """Bytes of a record as text. Raises `InvalidInput`."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text.") from None


def is_local(path: str) -> bool:
    """Whether a path of a record is no address of a remote, data set or other repository."""
    return "://" not in path


def placed(folder: str, path: str) -> str:
    """A path of a record, absolute; addresses stay."""
    return os.path.normpath(os.path.join(folder, path)) if is_local(path) else path


def stage_of(path: str, parsed: DvcFile) -> Stage:
    """The one stage of a ``.dvc`` file (absolute path)."""
    wdir = os.path.normpath(os.path.join(os.path.dirname(path), parsed.wdir))
    from_source = any("repo" in dep or source_versions.is_recorded(dep) for dep in parsed.deps)
    source = parsed.deps[0] if len(parsed.deps) == 1 else None
    return Stage(
        file=path,
        name="",
        wdir=wdir,
        outs=tuple(TrackedOut(placed(wdir, one.path), path, one, from_source, source=source) for one in parsed.outs),
        deps=tuple(_source(wdir, dep) for dep in parsed.deps),
        frozen=parsed.frozen,
        always_changed=parsed.always_changed,
        desc=parsed.document.get("desc"),
        document=parsed.document,
    )


def _source(wdir: str, dep: Mapping[str, Any]) -> Dependency:
    written = str(dep.get("path") or "")
    other = next((dep[key] for key in ("etag", "checksum", "version_id") if dep.get(key)), None)
    md5 = str(dep["md5"]).lower() if dep.get("md5") else None
    recorded = Recorded(
        written, md5, dep.get("size"), dep.get("nfiles"), bool(dep.get("isexec")), dep.get("hash"),
        None if other is None else str(other), external=None if is_local(written) else dep,
    )  # fmt: skip
    return Dependency(written if "repo" in dep else placed(wdir, written), written, recorded, dep)


class PipelineFile:
    """One ``dvc.yaml`` and its ``dvc.lock`` as they stand in a tree."""

    def __init__(self, repository: Repository, tree: FileTree, path: str, body: bytes) -> None:
        """``path`` is relative to the repository's root. Raises `InvalidInput` when dvc would refuse the files."""
        self.file = os.path.join(repository.root, path)
        self._folder = posixpath.dirname(path)
        self._reads: dict[str, bytes | None] = {}  # what the stages depend on beside the file: path → bytes
        self._all: list[Stage] | None = None

        def read(name: str) -> bytes | None:
            where = posixpath.normpath(posixpath.join(self._folder, name))
            self._reads[where] = tree.read(where)
            return self._reads[where]

        parsing = repository.settings.sections.get("parsing", {})
        style = templating.Style(parsing.get("bool", ""), parsing.get("list", ""))
        self.pipeline = Pipeline(text_of(body, self.file), os.path.relpath(self.file), read, style)
        lock_file = os.path.join(os.path.dirname(self.file), lockfile.FILE_NAME)
        locked = read(lockfile.FILE_NAME)
        self.lock = Lock(text_of(locked, lock_file) if locked else "", os.path.relpath(lock_file))

    def stages(self) -> list[Stage]:
        """All of them, in the order of the file. Raises `InvalidInput` for one that cannot be resolved."""
        if self._all is None:
            self._all = [self.stage(name) for name in self.pipeline.names()]
        return self._all

    def is_same_in(self, tree: FileTree) -> bool:
        """Whether another tree, where the file has the same bytes, gives the same stages; known after `stages`."""
        return self._all is not None and all(tree.read(path) == body for path, body in self._reads.items())

    def stage(self, name: str) -> Stage:
        """One stage. Raises `NotFound`, `InvalidInput`."""
        entry = self.pipeline.stage(name)
        lock = self.lock.stage(name) or LockEntry()
        wdir = os.path.normpath(os.path.join(os.path.dirname(self.file), entry.wdir))
        where = address(self.file, name)
        return Stage(
            file=self.file,
            name=name,
            wdir=wdir,
            outs=tuple(self._out(wdir, out, lock.outs.get(out.path), where) for out in entry.outs),
            deps=tuple(Dependency(placed(wdir, dep), dep, lock.deps.get(dep)) for dep in entry.deps),
            params=tuple(_parameters(wdir, entry, lock)),
            cmd=entry.cmd,
            recorded_cmd=lock.cmd,
            frozen=entry.frozen,
            always_changed=entry.always_changed,
            desc=entry.desc,
            group=entry.group,
        )

    def _out(self, wdir: str, out: PipelineOut, recorded: Recorded | None, where: str) -> TrackedOut:
        held = recorded or Recorded(out.path)
        entry = OutEntry(
            path=out.path,
            md5=held.md5,
            size=held.size,
            nfiles=held.nfiles,
            isexec=held.isexec,
            hash_name=held.hash_name,
            cache=out.cache,
            push=out.push,
            remote=out.remote,
            files=held.files,
            persist=out.persist,
            kind=out.kind,
        )
        return TrackedOut(placed(wdir, out.path), self.file, entry, stage=where)


def _parameters(wdir: str, entry: StageEntry, lock: LockEntry) -> Iterator[Parameters]:
    for written, keys in entry.params.items():
        values = lock.params.get(written)
        if values is not None and keys:
            values = {key: values[key] for key in keys if key in values}
        yield Parameters(placed(wdir, written), written, keys, values)


def stages_in(repository: Repository, tree: FileTree, path: str, body: bytes) -> list[Stage]:
    """The stages of a ``.dvc`` file or ``dvc.yaml``; ``path`` is relative to the repository's root.

    Raises:
        InvalidInput: dvc would refuse the file.
    """
    if posixpath.basename(path) == pipeline.FILE_NAME:
        return PipelineFile(repository, tree, path, body).stages()
    where = os.path.join(repository.root, path)
    return [stage_of(where, dvcfile.parse(text_of(body, where), where))]
