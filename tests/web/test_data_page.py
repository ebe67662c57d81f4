"""The page of tracked data: versions, what changed, what a file looks like, who read it."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from tests.web.conftest import Visitor
from tests.web.stores import HOSTILE

FOLDER = "/p/p/data?of=" + quote("자료")


def test_what_is_tracked(data: Visitor) -> None:
    """Every tracked path is listed with its size and its runs, and leads to its versions."""
    page = data().open("/p/p/data")
    expect(page.get_by_role("link", name=re.compile("자료.*5 files.*1 run"))).to_be_visible()
    page.get_by_role("link", name=re.compile("표 1.csv")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("표 1.csv")
    expect(page.get_by_role("cell", name="이름, 49")).to_be_visible()
    expect(page.get_by_text("The first 50 rows.")).to_be_visible()
    page.get_by_role("link", name="reader").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("reader")


def test_what_changed(data: Visitor) -> None:
    """Against the version before, what came, went and changed stands first; the older version knows its run."""
    page = data().open(FOLDER)
    expect(page.get_by_text(re.compile(r"\+1 −1 ~2 against"))).to_be_visible()
    rows = page.locator("tr[class^=tree-]")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("~a.txt")
    expect(rows.nth(1)).to_contain_text("−b/gone.txt")
    expect(rows.nth(2)).to_contain_text("+new.html")
    expect(rows.nth(3)).to_contain_text("~엑셀.csv")
    digest = rows.nth(3).locator("code")
    assert digest.evaluate("code => code.getClientRects().length") == 1  # one line, however long the names are
    page.get_by_role("button", name=re.compile("step")).last.click()
    expect(page.get_by_role("link", name="reader")).to_be_visible()
    expect(page.get_by_text("git checkout")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_previews(data: Visitor, width: int) -> None:
    """Pictures, texts, empty files and markup are shown for what they are; nothing of them runs."""
    visit = data(viewport={"width": width, "height": 844})
    page = visit.open(FOLDER)
    page.get_by_role("button", name="점.png").click()
    picture = page.get_by_role("img", name="점.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    page.get_by_role("button", name="empty.csv").click()
    expect(page.get_by_text("An empty file.")).to_be_visible()
    page.get_by_role("button", name="new.html").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    page.get_by_role("button", name="a.txt").click()
    expect(page.locator("pre.preview-text")).to_have_text(HOSTILE)
    assert "no" not in page.title().split()
    assert visit.overflow() <= 0
    assert visit.errors == []
    assert visit.elsewhere == []


def test_a_table_of_a_spreadsheet(data: Visitor) -> None:
    """A table in CP949, separated by semicolons, is read; its rows are told against the version before."""
    visit = data(viewport={"width": 390, "height": 844})
    page = visit.open(FOLDER)
    page.get_by_role("button", name="엑셀.csv").click()
    expect(page.get_by_role("cell", name="뷁", exact=True)).to_be_in_viewport()
    expect(page.get_by_text("rows 2 → 3 · 1 row added · 1 row changed · matched by 번호")).to_be_visible()
    assert visit.overflow() <= 0
    assert visit.errors == []


def test_unknown_data(data: Visitor) -> None:
    """A name that nobody knows, and a version that is none, are told without breaking the page."""
    visit = data()
    page = visit.open("/p/p/data?of=nothing")
    expect(page.get_by_text("Nothing is known of nothing.")).to_be_visible()
    visit.open(FOLDER + "&v=../../etc&file=../../etc/passwd")
    expect(page.get_by_role("heading", level=1)).to_have_text("자료")
