"""Runs of ours in MLflow's words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from madang.domain import redact
from madang.domain.events import Code
from madang.domain.files import Omitted
from madang.domain.runs import RunRecord
from madang.formats.mlflow.words import BRANCH, COMMIT, NAME, NOTE, PARENT, REPOSITORY, SOURCE, USER

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_UNTOLD = Omitted("what was not committed", "MLflow does not record it")


def tags_of(run: RunRecord) -> dict[str, str]:
    """The tags of a run, with those that MLflow's client expects where something else of the run says it."""
    if NAME in run.tags:  # its client is one of MLflow's: it has said what it wanted to
        told = {**run.tags, NAME: run.name} | ({NOTE: run.notes} if run.notes else {})
        if not run.tags[NAME]:  # it has taken the tag away; the run keeps its name
            del told[NAME]
        return told
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


def code_of(tags: Mapping[str, str]) -> Code | None:
    """The code that the tags of MLflow's client name; None when they name no commit."""
    commit = tags.get(COMMIT, "")
    if not _COMMIT.match(commit):
        return None
    source = tags.get(SOURCE, "")
    return Code(
        commit=commit,
        branch=tags.get(BRANCH, ""),
        remote=redact.address(tags.get(REPOSITORY, "")),
        skipped=[_UNTOLD],
        entry=source if source.endswith(".py") and not source.startswith("/") else "",
    )
