"""Reports, workspaces and charts of the real `wandb-workspaces`: saved, read, listed, deleted, told to the page."""

from __future__ import annotations

from typing import Any

from tests.wandb.conftest import Client, Hub

SAVE = """
import wandb, json
import wandb_workspaces.reports.v2 as wr
from wandb_workspaces.reports.v2.interface import Spotify
for number in range(3):
    about = {"name": f"n{number}", "config": {"lr": number / 10}, "tags": ["t"] * number}
    with wandb.init(project="rep", id=f"r{number}", **about) as run:
        for step in range(3):
            run.log({"loss": 1 / (step + 1), "val/acc": step})
api = wandb.Api()
loss, lr = wr.SummaryMetric("loss"), wr.Config("lr")
column = wr.ParallelCoordinatesPlotColumn
text = ["Text ", wr.InlineCode("code"), wr.Link("link", url="https://e.com"), wr.InlineLatex("x^2")]
boxes = [wr.CheckedListItem("done", checked=True), wr.CheckedListItem("todo", checked=False)]
blocks = [
    wr.TableOfContents(), wr.H1("머리"), wr.P(text), wr.H2("Folded", collapsed_blocks=[wr.P("inside")]),
    wr.UnorderedList(["a", "b"]), wr.OrderedList(["one"]), wr.CheckedList(boxes),
    wr.CodeBlock("print(1)\\nprint(2)", language="python"), wr.MarkdownBlock("# md"), wr.LatexBlock("e=mc^2"),
    wr.Image("https://e.com/x.png", caption="cap"), wr.BlockQuote("quote"), wr.CalloutBlock("call"),
    wr.HorizontalRule(), wr.Video("https://e.com/v"), Spotify(spotify_id="x"),
    wr.PanelGrid(
        runsets=[
            wr.Runset(
                project="rep", entity="madang", name="Some", groupby=["config.lr"],
                filters="Config('lr') >= 0.05 and Metric('Tags') in ['t']",
                order=[wr.OrderBy("CreatedTimestamp", ascending=True)],
                run_settings={"r2": wr.RunSettings(color="#ff0000", disabled=True)},
            ),
            wr.Runset(project="rep", entity="madang", name="Query", query="n1"),
        ],
        panels=[
            wr.LinePlot(x="Step", y=["loss"], title="L", smoothing_factor=0.5, smoothing_type="gaussian", log_y=True),
            wr.LinePlot(metric_regex="val/.*"), wr.ScatterPlot(x=lr, y=loss),
            wr.BarPlot(metrics=["loss"], max_runs_to_show=5, max_bars_to_show=3, range_x=(0.1, None), title_x="x"),
            wr.ScalarChart(metric="loss"), wr.ParallelCoordinatesPlot(columns=[column(metric=lr), column(metric=loss)]),
            wr.ParameterImportancePlot(with_respect_to="loss"), wr.RunComparer(), wr.CodeComparer(),
            wr.MediaBrowser(media_keys=["img"]), wr.MarkdownPanel("mp"), wr.WeavePanelSummaryTable(table_name="tab"),
            wr.CustomChart(
                query={"summaryTable": {"tableKey": "tab"}}, chart_name="madang/bars", chart_fields={"x": "step"},
                chart_strings={"title": "T"},
            ),
        ],
    ),
]
report = wr.Report(project="rep", entity="madang", title="My report: 하나", description="about", blocks=blocks).save()
again = wr.Report.from_url(report.url)
kinds = [type(block).__name__ for block in again.blocks]
same = kinds == [type(block).__name__ for block in report.blocks]
panels = [[type(panel).__name__ for panel in block.panels] for block in (again.blocks[-1], blocks[-1])]
again.title = "Changed"
again.save()
wr.Report(project="fresh", entity="madang", title="draft").save(draft=True)
chart = api.create_custom_chart(
    entity="madang", name="bars", display_name="My bars", spec_type="vega2", access="private", spec={"mark": "bar"}
)
listed = [item.display_name for item in api.reports("madang/rep")]
print(json.dumps([report.id, same, panels[0] == panels[1], again.blocks[-1].runsets[0].filters, listed, bool(chart)]))
"""
DELETE = """
import sys, json, wandb
import wandb_workspaces.reports.v2 as wr
report = wr.Report.from_url(wandb.Api().settings["base_url"] + "/madang/rep/reports/x--" + sys.argv[1])
first = report.enable_share_link()
wandb.Api().create_project("more", "madang")
report.blocks = [wr.PanelGrid(runsets=[wr.Runset(entity="madang", project="more")])]
links = [first, report.enable_share_link(), report.get_share_url(), report.disable_share_link(), report.get_share_url()]
last = report.enable_share_link()
print(json.dumps([links, last, report.delete(), [item.display_name for item in wandb.Api().reports("madang/rep")]]))
"""
WORKSPACE = """
import json
import wandb
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
wandb.Api().create_project("views", "madang")
sections = [ws.Section(name="S", panels=[wr.LinePlot(x="Step", y=["loss"])], is_open=True)]
settings = ws.RunsetSettings(filters="Config('lr') >= 0.05")
made = ws.Workspace(entity="madang", project="views", name="W", sections=sections, runset_settings=settings).save()
again = ws.Workspace.from_url(made.url)
told = [again.name, [section.name for section in again.sections], again.runset_settings.filters]
again.name = "W2"
again.save()
other = again.save_as_new_view()
reports = len(wandb.Api().reports("madang/views"))
print(json.dumps([*told, ws.Workspace.from_url(made.url).name, other.url != made.url, reports]))
"""


