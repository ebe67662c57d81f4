"""Which data is tracked, and what the user's names for it mean: all records of a repository, wherever they stand."""

from __future__ import annotations

import os
import posixpath
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from madang.domain.values import value
from madang.errors import Incompatible, InvalidInput, NotFound
from madang.formats.dvc import dvcfile
from madang.formats.dvc.dvcfile import DvcFile
from madang.formats.dvc.ignore import FILE_NAME as IGNORE_FILE
from madang.formats.dvc.ignore import Ignore
from madang.formats.dvc.pipeline import FILE_NAME as PIPELINE
from madang.workspace.data.records.stages import PipelineFile, Stage, TrackedOut, is_local, stage_of, stages_in
from madang.workspace.data.records.trees import FileTree, WorkTree
from madang.workspace.data.repo.gitrules import GitRules
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import HIDDEN_FOLDERS

__all__ = [
    "PIPELINE", "Chosen", "Stage", "Target", "TrackedOut", "check_supported", "chosen", "outs_of", "owner_of",
    "read_file", "resolve", "stages", "survey", "tracked", "upstream",
]  # fmt: skip

Skip = Callable[[InvalidInput], None]  # hears of a file that cannot be read, and is left out
_MANY = 100_000  # parsed records that are kept
_VARIANTS = 4  # of one dvc.yaml with different locks


@value
class Target:
    """A tracked path, or one path inside it (relative to it; empty: all of it)."""

    out: TrackedOut
    inside: str = ""


@value
class Chosen:
    """A stage that the user named, or of which one path is meant."""

    stage: Stage
    path: str = ""  # absolute: only what is, or holds, this path; empty: all of the stage

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chosen) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, str]:
        return (self.stage.file, self.stage.name, self.path)

    def targets(self) -> Iterator[Target]:
        """The tracked paths that are meant."""
        for out in self.stage.outs:
            if not is_local(out.path):
                continue
            if not self.path or self.path == out.path:
                yield Target(out)
            elif self.path.startswith(out.path + os.sep):
                yield Target(out, self.path[len(out.path) + 1 :])


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
    return list(stage_of(path, read_file(path, text)).outs)


def check_supported(out: TrackedOut) -> None:
    """Refuse data whose content is not known here.

    Raises:
        Incompatible: kept under plain names in a cloud, and its MD5 is not recorded.
    """
    if out.entry.per_file and out.md5 is None:
        raise Incompatible(f"{out.dvc_file} names files of a cloud without their MD5.", hint="Use dvc for this file.")


def stages(
    repository: Repository, top: str | None = None, *, tree: FileTree | None = None, skip: Skip | None = None
) -> list[Stage]:
    """Every stage at or below ``top`` (absolute; default: the whole repository), in the order of the files.

    ``tree`` is where the records are read, by default the work tree. Paths are always those of the work tree.

    Raises:
        InvalidInput: a file that cannot be read; unless there is ``skip``, which is told then.
    """
    return survey(repository, top, tree=tree, skip=skip)[0]


def survey(
    repository: Repository, top: str | None = None, *, tree: FileTree | None = None, skip: Skip | None = None
) -> tuple[list[Stage], list[PipelineFile]]:
    """Every stage and every ``dvc.yaml``, which may say more than its stages. Arguments and errors as `stages`."""
    where = tree or WorkTree(repository)
    start = repository.relative(top).replace(os.sep, "/") if top else ""
    found, pipelines, known = list[Stage](), list[PipelineFile](), set[str]()
    for path, body in _files(repository, where, "" if start == "." else start, known):
        try:
            if _is_dvc_file(posixpath.basename(path)):
                here = _stages_in(repository, where, path, body)
            else:
                one = _pipeline(repository, where, path, body)
                here = one.stages()
                pipelines.append(one)
        except InvalidInput as error:
            if skip is None:
                raise
            skip(error)
        else:
            known.update(out.path for stage in here for out in stage.outs)
            found.extend(here)
    by_file = sorted(pipelines, key=lambda one: one.file)
    return sorted(found, key=lambda stage: stage.file), by_file


def tracked(repository: Repository, top: str | None = None, *, tree: FileTree | None = None) -> list[TrackedOut]:
    """Every tracked path: of ``.dvc`` files and of stages of pipelines. Arguments and errors as `stages`."""
    return [out for stage in stages(repository, top, tree=tree) for out in stage.outs if is_local(out.path)]


def _stages_in(repository: Repository, tree: FileTree, path: str, body: bytes) -> list[Stage]:
    if not _is_dvc_file(posixpath.basename(path)):
        return stages_in(repository, tree, path, body)  # it depends on other files, too
    kept = repository.parsed
    if (path, body) not in kept:
        if len(kept) > _MANY:
            kept.clear()
        kept[path, body] = stages_in(repository, tree, path, body)
    found: list[Stage] = kept[path, body]
    return found


