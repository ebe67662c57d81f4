"""Reports without a client: kept when the index is lost, guarded by projects, and told whatever stands in them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun
from madang.domain.views import DRAFT, REPORT, ViewChange
from madang.errors import AccessDenied, InvalidInput, NotFound, TooLarge
from madang.formats import wire
from madang.formats.wandb.report_blocks import blocks, width
from madang.wiring import Engine, open_store

ME = local("me")


def _engine(folder: Path) -> Engine:
    return open_store(store=str(folder / "store"))


def test_views_survive_the_loss_of_the_index(tmp_path: Path) -> None:
    """A workspace's log brings them back under their numbers, without those that were taken away."""
    engine = _engine(tmp_path)
    kept, is_new = engine.views.save(ME, "p", REPORT, "a", ViewChange("제목", "d", '{"x": 1}'))
    gone, _ = engine.views.save(ME, "p", DRAFT, "b", ViewChange("draft"))
    chart, _ = engine.views.save_chart(ME, "me/bars", ViewChange("Bars", None, '{"x": NaN}', None, {"type": "vega2"}))
    changed = engine.views.change(ME, kept.number, ViewChange(title="new"))
    engine.views.drop(ME, gone.number)
    engine.close()
    for file in (tmp_path / "store").glob("records.db*"):
        file.unlink()
    engine = _engine(tmp_path)
    assert is_new
    assert (engine.views.get(ME, kept.number), engine.views.charts(ME)) == (changed, [chart])
    assert [(item.name, item.type, math.isnan(item.spec["x"])) for item in engine.reports.charts(ME)] == [
        ("me/bars", "vega2", True)
    ]
    with pytest.raises(NotFound):
        engine.views.get(ME, gone.number)
    assert engine.views.save(ME, "p", DRAFT, "b", ViewChange("draft"))[0].number > chart.number
    engine.close()


def test_views_are_guarded_by_their_projects(tmp_path: Path) -> None:
    """Who may not read a project knows of none of its reports, nor of its runs in a report of another project."""
    engine = _engine(tmp_path)
    engine.tracking.create(ME, "secret", CreateRun(name="hidden"))
    sets = [{"project": {"entityName": "madang", "name": "secret"}}, {"search": {"query": "(a", "isRegex": True}}]
    spec = {"blocks": [{"type": "panel-grid", "metadata": {"runSets": sets}}]}
    made, _ = engine.views.save(ME, "open", REPORT, "r", ViewChange("R", None, json.dumps(spec)))
    reader = Principal("reader", projects={"open": Permission.READ})
    [block] = engine.reports.get(reader, "open", made.number).blocks
    assert [(item["runs"], item["total"], len(item["notes"])) for item in block["run_sets"]] == [([], 0, 1), ([], 0, 1)]
    [block] = engine.reports.get(ME, "open", made.number).blocks
    assert [run["name"] for run in block["run_sets"][0]["runs"]] == ["hidden"]
    with pytest.raises(AccessDenied):
        engine.views.change(reader, made.number, ViewChange("mine"))
    writer, other = (Principal(name, projects={"open": Permission.WRITE}) for name in ("writer", "other"))
    chart, _ = engine.views.save_chart(writer, "w/bars", ViewChange("Bars"))
    assert engine.views.charts(reader) == [chart]
    for who in (reader, other):
        with pytest.raises(AccessDenied):
            engine.views.save_chart(who, "w/bars", ViewChange("mine"))
    assert engine.views.save_chart(writer, "w/bars", ViewChange("Bars 2"))[0].number == chart.number
    stranger = Principal("stranger", projects={"else": Permission.ADMIN})
    for refused in (
        lambda: engine.views.get(stranger, made.number),
        lambda: engine.reports.all(stranger, "open"),
        lambda: engine.views.drop(stranger, made.number),
        lambda: engine.reports.get(ME, "secret", made.number),
    ):
        with pytest.raises(NotFound):
            refused()
    engine.close()


def test_documents_that_are_none_are_refused(tmp_path: Path) -> None:
    """What is no JSON, too large, of an unknown kind or without a name is kept nowhere."""
    engine = _engine(tmp_path)
    for error, kind, name, change in (
        (InvalidInput, REPORT, "a", ViewChange(spec="{")),
        (TooLarge, REPORT, "a", ViewChange(spec=" " * (16 << 20) + "1")),
        (InvalidInput, "else", "a", ViewChange()),
        (InvalidInput, REPORT, "", ViewChange()),
    ):
        with pytest.raises(error):
            engine.views.save(ME, "p", kind, name, change)
    assert engine.views.of_project(ME, "p") == []
    engine.close()


_KINDS = [
    "heading", "paragraph", "list", "list-item", "code-block", "callout-block", "image", "gallery", "panel-grid",
    "link", "latex", "weave-panel", "video", "url",
]  # fmt: skip
_VIEWS = ["Run History Line Plot", "Scatter Plot", "Bar Chart", "Media Browser", "Vega2", "Weave"]
_KEYS = [
    "type", "children", "text", "metadata", "runSets", "panels", "panelBankSectionConfig", "filters", "key", "name",
    "section", "op", "value", "config", "viewType", "metrics", "xAxis", "selections", "tree", "root", "sort", "keys",
    "links", "level", "userQuery", "queryFields", "fields", "args", "layout", "x", "w", "url", "collapsedChildren",
    "groupBy", "columns", "accessor", "search", "query", "isRegex", "project", "filterFormat", "connector",
]  # fmt: skip
_words = st.sampled_from([*_KINDS, *_VIEWS, "filterV2", "OR", "=", "IN", "config", "run", "config.lr", "state", "a"])
_json: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 9), st.floats(), _words, st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from([*_KEYS, "type"]), inner, max_size=6),
        st.builds(
            lambda kind, rest: {**rest, "type": kind},
            st.sampled_from(_KINDS),
            st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6),
        ),
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(_json)
def test_whatever_a_report_holds_has_a_known_shape(content: Any) -> None:
    """No document breaks the reading: blocks and panels have types, and all of it can be encoded."""
    for spec in (content, {"blocks": content}, {"blocks": [content], "width": content}):
        made = blocks(spec)
        assert width(spec) in ("readable", "fixed", "fluid")
        for block in made:
            assert isinstance(block["type"], str)
            for item in block.get("panels", []) if block["type"] == "panels" else []:
                assert item["layout"].keys() == {"x", "y", "w", "h"}
            block.pop("run_sets", None)
            wire.encode(block, False)
