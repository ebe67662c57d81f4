"""Media and plots of runs, as the SDK and W&B's client log them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, StorageState, expect
from tests.web.arranged import arrange
from tests.web.browser import serving
from tests.web.conftest import Visitor, opened, visitor
from tests.web.media_store import HOSTILE, PROJECT, STEPS, media_runs

NOW = 1_795_000_000_000_000


class Kept:
    """What lies in the store."""

    def __init__(self, store: Path) -> None:
        """Fill it."""
        self.store = store
        self.first, self.second = media_runs(store, NOW)
        self.sweep, self.report = arrange(store)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Two runs with media, a sweep, a report and a chart."""
    return Kept(tmp_path_factory.mktemp("media") / "store")


@pytest.fixture(scope="module")
def server(browser: Browser, kept: Kept) -> Iterator[tuple[str, StorageState]]:
    """`madang ui` over them."""
    with serving(kept.store) as address:
        yield opened(browser, address)


@pytest.fixture
def visit(browser: Browser, server: tuple[str, StorageState]) -> Iterator[Visitor]:
    """Opens pages over them."""
    yield from visitor(browser, *server)


def _panel(page: Page, name: str) -> Locator:
    """The panel of a key, brought near the screen."""
    page.get_by_role("searchbox", name="Find media").fill(f"^{name}$")
    panel = page.get_by_role("region", name=name, exact=True)
    expect(panel).to_be_visible()
    return panel


def _slide(panel: Locator, position: int) -> None:
    panel.get_by_role("slider", name=re.compile("^Step of")).fill(str(position))


def test_the_step_is_the_same_in_all_panels(visit: Visitor, kept: Kept) -> None:
    """A step that is chosen in one panel holds in the others, and in its own only when that is wanted."""
    page = visit().open(f"/runs/{kept.first}/media")
    words, plain = (page.get_by_role("region", name=name, exact=True) for name in ("words", "pictures/plain"))
    _slide(words, 2)
    expect(words.locator("pre")).to_have_text("said at 2")
    expect(plain.get_by_text("Step 2")).to_be_visible()
    expect(plain.locator("img")).to_have_attribute("src", re.compile("plain_2.png$"))
    page.get_by_role("checkbox", name="Same step everywhere").uncheck()
    _slide(words, 4)
    expect(words.locator("pre")).to_have_text("said at 4")
    expect(plain.locator("img")).to_have_attribute("src", re.compile(f"plain_{STEPS - 1}.png$"))


def _colours(canvas: Locator, *, with_sky: bool) -> list[list[int]]:
    """The colours of a mask's upper, lower middle and lower left pixel, once the upper one is drawn, or is not."""
    is_drawn = "([canvas, wanted]) => (canvas.getContext('2d').getImageData(2, 2, 1, 1).data[3] > 0) === wanted"
    canvas.page.wait_for_function(is_drawn, arg=[canvas.element_handle(), with_sky])
    script = """(canvas) => [[2, 2], [32, 30], [2, 30]].map(([x, y]) =>
        [...canvas.getContext("2d").getImageData(x, y, 1, 1).data])"""
    found: list[list[int]] = canvas.evaluate(script)
    return found


def test_boxes_and_masks_can_be_switched_off(visit: Visitor, kept: Kept) -> None:
    """Classes of boxes and masks are drawn over the picture with their names, and are hidden by class and by score."""
    visited = visit()
    panel = _panel(visited.open(f"/runs/{kept.first}/media"), "pictures/overlaid")
    expect(panel.locator(".media-box")).to_have_count(2)
    expect(panel.locator(".media-box").first).to_contain_text("a car")
    expect(panel.locator(".media-box").first).to_have_attribute("style", re.compile("left: 30%; top: 40%; width: 40%"))
    expect(panel.locator(".media-box").nth(1)).to_have_attribute("style", re.compile(r"left: 6.25%; top: 12.5%;"))
    sky, car, ground = _colours(panel.locator("canvas"), with_sky=True)
    assert all(colour[3] > 0 for colour in (car, ground))
    assert len({tuple(sky), tuple(car), tuple(ground)}) == 3
    panel.get_by_role("group", name="truth").get_by_role("button", name="하늘").click()
    assert _colours(panel.locator("canvas"), with_sky=False)[1][3] > 0
    panel.get_by_role("group", name="predictions").get_by_role("button", name="car").click()
    expect(panel.locator(".media-box")).to_have_count(1)
    panel.get_by_role("slider", name=re.compile("Least sure")).fill("0.9")
    expect(panel.locator(".media-box")).to_have_count(0)
    expect(panel.locator("figcaption").first).to_have_text(HOSTILE)
    assert visited.page.evaluate("window.hacked") is None


