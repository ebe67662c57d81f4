"""The page of a reproduction: its stages as a graph and a list, and the drawer of one of them."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Visitor
from tests.web.stores import HOSTILE, ODD

NODE = "[data-node]"


def _open(page: Page, status: str) -> None:
    """Go to the newest reproduction of a status."""
    page.locator(".pipeline-row").filter(has_text=status).first.click()
    expect(page.locator(NODE).first).to_be_visible()


def test_reproductions_are_listed_with_what_became_of_their_stages(pipelines: Visitor) -> None:
    """Newest first: the one with a failure, then the whole one."""
    page = pipelines().open("/p/pipes/pipelines")
    rows = page.locator(".pipeline-row").filter(has_text=re.compile("Failed|4 Ran"))  # another test adds to them
    expect(rows.nth(0)).to_contain_text(re.compile(r"Failed.*1 Failed.*1 Ran.*2 Up to date.*1 Skipped"))
    expect(rows.nth(1)).to_contain_text(re.compile(r"Finished.*4 Ran"))


def test_the_graph_shows_states_and_the_drawer_what_a_stage_printed(pipelines: Visitor) -> None:
    """The failed stage's log, parameters, inputs and outputs are one click away; Escape goes back to its box."""
    page = pipelines().open("/p/pipes/pipelines")
    _open(page, "Failed")
    expect(page.get_by_role("button", name=re.compile("^left: Ran, "))).to_be_visible()
    expect(page.get_by_role("button", name="last: Skipped")).to_be_visible()
    page.get_by_role("button", name=re.compile("^right: Failed")).click()
    drawer = page.get_by_role("complementary")
    expect(drawer.get_by_text("no luck today")).to_be_visible()
    drawer.get_by_role("button", name="Parameters").click()
    expect(drawer.get_by_role("row", name=re.compile(r"side\s+2"))).to_be_visible()
    drawer.get_by_role("button", name="Inputs & outputs").click()
    drawer.get_by_role("button", name="first").click()
    expect(drawer.get_by_role("heading", name="first")).to_be_focused()
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(page.get_by_role("button", name="first: Up to date")).to_be_focused()


def test_a_stage_that_did_not_run_shows_the_run_that_made_its_outputs(pipelines: Visitor) -> None:
    """Of a stage that was up to date, the log is that of the run which made what it holds."""
    page = pipelines().open("/p/pipes/pipelines")
    _open(page, "Failed")
    page.get_by_role("button", name="first: Up to date").click()
    drawer = page.get_by_role("complementary")
    expect(drawer).to_contain_text("command, inputs and outputs are as they were recorded")
    expect(drawer.get_by_text("first says 하나")).to_be_visible()
    drawer.get_by_role("link", name="Open the run that made it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first")


