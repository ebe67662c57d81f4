"""Which data is tracked: the ``.dvc`` files of a repository and what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from madang.errors import Incompatible, InvalidInput, NotFound
from madang.formats.dvc import dvcfile
from madang.formats.dvc.dvcfile import DvcFile, OutEntry
from madang.formats.dvc.ignore import Ignore
from madang.workspace.data.repository import Repository
from madang.workspace.data.scan import HIDDEN_FOLDERS, rules_above, with_rules_of

PIPELINE = "dvc.yaml"


@dataclass(frozen=True, slots=True)
class TrackedOut:
    """One tracked path."""

    path: str  # absolute
    dvc_file: str  # absolute path of the file that tracks it
    entry: OutEntry

    @property
    def md5(self) -> str | None:
        """Name of the recorded object; ``.dir`` at its end for a folder; None when nothing was recorded."""
        return self.entry.md5

    @property
    def is_dir(self) -> bool:
        """Whether a folder was recorded."""
        return self.entry.md5 is not None and self.entry.md5.endswith(".dir")

    @property
    def size(self) -> int | None:
        """Recorded bytes."""
        return self.entry.size

    @property
    def nfiles(self) -> int | None:
        """Recorded number of files, for a folder."""
        return self.entry.nfiles


@dataclass(frozen=True, slots=True)
class Target:
    """A tracked path, or one path inside it (relative to it; empty: all of it)."""

    out: TrackedOut
    inside: str = ""


def read_file(path: str) -> DvcFile:
    """Parse one ``.dvc`` file. Raises `InvalidInput` when dvc would refuse it, `NotFound` when it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return dvcfile.parse(file.read(), path)
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text.") from None


def outs_of(path: str) -> list[TrackedOut]:
    """The tracked paths of one ``.dvc`` file."""
    parsed = read_file(path)
    folder = os.path.join(os.path.dirname(path), parsed.wdir)
    return [TrackedOut(os.path.normpath(os.path.join(folder, entry.path)), path, entry) for entry in parsed.outs]


def check_supported(out: TrackedOut) -> None:
    """Refuse data that this release cannot handle rightly.

    Raises:
        Incompatible: written by dvc 2, or kept under plain names in a cloud.
    """
    if out.entry.md5 is not None and out.entry.hash_name is None:
        raise Incompatible(
            f"{out.dvc_file} was written by dvc 2.", hint="Convert the repository once: dvc cache migrate --dvc-files"
        )
    if out.entry.per_file:
        raise Incompatible(f"{out.dvc_file} belongs to a version-aware remote.", hint="Use dvc for this file.")


def tracked(repository: Repository, top: str | None = None) -> list[TrackedOut]:
    """Every tracked path at or below ``top`` (default: the whole repository), in the order of the ``.dvc`` files.

    Raises:
        InvalidInput: a file that cannot be read.
    """
    found: list[TrackedOut] = []
    repository.pipelines.clear()
    start = top or repository.root
    for path in _dvc_files(repository, start, rules_above(repository.root, start), found):
        found.extend(outs_of(path))
    return sorted(found, key=lambda out: out.dvc_file)


def _dvc_files(repository: Repository, start: str, rules: Ignore, found: list[TrackedOut]) -> Iterator[str]:
    """Walks down, but not into tracked folders: ``found`` is filled by the caller meanwhile."""
    below_root = len(repository.root.rstrip("/")) + 1
    waiting = [(start, rules)]
    while waiting:
        folder, ignore = waiting.pop()
        folders: list[str] = []
        for entry in _entries(folder):
            relative = entry.path[below_root:]
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in HIDDEN_FOLDERS and not (ignore and ignore.hides(relative, True)):
                    folders.append(entry.path)
            elif entry.name == PIPELINE:
                repository.pipelines.append(entry.path)
            elif _is_dvc_file(entry) and not (ignore and ignore.hides(relative, False)):
                yield entry.path
        known = {out.path for out in found}
        waiting.extend(
            (path, with_rules_of(ignore, repository.root, path[below_root:]))
            for path in folders
            if path not in known and not os.path.isdir(f"{path}/.dvc")
        )


def _is_dvc_file(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(dvcfile.SUFFIX) and entry.name != dvcfile.SUFFIX and entry.is_file()


def _entries(folder: str) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except PermissionError:
        return ()  # not ours to read: nothing of ours can be in it


def resolve(repository: Repository, targets: Sequence[str], *, recursive: bool = False) -> list[Target]:
    """What the user named: tracked paths, ``.dvc`` files, paths inside tracked folders, with ``recursive`` any folder.

    Nothing named means everything. Each out comes once; a path inside one that is named whole is left out.

    Raises:
        NotFound: a name that is none of these.
    """
    if not targets:
        return [Target(out) for out in tracked(repository)]
    everything: list[TrackedOut] | None = None
    chosen: dict[tuple[str, str], Target] = {}
    for name in targets:
        path = os.path.abspath(name)
        direct = _direct(path)
        if not direct:
            if everything is None:
                everything = tracked(repository)
            direct = _among(path, everything, recursive)
        if not direct:
            raise NotFound(
                f"{name!r} is neither tracked data nor a .dvc file.", hint="madang status lists what is tracked."
            )
        for target in direct:
            chosen[target.out.path, target.inside] = target
    whole = {path for path, inside in chosen if not inside}
    return [target for target in chosen.values() if not target.inside or target.out.path not in whole]


def _direct(path: str) -> list[Target]:
    if path.endswith(dvcfile.SUFFIX) and os.path.isfile(path):
        return [Target(out) for out in outs_of(path)]
    beside = path + dvcfile.SUFFIX
    if os.path.isfile(beside):
        return [Target(out) for out in outs_of(beside) if out.path == path]
    return []


def _among(path: str, everything: Sequence[TrackedOut], recursive: bool) -> list[Target]:
    for out in everything:
        if path == out.path:
            return [Target(out)]
        if path.startswith(out.path + os.sep):
            return [Target(out, path[len(out.path) + 1 :])]
    if recursive and os.path.isdir(path):
        return [Target(out) for out in everything if out.dvc_file.startswith(path.rstrip(os.sep) + os.sep)]
    return []


def owner_of(path: str, everything: Sequence[TrackedOut]) -> TrackedOut | None:
    """The tracked path that is, or holds, ``path``."""
    for out in everything:
        if path == out.path or path.startswith(out.path + os.sep):
            return out
    return None
