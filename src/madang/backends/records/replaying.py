"""Taking in what ``changes.log`` has beyond what the records know: after a crash, and where they are made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from madang.backends.records.database import Database
from madang.backends.records.journaled import ChangeLog
from madang.backends.records.names import Names
from madang.backends.records.projects import SqlProjects
from madang.backends.records.runs import SqlRuns
from madang.backends.records.versions import SqlVersions
from madang.domain.projects import RegisteredProject
from madang.domain.runs import RunChange
from madang.domain.versions import CollectionChange, Entry, PointerChange, VersionChange, VersionRecord
from madang.errors import MadangError

REGISTRY_KINDS = ("protected", "unprotected", "request", "noted", "rules", "decision")
VIEW_KINDS = ("view", "view_dropped")
SWEEP_KINDS = ("sweep", "agent", "trial")
_OF_COLLECTIONS = ("pointer", "edit", "writer", "collection", *REGISTRY_KINDS)


def replay(database: Database, log: ChangeLog, catch_up: Callable[[], None]) -> None:
    """Take in what the log has and the records have not. ``catch_up`` reads the segments that changes speak of."""
    size, place = log.size(), log.place()
    if size <= place:
        return
    lines = log.lines(place, size)
    with database.transaction():
        if log.place() != place:
            return  # another process is at it
        versions = SqlVersions(database)
        for body in lines:
            _forgiving(lambda said: _settle(versions, said), body.get("version"))
            _forgiving(lambda said: _adopt(versions, said), body.get("adopted"))
            _forgiving(lambda said: _claim(versions, said), body.get("claimed"))
            _forgiving(lambda said: versions.make(**said), body.get("made"))
            _forgiving(lambda said: versions.rename(**said), body.get("renamed"))
            _forgiving(lambda said: versions.retype(**said), body.get("retyped"))
            _forgiving(lambda said: versions.drop(**said), body.get("dropped"))
    catch_up()
    with database.transaction():
        if log.place() != place:
            return
        redo = _Redo(database)
        for body in _under_their_names(lines):
            for kind, value in body.items():
                action = redo.of(kind)
                if action is not None:
                    _forgiving(action, value)
        log.set_place(size)


def _under_their_names(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes with the names that collections have in the end; without those of collections that are gone."""
    later: dict[tuple[Any, Any], Any] = {}
    found = []
    for body in reversed(lines):
        for kind, value in body.items():
            place = (value.get("project"), value.get("name")) if isinstance(value, dict) else ()
            if kind == "renamed" and len(place) == 2:
                later[place] = later.get((place[0], value.get("new")), value.get("new"))
                later.pop((place[0], value.get("new")), None)
            elif kind == "dropped" and len(place) == 2 and value.get("number") is None:
                later[place] = None
            elif kind in _OF_COLLECTIONS and place in later:
                if later[place] is None:
                    break
                found.append({kind: {**value, "name": later[place]}})
                break
        else:
            found.append(body)
    return found[::-1]


def _settle(versions: SqlVersions, body: dict[str, Any]) -> None:
    """A version gets the number that it had, before anything else takes it."""
    version = VersionRecord(**{**body["record"], "aliases": ()})
    if body["origin"]:
        versions.reserve(version, (body["origin"][0], body["origin"][1]), body["first"])
    elif versions.get(version.project, version.name, version.number) is None:
        versions.insert(version, [Entry(*item) for item in body["entries"]], body["first"])


def _adopt(versions: SqlVersions, body: dict[str, Any]) -> None:
    version = VersionRecord(**{**body["record"], "aliases": ()})
    versions.adopt(version, [Entry(*item) for item in body["entries"]], [(one[0], one[1]) for one in body["origins"]])


def _claim(versions: SqlVersions, body: dict[str, Any]) -> None:
    wanted = [(number, (origin[0], origin[1])) for number, origin in body["wanted"]]
    versions.claim(body["project"], body["name"], body["type"], body["at"], body["first"], wanted)


class _Redo:
    """The changes of the log, one method a kind."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = SqlRuns(database, Names(database))
        self._versions = SqlVersions(database)
        self._projects = SqlProjects(database)

    def of(self, kind: str) -> Callable[[dict[str, Any]], None] | None:
        """What repeats changes of a kind; None for one of another release."""
        if kind in REGISTRY_KINDS:
            from madang.backends.records.journaled_registry import redo  # noqa: PLC0415 - few stores have such changes

            return redo(self._database, kind)
        if kind in VIEW_KINDS:
            from madang.backends.records.journaled_views import redo as redo_view  # noqa: PLC0415 - as said

            return redo_view(self._database, kind)
        if kind in SWEEP_KINDS:
            from madang.backends.records.journaled_sweeps import redo as redo_sweep  # noqa: PLC0415 - as said

            return redo_sweep(self._database, kind)
        found: Callable[[dict[str, Any]], None] | None = getattr(self, f"do_{kind}", None)
        return found

    def do_version(self, body: dict[str, Any]) -> None:
        record = body["record"]
        for alias in record["aliases"]:
            if alias != "latest":
                self._versions.place(record["project"], record["name"], alias, record["number"])

    def do_change(self, body: dict[str, Any]) -> None:
        stored = self._runs.get(body["run"])
        if stored is not None and stored.overrides.revision < body["revision"]:
            change = RunChange(**{**body["set"], "tags_removed": tuple(body["set"]["tags_removed"])})
            stored.overrides.fold(change, body["at"])
            self._runs.put(stored, {"tags"})
            self._runs.add_change(body["run"], change, body["actor"], body["at"], body["revision"])

    def do_pointer(self, body: dict[str, Any]) -> None:
        self._versions.point(PointerChange(**body))

    def do_writer(self, body: dict[str, Any]) -> None:
        found = self._versions.get(body["project"], body["name"], body["number"])
        if found is not None:
            self._versions.add_writer(found, body["run"])

    def do_edit(self, body: dict[str, Any]) -> None:
        said = {key: body[key] for key in body if key not in ("project", "name", "number")}
        self._versions.edit(body["project"], body["name"], body["number"], VersionChange(**said))

    def do_collection(self, body: dict[str, Any]) -> None:
        said = {key: body[key] for key in body if key not in ("project", "name")}
        self._versions.edit_collection(body["project"], body["name"], CollectionChange(**said))

    def do_project(self, body: dict[str, Any]) -> None:
        self._runs.describe_project(**body)

    def do_registered(self, body: dict[str, Any]) -> None:
        self._projects.put(RegisteredProject(**body))


def _forgiving(redo: Callable[[dict[str, Any]], None], body: Any) -> None:
    """A change of something that is no longer there, or a line of another release, changes nothing."""
    if not isinstance(body, dict):
        return
    try:
        redo(body)
    except (MadangError, TypeError, KeyError, IndexError, msgspec.ValidationError):
        return
