"""The files of a repository at a revision, tracked data included: what metrics, parameters and plots are read from.

A file is taken from the work tree or the commit; when it is not there, from the cache, by what the records of that very
revision say.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from madang.errors import CorruptData, InvalidInput, NotFound
from madang.formats.dvc import dvcfile, ignore
from madang.formats.dvc.digest import md5_of
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.records.outs import PIPELINE, survey
from madang.workspace.data.records.stages import PipelineFile, Stage, TrackedOut, is_local
from madang.workspace.data.records.trees import CommitTree, FileTree, WorkTree, commit_of
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import HIDDEN_FOLDERS

WORKSPACE = "workspace"
_NO_VALUES = (PIPELINE, ignore.FILE_NAME)  # files that a folder is not asked for


class State:
    """A revision, or the work tree. Paths are relative to the repository's root, with ``/``."""

    def __init__(self, repository: Repository, name: str, tree: FileTree) -> None:
        """``name`` is how the user calls it."""
        self.repository = repository
        self.name = name
        self.tree = tree

    @cached_property
    def _survey(self) -> tuple[list[Stage], list[PipelineFile]]:
        return survey(self.repository, tree=self.tree)

    @property
    def stages(self) -> list[Stage]:
        """Every stage. Raises `InvalidInput`."""
        return self._survey[0]

    @property
    def pipelines(self) -> list[PipelineFile]:
        """Every ``dvc.yaml``. Raises `InvalidInput`."""
        return self._survey[1]

    @cached_property
    def _outs(self) -> dict[str, TrackedOut]:
        return {
            self.relative(out.path): out
            for stage in self.stages
            for out in stage.outs
            if is_local(out.path) and out.md5 is not None
        }

    def relative(self, path: str) -> str:
        """An absolute path as paths are here."""
        return self.repository.relative(path).replace(os.sep, "/")

    def section(self, name: str) -> Iterator[tuple[PipelineFile, str, list[object]]]:
        """What every ``dvc.yaml`` says under a key at its top, with the folder it stands in. Raises `InvalidInput`."""
        for pipeline in self.pipelines:
            items = pipeline.pipeline.section(name)
            if items:
                yield pipeline, posixpath.dirname(self.relative(pipeline.file)), items

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: it is neither there nor in the cache. CorruptData: the cache's object is damaged.
            InvalidInput: it is outside of the repository.
        """
        if _is_outside(path):
            raise InvalidInput(f"{path!r} is outside of the repository, so it is not read.")
        body = self.tree.read(path)
        if body is not None:
            return body
        held = self._held(path)
        if held is None:
            raise NotFound(f"{path!r} does not exist.")
        out, inside = held
        place = place_of(self.repository, out)
        assert out.md5 is not None
        name = out.md5
        if out.is_dir:
            found = place.cache.listing(name).get(inside)
            if found is None:
                raise NotFound(f"{path!r} does not exist.")
            name = found
        try:
            with open(place.cache.path(name), "rb") as file:
                body = file.read()
        except FileNotFoundError:
            raise NotFound(f"{path!r} is not in the cache.", hint="madang fetch, when a remote has it.") from None
        if not out.is_legacy and md5_of(body) != name:
            raise CorruptData(f"The object of {path!r} in the cache is damaged.", hint="madang fsck")
        return body

    def expanded(self, path: str) -> list[str]:
        """The files below a folder, in the order of their names; a path that is no folder stays as it is."""
        if _is_outside(path):
            return [path]
        try:
            return sorted(set(self._below(path))) or [path]
        except InvalidInput:
            return [path]  # told when the path itself is read

    def exists(self, path: str) -> bool:
        """Whether a file or folder of this name is there, or recorded."""
        return self.tree.exists(path) or self._held(path) is not None

    def _below(self, folder: str) -> Iterator[str]:
        if self.tree.exists(folder):
            yield from self._files(folder)
        for path, out in self._outs.items():
            if path.startswith(f"{folder}/"):
                yield from self._files_of(out, path, "") if out.is_dir else (path,)
        held = self._held(folder)
        if held is not None and held[0].is_dir:
            yield from self._files_of(held[0], folder, held[1])

    def _files(self, folder: str) -> Iterator[str]:
        for entry in self.tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.is_dir and entry.name not in HIDDEN_FOLDERS:
                yield from self._files(path)
            elif not entry.is_dir and entry.name not in _NO_VALUES and not entry.name.endswith(dvcfile.SUFFIX):
                yield path

    def _files_of(self, out: TrackedOut, folder: str, inside: str) -> Iterator[str]:
        start = f"{inside}/" if inside else ""
        try:
            names = place_of(self.repository, out).cache.listing(out.md5 or "")
        except (NotFound, CorruptData):
            return  # told when the path itself is read
        yield from (f"{folder}/{name[len(start) :]}" for name in names if name.startswith(start))

    def _held(self, path: str) -> tuple[TrackedOut, str] | None:
        head = path
        while head:
            if head in self._outs:
                out, inside = self._outs[head], path[len(head) + 1 :]
                return (out, inside) if not inside or out.is_dir else None
            head = head.rpartition("/")[0]
        return None


def state_of(repository: Repository, revision: str) -> State:
    """The state that a user calls so: ``workspace``, or whatever git knows. Raises `NotFound`."""
    if revision in ("", WORKSPACE):
        return State(repository, revision, WorkTree(repository))
    return State(repository, revision, CommitTree(repository, commit_of(repository, revision)))


def states(
    repository: Repository, *, branches: bool = False, tags: bool = False, every: bool = False
) -> Iterator[State]:
    """The work tree (named ``""`` when it is alone), then the revisions that the options mean, each commit once.

    A commit with several names has all of them, joined with commas. Without git there is the work tree alone.
    """
    if not (branches or tags or every):
        yield state_of(repository, "")
        return
    yield state_of(repository, WORKSPACE)
    root = repository.git_root
    if root is None:
        return
    names: list[tuple[str, str]] = [(one, one) for one in (git.reachable(root) if every else ())]
    if not every:
        kinds = [kind for kind, wanted in (("refs/heads/", branches), ("refs/tags/", tags)) if wanted]
        names = [(ref, ref.removeprefix(kind)) for kind in kinds for ref in git.refs(root, kind)]
    called: dict[str, list[str]] = {}
    for ref, name in names:
        commit = git.commit(root, ref)
        if commit is not None:
            called.setdefault(commit, []).append(name)
    for commit, given in called.items():
        tree = CommitTree(repository, commit)
        if tree.folder and not tree.exists(".dvc"):
            continue  # from before this data repository was made
        yield State(repository, ",".join(given), tree)


def has_commits(repository: Repository) -> bool:
    """Whether there is anything to compare with. Raises `NotFound` without git."""
    if repository.git_root is None:
        raise NotFound(
            f"{repository.root} is not in a git repository (or core.no_scm is set), so it has no revisions.",
            hint="git init, and commit the .dvc files.",
        )
    try:
        commit_of(repository, "HEAD")
    except NotFound:
        return False
    return True


def unique(paths: Iterable[str]) -> list[str]:
    """Each path once, normalized."""
    return list(dict.fromkeys(posixpath.normpath(path) for path in paths))


def from_here(repository: Repository, targets: Sequence[str]) -> list[str]:
    """Paths named from the present folder, relative to the root. Raises `InvalidInput` for one outside."""
    found = []
    for target in targets:
        path = repository.relative(os.path.abspath(target)).replace(os.sep, "/")
        if _is_outside(path):
            raise InvalidInput(f"{target!r} is outside of the repository {repository.root}.")
        found.append(path)
    return found


def _is_outside(path: str) -> bool:
    return path == ".." or path.startswith(("../", "/"))
