"""Reports, workspaces and charts (`ports.views`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace

import msgspec

from madang.backends.records.database import Database
from madang.domain.views import View
from madang.formats.learning import learnt


class SqlViews:
    """`ports.views.ViewRecords`. Bodies are MessagePack of the domain's value."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, number: int) -> View | None:
        """The view with a number."""
        row = self._db.row("get_view", number=number)
        return _view(*row) if row else None

    def named(self, project: str, kind: str, name: str) -> View | None:
        """The view of a project and kind that its client calls so."""
        row = self._db.row("view_named", project=project, kind=kind, name=_kept(name))
        return _view(*row) if row else None

    def of_project(self, project: str, kinds: Collection[str]) -> list[View]:
        """All of some kinds, newest change first."""
        return [_view(*row) for row in self._db.rows("views_of_project", project=project, kinds=list(kinds))]

    def put(self, view: View) -> View:
        """Keep a view in place of the one with its number; with the number 0 it gets one."""
        columns = {
            "project": view.project,
            "kind": view.kind,
            "name": _kept(view.name),
            "updated_at": view.updated_at,
            "body": msgspec.msgpack.encode(asdict(view)),
        }
        if view.number:
            self._db.run("put_view", number=view.number, **columns)
            return view
        row = self._db.row("insert_view", **columns)
        return replace(view, number=int(row[0]) if row else 0)

    def drop(self, number: int) -> bool:
        """Forget a view; False when there is none."""
        return self._db.run("drop_view", number=number) > 0


def _kept(name: str) -> str:
    return name.replace("\x00", "␀")


def _view(number: int, body: bytes) -> View:
    return replace(msgspec.msgpack.decode(bytes(body), type=learnt(View)), number=int(number))
