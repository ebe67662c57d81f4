"""The run that `madang run` has begun, for the MLflow calls of its command: they log into it, not beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Launched:
    """A run around a command. The first run that the command begins is this one, later ones are its children.

    ``homes`` are the numbers of the experiments that mean the run's project: the default one, and the one that the
    first run was asked for in. ``made`` are the ids of the records (runs, logged models) begun beside it.
    """

    run: str
    project: str
    taken: bool = False
    homes: set[int] = field(default_factory=lambda: {0})
    made: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def places(self, experiments: Iterable[int], home: int) -> set[int]:
        """The experiments to look in when these were asked for; ``home`` is the number of the run's project."""
        asked = set(experiments)
        return (asked - {0}) | {home} if asked & self.homes else asked
