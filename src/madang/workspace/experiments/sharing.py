"""Experiments between repositories: their refs through a git remote. Their data goes through remotes of data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from madang.domain.values import mutable
from madang.workspace.data.records.outs import Target, resolve
from madang.workspace.data.records.trees import CommitTree
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs
from madang.workspace.experiments.refs import Experiment


@mutable
class Shared:
    """What became of experiments on their way."""

    moved: list[Experiment] = field(default_factory=list)
    there: list[Experiment] = field(default_factory=list)  # they were on the other side already
    diverged: list[Experiment] = field(default_factory=list)  # the other side has others of these names: left

    @property
    def whole(self) -> list[Experiment]:
        """Those that both sides have now."""
        return [*self.moved, *self.there]


def push(repository: Repository, remote: str, chosen: Sequence[Experiment], *, force: bool) -> Shared:
    """Send experiments to a git remote. Others of the same names are replaced with ``force`` only.

    Raises:
        NotFound: it cannot be reached. Conflict: it refused.
    """
    known = {one.ref: one.commit for one in refs.remote_experiments(repository, remote)}
    shared = _sorted(chosen, known, force)
    if shared.moved:
        commits.push(refs.root_of(repository), remote, [f"+{one.commit}:{one.ref}" for one in shared.moved])
    return shared


def pull(repository: Repository, remote: str, chosen: Sequence[Experiment], *, force: bool) -> Shared:
    """Bring experiments of a git remote. Raises as `push`."""
    known = {one.ref: one.commit for one in refs.experiments(repository)}
    shared = _sorted(chosen, known, force)
    if shared.moved:
        commits.fetch(refs.root_of(repository), remote, [f"+{one.ref}:{one.ref}" for one in shared.moved])
    return shared


def _sorted(chosen: Sequence[Experiment], known: dict[str, str], force: bool) -> Shared:
    shared = Shared()
    for one in chosen:
        other = known.get(one.ref)
        kind = shared.there if other == one.commit else shared.moved if other is None or force else shared.diverged
        kind.append(one)
    return shared


def remove(repository: Repository, remote: str, chosen: Sequence[Experiment]) -> None:
    """Remove experiments from a git remote. Raises as `push`."""
    if chosen:
        commits.push(refs.root_of(repository), remote, [f":{one.ref}" for one in chosen])


def rename(repository: Repository, remote: str, one: Experiment, name: str, *, force: bool) -> None:
    """Give an experiment of a git remote another name. Raises as `push`, and `Conflict` for a name that is taken."""
    refs.check_form(repository, one.baseline, name)
    new = Experiment(name, one.baseline, one.commit)
    root = refs.root_of(repository)
    if not force:
        refs.refuse_taken(new, refs.remote_experiments(repository, remote))
    commits.fetch(root, remote, [one.ref])  # its objects; no ref of ours changes
    commits.push(root, remote, [f"+{one.commit}:{new.ref}", f":{one.ref}"])


def data_of(repository: Repository, chosen: Iterable[Experiment]) -> list[Target]:
    """The tracked data of experiments, of all their commits."""
    root = refs.root_of(repository)
    names = {commit for one in chosen for commit in commits.lineage(root, one.commit, one.baseline)}
    return [target for name in sorted(names) for target in resolve(repository, (), tree=CommitTree(repository, name))]
