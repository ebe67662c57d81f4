"""Which data is tracked: the ``.dvc`` files of a repository and what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from madang.errors import Incompatible, InvalidInput, NotFound
from madang.formats.dvc import dvcfile
from madang.formats.dvc.dvcfile import DvcFile, OutEntry
from madang.formats.dvc.ignore import FILE_NAME as IGNORE_FILE
from madang.formats.dvc.ignore import Ignore
from madang.workspace.data.repository import Repository
from madang.workspace.data.scan import HIDDEN_FOLDERS
from madang.workspace.data.trees import FileTree, WorkTree

PIPELINE = "dvc.yaml"


@dataclass(frozen=True, slots=True)
class TrackedOut:
    """One tracked path."""

    path: str  # absolute
    dvc_file: str  # absolute path of the file that tracks it
    entry: OutEntry
    is_import: bool = False  # its bytes come from another data repository: they are fetched there, and never pushed

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


def read_file(path: str, text: bytes | None = None) -> DvcFile:
    """Parse one ``.dvc`` file; ``text`` is what it holds when it was read already.

    Raises:
        InvalidInput: dvc would refuse it. NotFound: it is not there.
    """
    try:
        if text is None:
            with open(path, "rb") as file:
                text = file.read()
        return dvcfile.parse(text.decode(), path)
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text.") from None


def outs_of(path: str, text: bytes | None = None) -> list[TrackedOut]:
    """The tracked paths of one ``.dvc`` file. Arguments and errors as `read_file`."""
    parsed = read_file(path, text)
    folder = os.path.join(os.path.dirname(path), parsed.wdir)
    is_import = any("repo" in dep for dep in parsed.deps)
    return [
        TrackedOut(os.path.normpath(os.path.join(folder, entry.path)), path, entry, is_import) for entry in parsed.outs
    ]


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


def tracked(repository: Repository, top: str | None = None, *, tree: FileTree | None = None) -> list[TrackedOut]:
    """Every tracked path at or below ``top`` (absolute; default: the whole repository), in the order of the files.

    ``tree`` is where the records are read, by default the work tree. Paths are always those of the work tree.

    Raises:
        InvalidInput: a file that cannot be read.
    """
    found: list[TrackedOut] = []
    repository.pipelines.clear()
    where = tree or WorkTree(repository)
    start = repository.relative(top).replace(os.sep, "/") if top else ""
    for path, text in _dvc_files(repository, where, "" if start == "." else start, found):
        found.extend(outs_of(os.path.join(repository.root, path), text))
    return sorted(found, key=lambda out: out.dvc_file)


def _dvc_files(
    repository: Repository, tree: FileTree, start: str, found: list[TrackedOut]
) -> Iterator[tuple[str, bytes]]:
    """Walks down, but not into tracked folders: ``found`` is filled by the caller meanwhile."""
    waiting = [(start, _rules_above(tree, start))]
    while waiting:
        folder, ignore = waiting.pop()
        entries = tree.entries(folder)
        prefix = f"{folder}/" if folder else ""
        if any(entry.name == IGNORE_FILE for entry in entries):
            ignore = _with_rules_of(tree, ignore, folder)
        for entry in entries:
            if entry.name == PIPELINE:
                repository.pipelines.append(os.path.join(repository.root, folder, entry.name))
            elif (
                not entry.is_dir
                and _is_dvc_file(entry.name)
                and not (ignore and ignore.hides(prefix + entry.name, False))
            ):
                text = tree.read(prefix + entry.name)
                if text is not None:
                    yield prefix + entry.name, text
        known = {out.path for out in found}
        waiting.extend(
            (prefix + entry.name, ignore)
            for entry in entries
            if entry.is_dir
            and entry.name not in HIDDEN_FOLDERS
            and not (ignore and ignore.hides(prefix + entry.name, True))
            and os.path.join(repository.root, prefix + entry.name) not in known
            and not tree.exists(f"{prefix}{entry.name}/.dvc")
        )


def _is_dvc_file(name: str) -> bool:
    return name.endswith(dvcfile.SUFFIX) and name != dvcfile.SUFFIX


def _rules_above(tree: FileTree, folder: str) -> Ignore:
    """The ``.dvcignore`` rules of the folders above ``folder``."""
    ignore = Ignore()
    parts = folder.split("/") if folder else []
    for depth in range(len(parts)):
        ignore = _with_rules_of(tree, ignore, "/".join(parts[:depth]))
    return ignore


def _with_rules_of(tree: FileTree, ignore: Ignore, folder: str) -> Ignore:
    text = tree.read(f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE)
    return ignore if text is None else ignore.with_file(folder, text.decode("utf-8", "surrogateescape"))


def resolve(
    repository: Repository, targets: Sequence[str], *, recursive: bool = False, tree: FileTree | None = None
) -> list[Target]:
    """What the user named: tracked paths, ``.dvc`` files, paths inside tracked folders, with ``recursive`` any folder.

    Nothing named means everything. Each out comes once; a path inside one that is named whole is left out. ``tree`` is
    where the records are read, by default the work tree.

    Raises:
        NotFound: a name that is none of these.
    """
    where = tree or WorkTree(repository)
    if not targets:
        return [Target(out) for out in tracked(repository, tree=where)]
    everything: list[TrackedOut] | None = None
    chosen: dict[tuple[str, str], Target] = {}
    for name in targets:
        path = os.path.abspath(name)
        direct = _direct(repository, where, path)
        if not direct:
            if everything is None:
                everything = tracked(repository, tree=where)
            direct = _among(path, everything, recursive)
        if not direct:
            raise NotFound(
                f"{name!r} is neither tracked data nor a .dvc file.", hint="madang status lists what is tracked."
            )
        for target in direct:
            chosen[target.out.path, target.inside] = target
    whole = {path for path, inside in chosen if not inside}
    return [target for target in chosen.values() if not target.inside or target.out.path not in whole]


def _direct(repository: Repository, tree: FileTree, path: str) -> list[Target]:
    if _is_dvc_file(os.path.basename(path)):
        text = _read(repository, tree, path)
        if text is not None:
            return [Target(out) for out in outs_of(path, text)]
    beside = path + dvcfile.SUFFIX
    text = _read(repository, tree, beside)
    return [] if text is None else [Target(out) for out in outs_of(beside, text) if out.path == path]


def _read(repository: Repository, tree: FileTree, path: str) -> bytes | None:
    if not path.startswith(repository.root.rstrip(os.sep) + os.sep):
        return None
    return tree.read(repository.relative(path).replace(os.sep, "/"))


def _among(path: str, everything: Sequence[TrackedOut], recursive: bool) -> list[Target]:
    for out in everything:
        if path == out.path:
            return [Target(out)]
        if path.startswith(out.path + os.sep):
            return [Target(out, path[len(out.path) + 1 :])]
    if recursive:
        return [Target(out) for out in everything if out.dvc_file.startswith(path.rstrip(os.sep) + os.sep)]
    return []


def owner_of(path: str, everything: Sequence[TrackedOut]) -> TrackedOut | None:
    """The tracked path that is, or holds, ``path``."""
    for out in everything:
        if path == out.path or path.startswith(out.path + os.sep):
            return out
    return None
