"""What a reader gets of something long: one page, and where the next begins."""

from __future__ import annotations

from dataclasses import field

from madang.domain.runs import RunRecord
from madang.domain.series import ConsoleLine, Series
from madang.domain.values import value


@value
class RunPage:
    """Runs of one page. ``next`` is the cursor of the page after, empty at the end; ``total`` counts all pages."""

    runs: list[RunRecord]
    next: str = ""
    total: int = 0


@value
class RowPage:
    """As `RunPage`, each run encoded already."""

    rows: list[bytes]
    next: str = ""
    total: int = 0


@value
class ConsolePage:
    """Console lines in order. ``last`` is the highest number so far, to go on ``after``; ``total`` counts all lines."""

    lines: list[ConsoleLine]
    last: int = 0
    total: int = 0


@value
class HistoryPage:
    """Series by run and key. ``next`` is the cursor of the page after, empty at the end."""

    series: dict[str, dict[str, Series]]
    next: str = ""


@value
class NewPoints:
    """What a run has logged since ``cursor`` was given: points by key, and console lines."""

    cursor: str
    series: dict[str, Series] = field(default_factory=dict)
    console: list[ConsoleLine] = field(default_factory=list)


@value
class ChangedPage:
    """Runs touched since a revision, and the revision reached."""

    revision: int
    runs: list[str]
