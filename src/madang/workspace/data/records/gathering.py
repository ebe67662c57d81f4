"""Which data a command means over the history of a repository: the work tree, and the commits that it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial

from madang.domain.values import mutable, value
from madang.errors import InvalidInput, NotFound
from madang.workspace.data.records.outs import Target, resolve
from madang.workspace.data.records.trees import CommitTree, commits
from madang.workspace.data.repo.repository import Repository


@value
class History:
    """The commits that a command looks at, beside the work tree."""

    branches: bool = False
    tags: bool = False
    every: bool = False

    def __bool__(self) -> bool:
        return self.branches or self.tags or self.every


@mutable
class Gathered:
    """The targets of all trees, each content once; and what could not be read."""

    here: list[Target] = field(default_factory=list)  # of the work tree
    targets: list[Target] = field(default_factory=list)  # of all of them, the work tree included
    skipped: list[str] = field(default_factory=list)  # a sentence for each commit


def gather(
    repository: Repository, names: Sequence[str], *, recursive: bool, history: History, with_deps: bool = False
) -> Gathered:
    """What the names (none: everything) stand for in the work tree and in the commits of ``history``.

    With ``with_deps`` also the outputs of the stages that make what these stages read.

    A name need not be known in each of them. A commit whose records cannot be read is passed over, and said.

    Raises:
        NotFound: a name that none of them knows. InvalidInput: the work tree has a record that cannot be read.
        NotAWorkspace: a history without git.
    """
    if not history:
        here = resolve(repository, names, recursive=recursive, with_deps=with_deps)
        return Gathered(here, here)
    gathered = Gathered()
    known: set[str] = set()
    find = partial(resolve, repository, recursive=recursive, with_deps=with_deps)
    _take(find, names, None, gathered, known)
    gathered.here = list(gathered.targets)
    for commit in commits(repository, branches=history.branches, tags=history.tags, every=history.every):
        try:
            _take(find, names, CommitTree(repository, commit), gathered, known)
        except InvalidInput as error:
            gathered.skipped.append(f"{commit[:7]} is passed over: {error.message}")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NotFound(f"{unknown[0]!r} is tracked data in none of these commits.", hint="madang status lists it.")
    gathered.targets = _unique(gathered.targets)
    return gathered


def _take(
    find: Callable[..., list[Target]],
    names: Sequence[str],
    tree: CommitTree | None,
    gathered: Gathered,
    known: set[str],
) -> None:
    if not names:
        gathered.targets += find((), tree=tree)
        return
    for name in names:
        try:
            gathered.targets += find([name], tree=tree)
        except NotFound:
            continue
        known.add(name)


def _unique(targets: Sequence[Target]) -> list[Target]:
    """Without what another target says already: the same content for the same remote."""
    found: dict[tuple[object, ...], Target] = {}
    for target in targets:
        out, entry = target.out, target.out.entry
        key = (out.path, out.md5, target.inside, entry.hash_name, entry.remote, entry.push, entry.cache, out.is_import)
        found.setdefault(key, target)
    return list(found.values())
