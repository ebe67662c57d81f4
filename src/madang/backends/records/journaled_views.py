"""Views that a workspace keeps, also written to ``changes.log``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec

from madang.backends.records.database import Database
from madang.backends.records.journaled import ChangeLog
from madang.backends.records.views import SqlViews
from madang.domain.views import View
from madang.formats.learning import learnt


class JournaledViews(SqlViews):
    """Reports, workspaces and charts in the log."""

    def __init__(self, database: Database, log: ChangeLog) -> None:
        super().__init__(database)
        self._log = log

    def put(self, view: View) -> View:
        """Keep a view."""
        with self._db.transaction():
            made = super().put(view)
            self._log.note("view", asdict(made))
        return made

    def drop(self, number: int) -> bool:
        """Forget a view."""
        with self._db.transaction():
            dropped = super().drop(number)
            if dropped:
                self._log.note("view_dropped", {"number": number})
        return dropped


def redo(database: Database, kind: str) -> Callable[[dict[str, Any]], None]:
    """What takes one line of a kind out of the log into the records (see `replaying.replay`)."""
    views = SqlViews(database)
    actions: dict[str, Callable[[dict[str, Any]], object]] = {
        "view": lambda body: views.put(msgspec.convert(body, learnt(View))),
        "view_dropped": lambda body: views.drop(**body),
    }
    action = actions[kind]
    return lambda body: (action(body), None)[1]