def test_lists_sounds_pages_and_files(visit: Visitor, kept: Kept) -> None:
    """Pictures of a list have their captions, a sound can be played, a page runs apart, other files can be had."""
    page = visit().open(f"/runs/{kept.first}/media")
    several = _panel(page, "pictures/several")
    expect(several.locator("img")).to_have_count(2)
    expect(several.locator("figcaption")).to_have_text(["one", "두 번째"])
    sound = _panel(page, "sound").locator("audio")
    page.wait_for_function("() => document.querySelector('audio')?.duration > 0.2")
    expect(sound).to_be_visible()
    frame = _panel(page, "page").frame_locator("iframe")
    expect(frame.locator("h1")).to_have_text(f"step {STEPS - 1}")
    expect(frame.locator("h1")).to_have_attribute("data-ran", "1")
    assert page.frames[-1].evaluate("() => window.origin") == "null"
    page.reload()  # the browser's own copy is as apart
    expect(_panel(page, "page").frame_locator("iframe").locator("h1")).to_have_text(f"step {STEPS - 1}")
    assert page.frames[-1].evaluate("() => window.origin") == "null"
    expect(_panel(page, "lost").get_by_text("The bytes of media/images/lost.png are not here")).to_be_visible()
    expect(_panel(page, "listed").locator("pre")).to_have_text("[1,2,3]")


def _drawn(panel: Locator) -> int:
    """How many pixels of a scene are not empty, once it is painted."""
    canvas = panel.locator("canvas[data-state=painted]")
    script = """(canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        .filter((value, at) => at % 4 === 3 && value > 0).length"""
    return int(canvas.evaluate(script))


def test_scenes_are_looked_at_from_all_sides(visit: Visitor, kept: Kept) -> None:
    """Points, models and molecules are drawn and turned; a file that is wrong or wants another says so there."""
    visited = visit()
    page = visited.open(f"/runs/{kept.first}/media")
    for key, said in (("points", "3 points · 1 box"), ("triangle", "triangles"), ("molecule", "3 atoms")):
        panel = _panel(page, f"scenes/{key}")
        expect(panel.locator("figcaption")).to_contain_text(said)
        assert _drawn(panel) > 100
    before = panel.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
    panel.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    turned = "(before) => (document.querySelector('.scene canvas')?.toDataURL() ?? before) !== before"
    page.wait_for_function(turned, arg=before)
    panel.get_by_role("radio", name="Spheres").click()
    expect(panel.locator("canvas[data-state=painted]")).to_be_visible()
    expect(panel.get_by_role("link", name="Download")).to_have_attribute("href", re.compile("m.pdb$"))
    expect(_panel(page, "scenes/elsewhere").get_by_role("alert")).to_contain_text("https://example.org/all.bin")
    expect(_panel(page, "scenes/cut").get_by_role("alert")).to_contain_text("cannot be read")
    assert (visited.errors, visited.elsewhere) == ([], [])
    assert page.evaluate("window.hacked") is None


def test_histograms_stand_over_steps(visit: Visitor, kept: Kept) -> None:
    """A histogram is shown with those of the other steps, and a click there goes to a step."""
    panel = _panel(visit().open(f"/runs/{kept.first}/media"), "weights")
    expect(panel.locator(".histogram rect")).to_have_count(20)
    heat = panel.locator(".heat canvas")
    expect(heat).to_have_attribute("width", str(STEPS))
    box = heat.bounding_box()
    assert box is not None
    heat.click(position={"x": box["width"] / 12, "y": 20})
    expect(panel.get_by_text("Step 0", exact=True)).to_be_visible()


