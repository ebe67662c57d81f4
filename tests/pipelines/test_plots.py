"""plots give the specifications that the real dvc gives, and a page that anybody can look at without a network."""

from __future__ import annotations

import importlib
import json
import math
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from playwright.sync_api import Browser
from tests.data.helpers import Tool, make
from tests.data.test_trees import git
from tests.pipelines.plots_repository import make_repository
from tests.pipelines.side_by_side import value
from tests.web.browser import launched

from madang.errors import InvalidInput
from madang.formats import plots, plots_page, plots_svg, plots_templates
from madang.formats.plots_page import Chart
from madang.formats.plots_svg import HEIGHT, WIDTH, Axes, Bar, Series

COMMANDS = [
    "plots show --json", "plots diff --json", "plots diff v1 v2 --json",
    "plots diff v1 --json --targets out.csv logs", "plots diff v1 v2 workspace --json --split",
    "plots show logs/loss.csv --show-vega", "plots show both --show-vega",
    "plots show pts.json -x a -y c -t simple --json --title T --x-label X --y-label Y", "plots show pictures --json",
    "plots show dates.csv --json --no-header -y 1", "plots templates", "plots templates confusion",
    "plots templates nope", "plots show --show-vega", "plots show both norm --show-vega",
    "plots show both --show-vega --json", "plots diff nosuch --json", "plots show pts.json -y nope --json",
    "plots show data --json", "plots show dvc.yaml::both --json",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """The repository; nobody changes it but for the pictures that commands write."""
    return make_repository(tmp_path_factory.mktemp("plots") / "저장소 repo", dvc)


def without_messages(text: str) -> Any:
    """A ``--json`` answer, or the text itself; messages are ours."""
    try:
        found = value(text)
    except ValueError:
        return text
    for one in found.get("errors", ()) if isinstance(found, dict) else ():
        del one["msg"]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_as_dvc(made: Path, dvc: Tool, madang: Tool, command: str) -> None:
    """Exit code and what is printed equal dvc's."""
    theirs, ours = dvc(made, *command.split()), madang(made, *command.split())
    assert ours.code == theirs.code
    assert without_messages(ours.out) == without_messages(theirs.out)


def test_in_a_folder(made: Path, dvc: Tool, madang: Tool) -> None:
    """From a folder below, plots have the names and data that dvc gives them there."""
    command = ["plots", "show", "../logs/loss.csv", "--json"]
    assert without_messages(madang(made / "logs", *command).out) == without_messages(dvc(made / "logs", *command).out)


def test_templates() -> None:
    """The built-in templates equal dvc's, in its order."""
    theirs = importlib.import_module("dvc_render.vega_templates").TEMPLATES
    assert {one.DEFAULT_NAME: one.DEFAULT_CONTENT for one in theirs} == plots_templates.TEMPLATES
    assert [one.DEFAULT_NAME for one in theirs] == list(plots_templates.TEMPLATES)


class Elements(HTMLParser):
    """What a page has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        self.tags.append(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)


def test_page(made: Path, madang: Tool, tmp_path: Path) -> None:
    """One page holds every plot of all revisions, is made of nothing from elsewhere, and shows pictures that exist."""
    ours = madang(made, "plots", "diff", "v1", "v2", "workspace", "-o", str(tmp_path / "쪽 page"))
    assert (ours.code, ours.err) == (0, "")
    page = (tmp_path / "쪽 page" / "index.html").read_text()
    assert ours.out.strip() == (tmp_path / "쪽 page" / "index.html").as_uri()
    found = Elements(page)
    assert not {"script", "link", "iframe", "object", "embed"} & set(found.tags)
    assert "://" not in page
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    pictures = [value for name, value in found.attributes if name == "src"]
    assert len(pictures) == 6
    assert all((tmp_path / "쪽 page" / one).read_bytes().startswith(b"\x89PNG") for one in pictures)
    assert found.tags.count("section") == 21
    assert "<h2>학습 손실 &lt;b&gt;&amp;</h2>" in page
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(drawing)


def look(browser: Browser, address: str, width: int, scheme: Literal["dark", "light"]) -> None:
    """Open a page without a network and hold what it shows."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(address)
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert all(one.startswith("file:") for one in asked)
    assert said == []
    widths = "[...document.querySelectorAll('.card svg[role=img]')].map(one => one.getBoundingClientRect().width)"
    assert min(page.evaluate(widths)) > 250
    inks = page.evaluate("[...document.querySelectorAll('.line')].map(one => getComputedStyle(one).stroke)")
    assert len(set(inks)) == 2
    context.close()


def test_in_a_browser(made: Path, madang: Tool, tmp_path: Path) -> None:
    """A browser without a network shows all drawings and pictures, on a phone without scrolling to the side."""
    assert madang(made, "plots", "diff", "v1", "v2", "-o", str(tmp_path)).code == 0
    with launched() as browser:
        look(browser, (tmp_path / "index.html").as_uri(), 375, "light")
        look(browser, (tmp_path / "index.html").as_uri(), 1280, "dark")


def test_a_page_of_ones_own(made: Path, madang: Tool, tmp_path: Path) -> None:
    """An HTML template gets the plots where it asks for them; one without a place for them is refused."""
    make(tmp_path, {"t.html": b"<i>mine</i>{plot_divs}<b>{refresh_tag}</b>", "bad.html": b"nothing"})
    show = ("plots", "show", "both", "-o", str(tmp_path / "o"), "--html-template")
    assert madang(made, *show, str(tmp_path / "t.html")).code == 0
    page = (tmp_path / "o" / "index.html").read_text()
    assert page.startswith("<i>mine</i>")
    assert page.endswith("</main><b></b>")
    assert ".plots{" in page
    refused = madang(made, *show, str(tmp_path / "bad.html"))
    assert (refused.code, "{plot_divs}" in refused.err) == (1, True)


def test_what_cannot_be_read(made: Path, madang: Tool, tmp_path: Path) -> None:
    """A plot that cannot be drawn says why on the page, and the others are drawn."""
    copy = shutil.copytree(made, tmp_path / "r", symlinks=True)
    make(copy, {"logs/test.tsv": b"step\tat\tloss\n1\t1\t2\n", "imp.json": b"{", "pred.csv": b"\xff\xfe"})
    (copy / "dates.csv").unlink()
    ours = madang(copy, "plots", "show")
    page = (copy / "dvc_plots" / "index.html").read_text()
    assert ours.code == 0
    for name in ("imp.json", "pred.csv", "dates.csv", "have not the same number of values"):
        assert name in ours.err
        assert name in page
    assert page.count("<svg") > 8


def test_from_the_cache(made: Path, dvc: Tool, madang: Tool, tmp_path: Path) -> None:
    """Plots of stages are drawn from the cache when the work tree lacks them."""
    copy = shutil.copytree(made, tmp_path / "r", symlinks=True)
    git(copy, "checkout", "-q", "--", ".")
    (copy / "out.csv").unlink()
    shutil.rmtree(copy / "한글 폴더")
    ours = value(madang(copy, "plots", "show", "--json").out)["data"]
    assert ours["out.csv"][0]["content"]["data"]["values"][1] == {"s": "2", "m": "6", "rev": "workspace"}
    assert ours["한글 폴더/값.yaml"][0]["revisions"] == ["workspace"]


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12)
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)