def test_arrow_keys_walk_through_the_graph(pipelines: Visitor) -> None:
    """From a box the arrows go to the nearest one that way, and Enter opens it."""
    page = pipelines().open("/p/pipes/pipelines")
    _open(page, "Failed")
    page.get_by_role("button", name="data.csv.dvc: Up to date").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="first: Up to date")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary").get_by_role("heading", name="first")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_many_stages_fit_into_any_window(pipelines: Visitor, width: int, scheme: str) -> None:
    """Two hundred stages can be seen whole, found by name, and read as a list; nothing scrolls sideways."""
    visit = pipelines(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = visit.open("/p/wide/pipelines/many?view=graph")
    expect(page.locator(NODE)).to_have_count(200)
    page.get_by_role("button", name="Show all").click()
    for name in ("stage-000", "stage-199"):
        expect(page.locator(f"[data-node='{name}']")).to_be_in_viewport()
    page.get_by_role("radio", name="List").click()
    page.get_by_role("searchbox", name="Find a stage").fill("stage-150")
    expect(page.locator("tr", has_text="stage-150")).to_contain_text("Waiting")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert visit.overflow() <= 0
    assert visit.errors == []


@pytest.mark.parametrize("width", [1440, 390])
def test_boxes_stand_apart_and_edges_go_one_way(pipelines: Visitor, width: int) -> None:
    """No box lies on another; within a line of boxes each one stands behind those that it needs."""
    page = pipelines(viewport={"width": width, "height": 844}).open("/p/wide/pipelines/many?view=graph")
    expect(page.locator(NODE)).to_have_count(200)
    found = page.evaluate(
        "() => [...document.querySelectorAll('[data-node]')].map(({dataset, offsetLeft, offsetTop, offsetWidth, "
        "offsetHeight}) => [dataset.node, offsetLeft, offsetTop, offsetWidth, offsetHeight])"
    )
    boxes = {name: (left, top, left + wide, top + high) for name, left, top, wide, high in found}
    for (_, one), (_, other) in itertools.combinations(boxes.items(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    along = 0 if width > 720 else 1
    ahead = [boxes[f"stage-{at:03}"][along] > boxes[f"stage-{at - 1:03}"][along] for at in range(1, 200)]
    assert ahead.count(False) < 20  # where a new line begins


def test_names_of_stages_are_text(pipelines: Visitor) -> None:
    """Markup in names, paths and errors of stages is shown as it is written."""
    visit = pipelines()
    page = visit.open("/p/wide/pipelines")
    page.get_by_role("link", name=re.compile("hostile")).click()
    page.get_by_role("button", name=re.compile("^" + re.escape(HOSTILE) + ": Failed")).click()
    drawer = page.get_by_role("complementary")
    expect(drawer.get_by_role("heading", name=HOSTILE)).to_be_visible()
    drawer.get_by_role("button", name="Inputs & outputs").click()
    expect(drawer).to_contain_text(f"out{HOSTILE}")
    assert page.locator("main img").count() == 0
    assert visit.errors == []
    assert visit.elsewhere == []


@pytest.mark.parametrize("view", ["graph", "list"])
def test_no_name_breaks_the_page(pipelines: Visitor, view: str) -> None:
    """Whatever stages are called, each is shown as it is written, opens, and runs nothing; nothing scrolls sideways."""
    visit = pipelines(viewport={"width": 390, "height": 844})
    page = visit.open(f"/p/wide/pipelines/odd?view={view}")
    expect(page.locator(NODE)).to_have_count(len(ODD))
    for name in ODD:
        box = page.locator(NODE).and_(page.locator(f"[data-node={json.dumps(name, ensure_ascii=False)}]"))
        expect(box).to_contain_text(name.strip()[:40])
        box.evaluate("box => box.click()")
        expect(page.locator("#drawer-title")).to_have_text(name.strip())
        page.keyboard.press("Escape")
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("main img, main script, main svg[onload]").count() == 0
    assert visit.overflow() <= 0
    assert visit.errors == []
    assert visit.elsewhere == []


def test_a_reproduction_is_live(pipelines: Visitor, pipeline_root: Path) -> None:
    """While stages run, boxes change and lines come; the page needs no reload."""
    visit = pipelines()
    page = visit.open("/p/pipes/pipelines")
    expect(page.locator(".pipeline-row").first).to_be_visible()
    folder = pipeline_root / "slow"
    command = [sys.executable, "-m", "madang", "repro"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        expect(page.locator(".pipeline-row").first).to_contain_text("Running")
        _open(page, "Running")
        expect(page.get_by_role("button", name="after: Waiting")).to_be_visible()
        page.get_by_role("button", name=re.compile("^wait: Running")).click()
        expect(page.get_by_role("complementary").get_by_text("line 3", exact=True)).to_be_visible()
        (folder / "gate").write_text("open")
        expect(page.get_by_role("button", name=re.compile("^after: Ran"))).to_be_visible()
        assert child.wait(timeout=200) == 0
    expect(page.locator(".pipeline-head")).to_contain_text("Finished")
    assert visit.errors == []
