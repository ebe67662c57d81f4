"""What a process needs to know of a run that it goes on with."""

from __future__ import annotations

import os
from contextlib import suppress

from madang.formats import store as layout
from madang.sdk.segments import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from madang.sdk.run import Run


def go_on(run: Run, *, keep_name: bool) -> None:
    """Take over the last step, the config and the name from the segments on this machine."""
    before = read(run.places.store, run.id, skip=run.segment)
    run.last_step = before.last_step
    run.config.restore(before.config())
    if keep_name:
        run.name = before.name() or run.name
    if not run.rank:  # the end waits for the follower to capture this process too
        for mark in ("/captured", "/resolved"):
            with suppress(OSError):
                os.unlink(layout.run_dir(run.places.store, run.id) + mark)