def coordinates(drawing: str) -> list[tuple[float, float]]:
    """Where marks stand in a drawing that must be whole."""
    found: list[str] = []
    for element in ET.fromstring(drawing).iter():
        if element.tag == "polyline":
            found.extend(element.attrib["points"].split())
        if element.tag in ("circle", "rect", "text"):
            names = ("cx", "cy") if element.tag == "circle" else ("x", "y")
            found.append(",".join(element.attrib[name] for name in names))
    return [(float(pair.split(",")[0]), float(pair.split(",")[1])) for pair in found]


@given(st.lists(st.tuples(TEXTS, POINTS), max_size=3), TEXTS, TEXTS)
def test_any_numbers_can_be_drawn(given_series: list[tuple[str, list[tuple[float, float]]]], x: str, y: str) -> None:
    """Whatever the numbers and names, drawings are whole and everything stands inside of them."""
    series = [Series(name, points, at, at) for at, (name, points) in enumerate(given_series)]
    for drawing in (plots_svg.lines(series, Axes("t", x, y)), plots_svg.points(series, Axes("t", x, y))):
        for across, down in coordinates(drawing):
            assert -1 <= across <= WIDTH + 1
            assert -1 <= down <= HEIGHT + 1
    rows = [(name, [Bar(x, point[1], at) for at, point in enumerate(points)]) for name, points in given_series]
    coordinates(plots_svg.bars(rows, Axes("t", x, y)))
    for _, points in given_series:
        assert all(math.isfinite(one) for pair in plots_svg.smoothed(points[:3]) for one in pair)


