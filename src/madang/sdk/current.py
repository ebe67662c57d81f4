"""The run that was begun last and is still open, for code that was not handed one."""

from __future__ import annotations

from madang.errors import NotFound
from madang.sdk.run import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Any

    from madang.sdk.run import Run


def current_run() -> Run | None:
    """The open run that was begun last in this process, or None."""
    return active[-1] if active else None


def _current(call: str) -> Run:
    if not active:
        raise NotFound(f"madang.{call}() has no run to go to.", hint="Call madang.init() first.")
    return active[-1]


def log(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """`Run.log` on the current run.

    Raises:
        NotFound: no run is open.
    """
    _current("log").log(metrics, step)


def use(ref: str | os.PathLike[str]) -> str:
    """`Run.use` on the current run.

    Raises:
        NotFound: no run is open, or the thing does not exist.
    """
    return _current("use").use(ref)


def finish(exit_code: int = 0) -> None:
    """`Run.finish` on the current run; nothing happens without one."""
    if active:
        active[-1].finish(exit_code)
