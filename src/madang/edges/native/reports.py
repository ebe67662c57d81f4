"""Reports and custom charts."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.domain.views import View
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.views import number_of
from madang.http.routes import ADMIN, READ, WRITE, Route
from madang.services.report_links import ReportLink
from madang.services.reports import Chart, ReportSummary, ReportView


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


class LinkWish(Struct, forbid_unknown_fields=True):
    """Which projects a link is to read besides the report's own."""

    projects: list[str] = []


class LinkList(Struct):
    """The valid links to a report."""

    links: list[ReportLink]


def links(call: NativeCall) -> Any:
    """GET /projects/{project}/reports/{report}/links."""
    return LinkList(call.services.report_links.of(call.who, _found(call).number))


def make_link(call: NativeCall) -> Any:
    """POST /projects/{project}/reports/{report}/links."""
    return call.services.report_links.make(call.who, _found(call).number, call.body.projects)


def end_links(call: NativeCall) -> Any:
    """DELETE /projects/{project}/reports/{report}/links."""
    service, number = call.services.report_links, _found(call).number
    for link in service.of(call.who, number):
        service.end(call.who, link.secret)
    return {}


def _found(call: NativeCall) -> View:
    return call.services.reports.find(call.who, call.path["project"], _number(call.path["report"]))


def delete(call: NativeCall) -> Any:
    """DELETE /projects/{project}/reports/{report}."""
    found = _found(call)
    call.services.views.drop(call.who, found.number)
    call.services.report_links.end_all(found.number)
    return {}


def charts(call: NativeCall) -> Any:
    """GET /charts."""
    return Charts(call.services.reports.charts(call.who))


def routes() -> list[Route]:
    """The routes of reports and custom charts."""
    of_project, one = "/projects/{project}/reports", "/projects/{project}/reports/{report}"
    return [
        Route("GET", of_project, reports, READ, "Reports", answer=ReportList),
        Route("GET", one, report, READ, "A report with its run sets looked up", answer=ReportView),
        Route("DELETE", one, delete, WRITE, "Take a report away", answer={}),
        Route("GET", one + "/links", links, READ, "Links by which anyone may look", answer=LinkList),
        Route(
            "POST", one + "/links", make_link, ADMIN, "Make such a link", body=LinkWish,
            answer=ReportLink, status=201,
        ),
        Route("DELETE", one + "/links", end_links, ADMIN, "End such links and who came by them", answer={}),
        Route("GET", "/charts", charts, READ, "Custom charts", answer=Charts),
    ]  # fmt: skip
