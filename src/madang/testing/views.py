"""The conformance suite of reports, workspaces and charts.

Subclass `ViewsConformance` in a test module, with a fixture ``records`` that yields empty records.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from madang.domain.views import CHART, DRAFT, REPORT, View
from madang.ports.views import ViewRecords


class HasViews(Protocol):
    """Records that keep views."""

    @property
    def views(self) -> ViewRecords: ...  # noqa: D102 - the protocol says it


class ViewsConformance:
    """What every database does."""

    def test_a_view_comes_back(self, records: HasViews) -> None:
        """By number and by name, as it was put; a change replaces it, and lists have the newest change first."""
        views = records.views
        first = views.put(View(0, "포도", REPORT, "a\x00b", "제목", "d", '{"x": NaN}', "me", 5, 6, {"k": "v"}))
        assert first.number > 0
        assert views.get(first.number) == first == views.named("포도", REPORT, "a\x00b")
        second = views.put(View(0, "포도", DRAFT, "c", updated_at=7))
        views.put(View(0, "other", REPORT, "c", updated_at=9))
        assert views.of_project("포도", (REPORT, DRAFT)) == [second, first]
        changed = views.put(replace(first, title="new", kind=DRAFT, updated_at=8))
        assert views.of_project("포도", [DRAFT]) == [changed, second]
        assert views.of_project("포도", [REPORT]) == []

    def test_a_number_is_given_once(self, records: HasViews) -> None:
        """An address of a report that is gone never leads to another one."""
        views = records.views
        made = views.put(View(0, "", CHART, "me/bars"))
        assert (views.drop(made.number), views.drop(made.number), views.get(made.number)) == (True, False, None)
        assert views.put(View(0, "", CHART, "me/bars")).number > made.number