def test_a_table_is_sorted_filtered_paged_and_saved(visit: Visitor, kept: Kept, tmp_path: Path) -> None:
    """A table knows the types of its columns, shows pictures in cells, and gives what passed as CSV."""
    visited = visit()
    page = visited.open(f"/runs/{kept.first}/media")
    panel = _panel(page, "samples")
    rows = panel.locator("tbody tr")
    expect(panel.locator("thead small")).to_have_text(["number", "text", "number", "yes/no", "media"])
    expect(panel.locator("tbody img")).to_have_count(5)
    expect(rows).to_have_count(25)
    panel.get_by_role("button", name="Next").click()
    expect(rows.first.locator("td").first).to_have_text("25")
    panel.get_by_role("button", name=re.compile("^id")).click()
    panel.get_by_role("button", name=re.compile("^id")).click()
    panel.get_by_role("button", name="Back").click()
    expect(rows.first.locator("td").first).to_have_text("119")
    panel.get_by_role("button", name="Filter by column").click()
    panel.get_by_role("textbox", name="Filter of id").fill("3..5")
    expect(rows).to_have_count(3)
    expect(rows.locator("td:nth-child(3)").nth(1)).to_have_text("NaN")
    panel.get_by_role("textbox", name="Filter of name").fill("+1")
    expect(rows).to_have_count(1)
    with page.expect_download() as download:
        panel.get_by_role("button", name="Save these rows as CSV").click()
    download.value.save_as(tmp_path / "rows.csv")
    head, row = (tmp_path / "rows.csv").read_text("utf-8-sig").splitlines()
    assert head == "id,name,score,even,picture"
    assert row.startswith("5,'=1+1,")
    panel.get_by_role("textbox", name="Filter of name").fill("")
    panel.get_by_role("searchbox", name="Find in samples").fill("onerror")
    expect(rows).to_have_count(1)
    assert visited.page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    ("key", "title", "mark", "count"),
    [
        ("line", "the line", "path[aria-roledescription='line mark'], .mark-line path", 1),
        ("scatter", "the scatter", ".mark-symbol.role-mark path", 20),
        ("bar", "the bar", ".mark-rect.role-mark path", 2),
        ("pr", "the pr", ".mark-line.role-mark path", 2),
        ("series", "the series", ".mark-line.role-mark path", 2),
        ("cm", "the cm", ".mark-rect.role-mark path", 9),
        ("own", "the own", ".mark-symbol.role-mark path", 20),
    ],
)
def test_plots_of_w_and_b(visit: Visitor, kept: Kept, key: str, title: str, mark: str, count: int) -> None:
    """Each plot of `wandb.plot`, and one by a definition of one's own, is drawn from the table that the run logged."""
    visited = visit()
    panel = _panel(visited.open(f"/runs/{kept.first}/media"), f"plots/{key}")
    expect(panel.locator(".role-title text").first).to_have_text(title)
    expect(panel.locator(mark)).to_have_count(count)
    panel.get_by_role("radio", name="Table").click()
    expect(panel.locator("tbody tr").first).to_be_visible()
    assert visited.errors == []
    assert visited.elsewhere == []


def test_a_curve_without_classes_has_no_legend(visit: Visitor, kept: Kept) -> None:
    """Where a table has no column of classes there is one curve, and nothing is said of its class."""
    page = visit().open(f"/runs/{kept.first}/media")
    expect(_panel(page, "plots/pr").locator(".role-legend-label text")).to_have_text(["cat", "dog"])
    panel = _panel(page, "plots/one")
    expect(panel.locator(".mark-line.role-mark path")).to_have_count(1)
    expect(panel.locator(".role-legend-label text")).to_have_count(0)


def test_figures_of_plotly(visit: Visitor, kept: Kept) -> None:
    """The common traces of a figure are drawn, also from packed numbers; what is not drawn is named, and can be had."""
    panel = _panel(visit().open(f"/runs/{kept.first}/media"), "figure")
    expect(panel.locator("svg.marks")).to_have_count(2)
    expect(panel.locator("svg.marks").first.locator(".mark-line.role-mark path")).to_have_count(2)
    expect(panel.locator("svg.marks").nth(1).locator(".mark-rect.role-mark path")).to_have_count(2)
    expect(panel.get_by_text("Not drawn here: surface.")).to_be_visible()
    expect(panel.get_by_role("link", name="Figure as JSON")).to_have_attribute("href", re.compile("plotly.json$"))


def test_a_metric_is_drawn_over_another(visit: Visitor, kept: Kept) -> None:
    """Where `define_metric` names a metric for the step, the chart has its values across, and says so."""
    page = visit().open(f"/runs/{kept.first}/charts")
    chart = page.get_by_role("article", name="val/acc")
    expect(chart.locator("h3")).to_have_text("acc over epoch")
    over = chart.locator(".u-over")
    over.hover()  # waits until it stays where it is
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] - 3, "y": 20})
    expect(chart.locator(".tooltip-x")).to_have_text(f"epoch {10 * (STEPS - 1)}")
    expect(page.get_by_role("article", name="loss", exact=True).locator("h3")).to_have_text("loss")


