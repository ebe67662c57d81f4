"""Parameters of pipelines: files and keys that stages depend on, and values that templates name."""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from madang.formats.dvc import parameters
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.metrics import Differences
from madang.workspace.pipelines.states import State, from_here, has_commits, state_of, unique
from madang.workspace.pipelines.values import Values, differences, gather

_NONE = object()


def of(state: State, *, deps_only: bool = False) -> Values:
    """All parameters of one revision, see `diff`."""
    return gather(state, partial(_files, named=(), deps_only=deps_only))


def diff(
    repository: Repository,
    old: str,
    new: str,
    targets: Sequence[str] = (),
    *,
    unchanged: bool = False,
    deps_only: bool = False,
) -> Differences:
    """What differs between two revisions (``workspace`` is the work tree). Nothing does before the first commit.

    Values that only templates name are among them, unless files are named. With ``deps_only`` only parameters that a
    stage depends on, and these.

    Raises:
        NotFound: an unknown revision, or there is no git. InvalidInput: a target outside of the repository.
    """
    if not has_commits(repository):
        return {}, {}
    files = partial(_files, named=from_here(repository, targets), deps_only=deps_only)
    found = {name: gather(state_of(repository, name), files) for name in (old, new)}
    return differences(found[old], found[new], unchanged=unchanged), found


def _files(state: State, named: Sequence[str], deps_only: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    wanted: dict[str, list[str]] = {}
    whole: Iterable[tuple[str, tuple[str, ...]]] = [(path, ()) for path in named]
    for path, given in whole if named else _recorded(state, deps_only):
        for file in state.expanded(path):
            if not given or wanted.get(file) == []:
                wanted[file] = []  # all of it
            else:
                wanted.setdefault(file, []).extend(given)
    for path, keys in wanted.items():
        yield path, partial(_read, state, path, keys)
    if not named:
        for path, values in _used(state).items():
            if path not in wanted:
                yield path, partial(dict, values)


def _recorded(state: State, deps_only: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    for stage in state.stages:
        yield from ((state.relative(one.path), one.keys) for one in stage.params)
    if deps_only:
        return
    for _, folder, items in state.section("params"):
        yield from ((path, ()) for path in unique(posixpath.join(folder, str(item)) for item in items))
    if state.exists(parameters.DEFAULT_FILE):
        yield parameters.DEFAULT_FILE, ()


def _used(state: State) -> dict[str, dict[str, Any]]:
    """Values that only templates name, by file."""
    found: dict[str, dict[str, Any]] = {}
    for pipeline in state.pipelines:
        folder = posixpath.dirname(state.relative(pipeline.file))
        for name in pipeline.pipeline.names():
            for file, values in pipeline.pipeline.used_values(name).items():
                found.setdefault(posixpath.normpath(posixpath.join(folder, file)), {}).update(values)
    return found


def _read(state: State, path: str, keys: Sequence[str]) -> Any:
    values = parameters.parse(state.read(path), path)
    if not keys:
        return values
    found: Any = {}
    for key in dict.fromkeys(keys):
        part = _part(values, key.split("."))
        if part is not _NONE:
            found = _merged(found, copy.deepcopy(part))
    return found


def _part(values: Any, parts: Sequence[str]) -> Any:
    """What the parts of a key (patterns, too) name, with the keys above it."""
    if not parts:
        return values
    if isinstance(values, Mapping):
        names: list[Any] = [key for key in values if str(key) == parts[0] or fnmatchcase(str(key), parts[0])]
        found = {key: part for key in names if (part := _part(values[key], parts[1:])) is not _NONE}
        return found or _NONE
    if isinstance(values, list | tuple):
        chosen = [_part(item, parts[1:]) if fnmatchcase(str(at), parts[0]) else _NONE for at, item in enumerate(values)]
        while chosen and chosen[-1] is _NONE:
            chosen.pop()
        return [None if item is _NONE else item for item in chosen] if chosen else _NONE
    return _NONE


def _merged(into: Any, new: Any) -> Any:
    if isinstance(into, dict) and isinstance(new, dict):
        for key, value in new.items():
            into[key] = _merged(into[key], value) if key in into else value
        return into
    if isinstance(into, list) and isinstance(new, list):
        longest = max(len(into), len(new))
        pairs = zip(into + [None] * (longest - len(into)), new + [None] * (longest - len(new)), strict=True)
        return [old if one is None else one if old is None else _merged(old, one) for old, one in pairs]
    return new
