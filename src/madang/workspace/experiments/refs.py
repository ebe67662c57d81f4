"""The experiments of a repository: refs of git below ``refs/exps``, by the commit that they vary.

Source of the layout: dvc 3.67 (docs/formats/dvc.md): ``refs/exps/<2 hex>/<38 hex>/<name>``, the hex digits being the
commit's. Other names below ``refs/exps`` are notes of commands at work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from madang.domain.values import value
from madang.errors import Conflict, InvalidInput, NotFound
from madang.workspace.data.records.trees import commit_of
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits
from madang.workspace.experiments.commits import Ref

SPACE = "refs/exps"
APPLIED = f"{SPACE}/exec/EXEC_APPLY"
"""Where dvc notes which experiment was applied last."""

# A remote may claim names that git forbids: with a `*`, fetching one would replace all.
_REF = re.compile(rf"{SPACE}/([0-9a-f]{{2}})/([0-9a-f]{{38}}|[0-9a-f]{{62}})/([^/\x00-\x20\x7f~^:?*\[\\]+)")


@value
class Experiment:
    """A named commit on top of another one."""

    name: str
    baseline: str  # full name of the commit that it varies
    commit: str
    at: int = 0  # when it was made, seconds since 1970; 0 of one in a remote

    @property
    def ref(self) -> str:
        """Its ref."""
        return ref_of(self.baseline, self.name)


def ref_of(baseline: str, name: str) -> str:
    """The ref of an experiment."""
    return f"{SPACE}/{baseline[:2]}/{baseline[2:]}/{name}"


def root_of(repository: Repository) -> str:
    """The work tree of git. Raises `NotFound` without git or without a commit."""
    root = repository.git_root
    if root is None or git.commit(root, "HEAD") is None:
        what = "has no commit" if root else "is not in a git repository (or core.no_scm is set)"
        raise NotFound(f"{repository.root} {what}, so it has no experiments.", hint="git init, then commit.")
    return root


def experiments(repository: Repository, baselines: Iterable[str] | None = None) -> list[Experiment]:
    """All experiments, or those of some commits. Raises as `root_of`."""
    root = root_of(repository)
    return _experiments(commits.refs(root, SPACE), baselines)


def remote_experiments(repository: Repository, remote: str, baselines: Iterable[str] | None = None) -> list[Experiment]:
    """The same of a git remote, by its name or address. Raises `NotFound` when it cannot be reached."""
    return _experiments(commits.remote_refs(root_of(repository), remote, SPACE), baselines)


def _experiments(found: Iterable[Ref], baselines: Iterable[str] | None) -> list[Experiment]:
    wanted = None if baselines is None else set(baselines)
    made = ((ref, _REF.fullmatch(ref.name)) for ref in found)
    every = [Experiment(match[3], match[1] + match[2], ref.commit, ref.at) for ref, match in made if match]
    return [one for one in every if wanted is None or one.baseline in wanted]


def named(repository: Repository, names: Sequence[str], known: Sequence[Experiment] | None = None) -> list[Experiment]:
    """The experiments of these names (or refs, or commits), in this order; ``known`` are those of a remote.

    Of several of one name the one of the present commit is meant.

    Raises:
        NotFound: there is none of a name. InvalidInput: there are several, none of them of the present commit.
    """
    every = experiments(repository) if known is None else known
    return [_named(repository, name, every) for name in dict.fromkeys(names)]


def _named(repository: Repository, name: str, every: Sequence[Experiment]) -> Experiment:
    found = [one for one in every if name in (one.name, one.ref)]
    if not found:
        found = [one for one in every if len(name) >= 7 and one.commit.startswith(name)]
    if len(found) > 1:
        here = head(repository)
        found = [one for one in found if one.baseline == here] or found
    if len(found) > 1:
        refs = ", ".join(one.ref for one in found)
        raise InvalidInput(f"{name!r} is the name of {len(found)} experiments: {refs}.", hint="Name one by its ref.")
    if not found:
        raise NotFound(f"There is no experiment {name!r}.", hint="madang exp list -A lists them.")
    return found[0]


def head(repository: Repository) -> str:
    """The commit that is checked out."""
    return commit_of(repository, "HEAD")


def check_name(repository: Repository, baseline: str, name: str, *, force: bool) -> None:
    """Refuse a name that git does not allow or that is taken.

    Raises:
        InvalidInput: no such name is allowed. Conflict: there is one, and ``force`` is not given.
    """
    check_form(repository, baseline, name)
    if not force:
        refuse_taken(Experiment(name, baseline, ""), experiments(repository, [baseline]))


def check_form(repository: Repository, baseline: str, name: str) -> None:
    """Refuse a name that git does not allow. Raises `InvalidInput`."""
    if "/" in name or not commits.is_ref(root_of(repository), ref_of(baseline, name)):
        raise InvalidInput(f"{name!r} cannot be the name of an experiment.", hint="Such as lr-0.1.")


def refuse_taken(one: Experiment, known: Iterable[Experiment]) -> None:
    """Refuse an experiment whose ref is among the known ones. Raises `Conflict`."""
    if any(other.ref == one.ref for other in known):
        raise Conflict(f"There is an experiment {one.name!r} of this commit.", hint="Replace it with --force.")


def remove(repository: Repository, chosen: Sequence[Experiment]) -> None:
    """Remove experiments from the repository. Their data stays until `gc`."""
    root = root_of(repository)
    applied = git.commit(root, APPLIED)
    for one in chosen:
        commits.remove_ref(root, one.ref, one.commit)
        if one.commit == applied:
            commits.remove_ref(root, APPLIED)


def rename(repository: Repository, one: Experiment, name: str, *, force: bool) -> Experiment:
    """Give an experiment another name. Raises as `check_name`."""
    if name == one.name:
        return one
    check_name(repository, one.baseline, name, force=force)
    root, new = root_of(repository), Experiment(name, one.baseline, one.commit, one.at)
    commits.set_ref(root, new.ref, one.commit, old=None if force else commits.NOTHING)
    commits.remove_ref(root, one.ref, one.commit)
    return new
