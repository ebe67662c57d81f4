"""The part of the records that keeps reports, workspaces and charts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from madang.domain.views import View


class ViewRecords(Protocol):
    """Views by number. Errors and transactions are as in `ports.records`."""

    def get(self, number: int) -> View | None:
        """The view with a number."""
        ...

    def named(self, project: str, kind: str, name: str) -> View | None:
        """The view of a project and kind that its client calls so."""
        ...

    def of_project(self, project: str, kinds: Collection[str]) -> list[View]:
        """All of some kinds, newest change first."""
        ...

    def put(self, view: View) -> View:
        """Keep a view in place of the one with its number; with the number 0 it gets one, never given twice."""
        ...

    def drop(self, number: int) -> bool:
        """Forget a view; False when there is none."""
        ...