@example(0.0, sys.float_info.max)
@given(NUMBERS, NUMBERS)
def test_ticks(low: float, high: float) -> None:
    """Ticks are few, ascending and lie between the ends."""
    found = plots_svg.ticks(low, high)
    assert 1 <= len(found) <= 12
    assert found == sorted(found)
    if math.isfinite(low) and math.isfinite(high) and low < high and math.isfinite(high - low):
        slack = (high - low) * 1e-6
        assert found == [low] or all(low - slack <= one <= high + slack for one in found)


def test_long_lines_keep_their_extremes() -> None:
    """Of a line of many points few are drawn, its highest and lowest among them."""
    points = [(float(at), math.sin(at / 500)) for at in range(20_000)]
    points[12_345] = (12_345.0, 9.0)
    points[777] = (777.0, -9.0)
    drawing = plots_svg.lines([Series("s", points)], Axes("t", "x", "y"))
    places = coordinates(drawing)
    heights = [down for element in ET.fromstring(drawing).iter("polyline") for down in [
        float(pair.split(",")[1]) for pair in element.attrib["points"].split()
    ]]  # fmt: skip
    assert len(places) < 1_000
    assert max(heights) - min(heights) > 200
    assert len([one for one in heights if one < min(heights) + 1]) == 1


def test_a_smoothed_line_follows_a_straight_one() -> None:
    """Local regression of points on a line is that line; of noise it is calmer than the noise."""
    straight = plots_svg.smoothed([(float(at), 2.0 * at + 1) for at in range(50)])
    assert all(y == pytest.approx(2 * x + 1) for x, y in straight)
    noise = plots_svg.smoothed([(float(at), float(at % 2)) for at in range(200)])
    assert all(abs(y - 0.5) < 0.1 for _, y in noise[10:-10])


def test_matrices_count() -> None:
    """A confusion matrix counts the pairs of each revision; a normalized one tells their shares of each row."""
    rows: list[plots.Row] = [{"a": a, "p": p, "rev": rev} for rev, a, p in map(tuple, ["1xx", "1yx", "1yx", "2xy"])]
    known = {"x": "a", "y": "p", "anchors_y_definitions": [{"filename": "f", "field": "p"}]}
    page = plots_page.page([Chart("c", "confusion", rows=rows, properties=known, revisions=["1", "2"])])
    told = re.findall(r"<title>p: (\w), a: (\w): ([\d.]+)</title>", page)
    assert told[:4] == [("x", "x", "1"), ("x", "y", "2"), ("y", "x", "0"), ("y", "y", "0")]
    assert told[6] == ("y", "x", "1")
    page = plots_page.page([Chart("c", "confusion_normalized", rows=rows, properties=known, revisions=["1", "2"])])
    assert ("x", "y", "0.6667") in re.findall(r"<title>p: (\w), a: (\w): ([\d.]+)</title>", page)


