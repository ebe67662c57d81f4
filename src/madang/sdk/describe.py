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
    body = {"key": key, **{name: value for name, value in given.items() if value not in ("", None, False)}}
    return {name: redact.text(value) if isinstance(value, str) else value for name, value in body.items()}


def check_text(what: str, value: object) -> None:
    """Refuse what is neither a text nor left out: readers of the journal count on texts.

    Raises:
        InvalidInput: it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"The {what} is a {type(value).__name__}, not a text: {value!r:.80}.")


def path_text(path: object) -> str:
    """A path as a text.

    Raises:
        InvalidInput: it is something else.
    """
    text = path.__fspath__() if hasattr(path, "__fspath__") else path
    if not isinstance(text, str) or "\0" in text:
        raise InvalidInput(f"A path is a text or a Path, not {path!r:.80}.")
    return text


def listed(what: str, values: Any) -> list[Any]:
    """Values as a list; a text is one value.

    Raises:
        InvalidInput: they are not iterable.
    """
    if not hasattr(values, "__iter__"):
        raise InvalidInput(f"The {what} are a {type(values).__name__}.", hint="Pass a list.")
    return [values] if isinstance(values, (str, bytes)) else list(values)


def whole_step(step: Any) -> int:
    """The step as an int of 64 bits, also of a NumPy integer or an integer tensor.

    Raises:
        InvalidInput: it is something else.
    """
    try:
        number = int(step.__index__())
    except (AttributeError, TypeError, ValueError):
        number = 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise InvalidInput(f"Step {step!r:.80} is not a 64-bit integer.")
    return number


def whole_code(code: Any) -> int:
    """An exit code as an int, also of a NumPy integer or a bool.

    Raises:
        InvalidInput: it is something else.
    """
    try:
        return int(code.__index__())
    except (AttributeError, TypeError):
        raise InvalidInput(
            f"An exit code is an integer, not {code!r:.80}.", hint="finish(1) ends the run as failed."
        ) from None


def tag_set(tags: Mapping[str, Any] | Iterable[str]) -> dict[str, str]:
    """Names to texts, secrets taken out; a bare label has an empty text.

    Raises:
        InvalidInput: they are neither a mapping nor labels.
    """
    if hasattr(tags, "items"):
        return redact.mapping({str(key): "" if value is None else str(value) for key, value in tags.items()})
    return dict.fromkeys(tag_names(tags), "")


def tag_names(names: Iterable[Any]) -> list[str]:
    """Names of tags, secrets taken out; a text is one name.

    Raises:
        InvalidInput: they are not iterable.
    """
    return [redact.text(str(name)) for name in listed("tags", names)]
