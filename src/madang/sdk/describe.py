"""Checks of what a run says about itself."""

from __future__ import annotations

from madang.domain import redact
from madang.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_GOALS = ("", "min", "max")
_SUMMARIES = ("", "last", "min", "max", "best", "mean", "none")


def definition(key: str, **given: Any) -> dict[str, Any]:
    """The body of a define-metric event.

    Raises:
        InvalidInput: an unknown goal or summary.
    """
    for name, known in (("goal", _GOALS), ("summary", _SUMMARIES)):
        if given[name] not in known:
            raise InvalidInput(
                f"{given[name]!r} is not a {name} of the metric {key[:200]!r}.",
                hint=f"Use one of: {', '.join(known[1:])}.",
            )
    if given["summary"] == "best" and not given["goal"]:
        raise InvalidInput(f"The best value of {key[:200]!r} needs a goal.", hint="Add goal='min' or goal='max'.")
    return {"key": key, **{name: value for name, value in given.items() if value not in ("", None, False)}}


def tag_set(tags: Mapping[str, Any] | Iterable[str]) -> dict[str, str]:
    """Names to texts, secrets taken out; a bare label has an empty text."""
    if hasattr(tags, "items"):
        return redact.mapping({str(key): "" if value is None else str(value) for key, value in tags.items()})
    return {tags: ""} if isinstance(tags, str) else {str(label): "" for label in tags}
