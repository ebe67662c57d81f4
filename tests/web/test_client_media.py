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
import datetime
import pandas
import wandb
run = wandb.init(project="media", id="real")
grown = wandb.Table(columns=["number", "name"], log_mode="INCREMENTAL")
for step in range(12):
    grown.add_data(step, f"row {step}")
    run.log({"자란 table/one": grown})

def at(day, hour=0, second=0):
    return datetime.datetime(2024, 2, day, hour, 0, second, tzinfo=datetime.timezone.utc)

days = [datetime.date(2024, 2, 3), datetime.date(1969, 1, 1), None]
rows = list(zip(days, [at(3, 4, 5), at(1), at(2)], [1, 2, 3]))
run.log({"dates": wandb.Table(columns=["day", "time", "n"], data=rows)})
rows = [[pandas.Timestamp(2024, 2, 3), pandas.Timestamp(1500, unit="ms", tz="Asia/Seoul")], [None, None]]
run.log({"dates of pandas": wandb.Table(columns=["day", "time"], data=rows)})

def chart(name, columns, data):
    run.log({f"sk/{name}": wandb.visualize(f"wandb/{name}/v1", wandb.Table(columns=columns, data=data))})

pairs = [[a, b, 9 if a == b else 1] for a in "abc" for b in "abc"]
chart("confusion_matrix", ["Predicted", "Actual", "Count"], pairs)
sets = [[name, 0.1 * at, 10 * at] for at in range(1, 6) for name in ("train", "test")]
chart("learning_curve", ["dataset", "score", "train_size"], sets)
chart("class_proportions", ["class", "dataset", "count"], [[a, s, 5] for a in "abc" for s in ("train", "test")])
chart("metrics", ["metric_name", "metric_value", "model_name"], [["f1_score", 0.9, "m"], ["recall", 0.8, "m"]])
chart("feature_importances", ["feature_names", "importances"], [["a", 0.5], ["b", 0.2], ["c", -0.1]])
residuals = [[name, at, at / 7, 0.9, 0.8] for at in range(4) for name in ("train", "test")]
chart("residuals_plot", ["dataset", "y_pred", "residuals", "train_score", "test_score"], residuals)
edges = ["model", "fraction_of_positives", "mean_predicted_value", "hist_dict", "edge_dict"]
chart("calibration", edges, [[m, at / 4, at / 4, 3, 0.1] for m in ("one", "two") for at in range(4)])
distances = ["distance", "instance_indicies", "outlier_percentage", "influence_threshold"]
chart("outliers", distances, [[at / 9, at, 1.5, 0.3] for at in range(6)])
chart("elbow", ["cluster_ranges", "errors", "clustering_time"], [[at, 10 / at, 0.1] for at in range(1, 6)])
shape = ["x", "y", "colors", "centerx", "centery", "y_sil", "x1", "x2", "color_sil", "silhouette_avg"]
chart("silhouette_", shape, [[1, 2, 0, 1, 1, at, 0, at / 9, at % 2, 0.4] for at in range(8)])
chart("decision_boundaries", ["x", "y", "color"], [[at, at, at % 2] for at in range(5)])
chart("unheard_of", ["a"], [[1]])
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


@pytest.mark.parametrize(
    ("name", "mark", "count"),
    [
        ("confusion_matrix", ".mark-text.role-mark text", 9),
        ("learning_curve", ".mark-line.role-mark path", 2),
        ("class_proportions", ".mark-rect.role-mark path", 6),
        ("metrics", ".mark-rect.role-mark path", 2),
        ("feature_importances", ".mark-rect.role-mark path", 3),
        ("residuals_plot", ".mark-symbol.role-mark path", 8),
        ("calibration", ".mark-line.role-mark path", 2),
        ("outliers", ".mark-symbol.role-mark path", 6),
        ("elbow", ".mark-line.role-mark path", 1),
        ("silhouette_", ".mark-rule.role-mark line", 9),
        ("decision_boundaries", ".mark-symbol.role-mark path", 5),
    ],
)
def test_charts_of_sklearn(visit: Visit, name: str, mark: str, count: int) -> None:
    """A table for which `wandb.visualize` names a chart of W&B's, as `wandb.sklearn` does, is drawn as that chart."""
    panel = _panel(visit.page, f"sk/{name}")
    expect(panel.locator(mark)).to_have_count(count)
    panel.get_by_role("radio", name="Table").click()
    expect(panel.locator("tbody tr").first).to_be_visible()


def test_a_chart_that_is_not_known_is_a_table(visit: Visit) -> None:
    """What no definition is known for is shown as its table, with a word on why."""
    panel = _panel(visit.page, "sk/unheard_of")
    expect(panel.locator("tbody tr")).to_have_count(1)
    expect(panel.locator(".notice")).to_contain_text("wandb/unheard_of/v1")


def test_dates_are_shown_by_the_type_of_their_column(visit: Visit) -> None:
    """A column of dates has days or times, is put in order by them, and is narrowed by a part of a date."""
    panel = _panel(visit.page, "dates")
    expect(panel.locator("thead small")).to_have_text(["date, UTC", "date, UTC", "number"])
    days, times = (panel.locator(f"tbody td:nth-child({place})") for place in (1, 2))
    expect(days).to_have_text(["2024-02-03", "1969-01-01", ""])
    expect(times).to_have_text(["2024-02-03 04:00:05", "2024-02-01 00:00:00", "2024-02-02 00:00:00"])
    panel.get_by_role("button", name=re.compile("^day")).click()
    expect(days).to_have_text(["1969-01-01", "2024-02-03", ""])
    panel.get_by_role("button", name="Filter by column").click()
    panel.get_by_role("textbox", name="Filter of time").fill(">= 2024-02-02")
    expect(days).to_have_text(["2024-02-03", ""])
    panel.get_by_role("textbox", name="Filter of day").fill("< 2024-02-04")
    expect(days).to_have_text(["2024-02-03"])


def test_dates_of_pandas_are_dates(visit: Visit) -> None:
    """A column of pandas' times, of which the client says no more than their class, has dates too."""
    panel = _panel(visit.page, "dates of pandas")
    expect(panel.locator("thead small")).to_have_text(["date, UTC", "date, UTC"])
    expect(panel.locator("tbody td")).to_have_text(["2024-02-03", "1970-01-01 00:00:01.500", "", ""])
