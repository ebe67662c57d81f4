"""A sweep, a report and a chart of one's own over the runs of `media_store`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tests.web.media_store import HOSTILE, PROJECT

from madang.domain.access import local
from madang.domain.commands import CreateRun, Log
from madang.domain.views import REPORT, ViewChange
from madang.wiring import Engine, open_store

ME = local("ann")
TRIALS = 14
SWEEP = """\
method: random
name: tune the net
metric: {name: loss, goal: minimize}
program: train.py
run_cap: 20
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  depth: {values: [2, 4, 8]}
  fixed: {value: 3}
"""
CHART = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "title": "${string:title}",
    "data": {"name": "wandb"},
    "mark": "point",
    "encoding": {
        "x": {"field": "${field:x}", "type": "quantitative"},
        "y": {"field": "${field:y}", "type": "quantitative", "title": "by ${field:y}"},
    },
}


def arrange(store: Path) -> tuple[str, int]:
    """The id of the sweep and the number of the report."""
    engine = open_store(store=str(store))
    try:
        engine.views.save_chart(ME, "ann/my-chart", ViewChange(title="mine", spec=json.dumps(CHART)))
        report, _ = engine.views.save(
            ME, PROJECT, REPORT, "first", ViewChange(title="What we saw", spec=json.dumps(_report()))
        )
        _named_alike(engine)
        return _swept(engine), report.number
    finally:
        engine.close()


def _named_alike(engine: Engine) -> None:
    for height, (name, kind) in enumerate((("twin", "one"), ("twin", "one"), ("only", "other")), start=1):
        run = engine.tracking.create(ME, PROJECT, CreateRun(name=name, config={"kind": kind}))
        engine.tracking.log(ME, run.id, Log(metrics={"height": float(height)}, step=1, finish="finished"))


def _swept(engine: Engine) -> str:
    agents = engine.sweeping.agents
    sweep = engine.sweeping.sweeps.create(ME, PROJECT, SWEEP)
    agent = agents.join(ME, PROJECT, sweep.id, "host").id
    ended: dict[str, str] = {}
    for number in range(TRIALS + 1):
        orders = agents.beat(ME, agent, [], ended, wants=number < TRIALS)
        ended = {}
        for order in orders:
            trial = order.trial
            if order.do != "run" or trial is None:
                continue
            begun = CreateRun(id=trial.run, name=trial.name, config=order.params, tags={"madang.sweep": sweep.id})
            engine.tracking.create(ME, PROJECT, begun)
            loss = abs(math.log10(float(order.params["lr"])) + 2)
            engine.tracking.log(ME, trial.run, Log(metrics={"loss": loss}, step=1, finish="finished"))
            ended[trial.run] = "finished"
    return sweep.id


def _text(text: str) -> list[dict[str, Any]]:
    return [{"text": text}]


def _report() -> dict[str, Any]:
    """As W&B's client writes one."""
    layout = {"x": 0, "y": 0, "w": 12, "h": 8}
    panels = [
        {
            "viewType": "Run History Line Plot",
            "config": {"metrics": ["loss"], "chartTitle": "the loss"},
            "layout": layout,
        },
        {"viewType": "Media Browser", "config": {"mediaKeys": ["pictures/plain"]}, "layout": {**layout, "x": 12}},
        {
            "viewType": "Bar Chart",
            "config": {"metrics": ["height"], "chartTitle": "the bars"},
            "layout": {**layout, "y": 8},
        },
        {
            "viewType": "Bar Chart",
            "config": {"metrics": ["height"], "chartTitle": "the groups", "groupBy": "kind.value", "groupAgg": "mean"},
            "layout": {**layout, "x": 12, "y": 8},
        },
        {
            "viewType": "Bar Chart",
            "config": {"metrics": ["height"], "chartTitle": "few", "barLimit": 1, "xAxisMax": 80, "xAxisTitle": "cm"},
            "layout": {**layout, "y": 16},
        },
        {"viewType": "Weave", "config": {}, "layout": {**layout, "y": 24, "h": 4}},
    ]
    grid = {
        "runSets": [{"name": "All of them", "project": {"name": PROJECT, "entityName": "madang"}, "filters": {}}],
        "panelBankSectionConfig": {"panels": panels},
    }
    text = f"## A part\n\n* **bold** `code`\n\n{HOSTILE}\n\n[no](javascript:window.hacked=1) [yes](https://example.org)"
    return {
        "version": 5,
        "blocks": [
            {"type": "heading", "level": 1, "children": _text("Findings")},
            {"type": "paragraph", "children": _text(HOSTILE)},
            {"type": "markdown-block", "children": _text(""), "content": text},
            {"type": "panel-grid", "children": _text(""), "metadata": grid},
        ],
    }