def _pipeline(repository: Repository, tree: FileTree, path: str, body: bytes) -> PipelineFile:
    """A ``dvc.yaml``; commits that hold the same one, with the same lock and values, share it."""
    kept: list[PipelineFile] = repository.parsed.setdefault((path, body), [])
    for one in kept:
        if one.is_same_in(tree):
            return one
    made = PipelineFile(repository, tree, path, body)
    if tree.revision:
        kept[:] = [*kept[-_VARIANTS:], made]
    return made


def _files(repository: Repository, tree: FileTree, start: str, known: set[str]) -> Iterator[tuple[str, bytes]]:
    """Walks down, but not into tracked folders: ``known`` is filled by the caller meanwhile."""
    rules = GitRules(repository.git_root if not tree.revision else None)
    waiting = [(start, _rules_above(tree, start))]
    try:
        while waiting:
            folder, ignore = waiting.pop()
            entries = tree.entries(folder)
            prefix = f"{folder}/" if folder else ""
            if any(entry.name == IGNORE_FILE for entry in entries):
                ignore = _with_rules_of(tree, ignore, folder)
            files = [entry.name for entry in entries if not entry.is_dir and _is_record(entry.name)]
            for name in _seen(repository, rules, ignore, prefix, files, is_dir=False):
                body = tree.read(prefix + name)
                if body is not None:
                    yield prefix + name, body
            folders = [
                entry.name
                for entry in entries
                if entry.is_dir
                and entry.name not in HIDDEN_FOLDERS
                and os.path.join(repository.root, prefix + entry.name) not in known
                and not tree.exists(f"{prefix}{entry.name}/.dvc")
            ]
            seen = _seen(repository, rules, ignore, prefix, folders, is_dir=True)
            waiting.extend((prefix + name, ignore) for name in seen)
    finally:
        rules.close()


def _seen(
    repository: Repository, rules: GitRules, ignore: Ignore, prefix: str, names: Sequence[str], *, is_dir: bool
) -> list[str]:
    """Those of the names in one folder that neither ``.dvcignore`` nor git ignores."""
    left = [name for name in names if not (ignore and ignore.hides(prefix + name, is_dir))]
    below = os.path.join(repository.root, prefix)
    ignored = rules.ignored([below + name + ("/" if is_dir else "") for name in left])
    return [name for name, hidden in zip(left, ignored, strict=True) if not hidden]


def _is_record(name: str) -> bool:
    return name == PIPELINE or _is_dvc_file(name)


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
    text = tree.read(f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE) if ignore.counts(folder) else None
    return ignore if text is None else ignore.with_file(folder, text.decode("utf-8", "surrogateescape"))


def resolve(
    repository: Repository,
    targets: Sequence[str],
    *,
    recursive: bool = False,
    with_deps: bool = False,
    tree: FileTree | None = None,
) -> list[Target]:
    """The tracked paths that the user named; see `chosen`. Each comes once, and none inside one that is named whole.

    Raises:
        NotFound: a name that is nothing of these.
    """
    found: dict[tuple[str, str], Target] = {}
    for one in chosen(repository, targets, recursive=recursive, with_deps=with_deps, tree=tree):
        for target in one.targets():
            found[target.out.path, target.inside] = target
    whole = {path for path, inside in found if not inside}
    return [target for target in found.values() if not target.inside or target.out.path not in whole]


def chosen(
    repository: Repository,
    targets: Sequence[str],
    *,
    recursive: bool = False,
    with_deps: bool = False,
    tree: FileTree | None = None,
) -> list[Chosen]:
    """What the user named: ``.dvc`` files, ``dvc.yaml`` (also ``dvc.yaml:stage``), stages and groups of the present
    folder's pipeline, tracked paths, paths inside tracked folders, with ``recursive`` any folder.

    Nothing named means everything. With ``with_deps`` the stages that make what these read come as well. ``tree`` is
    where the records are read, by default the work tree.

    Raises:
        NotFound: a name that is none of these. InvalidInput: a file that cannot be read.
    """
    search = _Search(repository, tree or WorkTree(repository))
    if not targets:
        return [Chosen(stage) for stage in search.everything]
    found = [one for name in targets for one in search.named(name, recursive)]
    if with_deps:
        found.extend(Chosen(stage) for stage in upstream([one.stage for one in found], search.everything))
    return list(dict.fromkeys(found))


