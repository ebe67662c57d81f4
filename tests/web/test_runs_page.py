"""The runs of a project beside their charts."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Route, expect
from tests.web import stores
from tests.web.browser import PATIENCE
from tests.web.conftest import MANY, Visitor

ROWS = ".row[data-run]"
FILTER = "input[aria-label='Filter runs']"


def test_thousands_of_runs_scroll_to_the_end(many: Visitor) -> None:
    """The last of thousands of runs is reached by the scroll bar, and only rows on screen exist."""
    visit = many()
    page = visit.open("/p/many")
    expect(page.locator(ROWS).first).to_contain_text(f"run-{MANY - 1:05}")
    expect(page.locator(".total")).to_have_text(f"{MANY:,} runs")
    page.locator(".table-scroll").evaluate("box => { box.scrollTop = box.scrollHeight }")
    expect(page.get_by_text("run-00000", exact=True)).to_be_visible()
    assert page.locator(".row").count() < 100
    assert visit.errors == []


def test_sort_and_filter_are_the_servers_and_in_the_address(many: Visitor) -> None:
    """Sorting and filtering cover all runs, and the address alone gives the same view again."""
    visit = many()
    page = visit.open("/p/many")
    page.get_by_role("columnheader", name=re.compile("val.acc")).get_by_role("button").click()
    expect(page.locator(ROWS).first).to_contain_text(f"run-{MANY - 1:05}")
    page.get_by_role("columnheader", name=re.compile("val.acc")).get_by_role("button").click()
    expect(page.locator(ROWS).first).to_contain_text("run-00000")
    page.fill(FILTER, "metrics.`val/acc` >= 0.5 and params.number < 1510")
    expect(page.locator(".total")).to_have_text("10 runs")
    expect(page.locator(ROWS).first).to_contain_text("run-01500")
    again = many().open(page.url.removeprefix(visit.base))
    expect(again.locator(".total")).to_have_text("10 runs")
    expect(again.locator(ROWS).first).to_contain_text("run-01500")


def test_a_wrong_filter_says_where(many: Visitor) -> None:
    """A filter that the server refuses shows its message below the box, and the table stays usable."""
    page = many().open("/p/many")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator(FILTER)).to_be_focused()
    page.fill(FILTER, "params.lr <")
    expect(page.locator("#filter-error")).to_contain_text("at character")
    page.fill(FILTER, "")
    expect(page.locator(".total")).to_have_text(f"{MANY:,} runs")
    expect(page.locator("#filter-error")).to_have_count(0)


def test_ticking_changes_the_charts(few: Visitor) -> None:
    """Hiding the only run of a chart empties it at once, and showing it draws it again."""
    page = few().open("/p/와인?q=first")
    chart = page.locator("article[aria-label='val/acc']")
    expect(chart.locator(".chart-plot")).to_have_attribute("data-points", "50")
    page.get_by_role("button", name="Show first on the charts").click()
    expect(chart.locator(".chart-plot")).to_have_count(0)
    page.get_by_role("button", name="Show first on the charts").click()
    expect(chart.locator("canvas")).to_be_visible()


def test_zoom_survives_in_the_address(few: Visitor) -> None:
    """Dragging over a chart zooms all of them, and a double click brings everything back."""
    page = few().open("/p/와인?q=first&m=loss")
    over = page.locator("article[aria-label='train/loss'] .u-over")
    over.hover()
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 60, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"zoom="))
    over.dblclick()
    expect(page).not_to_have_url(re.compile(r"zoom="))


def test_hovering_tells_the_values(few: Visitor) -> None:
    """The pointer on a chart shows the step and each run's value."""
    page = few().open("/p/와인?q=first&m=loss")
    page.locator("article[aria-label='train/loss'] .u-over").hover()
    expect(page.locator(".tooltip")).to_contain_text("Step")
    expect(page.locator(".tooltip")).to_contain_text("first")


def test_a_running_process_is_live(few: Visitor, few_store: Path, tmp_path: Path) -> None:
    """Points, console lines and a new run's row appear while the process logs, and its end is shown."""
    visit = few()
    page = visit.open("/p/와인")
    expect(page.locator(ROWS).first).to_be_visible()
    process = stores.train(tmp_path, few_store, stores.LIVE)
    try:
        row = page.locator(ROWS, has_text="live")
        expect(row).to_contain_text("Running")
        href = row.get_by_role("link").get_attribute("href")
        points = few().open(f"{href}/charts").locator("article[aria-label='train/loss'] .chart-plot")
        before = int(points.get_attribute("data-points") or 0)
        for _ in range(3):
            expect(points).not_to_have_attribute("data-points", str(before))
            before = int(points.get_attribute("data-points") or 0)
        console = few().open(f"{href}/console")
        expect(console.locator(".console-line").last).to_contain_text("line")
        last = console.locator(".console-line").last.inner_text()
        expect(console.locator(".console-line").last).not_to_have_text(last)
    finally:
        process.terminate()
        process.wait(timeout=200)
    expect(row).not_to_contain_text("Running")
    assert visit.errors == []


def test_bulk_tag_and_delete_can_be_undone(few: Visitor) -> None:
    """Ticked runs are tagged and deleted together, and the note that says so takes it back."""
    page = few().open("/p/와인?q=broken")
    page.get_by_role("checkbox", name="Select broken").click()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("textbox", name="Name of the tag").fill("나쁨")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Tagged 1 run with 나쁨.")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".total")).to_have_text("0 runs")
    page.locator(".toast", has_text="Deleted").get_by_role("button", name="Undo").click()
    expect(page.locator(".total")).to_have_text("1 run")


def test_columns_are_chosen_and_kept(few: Visitor) -> None:
    """A column that was added stays after a reload."""
    page = few().open("/p/와인?view=table")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("searchbox", name="Add a column").fill("train/loss min")
    page.get_by_role("button", name="train/loss min").click()
    header = page.get_by_role("columnheader", name=re.compile(r"train.loss.*min"))
    expect(header).to_be_visible()
    page.reload()
    expect(header).to_be_visible()


def test_a_server_that_is_gone_is_named(few: Visitor) -> None:
    """When the server does not answer, the page says so and what to look at, and goes on when it is back."""
    visit = few()
    visit.page.route("**/api/v1/projects", lambda route: route.abort())
    page = visit.open("/")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    visit.page.unroute("**/api/v1/projects")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name=re.compile("와인"))).to_be_visible()


def test_a_key_leads_anywhere(few: Visitor) -> None:
    """Ctrl and K opens a search over runs, areas and projects that needs no mouse."""
    page = few().open("/p/와인")
    expect(page.get_by_role("heading", level=1)).to_have_text("와인: Runs")
    expect(page.get_by_role("button", name="Go to…")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("broken")
    expect(page.get_by_role("option", name=re.compile("^broken"))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("broken")
    held: list[Route] = []
    page.route(re.compile("text=pipel"), lambda route: held.append(route))
    page.keyboard.press("Control+k")
    with page.expect_request(re.compile("text=pipel"), timeout=PATIENCE):
        page.keyboard.type("pipel")
    expect(page.locator("#quick-hits [role=option]")).to_have_text([re.compile("Pipelines")])  # no run of words before
    with page.expect_response(re.compile("text=pipel"), timeout=PATIENCE):
        held[0].continue_()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No reproduction yet")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