def test_runs_stand_beside_each_other(visit: Visitor, kept: Kept) -> None:
    """A comparison has the media of the same key of each run, and a run's own page has no hidden keys."""
    page = visit().open(f"/p/{PROJECT}/compare?runs={kept.first},{kept.second}")
    panel = _panel(page, "pictures/plain")
    expect(panel.locator("h3")).to_have_text(["media-0", "media-1"])
    expect(panel.locator("img")).to_have_count(2)
    panel.get_by_role("button", name="Enlarge pictures/plain").click()
    large = page.get_by_role("dialog", name="pictures/plain")
    expect(large.locator("img").first).to_have_attribute("src", re.compile(f"plain_{STEPS - 1}.png$"))
    page.keyboard.press("ArrowLeft")
    expect(large.locator("img").first).to_have_attribute("src", re.compile(f"plain_{STEPS - 2}.png$"))
    page.keyboard.press("Escape")
    curves = _panel(page, "plots/pr")  # one plot: two classes of two runs
    expect(curves.locator(".mark-line.role-mark path")).to_have_count(4)
    expect(_panel(page, "plots/cm").locator(".mark-rect.role-mark path")).to_have_count(18)
    page.goto(page.url.split("/p/")[0] + f"/runs/{kept.first}")
    expect(page.get_by_role("row", name=re.compile("^loss"))).to_be_visible()
    expect(page.get_by_text(re.compile("_runtime|_wandb|wandb\\."))).to_have_count(0)
    expect(page.locator(".tags-edit .tag")).to_have_text(["kept"])


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_nothing_breaks_or_overflows(visit: Visitor, kept: Kept, width: int, scheme: str) -> None:
    """With all media on the screen no page has a script error, asks another server, or scrolls sideways."""
    visited = visit(viewport={"width": width, "height": 5000}, color_scheme=scheme)
    paths = (f"/runs/{kept.first}/media", f"/p/{PROJECT}/sweeps", f"/p/{PROJECT}/sweeps/{kept.sweep}")
    for path in (*paths, f"/p/{PROJECT}/reports", f"/p/{PROJECT}/reports/{kept.report}", "/authorize"):
        page = visited.open(path)
        expect(page.locator("main").first).to_be_visible()
        expect(page.locator(".loading, .plot[data-state=loading]")).to_have_count(0)
        assert visited.overflow() <= 0, path
    assert visited.errors == []
    assert visited.elsewhere == []


def test_a_sweep_tells_what_mattered(visit: Visitor, kept: Kept) -> None:
    """A sweep has its best trial, a curve, importances and coordinates that can be narrowed; it can be paused."""
    visited = visit()
    page = visited.open(f"/p/{PROJECT}/sweeps")
    page.get_by_role("link", name=re.compile("tune the net")).click()
    expect(page.locator(".mark-symbol.role-mark path")).to_have_count(14)
    lines = page.locator(".parallel svg")
    expect(lines).to_have_attribute("data-kept", "14")
    page.locator(".parallel-grip").last.scroll_into_view_if_needed()
    grip = page.locator(".parallel-grip").last.bounding_box()
    assert grip is not None
    page.mouse.move(grip["x"] + 14, grip["y"] + grip["height"] - 9)
    page.mouse.down()
    page.mouse.move(grip["x"] + 14, grip["y"] + grip["height"] - 60, steps=4)
    page.mouse.up()
    expect(lines).not_to_have_attribute("data-kept", "14")
    page.locator(".parallel-grip").last.click()
    expect(lines).to_have_attribute("data-kept", "14")
    expect(page.get_by_role("row", name=re.compile(r"^lr 0\.|^lr 1"))).to_be_visible()
    best = page.locator(".trials tr[aria-selected=true] a")
    name = best.inner_text()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    best.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("link", name=re.compile("^Sweep "))).to_have_attribute("href", re.compile(kept.sweep))


