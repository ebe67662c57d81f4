"""Runs whose ids follow from their names, where the target has somebody else's run under such an id.

Whoever knows a project and the name of a run can find its id out, and begin a run of another project with it. The run
that is brought then has another id; the tag that keeps its name leads to it, also the next time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from madang.domain.foreign import LeftOut, Run, Source
from madang.errors import Conflict
from madang.formats.wandb.ids import ID_TAG
from madang.workspace.moving.target import Target


@runtime_checkable
class NamedSource(Protocol):
    """A source whose runs have ids that follow from their names."""

    def other_ids(self, run: Run) -> Iterator[str]:
        """Further ids that a run may have, always in the same order."""
        ...

    def under(self, run: Run, id: str) -> Run:
        """The run with another id."""
        ...


def placed(source: Source, target: Target, run: Run, project: str) -> tuple[Run, Run | None, list[LeftOut]]:
    """A run with an id that is free in a project of the target, what it has under it, and what is to be told.

    Raises:
        Conflict: somebody else has all of its ids.
    """
    held = target.run(run.id)
    if held is None or not isinstance(source, NamedSource) or target.project_of(run.id) == project:
        return run, held, []
    known = target.run_tagged(project, ID_TAG, run.tags[ID_TAG]) if project else ""
    for other in [known] if known else source.other_ids(run):
        held = target.run(other)
        if held is None or target.project_of(other) == project:
            reason = f"a run of another project has its id {run.id} here: it has the id {other}"
            return source.under(run, other), held, [LeftOut("runs", run.name or run.id, reason)]
    raise Conflict(f"Runs of other projects have all the ids that the run {run.name!r} could have.")
