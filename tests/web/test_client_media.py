"""Media that the real client of W&B logged to a hub."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.wandb.conftest import Client, hub_at
from tests.web.browser import Visit

LOG = """
import wandb
run = wandb.init(project="media", id="real")
grown = wandb.Table(columns=["number", "name"], log_mode="INCREMENTAL")
for step in range(12):
    grown.add_data(step, f"row {step}")
    run.log({"자란 table/one": grown})
run.finish()
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An open hub with the run of the script."""
    folder = tmp_path_factory.mktemp("client")
    hub = hub_at(folder)
    hub.start()
    Client(hub, folder)(LOG)
    yield hub.address
    hub.kill(signal.SIGTERM)


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """The run's media on a page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    visited = Visit(context.new_page(), address)
    page = visited.open("/madang/media/runs/real/media")
    page.wait_for_url(re.compile("/runs/[0-9a-f]{32}/media$"))
    yield visited
    assert visited.errors == []
    context.close()


def _panel(page: Page, name: str) -> Locator:
    page.get_by_role("searchbox", name="Find media").fill(f"^{name}$")
    panel = page.get_by_role("region", name=name, exact=True)
    expect(panel).to_be_visible()
    return panel


def test_a_table_that_grew_is_whole(visit: Visit) -> None:
    """The increments of a table are one table, in order, as far as the chosen step."""
    panel = _panel(visit.page, "자란 table/one")
    numbers = panel.locator("tbody td:first-child")
    expect(numbers).to_have_text([str(step) for step in range(12)])
    panel.get_by_role("slider", name=re.compile("^Step of")).fill("2")
    expect(numbers).to_have_text(["0", "1", "2"])
