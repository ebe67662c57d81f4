"""Plots of pipelines: where they are defined, and their rows and pictures at several revisions."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable, value
from madang.errors import InvalidInput, MadangError, NotFound
from madang.formats import plots, plots_templates
from madang.formats.plots import Properties, Row
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.states import WORKSPACE, State, from_here, has_commits, state_of, unique

Definitions = dict[str, dict[str, dict[str, Any]]]
"""dvc.yaml (empty for plots of stages, and for files that the user named) → name of the plot → its properties."""


@value
class Picture:
    """An image at a revision."""

    revision: str
    file: str
    body: bytes


@value
class Failure:
    """What could not be read: of a plot at a revision, perhaps one of its files; or (no plot) a whole revision."""

    error: MadangError
    revision: str
    plot: str = ""
    file: str = ""


@mutable
class Plot:
    """What is drawn together: the rows of all revisions, or their pictures."""

    name: str
    is_image: bool
    rows: list[Row] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    revisions: list[str] = field(default_factory=list)  # that have rows
    pictures: list[Picture] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What stands above it."""
        return str(self.properties.get("title", self.name))

    @property
    def template(self) -> str:
        """The name of its template."""
        return str(self.properties.get("template") or plots_templates.DEFAULT)


def revisions_to_compare(repository: Repository, named: Sequence[str]) -> list[str]:
    """The revisions of `diff`: one is compared with the work tree, and that with the last commit when it differs."""
    found = list(named)
    if len(found) <= 1:
        if not found and repository.git_root and git.changes(repository.git_root, untracked=False)[0]:
            found.append("HEAD")
        found.append(WORKSPACE)
    rest = [name for name in found if name != WORKSPACE]
    return [WORKSPACE, *rest] if WORKSPACE in found else rest


def collect(
    repository: Repository,
    revisions: Sequence[str] = (WORKSPACE,),
    targets: Sequence[str] = (),
    properties: Properties | None = None,
) -> tuple[list[Plot], list[Failure]]:
    """The plots of some revisions, each with what all of them have. ``properties`` go before those of the files.

    Targets are files and names of plots, as regular expressions that their beginnings match.

    Raises:
        NotFound: an unknown revision, or there is no git.
    """
    failures: list[Failure] = []
    groups: dict[str, list[tuple[State, str, dict[str, Any]]]] = {}
    for name in dict.fromkeys(revisions):
        state = state_of(repository, name)
        try:
            definitions = _definitions(state, targets, dict(properties or {}))
        except MadangError as error:
            failures.append(Failure(error, name))
            continue
        for plot, (own, found) in _by_name(definitions).items():
            groups.setdefault(plot, []).append((state, own, found))
    return [_plot(name, group, failures) for name, group in groups.items()], failures


def diff(
    repository: Repository,
    revisions: Sequence[str],
    targets: Sequence[str] = (),
    properties: Properties | None = None,
) -> tuple[list[Plot], list[Failure]]:
    """The same for `diff`, see `revisions_to_compare`. Nothing before the first commit."""
    if not has_commits(repository):
        return [], []
    return collect(repository, revisions_to_compare(repository, revisions), targets, properties)


def sources_of(state: State) -> list[str]:
    """The files that all plots of a revision are made from. Raises `InvalidInput`."""
    definitions = _definitions(state, (), {})
    return unique(
        path for held in definitions.values() for name, one in held.items() for path in plots.sources(name, one)
    )


def _by_name(definitions: Definitions) -> dict[str, tuple[str, dict[str, Any]]]:
    """Plots by the name that is shown: with its dvc.yaml when several have one of this name."""
    files: dict[str, list[str]] = {}
    for file, held in definitions.items():
        for name in held:
            files.setdefault(name, []).append(file)
    return {
        f"{file}::{name}" if file and len(where) > 1 else name: (name, definitions[file][name])
        for name, where in files.items()
        for file in where
    }


def _plot(name: str, group: Sequence[tuple[State, str, dict[str, Any]]], failures: list[Failure]) -> Plot:
    merged: dict[str, Any] = {}
    for _, _, properties in reversed(group):
        merged |= properties
    own = group[-1][1]
    plot = Plot(own if plots.is_image(own) else name, plots.is_image(own))
    for state, own_name, definition in group:
        contents: dict[str, Any] = {}
        for source in plots.sources(own_name, definition):
            try:
                contents[source] = _content(state, source, definition)
            except MadangError as error:
                failures.append(Failure(error, state.name, plot.name, source))
        if plot.is_image:
            plot.pictures.extend(Picture(state.name, file, body) for file, body in contents.items())
            continue
        try:
            table = plots.table(own_name, merged, contents, state.name)
        except InvalidInput as error:
            failures.append(Failure(error, state.name, plot.name))
            continue
        if table.rows:
            plot.revisions.append(state.name)
            plot.rows.extend(table.rows)
            plot.properties = plot.properties or table.properties
    return plot


