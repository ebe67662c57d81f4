"""Experiments side by side: the parameters, metrics, dependencies and outputs of commits and of what varies them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable, value
from madang.errors import MadangError
from madang.workspace.data.records.stages import Stage, TrackedOut
from madang.workspace.data.records.trees import CommitTree, WorkTree
from madang.workspace.data.records.trees import commits as commits_of
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs
from madang.workspace.experiments.pending import Pending
from madang.workspace.experiments.queue import FAILED, QUEUED, RUNNING
from madang.workspace.experiments.refs import Experiment
from madang.workspace.experiments.work_trees import placed
from madang.workspace.pipelines import metrics, params
from madang.workspace.pipelines.states import WORKSPACE, State
from madang.workspace.pipelines.values import Values

_STATES = (RUNNING, QUEUED, FAILED)


@value
class Selection:
    """Commits whose experiments are meant; the present one when nothing is named."""

    revisions: tuple[str, ...] = ()
    num: int = 1  # so many commits from each revision back; negative: all of them
    branches: bool = False
    tags: bool = False
    every: bool = False

    def commits(self, repository: Repository) -> list[str]:
        """Their full names. Raises `NotFound` for an unknown revision."""
        refs.root_of(repository)
        none = not (self.revisions or self.branches or self.tags or self.every)
        return commits_of(
            repository,
            branches=self.branches,
            tags=self.tags,
            every=self.every,
            revisions=("HEAD",) if none else self.revisions,
            num=self.num,
        )


@mutable
class Row:
    """One commit, or the work tree."""

    rev: str  # full name; ``workspace``
    name: str = ""  # of the experiment; of a commit its branch or tag
    at: int | None = None  # seconds since 1970
    params: Values = field(default_factory=Values)
    metrics: Values = field(default_factory=Values)
    deps: dict[str, dict[str, Any]] = field(default_factory=dict)  # by path: hash, size, nfiles
    outs: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: MadangError | None = None  # nothing could be read
    state: str = ""  # of one in the queue
    executor: str = ""  # where it runs
    older: list[Row] = field(default_factory=list)  # of an experiment: its commits before the last one
    rows: list[Row] = field(default_factory=list)  # of a commit: its experiments


def collect(
    repository: Repository,
    selection: Selection,
    *,
    pending: Sequence[Pending] = (),
    with_workspace: bool = True,
    deps_only: bool = False,
    sha_only: bool = False,
) -> list[Row]:
    """The commits with their experiments, newest first, the work tree before them.

    Raises:
        NotFound: an unknown revision, or there is no git.
    """
    chosen = selection.commits(repository)
    names = {} if sha_only else names_of_commits(repository)
    found = [row_of(repository, WORKSPACE, deps_only=deps_only)] if with_workspace else []
    made = refs.experiments(repository, chosen)
    for commit in chosen:
        row = row_of(repository, commit, deps_only=deps_only)
        row.name = names.get(commit, "")
        waiting = [one for one in pending if one.experiment.baseline == commit]
        done = [Pending(one, "") for one in made if one.baseline == commit]
        running, queued, failed = ([one for one in waiting if one.state == state] for state in _STATES)
        row.rows = [
            _row(repository, one, deps_only)
            for group in (running, done, queued, failed)
            for one in sorted(group, key=lambda one: (one.experiment.at, one.experiment.commit), reverse=True)
        ]
        found.append(row)
    return found


def _row(repository: Repository, one: Pending, deps_only: bool) -> Row:
    """The row of an experiment; of one that runs with what is in its work tree by now."""
    made = one.experiment
    if one.tree and os.path.isdir(one.tree):
        there = placed(repository, one.tree)
        row = row_of(there, WORKSPACE, deps_only=deps_only)
        there.close()
    else:
        row = row_of(repository, made.commit, deps_only=deps_only)
    row.rev, row.name, row.state, row.at = made.commit, made.name, one.state, made.at
    row.executor = "queue" if one.state == RUNNING else ""
    if one.state == QUEUED:
        row.metrics = Values()
    if not one.state:
        older = _older(repository, made)
        row.older = [row_of(repository, commit, deps_only=deps_only) for commit in older]
    return row


def _older(repository: Repository, one: Experiment) -> list[str]:
    """The commits of an experiment behind its last one: there are some when it was gone on with by hand."""
    if _header(repository, one.commit).get(b"parent") == one.baseline.encode():
        return []
    return commits.lineage(refs.root_of(repository), one.commit, one.baseline)[1:]


def row_of(repository: Repository, revision: str, *, deps_only: bool = False) -> Row:
    """What a commit (its full name) or the work tree says."""
    is_workspace = revision == WORKSPACE
    tree = WorkTree(repository) if is_workspace else CommitTree(repository, revision)
    state = State(repository, revision, tree)
    row = Row(revision, at=None if is_workspace else _time(repository, revision))
    row.params, row.metrics = params.of(state, deps_only=deps_only), metrics.of(state)
    row.error = row.metrics.error
    if row.error is None:
        for stage in state.stages:
            row.deps.update(_deps(state, stage))
            row.outs.update((state.relative(out.path), _out(stage, out)) for out in _plain_outs(stage))
    return row


def _deps(state: State, stage: Stage) -> dict[str, dict[str, Any]]:
    found = {}
    for dep in stage.deps:
        if dep.path.startswith("ds://") or (dep.source is not None and "repo" in dep.source):
            continue
        known = dep.recorded
        path = state.relative(dep.path) if "://" not in dep.path else dep.path
        found[path] = {
            "hash": (known.md5 or known.checksum) if known else None,
            "size": known.size if known else None,
            "nfiles": known.nfiles if known else None,
        }
    return found


def _plain_outs(stage: Stage) -> list[TrackedOut]:
    return [out for out in stage.outs if out.entry.kind not in ("metric", "plot")]


def _out(stage: Stage, out: TrackedOut) -> dict[str, Any]:
    return {
        "hash": out.md5,
        "size": out.size,
        "nfiles": out.nfiles,
        "use_cache": out.entry.cache,
        "is_data_source": stage.cmd is None,
    }


def _time(repository: Repository, commit: str) -> int:
    words = _header(repository, commit).get(b"committer", b"").split()
    return int(words[-2]) if len(words) > 2 and words[-2].isdigit() else 0


def _header(repository: Repository, commit: str) -> dict[bytes, bytes]:
    """The first line of each kind in a commit."""
    found: dict[bytes, bytes] = {}
    for line in repository.git_objects.read(commit).split(b"\n\n", 1)[0].splitlines():
        key, _, rest = line.partition(b" ")
        found.setdefault(key, rest)
    return found


def names_of_commits(repository: Repository) -> dict[str, str]:
    """What commits are called: the branch that is checked out, a tag, another branch."""
    root = refs.root_of(repository)
    found = {ref.commit: ref.name.removeprefix("refs/heads/") for ref in reversed(commits.refs(root, "refs/heads"))}
    for name in reversed(git.refs(root, "refs/tags")):
        commit = git.commit(root, name)  # of an annotated tag, too
        if commit is not None:
            found[commit] = name.removeprefix("refs/tags/")
    branch = git.branch(root)
    if branch:
        found[refs.head(repository)] = branch
    return found
