"""What `madang run` notes on its runs: where the command writes its metrics and its models."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from madang.domain.runs import RunRecord

METRICS_TAG = "madang.metrics"  # a JSON list of the patterns of --metrics
MODELS_TAG = "madang.models"  # a JSON list of the pairs of --model
DEFAULT_METRICS = "metrics.json"


def tagged_list(text: str | None) -> list[Any]:
    """The list that a tag of `madang run` holds as JSON; empty for anything else."""
    try:
        value = json.loads(text or "[]")
    except (ValueError, RecursionError):  # anyone may set a tag
        return []
    return value if isinstance(value, list) else []


def is_metrics_file(path: str, run: RunRecord) -> bool:
    """Whether a file of the work tree is one of those whose numbers became the metrics of a run."""
    patterns = tagged_list(run.tags.get(METRICS_TAG)) or [DEFAULT_METRICS]
    return any(isinstance(one, str) and (fnmatchcase(path, one) or path.endswith(f"/{one}")) for one in patterns)
