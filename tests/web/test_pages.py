"""Every page over a store with everything in it: what it shows, and how it behaves."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Visitor
from tests.web.stores import HOSTILE

TABS = ("", "/charts", "/console", "/system", "/code", "/environment", "/data", "/media", "/why", "/lineage")
PROJECT = "/p/" + quote("와인")


def _run(page: Page, name: str) -> str:
    """The path of a run's page."""
    return page.get_by_role("link", name=name, exact=True).get_attribute("href") or ""


def _settled(page: Page) -> None:
    """Its data has come; streams stay open, so silence of the network cannot tell."""
    expect(page.locator("main").first).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_pages_stand_without_errors(few: Visitor, width: int, scheme: str) -> None:
    """No page has a script error, breaks the content policy, asks another server, or scrolls sideways."""
    visit = few(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = visit.open(PROJECT)
    run = _run(page, "first")
    paths = ["/", PROJECT, f"{PROJECT}/models", f"{PROJECT}/models/weights", f"{PROJECT}/artifacts"]
    for path in [*paths, *(run + tab for tab in TABS), "/nowhere/at/all"]:
        visit.open(path)
        _settled(page)
        assert visit.overflow() <= 0, path
    assert visit.errors == []
    assert visit.elsewhere == []
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme


def test_overview_tells_what_the_run_was(few: Visitor) -> None:
    """Metrics with their best value, parameters, notes and the command to reproduce it stand on the first tab."""
    visit = few()
    page = visit.open(PROJECT)
    visit.open(_run(page, "first"))
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    expect(page.get_by_role("row", name=re.compile(r"val.acc max\s+0\.98"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"model\.depth\s+2"))).to_be_visible()
    expect(page.get_by_text("처음", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile("madang reproduce [0-9a-f]{12}"))).to_be_visible()


def test_a_failure_shows_its_traceback(few: Visitor) -> None:
    """A failed run says which error ended it."""
    visit = few()
    page = visit.open(PROJECT)
    visit.open(_run(page, "broken"))
    expect(page.get_by_role("alert")).to_contain_text("RuntimeError")
    expect(page.get_by_role("alert")).to_contain_text("out of memory")


def test_console_has_colours_and_search(few: Visitor) -> None:
    """ANSI colours are styles, not text, and a search marks the lines that it finds."""
    visit = few()
    page = visit.open(PROJECT)
    visit.open(_run(page, "coloured") + "/console")
    expect(page.locator(".console-line .ansi-2").first).to_have_text("epoch")
    expect(page.locator(".console-line").last).to_have_text("50epoch 49")
    page.get_by_role("searchbox", name="Find in the console").fill("epoch 31")
    expect(page.locator(".console-line.match")).to_have_count(1)


def test_tables_that_were_logged_are_shown(few: Visitor) -> None:
    """A logged table appears with its columns and rows."""
    visit = few()
    page = visit.open(PROJECT)
    visit.open(_run(page, "first") + "/media")
    expect(page.get_by_role("row", name=re.compile("2.*둘"))).to_be_visible()


def test_names_are_text_and_never_markup(few: Visitor) -> None:
    """A run, parameter or metric whose name is markup is shown as it is written, and nothing of it runs."""
    visit = few()
    page = visit.open(PROJECT)
    link = page.get_by_role("link", name=HOSTILE, exact=True)
    expect(link).to_be_visible()
    visit.open(link.get_attribute("href") or "")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert visit.errors == []


def test_notes_are_edited(few: Visitor) -> None:
    """Notes that were saved are there after a reload."""
    visit = few()
    page = visit.open(PROJECT)
    visit.open(_run(page, "broken"))
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Notes").fill("메모리를 늘려서 다시")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notes")).to_have_text("메모리를 늘려서 다시")
    page.reload()
    expect(page.locator(".notes")).to_have_text("메모리를 늘려서 다시")


def test_comparison_shows_what_differs(few: Visitor) -> None:
    """Two ticked runs stand side by side with the parameters that differ."""
    visit = few()
    page = visit.open(PROJECT)
    for name in ("first", "broken"):
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    expect(page.get_by_role("row", name=re.compile(r"^lr 0\.(1|3) 0\.(1|3)"))).to_be_visible()


def test_promotion_says_what_it_replaces_and_stays_in_the_history(few: Visitor) -> None:
    """A version is promoted after a confirmation; the next promotion names the version that it replaces."""
    visit = few()
    page = visit.open(f"{PROJECT}/models/weights?v=1")
    page.get_by_role("button", name="Promote v1").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Reason (kept in the history)").fill("first release")
    dialog.get_by_role("button", name="Promote").click()
    expect(dialog).to_have_count(0)
    visit.open(f"{PROJECT}/models/weights?v=2")
    page.get_by_role("button", name="Promote v2").click()
    expect(page.get_by_role("dialog")).to_contain_text("Production now points at v1. It will point at v2.")
    page.get_by_role("dialog").get_by_role("button", name="Promote").click()
    expect(page.locator(".timeline-bar.production")).to_have_count(2)
    expect(page.get_by_role("row", name=re.compile("nothing → v1.*first release"))).to_be_visible()


@pytest.mark.parametrize("where", ["models", "models/weights"])
def test_an_alias_that_somebody_moves_is_shown(few: Visitor, where: str) -> None:
    """A page of models follows its project: a pointer that is moved elsewhere appears without a reload."""
    page = few().open(f"{PROJECT}/{where}")
    _settled(page)
    alias = where.replace("/", "-")
    status = page.evaluate(
        """([path, body]) => fetch(path, {method: "PUT", headers: {"content-type": "application/json"}, body})
        .then((answer) => answer.status)""",
        [f"/api/v1/projects/{quote('와인')}/artifacts/weights/aliases/live-{alias}", '{"number": 1}'],
    )
    assert status == 200
    expect(page.get_by_text(f"live-{alias}").first).to_be_visible()


def test_language_follows_the_browser_and_can_be_changed(few: Visitor) -> None:
    """A Korean browser gets Korean; a choice is kept."""
    visit = few(locale="ko-KR")
    page = visit.open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("프로젝트")
    page.get_by_role("combobox", name="언어").select_option("en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")


def test_a_stranger_is_asked_for_a_token(few: Visitor) -> None:
    """Without the cookie nothing is shown but the form for a token, and a wrong one is refused."""
    visit = few(storage_state=None)
    page = visit.open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("Token").fill("mdg_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_an_unknown_run_says_so(few: Visitor) -> None:
    """A link to a run that is not there names the problem."""
    page = few().open("/runs/" + "0" * 32)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("no run", re.IGNORECASE))