def _of_type(blocks: list[Any], kind: str) -> Any:
    return next(block for block in blocks if block["type"] == kind)


def test_a_report_is_saved_and_shown(wandb_client: Client, hub: Hub) -> None:
    """The client reads back what it saved; the page gets known shapes with run sets looked up; deleted it is gone."""
    report, same, panels, filters, listed, has_chart = wandb_client(SAVE)
    assert (same, panels, listed, has_chart) == (True, True, ["Changed"], True)
    assert filters == 'Config("lr") >= 0.05 and Metric("Tags") in [\'t\']'
    [summary] = hub.native("projects/rep/reports")["reports"]
    assert (summary["title"], summary["description"], summary["is_draft"]) == ("Changed", "about", False)
    told = hub.native(f"projects/rep/reports/{report}")
    assert told == hub.native(f"projects/rep/reports/{summary['id']}")
    _check_texts(told["blocks"])
    _check_panels(_of_type(told["blocks"], "panels"), hub)
    [chart] = hub.native("charts")["charts"]
    assert (chart["name"], chart["title"], chart["spec"]) == ("madang/bars", "My bars", {"mark": "bar"})
    assert [item["is_draft"] for item in hub.native("projects/fresh/reports")["reports"]] == [True]
    links, last, *gone = wandb_client(DELETE, report)
    assert links == [links[0], links[0], links[0], True, None]
    assert "?accessToken=mdl_" in last
    assert last != links[0]
    assert gone == [True, []]
    assert hub.native(f"projects/rep/reports/{report}")["error"]["code"] == "not-found"


def _check_texts(blocks: list[Any]) -> None:
    assert [block["type"] for block in blocks] == [
        "contents", "heading", "paragraph", "heading", "list", "list", "list", "code", "markdown", "latex", "image",
        "quote", "callout", "rule", "video", "unknown", "panels",
    ]  # fmt: skip
    assert blocks[2]["text"] == [
        {"text": "Text ", "style": [], "link": ""}, {"text": "code", "style": ["code"], "link": ""},
        {"text": "link", "style": [], "link": "https://e.com"}, {"text": "x^2", "style": ["latex"], "link": ""},
    ]  # fmt: skip
    assert blocks[3]["blocks"][0]["text"][0]["text"] == "inside"
    assert [(block["is_ordered"], [item["checked"] for item in block["items"]]) for block in blocks[4:7]] == [
        (False, [None, None]), (True, [None]), (False, [True, False]),
    ]  # fmt: skip
    assert (blocks[7]["text"], blocks[8]["text"], blocks[9]["text"]) == ("print(1)\nprint(2)", "# md", "e=mc^2")
    assert (blocks[10]["url"], blocks[10]["caption"][0]["text"]) == ("https://e.com/x.png", "cap")
    assert blocks[15]["name"] == "spotify"


def _check_panels(block: Any, hub: Hub) -> None:
    some, query = block["run_sets"]
    assert [(run["name"], run["color"], run["is_hidden"]) for run in some["runs"]] == [
        ("n1", "", False), ("n2", "#ff0000", True),
    ]  # fmt: skip
    assert (some["total"], some["groups"], some["notes"]) == (2, [{"scope": "params", "key": "lr"}], [])
    assert [run["name"] for run in query["runs"]] == ["n1"]
    assert hub.native(f"runs/{query['runs'][0]['id']}")["name"] == "n1"
    panels = block["panels"]
    assert [panel["type"] for panel in panels] == [
        "line", "line", "scatter", "bar", "scalar", "parallel", "importance", "runs", "code", "media", "markdown",
        "table", "chart",
    ]  # fmt: skip
    assert (panels[0]["metrics"], panels[0]["x"]["key"], panels[0]["log_y"]) == (["loss"], "_step", True)
    assert panels[0]["smoothing"] == {"type": "gaussian", "weight": 0.5}
    assert panels[1]["metrics"] == ["val/acc"]
    assert (panels[2]["x"], panels[2]["y"]) == ({"scope": "params", "key": "lr"}, {"scope": "metrics", "key": "loss"})
    bars = {key: panels[3][key] for key in ("limit", "bar_limit", "x_range", "x_title")}
    assert bars == {"limit": 5, "bar_limit": 3, "x_range": [0.1, None], "x_title": "x"}
    assert (panels[9]["keys"], panels[10]["text"], panels[11]["key"]) == (["img"], "mp", "tab")
    chart = panels[12]
    assert (chart["chart"], chart["table"], chart["title"]) == ("madang/bars", "tab", "T")
    assert chart["fields"] == {"x": "step"}


def test_a_workspace_is_saved_and_read_back(wandb_client: Client) -> None:
    """A saved view comes back by its name, is changed in place, is copied, and is no report."""
    assert wandb_client(WORKSPACE) == ["W", ["S"], 'Config("lr") >= 0.05', "W2", True, 0]
