"""What people arrange over runs and keep: reports, workspaces and charts of their own."""

from __future__ import annotations

from dataclasses import field

from madang.domain.values import value

REPORT, DRAFT, WORKSPACE, CHART = "runs", "runs/draft", "project-view", "custom-chart"
"""Kinds of views, by the words that W&B has for them (the last is ours)."""
LARGEST_SPEC = 16 << 20  # characters


@value
class View:
    """A view as its client wrote it. ``spec`` is a JSON document that only the client's dialect explains.

    ``number`` is 0 until it is kept. ``project`` is empty for a chart, which belongs to the whole store. ``name`` is
    the client's own and unique in its project and kind; people see ``title``. Times are µs UTC.
    """

    number: int
    project: str
    kind: str
    name: str
    title: str = ""
    description: str = ""
    spec: str = ""
    author: str = ""
    created_at: int = 0
    updated_at: int = 0
    facts: dict[str, str] = field(default_factory=dict)  # what else the client says of it


@value
class ViewChange:
    """What to write of a view; what is None stays as it is."""

    title: str | None = None
    description: str | None = None
    spec: str | None = None
    kind: str | None = None
    facts: dict[str, str] | None = None
