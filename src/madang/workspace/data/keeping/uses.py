"""Who needs which object: the records of the workspace, of commits, of other work trees, of stashes, of runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from functools import partial
from typing import NamedTuple

from madang.domain.values import mutable, value
from madang.errors import CorruptData, MadangError, NotFound, StorageError
from madang.formats.dvc import listing
from madang.formats.dvc.layout import is_dir
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.records import outs
from madang.workspace.data.records.trees import CommitTree, FileTree, GitTree
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository

_LIVE = ("workspace", "project", "worktree")
_QUEUE = "refs/madang/queue"
_EXPERIMENT_PARTS = 5  # refs/exps/ab/cdef…/name: the commit that it began from, and its name


class Needed(NamedTuple):
    """One recorded object."""

    name: str  # of the object; ".dir" at its end for a folder
    path: str  # that it stands for, relative to the repository's root
    record: str  # the file that records it, relative to the repository's root; what a run says it did with it
    remote: str | None = None  # name of its own remote
    is_listed: bool = False  # a folder whose record names its files itself: they are needed by themselves


@value
class Root:
    """One state of the records. What it names is in use."""

    kind: str  # "workspace", "project", "commit", "worktree", "stash" or "run"
    label: str  # as it is shown
    needs: tuple[Needed, ...]

    @property
    def is_live(self) -> bool:
        """Whether somebody works with it now: a folder on disk, not a state of the past."""
        return self.kind in _LIVE


@mutable
class Failed:
    """A state of the records that could not be read."""

    kind: str
    label: str
    error: MadangError


@mutable
class Roots:
    """States of the records, and those that could not be read."""

    found: list[Root] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    def add(self, kind: str, label: str, read: Callable[[], Iterable[Needed]]) -> None:
        """Read one state."""
        try:
            self.found.append(Root(kind, label, tuple(read())))
        except MadangError as error:
            self.failed.append(Failed(kind, label, error))
        except OSError as error:
            failure = StorageError(
                f"{error.filename or label}: {error.strerror}.", hint="Check the permissions and the disk."
            )
            self.failed.append(Failed(kind, label, failure))


def needs_of(repository: Repository, tree: FileTree | None = None) -> Iterator[Needed]:
    """What the records need, in the work tree or in another tree.

    Raises:
        InvalidInput: a record that cannot be read. Incompatible: one that does not name its objects.
    """
    for out in outs.tracked(repository, tree=tree):
        outs.check_supported(out)
        if out.md5 is not None and out.entry.cache:
            path, record = repository.relative(out.path), repository.relative(out.dvc_file)
            is_listed = out.entry.per_file and out.is_dir
            yield Needed(out.md5, path, record, out.entry.remote, is_listed)
            for file in out.entry.files if is_listed else ():
                if file.md5 is not None:
                    yield Needed(file.md5, f"{path}/{file.path}", record, out.entry.remote)


def in_workspace(roots: Roots, repository: Repository, label: str = "the workspace", kind: str = "workspace") -> None:
    """The work tree as it is on disk."""
    roots.add(kind, label, partial(needs_of, repository))


def in_commits(
    roots: Roots, repository: Repository, commits: Sequence[str], kind: str = "commit", label: str = ""
) -> None:
    """Commits of the git repository, by their full names."""
    for commit in commits:
        tree = CommitTree(repository, commit)
        roots.add(kind, label or label_of(commit), partial(needs_of, repository, tree))


def label_of(commit: str) -> str:
    """How a commit is shown."""
    return f"commit {commit[:10]}"


def experiments(repository: Repository) -> list[str]:
    """The commits of dvc's experiments: of each those from its tip back to the commit that it began from."""
    root = repository.git_root
    found: dict[str, None] = {}
    for ref in git.refs(root, "refs/exps") if root is not None else ():
        parts = ref.split("/")
        if len(parts) == _EXPERIMENT_PARTS and root is not None:
            line = git.first_parents(root, ref, -1)
            baseline = parts[2] + parts[3]
            found.update(dict.fromkeys(line[: line.index(baseline)] if baseline in line else line))
    return list(found)


def in_worktrees(roots: Roots, repository: Repository) -> None:
    """The other work trees of the same git repository; of one whose folder is away, its commit."""
    for other in other_work_trees(repository):
        in_workspace(roots, other, f"the work tree {other.root}", "worktree")
    root = repository.git_root
    for place, commit in git.worktrees(root) if root is not None else ():
        if commit and not os.path.isdir(place):
            in_commits(roots, repository, [commit], "worktree", f"the work tree {place} (away)")


