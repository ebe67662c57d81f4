"""Which runs read some data: `madang data uses`, and `madang runs --data`."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from madang.cli import output, records
from madang.domain.query import Among, Compare, Condition, Exists, Field
from madang.errors import NotFound
from madang.formats.store import find_repository

if TYPE_CHECKING:
    from madang.domain.lineage import DataUse
    from madang.ports.reader import Reader
    from madang.workspace.tracked_files import TrackedFiles, TrackedOut


@click.command()
@click.argument("data")
@output.json_option
def uses(data: str, as_json: bool) -> None:
    """Show which runs read a tracked path, a file in a tracked folder, or an artifact, by version.

    \b
    Examples:
      madang data uses data/train.csv
      madang data uses data/images/cat.jpg --json
      madang data uses wine-data
    """
    name, inside = named(data)
    with records.opened_reader() as reader:
        found = uses_of(reader, name, inside)
        if not found and not _is_known(reader, data):
            raise NotFound(
                f"{data!r} is neither tracked data nor an artifact, and no run has read it.",
                hint="madang list . -R --dvc-only shows what is tracked; madang artifacts list names artifacts.",
            )
    now = recorded(data)
    by_version: dict[str, list[DataUse]] = defaultdict(list)
    for use in found:
        by_version[use.version].append(use)
    if as_json:
        versions = [
            {"version": version, "current": version == now, "runs": [_json(use) for use in runs]}
            for version, runs in by_version.items()
        ]
        output.data({"data": "/".join(filter(None, (name, inside))), "current": now or None, "versions": versions})
        return
    if not found:
        output.note(f"No run has read {data!r}.")
        return
    rows = [
        [use.run[:8], use.name, use.project, use.status, records.moment(use.created_at), _shown(version, now)]
        for version, runs in by_version.items()
        for use in runs
    ]
    output.table(["run", "name", "project", "status", "started", "version"], rows)


def named(data: str) -> tuple[str, str]:
    """How records name what the user means: (tracked path relative to the work tree, path inside it), or an artifact.

    Raises:
        NotFound: a path that is there and not tracked.
    """
    found = _tracked(data)
    if found is None:
        if os.path.lexists(data):
            raise NotFound(
                f"{data!r} is not tracked.", hint="What git tracks is part of the commit; `madang add` is for data."
            )
        return data, ""
    tracked, out = found
    path = os.path.abspath(data)
    root = find_repository(tracked.root)[0] or tracked.root
    return os.path.relpath(out.path, root), path[len(out.path) + 1 :]


def recorded(data: str) -> str:
    """The version that is recorded of tracked data at present; empty when it is none."""
    found = _tracked(data)
    if found is None or found[1].md5 is None:
        return ""
    tracked, out = found
    inside = os.path.abspath(data)[len(out.path) + 1 :]
    md5 = tracked.files_of(out).get(inside) if inside else out.md5
    return f"md5:{md5}" if md5 else ""


def _is_known(reader: Reader, data: str) -> bool:
    """Whether this is tracked data, or the name of an artifact of any project."""
    return _tracked(data) is not None or any(
        one.name == data for project in reader.projects() for one in reader.collections(project.name)
    )


def uses_of(reader: Reader, name: str, inside: str = "") -> list[DataUse]:
    """The runs that read it; of a file inside a folder, with the digest of the file."""
    found = reader.data_uses(name)
    if not inside:
        return found
    path, made = f"{name}/{inside}", []
    for use in found:
        for item in reader.run(use.run).inputs:
            if item.path == path or item.path.startswith(path + "/"):
                made.append(replace(use, version=item.digest or f"~{item.recorded}"))
                break
    return made


def condition(reader: Reader, data: str) -> Condition:
    """The condition of `madang runs --data PATH[=VERSION]`."""
    text, _, version = (data, "", "") if _tracked(data) else data.partition("=")
    name, inside = named(text)
    if inside:
        ids = [use.run for use in uses_of(reader, name, inside) if _fits(use.version, version)]
        return Among(Field("attributes", "id"), tuple(ids))
    field = Field("data", name)
    if not version:
        return Exists(field)
    digest = _digest(version)
    return Compare(field, "like", digest + "%") if digest else Compare(field, "=", version)


def _digest(version: str) -> str:
    """The (beginning of a) digest that a text is; empty when it is none."""
    bare = version.removeprefix("md5:")
    is_one = len(bare) > 3 and not set(bare.removesuffix(".dir")) - set("0123456789abcdef")
    return f"md5:{bare}" if is_one else ""


def _fits(found: str, wanted: str) -> bool:
    return not wanted or found == wanted or (bool(digest := _digest(wanted)) and found.startswith(digest))


def _tracked(data: str) -> tuple[TrackedFiles, TrackedOut] | None:
    from madang.workspace.tracked_files import find_tracked_files

    path = os.path.abspath(data)
    tracked = find_tracked_files(os.path.dirname(path))
    out = tracked.owner_of(path) if tracked is not None else None
    return (tracked, out) if tracked is not None and out is not None else None


def _shown(version: str, now: str) -> str:
    if version.startswith("~"):
        return f"{version[1:]} with changes"
    return f"{version} (now)" if version == now else version


def _json(use: DataUse) -> dict[str, object]:
    return {
        "run": use.run, "name": use.name, "project": use.project, "status": use.status, "created_at": use.created_at,
    }  # fmt: skip
