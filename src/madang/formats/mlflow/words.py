"""MLflow's own words: the tags that mean something, its statuses and stages, and how ids look.

Source: `mlflow/utils/mlflow_tags.py` and the enumerations in `mlflow/protos/service.proto` of MLflow 1.x to 3.x.
"""

from __future__ import annotations

import re
from _blake2 import blake2b  # hashlib loads OpenSSL for it

NAME, PARENT, NOTE, USER = "mlflow.runName", "mlflow.parentRunId", "mlflow.note.content", "mlflow.user"
SOURCE, COMMIT, CONTEXT = "mlflow.source.name", "mlflow.source.git.commit", "mlflow.data.context"
BRANCH, REPOSITORY = "mlflow.source.git.branch", "mlflow.source.git.repoURL"
METRIC_ORIGIN = "madang.metric."
"""Begins the tags of a logged model's record that say of which run and data set a metric is."""

ALIASES = "madang.aliases"
"""The tag of a model that keeps aliases as their clients wrote them."""

PROMPT, PROMPT_TEXT = "mlflow.prompt.is_prompt", "mlflow.prompt.text"
"""The tags of a model that is a prompt and of a version that has its template."""

STATUSES = {"RUNNING": "running", "SCHEDULED": "scheduled", "FINISHED": "finished", "FAILED": "failed",
            "KILLED": "killed", "1": "running", "2": "scheduled", "3": "finished", "4": "failed",
            "5": "killed"}  # fmt: skip
MODEL_STATUSES = {"LOGGED_MODEL_PENDING": "running", "LOGGED_MODEL_READY": "finished",
                  "LOGGED_MODEL_UPLOAD_FAILED": "failed", "PENDING": "running", "READY": "finished",
                  "FAILED": "failed", "UPLOAD_FAILED": "failed", "1": "running", "2": "finished",
                  "3": "failed", "0": "running"}  # fmt: skip
STAGES = {"none": "", "": "", "staging": "staging", "production": "production", "archived": "archived"}

_ID = re.compile(r"[0-9a-f]{32}\Z")


def run_id(text: str) -> str:
    """The id of a run here: the same, where it has the form that MLflow gives, else one made from it."""
    plain = text.removeprefix("m-")
    return plain if _ID.match(plain) else blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
