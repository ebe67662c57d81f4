"""What differs between two runs: the comparison, the why view and the lineage graph."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Visitor
from tests.web.stores import HOSTILE


@pytest.fixture(scope="module")
def runs(changed_runs: tuple[str, str]) -> str:
    """The query that compares both runs."""
    return ",".join(changed_runs)


def _names_are_text(page: Page) -> None:
    assert page.locator("main img").count() == 0


def test_comparison_shows_differences_against_the_baseline(changed: Visitor, runs: str) -> None:
    """The older run is the baseline, to which metrics tell their distance; what is the same is left out until asked."""
    visit = changed()
    page = visit.open(f"/p/changed/compare?runs={runs}")
    expect(page.get_by_role("columnheader").nth(1)).to_contain_text(re.compile("first.*Baseline"))
    expect(page.get_by_role("row", name=re.compile(r"score .* 6 9 \+3"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^Python"))).to_have_count(0)
    page.get_by_role("checkbox", name="Only differences").uncheck()
    expect(page.get_by_role("row", name=re.compile("^Python"))).to_be_visible()
    page.get_by_role("button", name="Compare with second").click()
    expect(page.get_by_role("columnheader").nth(1)).to_contain_text(re.compile("second.*Baseline"))
    expect(page.get_by_role("row", name=re.compile(r"score .* 9 6 .3"))).to_be_visible()
    assert visit.errors == []


def test_comparison_shows_code_and_data_in_full(changed: Visitor, runs: str) -> None:
    """Changed lines of the code stand there, also uncommitted ones; of data its files, rows and columns."""
    visit = changed()
    page = visit.open(f"/p/changed/compare?runs={runs}")
    code = page.get_by_role("region", name="Code", exact=True)
    expect(code.locator(".diff-added", has_text="scale = 2")).to_be_visible()
    expect(code.locator(".diff-removed", has_text="lr * 2")).to_be_visible()
    expect(code.locator(".diff-added", has_text="not committed")).to_be_visible()
    data = page.get_by_role("region", name="자료")
    expect(data).to_contain_text(re.compile(r"\+1 −1 ~1"))
    expect(data.locator(".tree-changed")).to_contain_text("표.csv")
    expect(data.locator(".tree-changed")).to_contain_text("rows 3 → 4 · 2 rows added · 1 row removed")
    expect(data.locator(".tree-changed")).to_contain_text("columns added: 새 열")
    expect(data.locator(".tree-added")).to_contain_text(HOSTILE)
    _names_are_text(page)
    assert visit.errors == []
    assert visit.elsewhere == []


def test_why_shows_the_measured_shares(changed: Visitor, changed_runs: tuple[str, str]) -> None:
    """After a rerun each part has its share, ranked, with what differs in it; the variants can be read."""
    visit = changed()
    page = visit.open(f"/runs/{changed_runs[1]}/why")
    expect(page.get_by_role("heading", name="The cause: Data, Parameters")).to_be_visible()
    parts = page.locator(".why-part h2")
    expect(parts).to_have_text([re.compile("^Data"), re.compile("^Parameters"), re.compile("^Code")])
    expect(page.locator(".shares")).to_contain_text(re.compile(r"Data\s*67%.*Parameters\s*33%.*Code\s*0%"))
    expect(page.get_by_role("row", name=re.compile(r"params.yaml:depth\s+3\s+4"))).to_be_visible()
    expect(page.locator(".diff-added", has_text="scale = 2")).to_be_visible()
    page.get_by_text("5 variants ran").click()
    expect(page.get_by_role("row", name=re.compile(r"^Data\s+8"))).to_be_visible()
    _names_are_text(page)
    assert visit.errors == []


def test_why_says_plainly_what_it_cannot_tell(changed: Visitor, changed_runs: tuple[str, str]) -> None:
    """Where several parts differ and nothing was run again, no cause is named; the command that would tell is there."""
    page = changed().open(f"/runs/{changed_runs[0]}/why?against={changed_runs[1]}")
    expect(page.get_by_role("heading", name="The parts cannot be separated")).to_be_visible()
    expect(page.get_by_text("3 parts differ. Only running again can tell what each has done.")).to_be_visible()
    expect(page.get_by_text(re.compile("madang why score [0-9a-f]{12} --against [0-9a-f]{12} --rerun"))).to_be_visible()
    expect(page.get_by_text(re.compile("The same in both: .*Environment.*Hardware"))).to_be_visible()


def test_why_without_a_run_to_compare_with(changed: Visitor, changed_runs: tuple[str, str]) -> None:
    """The first run of its kind has nothing to compare with, which is said; another one can be chosen."""
    page = changed().open(f"/runs/{changed_runs[0]}/why")
    expect(page.get_by_role("alert")).to_contain_text("is the first of its program")
    page.get_by_role("combobox", name="Compared with").select_option(changed_runs[1])
    expect(page.get_by_role("heading", name="The parts cannot be separated")).to_be_visible()


def test_changed_data_leads_up_to_where_it_began(changed: Visitor) -> None:
    """Of data that stages made, the runs that made it are explained in place, up to the parameter that was changed."""
    visit = changed()
    page = visit.open("/p/changed?q=finish&view=table")
    boxes = page.get_by_role("checkbox", name="Select finish", exact=True)
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    page.get_by_text("Made by pass-on: what differed there").click()
    expect(page.get_by_role("row", name=re.compile(r"depth\s+3\s+4"))).to_be_visible()
    page.get_by_role("link", name="Compare both executions").first.click()
    expect(page.get_by_role("columnheader", name=re.compile("make|pass-on"))).to_have_count(2)
    assert visit.errors == []


def test_lineage_goes_both_ways(changed: Visitor) -> None:
    """From a version, the graph shows what it was made of and what it led to; a node tells where to go on."""
    visit = changed()
    page = visit.open("/p/changed/lineage?of=" + quote("version:표:v1"))
    for name in ("run maker", "run user", "model 모델:v1, Production"):
        expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^data " + re.escape("raw")))).to_be_visible()
    page.get_by_role("button", name=re.compile("^model 모델:v1")).click()
    drawer = page.get_by_role("complementary")
    expect(drawer.get_by_role("heading", name="모델:v1")).to_be_focused()
    drawer.get_by_role("link", name="Lineage from here").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("모델:v1")
    page.get_by_role("radio", name="List").click()
    made = page.get_by_role("region", name="Made from")
    expect(made.get_by_role("link")).to_have_text(["user", "표:v1", "maker"])
    made.get_by_role("button", name="What it was made from").click()
    expect(made.get_by_role("link")).to_have_text(["user", "표:v1", "maker", "raw.csv"])
    assert visit.errors == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_they_stand_in_any_window(
    changed: Visitor, changed_runs: tuple[str, str], runs: str, width: int, scheme: str
) -> None:
    """Nothing scrolls sideways, no script fails, nothing is asked of another server; also in Korean."""
    visit = changed(viewport={"width": width, "height": 844}, color_scheme=scheme, locale="ko-KR")
    paths = [
        f"/p/changed/compare?runs={runs}", f"/runs/{changed_runs[1]}/why", f"/runs/{changed_runs[1]}/lineage",
        "/p/changed/lineage?of=" + quote("version:모델:v1"), "/p/changed/pipelines",
        f"/runs/{changed_runs[0]}/why?against={changed_runs[1]}", "/p/changed/data?of=" + quote("자료"),
    ]  # fmt: skip
    for path in paths:
        page = visit.open(path)
        expect(page.locator("main").first).to_be_visible()
        expect(page.locator(".loading")).to_have_count(0)
        assert visit.overflow() <= 0, path
        _names_are_text(page)
    assert visit.errors == []
    assert visit.elsewhere == []
