"""Links by which anyone may look at a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.config import HubConfig
from madang.domain.access import Permission, Principal, local
from madang.domain.views import REPORT, ViewChange
from madang.errors import AccessDenied, NotFound, Unauthenticated
from madang.wiring import open_hub

ADMIN = local("admin")
WRITER = Principal("kim", projects={"p": Permission.WRITE})
OWNER = Principal("lee", projects={"p": Permission.ADMIN, "q": Permission.READ})


def test_a_link_opens_the_page_to_read_until_it_is_ended(tmp_path: Path) -> None:
    """Only admins of all its projects make, see, change and end a link; it opens sessions that read, and no API."""
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    try:
        report, _ = engine.views.save(ADMIN, "p", REPORT, "r", ViewChange(title="r", spec="{}"))
        links, access = engine.report_links, engine.access
        for who, projects in ((WRITER, []), (OWNER, ["q"])):
            with pytest.raises(AccessDenied):
                links.make(who, report.number, projects)
        link = links.make(OWNER, report.number, [])
        assert links.of(WRITER, report.number) == []
        assert links.of(OWNER, report.number) == [link]
        assert access.unclaimed()  # a link does not close an open hub
        with pytest.raises(Unauthenticated):
            access.authenticate(link.secret)
        guest, cookie = access.open_session(link.secret)
        assert (guest.everywhere, guest.projects) == (Permission.NONE, {"p": Permission.READ})
        links.grant(ADMIN, link.secret, ["p", "q"])
        assert set(access.authenticate_session(cookie).projects) == {"p", "q"}
        for who in (WRITER, OWNER):  # the owner of one of two projects has no say in both
            with pytest.raises(NotFound):
                links.end(who, link.secret)
        links.end(ADMIN, link.secret)
        for attempt in (lambda: access.open_session(link.secret), lambda: access.authenticate_session(cookie)):
            with pytest.raises(Unauthenticated):
                attempt()
        again = links.make(ADMIN, report.number, [])
        assert again.secret != link.secret
        links.end_all(report.number)
        assert links.of(ADMIN, report.number) == []
    finally:
        engine.close()