def _content(state: State, source: str, definition: Properties) -> Any:
    body = state.read(from_here(state.repository, [source])[0])
    if plots.is_image(source):
        return body
    return plots.parse(body, source, header=definition.get("header", True))


def _definitions(state: State, targets: Sequence[str], given: dict[str, Any]) -> Definitions:
    found: Definitions = {}
    for file, name, properties in (*_top_level(state, targets, given), *_of_stages(state, targets)):
        found.setdefault(file, {}).setdefault(name, {}).update(properties | given)
    for target in targets:
        path = from_here(state.repository, [target])[0]
        if not found or state.exists(path):
            held = found.setdefault("", {})
            for one in state.expanded(path):
                name = _here(state, path) if os.path.isabs(target) else target.rstrip("/")  # as it was written
                held.setdefault(f"{name}{one[len(path) :]}", {}).update(given)
    return {file: held for file, held in found.items() if held}


Found = Iterator[tuple[str, str, dict[str, Any]]]
"""dvc.yaml, name of the plot, properties."""


def _top_level(state: State, targets: Sequence[str], given: Properties) -> Found:
    for pipeline, folder, items in state.section("plots"):
        where = os.path.relpath(pipeline.file)
        parents = [posixpath.normpath(posixpath.join(folder, name)) for name, _ in _pairs(items)]
        for name, properties in _pairs(items):
            if not _fits(targets, name, where):
                continue
            if isinstance(properties.get("y"), Mapping):
                yield where, name, {**properties, **_moved(state, folder, properties)}
                continue
            path = posixpath.normpath(posixpath.join(folder, name))
            for file in state.expanded(path):
                if file == path or _closest(file, parents) == path:  # the nearest definition counts
                    yield where, _here(state, file), dict(properties)


def _pairs(items: Iterable[object]) -> Iterator[tuple[str, dict[str, Any]]]:
    merged: dict[str, dict[str, Any]] = {}
    for item in items:
        for name, properties in item.items() if isinstance(item, Mapping) else ((str(item), None),):
            merged[str(name)] = dict(properties or {})
    yield from merged.items()


def _moved(state: State, folder: str, properties: Properties) -> dict[str, Any]:
    """``x`` and ``y`` with their files as they are called from the present folder."""
    return {
        axis: {
            _here(state, posixpath.normpath(posixpath.join(folder, file))): names
            for file, names in properties[axis].items()
        }
        for axis in ("x", "y")
        if isinstance(properties.get(axis), Mapping)
    }


def _closest(path: str, parents: Sequence[str]) -> str:
    above = [parent for parent in parents if path == parent or path.startswith(f"{parent}/")]
    return max(above, key=len, default="")


def _of_stages(state: State, targets: Sequence[str]) -> Found:
    for pipeline in state.pipelines:
        folder = posixpath.dirname(state.relative(pipeline.file))
        where = os.path.relpath(pipeline.file)
        for name in pipeline.pipeline.names():
            entry = pipeline.pipeline.stage(name)
            for out in entry.outs:
                if out.kind == "plot":
                    path = posixpath.normpath(posixpath.join(folder, entry.wdir, out.path))
                    yield from _unpacked(state, targets, where, path, out.plot)


def _unpacked(state: State, targets: Sequence[str], where: str, path: str, properties: Properties) -> Found:
    if _fits(targets, _here(state, path), where):
        for file in state.expanded(path):
            yield "", _here(state, file), dict(properties)


def _fits(targets: Sequence[str], name: str, where: str) -> bool:
    if not targets:
        return True
    whole = f"{where}::{name}"
    return any(name == one or whole == one or _matches(one, name) or _matches(one, whole) for one in targets)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return False


def _here(state: State, path: str) -> str:
    return os.path.relpath(os.path.join(state.repository.root, path)).replace(os.sep, "/")


def template(repository: Repository, name: str) -> plots_templates.Spec:
    """A template by its name or path: of ``.dvc/plots``, a file, or one that is built in.

    Raises:
        NotFound: there is none. InvalidInput: it is not JSON.
    """
    below = os.path.join(repository.dvc_dir, "plots", name)
    path = next((one for one in (below, os.path.splitext(below)[0] + ".json", name) if os.path.isfile(one)), None)
    if path is None:
        if name in plots_templates.TEMPLATES:
            return plots_templates.TEMPLATES[name]
        raise NotFound(f"There is no template {name!r}.", hint="madang plots templates lists those that are built in.")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The template {path} is not valid JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"The template {path} is no Vega-Lite specification.")
    return found


def specification(repository: Repository, plot: Plot, *, split: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Vega-Lite specification of a plot; with ``split`` most values beside it. Raises as `template`."""
    properties = {**plot.properties, "title": plot.title}
    return plots_templates.filled(
        template(repository, plot.template), plot.rows, properties, plot.revisions, split=split
    )
