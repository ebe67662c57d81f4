"""What a run learns of the sweep that it is a trial of: its parameters, and the tags by which it is found."""

from __future__ import annotations

from madang.sdk.config import flatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RUN, PROJECT, PARAMETERS, SWEEP = "MADANG_RUN_ID", "MADANG_PROJECT", "MADANG_PARAMS", "MADANG_SWEEP"
"""Variables: the run's id, its project, JSON of the parameters, and ``<sweep>/<number>``."""


def settings(env: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters of the trial, flat, and the tags of its run."""
    import json

    sweep, _, number = env.get(SWEEP, "").partition("/")
    tags = {"madang.sweep": sweep, "madang.trial": number} if sweep else {}
    return flatten(json.loads(env[PARAMETERS])), tags


def variables(sweep: str, number: int, project: str, run: str, params: Mapping[str, Any]) -> dict[str, str]:
    """The variables by which a program knows its trial."""
    import json

    return {RUN: run, PROJECT: project, PARAMETERS: json.dumps(dict(params)), SWEEP: f"{sweep}/{number}"}