def test_a_report_is_read(visit: Visitor, kept: Kept) -> None:
    """A report has its text without what could run, its charts over runs, media, and a word on what it cannot show."""
    visited = visit()
    page = visited.open(f"/p/{PROJECT}/reports")
    page.get_by_role("link", name=re.compile("What we saw")).click()
    expect(page.get_by_role("heading", name="Findings")).to_be_visible()
    expect(page.get_by_text(HOSTILE)).to_have_count(2)
    expect(page.locator(".markdown li b")).to_have_text("bold")
    expect(page.get_by_role("link", name="no", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="yes", exact=True)).to_have_attribute("href", "https://example.org/")
    expect(page.get_by_role("article", name="the loss").locator("canvas, svg")).to_be_visible()
    expect(page.locator(".report-panel img")).to_have_count(2)
    expect(page.get_by_text("Weave is not shown here.")).to_be_visible()
    page.get_by_text("All of them").click()
    expect(page.get_by_role("link", name="media-0").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert visited.errors == []


def test_bars_of_a_report(visit: Visitor, kept: Kept) -> None:
    """A bar is a run, also where others have its name, or a group; so many and so far as its author wants."""
    visited = visit()
    page = visited.open(f"/p/{PROJECT}/reports/{kept.report}")
    bars = page.get_by_role("article", name="the bars")
    marks, labels = ".mark-rect.role-mark path", ".role-axis-label text"
    expect(bars.locator(marks)).to_have_count(3)
    expect(bars.locator(labels).filter(has_text=re.compile("^twin$"))).to_have_count(2)
    expect(bars.locator(labels).filter(has_text=re.compile("^only$"))).to_have_count(1)
    bars.locator(marks).first.hover()
    expect(page.locator(".plot-tooltip .tooltip-name")).to_have_text(["", "Metric", "Value"])
    expect(page.locator(".plot-tooltip b").nth(1)).to_have_text("height")
    groups = page.get_by_role("article", name="the groups")
    expect(groups.locator(marks)).to_have_count(2)
    expect(groups.locator(labels).filter(has_text=re.compile("^(one|other)$"))).to_have_count(2)
    groups.locator(marks).nth(1).hover()
    expect(page.locator(".plot-tooltip b")).to_have_text(["one", "height", "1.5"])
    few = page.get_by_role("article", name="few")
    expect(few.locator(marks)).to_have_count(1)
    expect(few.locator(labels).filter(has_text="80")).to_have_count(1)
    expect(few.locator(".role-axis-title text").filter(has_text="cm")).to_have_count(1)
    bars.locator(marks).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^(twin|only)$"))
    assert visited.errors == []


def test_a_report_is_shared_by_a_link(visit: Visitor, browser: Browser, kept: Kept) -> None:
    """Whoever follows the link that an admin made reads the report and may change nothing, until the link is ended."""
    page = visit().open(f"/p/{PROJECT}/reports/{kept.report}")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    address = page.locator(".share pre").inner_text()
    context = browser.new_context(locale="en-US")
    guest = context.new_page()
    guest.goto(address)
    expect(guest.get_by_role("heading", name="Findings")).to_be_visible()
    expect(guest.get_by_role("article", name="the loss").locator("canvas, svg")).to_be_visible()
    assert "accessToken" not in guest.url
    expect(guest.get_by_role("button", name="Share")).to_have_count(0)
    page.get_by_role("button", name="End the link").click()
    expect(page.get_by_role("button", name="Make a link")).to_be_visible()
    guest.reload()
    expect(guest.get_by_role("heading", name="Sign in")).to_be_visible()
    guest.goto(address)
    expect(guest.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def test_addresses_of_other_clients_lead_here(visit: Visitor, kept: Kept) -> None:
    """What W&B's and MLflow's clients print leads to the project, run, sweep and report that it means."""
    visited = visit()
    led: list[tuple[str, str]] = [
        (f"/madang/{PROJECT}", f"/p/{PROJECT}"),
        (f"/madang/{PROJECT}/workspace?nw=abc", f"/p/{PROJECT}"),
        (f"/madang/{PROJECT}/runs/media-0", f"/runs/{kept.first}"),
        (f"/madang/{PROJECT}/runs/media-1/logs/", f"/runs/{kept.second}/console"),
        (f"/madang/{PROJECT}/sweeps/{kept.sweep}", f"/p/{PROJECT}/sweeps/{kept.sweep}"),
        (f"/madang/{PROJECT}/reports/What--we-saw--{kept.report}", f"/p/{PROJECT}/reports/{kept.report}"),
        (f"/?#/experiments/1/runs/{kept.second}", f"/runs/{kept.second}"),
        ("/ann/other", "/p/ann%2Fother"),
    ]
    for printed, ours in led:
        page = visited.open(printed)
        page.wait_for_function("(path) => location.pathname === path", arg=ours)
    page = visited.open(f"/madang/{PROJECT}/runs/it's-not-there")
    expect(page.get_by_text(f"No run of {PROJECT} is called it's-not-there.")).to_be_visible()


def test_a_key_can_be_made_where_clients_send_people(visit: Visitor, kept: Kept) -> None:
    """The address that `wandb login` prints makes a key of at least forty characters for who may."""
    page = visit().open("/authorize")
    page.get_by_role("textbox", name="Name of the key").fill("laptop")
    page.get_by_role("button", name="Make a key").click()
    secret: Any = page.locator(".snippet pre").first.inner_text()
    assert re.fullmatch(r"mdg_\w{40,}", secret)