def test_names_are_never_markup() -> None:
    """Titles, names, labels and notes that try to be markup are shown as they are written."""
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    rows: list[plots.Row] = [{"x": evil, "y": at, "rev": evil, "filename": evil, "field": evil} for at in range(3)]
    known = {"x": "x", "y": "y", "x_label": evil, "anchors_y_definitions": []}
    charts = [
        Chart(evil, name, rows=rows, properties=known, revisions=[evil], notes=[evil])
        for name in plots_templates.TEMPLATES
    ]
    charts.append(Chart(evil, evil, {"mark": "line"}, rows, {**known, "x": "y", "y": "x"}, [evil]))
    charts.append(Chart(evil, images=[(evil, f"static/{evil}.png")]))
    found = Elements(plots_page.page(charts))
    assert "script" not in found.tags
    assert found.tags.count("img") == 1
    assert "onerror" not in dict(found.attributes)


def test_rows() -> None:
    """Lists in mappings are put side by side; rows of several kinds, and lists of something else, are no rows."""
    assert plots.rows(
        {"a": {"b": [{"x": 1}, {"x": 2}]}, "c": [{"y": 3}], "d": [1], "e": [], "f": [{"p": 1}, {"q": 1}]}
    ) == [
        {"x": 1, "y": 3},
        {"x": 2},
    ]
    assert plots.rows(5) == []


def test_pictures_with_like_names(tmp_path: Path, dvc: Tool, madang: Tool, root: Path) -> None:
    """Pictures whose files would have one name do not replace each other."""
    make(root, {"p/a/b.png": b"one", "p/a_b.png": b"two", f"p/{'n' * 250}.png": b"three", "dvc.yaml": b"plots: [p]\n"})
    found = value(madang(root, "plots", "show", "--json").out)["data"]
    assert sorted(Path(one[0]["url"]).read_bytes() for one in found.values()) == [b"one", b"three", b"two"]


PIPELINE = """\
# top
stages:
  s:   # of s
    cmd: echo
    outs:
    - log.csv
    plots:
    - a.csv   # first
    - b.csv:
        cache: false
        x: step
        title: T
    metrics: [m.json]
  each:
    foreach: [1, 2]
    do:
      cmd: echo
      plots: ["e${item}.csv"]
"""


def test_modify(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """dvc.yaml is changed as dvc changes it, with its comments; what cannot be changed is refused."""
    for name in ("theirs", "ours"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        assert dvc(tmp_path / name, "init").code == 0
        make(tmp_path / name, {"dvc.yaml": PIPELINE.encode()})
    for arguments in (
        ["a.csv", "-x", "step", "-y", "loss", "--title", "제목: x", "--template", "linear"],
        ["b.csv", "--unset", "x", "title"],
        ["b.csv", "-x", "s", "--no-header"],
        ["log.csv", "-y", "v"],
        ["a.csv", "--unset", "nosuch"],
        ["a.csv", "-t", "nosuch"],
        ["nosuch", "-x", "a"],
        ["m.json", "-x", "a"],
        ["e1.csv", "-x", "a"],
        ["a.csv", "--unset", "x", "y", "title", "template"],
    ):
        codes = [
            run(tmp_path / name, "plots", "modify", *arguments).code
            for run, name in ((dvc, "theirs"), (madang, "ours"))
        ]
        assert codes[0] == codes[1], arguments
        assert (tmp_path / "ours/dvc.yaml").read_text() == (tmp_path / "theirs/dvc.yaml").read_text(), arguments
    assert "# of s" in (tmp_path / "ours/dvc.yaml").read_text()


def test_a_template_without_a_place_for_rows(made: Path, madang: Tool) -> None:
    """A template of one's own that cannot hold rows, is no JSON or is not there, is refused by name."""
    with pytest.raises(InvalidInput, match="<DVC_METRIC_DATA>"):
        plots_templates.filled({"mark": "line"}, [{"a": 1}], {"x": "a", "y": "a"}, ["v1"])
    make(made, {"bad template.json": b"{"})
    refused = madang(made, "plots", "show", "both", "--show-vega", "-t", "bad template.json")
    assert (refused.code, "bad template.json is not valid JSON" in refused.err) == (1, True)
    (made / "bad template.json").unlink()
    refused = madang(made, "plots", "show", "both", "-t", "nosuch")
    assert (refused.code, "There is no template 'nosuch'." in refused.err) == (1, True)
    assert json.loads(madang(made, "plots", "show", "custom", "--show-vega").out)["title"] == "custom!"