def upstream(start: Sequence[Stage], everything: Sequence[Stage]) -> list[Stage]:
    """The stages that make what these stages read, directly or not; without themselves."""
    makers = sorted((out.path, index) for index, stage in enumerate(everything) for out in stage.outs)
    given = {(stage.file, stage.name) for stage in start}
    found: dict[int, Stage] = {}
    waiting = list(start)
    while waiting:
        stage = waiting.pop()
        for path in {dep.path for dep in stage.deps if dep.source is None}:
            for index in _makers_of(path, makers):
                maker = everything[index]
                if index not in found and (maker.file, maker.name) not in given:
                    found[index] = maker
                    waiting.append(maker)
    return [found[index] for index in sorted(found)]


def _makers_of(path: str, makers: Sequence[tuple[str, int]]) -> Iterator[int]:
    """Whoever makes the path, a folder above it or something inside it."""
    at = bisect_left(makers, (path, 0))
    while at < len(makers) and (makers[at][0] == path or makers[at][0].startswith(path)):
        if makers[at][0] == path or makers[at][0].startswith(path + os.sep):
            yield makers[at][1]
        at += 1
    above = os.path.dirname(path)
    while above != os.path.dirname(above):
        at = bisect_left(makers, (above, 0))
        while at < len(makers) and makers[at][0] == above:
            yield makers[at][1]
            at += 1
        above = os.path.dirname(above)


class _Search:
    """Finds what names mean; everything is read only when a name needs it."""

    def __init__(self, repository: Repository, tree: FileTree) -> None:
        self.repository = repository
        self.tree = tree

    @cached_property
    def everything(self) -> list[Stage]:
        return stages(self.repository, tree=self.tree)

    def named(self, name: str, recursive: bool) -> list[Chosen]:
        """What one name means. Raises `NotFound`."""
        found = self._file(name)
        if found is not None:
            return found
        if recursive and self._is_folder(name):
            return self._folder(name)
        path = os.path.abspath(name)
        found = self._stage(PIPELINE, name) or self._beside(path) or self._among(path)
        if not found:
            raise NotFound(
                f"{name!r} is neither tracked data nor a stage or a .dvc file.",
                hint="madang list . -R --dvc-only shows what is tracked.",
            )
        return found

    def _file(self, name: str) -> list[Chosen] | None:
        """The stages of a record, which may have none; None for what is no record."""
        head, at, key = name.partition("@")
        path, colon, stage = head.rpartition(":")
        if colon and posixpath.basename(path) == PIPELINE:
            return self._stage(path, stage + at + key, is_named=True) or None
        if not _is_record(os.path.basename(name)):
            return None
        body = self._read(os.path.abspath(name))
        return None if body is None else [Chosen(stage) for stage in self._in(os.path.abspath(name), body)]

    def _stage(self, file: str, name: str, *, is_named: bool = False) -> list[Chosen]:
        """A stage, or the stages of a group, of one ``dvc.yaml``."""
        path = os.path.abspath(file)
        body = self._read(path)
        if body is None or not name:
            return []
        pipeline = PipelineFile(self.repository, self.tree, self._relative(path), body)
        names = pipeline.pipeline.group(name) or ([name] if name in pipeline.pipeline or is_named else [])
        return [Chosen(pipeline.stage(one)) for one in names]

    def _beside(self, path: str) -> list[Chosen]:
        beside = path + dvcfile.SUFFIX
        body = self._read(beside)
        if body is None:
            return []
        return [Chosen(one, path) for one in self._in(beside, body) if any(out.path == path for out in one.outs)]

    def _among(self, path: str) -> list[Chosen]:
        for stage in self.everything:
            for out in stage.outs:
                if path == out.path or path.startswith(out.path + os.sep):
                    return [Chosen(stage, path)]
        return []

    def _is_folder(self, name: str) -> bool:
        path = os.path.abspath(name)
        inside = path == self.repository.root or path.startswith(self.repository.root.rstrip(os.sep) + os.sep)
        return os.path.isdir(path) or (inside and bool(self.tree.entries(self._relative(path))))

    def _folder(self, name: str) -> list[Chosen]:
        path = os.path.abspath(name).rstrip(os.sep) + os.sep
        return [Chosen(stage) for stage in self.everything if stage.file.startswith(path)]

    def _in(self, path: str, body: bytes) -> list[Stage]:
        return _stages_in(self.repository, self.tree, self._relative(path), body)

    def _relative(self, path: str) -> str:
        return self.repository.relative(path).replace(os.sep, "/")

    def _read(self, path: str) -> bytes | None:
        if not path.startswith(self.repository.root.rstrip(os.sep) + os.sep):
            return None
        return self.tree.read(self._relative(path))


def owner_of(path: str, everything: Sequence[TrackedOut]) -> TrackedOut | None:
    """The tracked path that is, or holds, ``path``."""
    for out in everything:
        if path == out.path or path.startswith(out.path + os.sep):
            return out
    return None