def other_work_trees(repository: Repository) -> list[Repository]:
    """The data repository in the other work trees of the same git repository, where they are on disk and hold it."""
    root = repository.git_root
    if root is None:
        return []
    below = os.path.relpath(repository.root, root)
    places = (place for place, _ in git.worktrees(root) if os.path.realpath(place) != os.path.realpath(root))
    found = (os.path.normpath(os.path.join(place, below)) for place in places)
    return [Repository(place) for place in found if os.path.isdir(os.path.join(place, ".dvc"))]


def in_stashes(roots: Roots, repository: Repository) -> None:
    """Stashes: what they hold of the work tree, of the index, and files that git did not know."""
    root = repository.git_root
    if root is None:
        return
    below = os.path.relpath(repository.root, root).replace(os.sep, "/")
    for number, commits in enumerate(git.stashes(root)):
        for commit in commits:
            tree = GitTree(repository.git_objects, commit, "" if below == "." else below)
            roots.add("stash", f"stash@{{{number}}}", partial(needs_of, repository, tree))


def in_queue(roots: Roots, repository: Repository) -> None:
    """What experiments of the queue start from."""
    root = repository.git_root
    for ref in git.refs(root, _QUEUE) if root is not None else ():
        in_commits(roots, repository, git.first_parents(root or "", ref, 1), "queue", "queued experiments")


class Listings:
    """The listings of folders: from the cache, else from where the caller can get them."""

    def __init__(self, cache: Cache, elsewhere: Callable[[str], bytes | None] | None = None) -> None:
        """``elsewhere`` returns a listing's bytes, or None."""
        self._cache = cache
        self._elsewhere = elsewhere
        self._known: dict[str, dict[str, str] | None] = {}

    def files(self, name: str) -> dict[str, str] | None:
        """``{relpath: md5}``; None when the listing is nowhere, or is damaged."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def names(self, name: str) -> set[str]:
        """The object itself and, for a folder whose listing can be read, what it names."""
        if not is_dir(name):
            return {name}
        return {name, *(self.files(name) or {}).values()}

    def _read(self, name: str) -> dict[str, str] | None:
        for read in (self._in_cache, self._in_legacy_cache, self._away):
            body = read(name)
            if body is not None and listing.name_of_bytes(body) == name:
                try:
                    return listing.decode(body, name)
                except CorruptData:
                    return None  # hostile: nothing can be restored from it
        return None

    def _in_cache(self, name: str) -> bytes | None:
        return _bytes_of(self._cache.path(name))

    def _in_legacy_cache(self, name: str) -> bytes | None:
        return _bytes_of(f"{self._cache.folder}/{name[:2]}/{name[2:]}")

    def _away(self, name: str) -> bytes | None:
        return self._elsewhere(name) if self._elsewhere else None


def _bytes_of(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def linked_objects(repository: Repository) -> set[str]:
    """Names of the objects that files of a work tree *are*, by symbolic links: without them the files are gone."""
    found: set[str] = set()
    cache = os.path.realpath(repository.cache.folder) + os.sep
    for place in (repository, *other_work_trees(repository)):
        if "symlink" in place.settings.link_types():
            targets = (os.path.realpath(path) for out in outs.tracked(place) for path in _links_at(out.path))
            found.update(
                os.path.basename(os.path.dirname(target)) + os.path.basename(target)
                for target in targets
                if target.startswith(cache)
            )
    return found


def _links_at(path: str) -> Iterator[str]:
    if os.path.islink(path):
        yield path
    elif os.path.isdir(path):
        for above, folders, names in os.walk(path):
            yield from (one for name in (*names, *folders) if os.path.islink(one := os.path.join(above, name)))


def check(roots: Roots, *, skip_failed: bool) -> None:
    """Refuse to go on with records that could not be read; only those of the past may be passed over.

    Raises:
        the first failure, naming the state.
    """
    for failed in roots.failed:
        is_live = failed.kind in _LIVE
        if is_live or not skip_failed:
            hint = "Correct the file first." if is_live else "--skip-failed passes over them."
            raise type(failed.error)(
                f"The records of {failed.label} cannot be read: {failed.error.message}",
                hint=failed.error.hint if isinstance(failed.error, NotFound) else hint,
            )
