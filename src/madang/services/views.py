"""Reports, workspaces and charts: saved, read, listed and taken away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from madang.domain.access import Permission, Principal, require
from madang.domain.versions import check_name
from madang.domain.views import CHART, DRAFT, LARGEST_SPEC, REPORT, WORKSPACE, View, ViewChange
from madang.errors import AccessDenied, InvalidInput, NotFound, TooLarge
from madang.formats.wandb.values import read_json
from madang.ports.records import Records
from madang.services.changes import now

_OF_PROJECTS = (REPORT, DRAFT, WORKSPACE)


class Views:
    """What people arrange over runs. Thread-safe."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def get(self, who: Principal, number: int) -> View:
        """A view.

        Raises:
            NotFound: there is none that the caller may read.
        """
        found = self._records.views.get(number)
        if found is None or (found.kind != CHART and who.level(found.project) < Permission.READ):
            raise NotFound("There is no such report or workspace.")
        return found

    def of_project(self, who: Principal, project: str, kinds: Collection[str] = (REPORT,)) -> list[View]:
        """The views of a project, newest change first."""
        require(who, Permission.READ, project)
        return self._records.views.of_project(project, kinds)

    def change(self, who: Principal, number: int, change: ViewChange) -> View:
        """Change a view.

        Raises:
            NotFound: as `get`.
            InvalidInput: the document is no JSON.
        """
        with self._records.transaction():
            return self._written(who, self.get(who, number), change)

    def save(self, who: Principal, project: str, kind: str, name: str, change: ViewChange) -> tuple[View, bool]:
        """Make the view of this name, or change the one that is there; and whether it is new.

        Raises:
            InvalidInput: the kind is not known, or the document is no JSON.
        """
        if kind not in _OF_PROJECTS:
            raise InvalidInput(f"{kind[:40]!r} is no kind of view.", hint="Known: " + ", ".join(_OF_PROJECTS) + ".")
        return self._saved(who, check_name(project, "project"), kind, name, change)

    def save_chart(self, who: Principal, name: str, change: ViewChange) -> tuple[View, bool]:
        """Keep a chart, which every project of the store can use. Raises as `save`."""
        return self._saved(who, "", CHART, name, change)

    def charts(self, who: Principal) -> list[View]:
        """All charts, newest change first: whoever may read a project may use them in it."""
        return self._records.views.of_project("", (CHART,))

    def drop(self, who: Principal, number: int) -> None:
        """Take a view away.

        Raises:
            NotFound: as `get`.
        """
        with self._records.transaction():
            found = self.get(who, number)
            _allow(who, found)
            self._records.views.drop(number)

    def _saved(self, who: Principal, project: str, kind: str, name: str, change: ViewChange) -> tuple[View, bool]:
        if not 0 < len(name) <= 500:
            raise InvalidInput("A view has a name of 1 to 500 characters.")
        with self._records.transaction():
            found = self._records.views.named(project, kind, name)
            made = found or View(0, project, kind, name, author=who.name, created_at=now())
            return self._written(who, made, change), found is None

    def _written(self, who: Principal, view: View, change: ViewChange) -> View:
        _allow(who, view)
        said = {name: value for name in _CHANGED if (value := getattr(change, name)) is not None}
        if "spec" in said:
            _check_document(said["spec"])
        return self._records.views.put(replace(view, **said, updated_at=max(now(), view.updated_at + 1)))


_CHANGED = ("title", "description", "spec", "kind", "facts")


def _allow(who: Principal, view: View) -> None:
    """Let the caller change a view: of a chart whoever made it may, and who may write everywhere.

    Raises:
        Unauthenticated, NotFound, AccessDenied: as `require`.
    """
    if view.kind != CHART:
        require(who, Permission.WRITE, view.project)
        return
    may_write = max(who.projects.values(), default=Permission.NONE) >= Permission.WRITE
    if who.everywhere < Permission.WRITE and not (may_write and view.author == who.name):
        raise AccessDenied(f"{who.name} may not write the chart {view.name!r}.", hint="Give it another name.")


def _check_document(text: str) -> None:
    if len(text) > LARGEST_SPEC:
        raise TooLarge(f"A document of {len(text)} characters is too large; {LARGEST_SPEC} are taken.")
    read_json(text)
