"""Metrics of pipelines: which files hold them, and what they say at a revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from madang.formats.dvc import parameters
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.states import WORKSPACE, State, from_here, has_commits, state_of, states, unique
from madang.workspace.pipelines.values import Change, Values, differences, gather

Differences = tuple[dict[str, dict[str, Change]], dict[str, Values]]
"""The changes by file and key, and what was read, by the two revisions' names."""


def show(
    repository: Repository,
    targets: Sequence[str] = (),
    *,
    branches: bool = False,
    tags: bool = False,
    every: bool = False,
) -> dict[str, Values]:
    """Metrics of the work tree (``""``), or of it (``workspace``) and of the revisions that the options mean.

    The work tree is left out when it says what the branch that is checked out says.

    Raises:
        InvalidInput: a target outside of the repository.
    """
    named = from_here(repository, targets)
    found = {
        state.name: gather(state, partial(_files, named=named))
        for state in states(repository, branches=branches, tags=tags, every=every)
    }
    branch = git.branch(repository.git_root) if WORKSPACE in found and repository.git_root else None
    if branch in found and found[WORKSPACE].is_whole and found[WORKSPACE] == found[branch]:
        del found[WORKSPACE]
    return found


def of(state: State) -> Values:
    """All metrics of one revision."""
    return gather(state, partial(_files, named=()))


def diff(
    repository: Repository, old: str, new: str, targets: Sequence[str] = (), *, unchanged: bool = False
) -> Differences:
    """What differs between two revisions (``workspace`` is the work tree). Nothing does before the first commit.

    Raises:
        NotFound: an unknown revision, or there is no git. InvalidInput: a target outside of the repository.
    """
    if not has_commits(repository):
        return {}, {}
    named = from_here(repository, targets)
    found = {name: gather(state_of(repository, name), partial(_files, named=named)) for name in (old, new)}
    return differences(found[old], found[new], unchanged=unchanged), found


def _files(state: State, named: Sequence[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    wanted: Iterable[str] = named or _recorded(state)
    for path in unique(file for one in unique(wanted) for file in state.expanded(one)):
        yield path, partial(_read, state, path)


def _recorded(state: State) -> Iterator[str]:
    for stage in state.stages:
        yield from (state.relative(out.path) for out in stage.outs if out.entry.kind == "metric")
    for _, folder, items in state.section("metrics"):
        yield from (f"{folder}/{item}" if folder else str(item) for item in items)


def _read(state: State, path: str) -> Any:
    return numbers(parameters.parse(state.read(path), path)) or {}


def numbers(value: Any) -> Any:
    """Numbers and texts, also in mappings in mappings; anything else is no metric and left out."""
    if isinstance(value, int | float | str):
        return value
    if not isinstance(value, Mapping):
        return None
    found = {key: numbers(item) for key, item in value.items()}
    return {key: item for key, item in found.items() if item is not None and item != {}}
