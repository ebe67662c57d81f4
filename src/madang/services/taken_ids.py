"""Ids of runs that are somebody else's: nothing is added to a run by whoever means another one."""

from __future__ import annotations

from madang.domain.access import Permission, Principal
from madang.errors import Conflict
from madang.ports.records import StoredRun

_OTHER_ID = "A run of W&B gets an id of its own by `madang import wandb DIR --to HUB`."


def refuse_taken(who: Principal, project: str, stored: StoredRun) -> None:
    """One answer to whoever may not read a run, whichever way they ask for its id. Raises `Conflict`."""
    if who.level(stored.state.project) < Permission.READ:
        raise Conflict(
            f"The id {stored.state.run} cannot be used in project {project!r}.", hint=f"Leave the id out. {_OTHER_ID}"
        )


def refuse_elsewhere(project: str, stored: StoredRun) -> None:
    """A run stays in its project, also where a segment that began before it names another one. Raises `Conflict`."""
    if stored.state.segments and stored.state.project != project:
        raise Conflict(
            f"Run {stored.state.run} belongs to project {stored.state.project!r}, not {project!r}.",
            hint=f"Another run has this id. {_OTHER_ID}",
        )
