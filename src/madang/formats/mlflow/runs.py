"""Runs of ours in MLflow's words."""

from __future__ import annotations

from madang.domain.runs import RunRecord
from madang.formats.mlflow.words import COMMIT, NAME, NOTE, PARENT, SOURCE, USER


def tags_of(run: RunRecord) -> dict[str, str]:
    """The tags of a run, with those that MLflow's client expects where something else of the run says it."""
    if NAME in run.tags:  # its client is one of MLflow's: it has said what it wanted to
        return {**run.tags, NAME: run.name} | ({NOTE: run.notes} if run.notes else {})
    made = {
        PARENT: run.parent,
        NOTE: run.notes,
        USER: run.user,
        SOURCE: run.command[0] if run.command else "",
        COMMIT: run.code.commit if run.code else "",
    }
    known = {key: text for key, text in made.items() if text} | run.tags
    if run.name:
        known[NAME] = run.name
    return known
