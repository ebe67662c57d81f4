"""The end of a run: the last events, the disk, the follower."""

from __future__ import annotations

from madang.formats import segment as codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.run import Run


def end(run: Run, outcome: dict[str, Any]) -> None:
    """Write what is left, then the outcome, and close."""
    if run.mode == "disabled" or (not run.segment and run.forked):
        run.close(outcome["status"])
        return
    for finisher in run.finishers:
        finisher()
    run.append(codec.FINISHED, {key: value for key, value in outcome.items() if value is not None})
    run.close(outcome["status"])
