"""Reports and custom charts."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.views import number_of
from madang.services.reports import Chart, ReportSummary


class ReportList(Struct):
    """The reports of a project."""

    reports: list[ReportSummary]


class Charts(Struct):
    """Custom charts of the store."""

    charts: list[Chart]


def _number(text: str) -> int:
    """A report's number: of its id, or of the id that ends the address which W&B's client prints."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        return number_of(text)
    except InvalidInput:
        raise NotFound("There is no such report.") from None


def reports(call: NativeCall) -> Any:
    """GET /projects/{project}/reports."""
    return ReportList(call.services.reports.all(call.who, call.path["project"]))


def report(call: NativeCall) -> Any:
    """GET /projects/{project}/reports/{report}."""
    return call.services.reports.get(call.who, call.path["project"], _number(call.path["report"]))


def delete(call: NativeCall) -> Any:
    """DELETE /projects/{project}/reports/{report}."""
    found = call.services.reports.find(call.who, call.path["project"], _number(call.path["report"]))
    call.services.views.drop(call.who, found.number)
    return {}


def charts(call: NativeCall) -> Any:
    """GET /charts."""
    return Charts(call.services.reports.charts(call.who))
