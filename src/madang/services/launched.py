"""The run that `madang run` has begun, for the calls of its command: they log into it, not beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Launched:
    """A run around a command. The first run that the command begins is this one, later ones are its children.

    ``homes`` are the numbers of MLflow's experiments that mean the run's project: the default one, and the one that the
    first run was asked for in; ``places`` of W&B's client are likewise the project that its first run names, and
    ``named`` the runs by the names that this client has given. ``made`` are the ids of the records (runs, logged
    models) begun beside the run.
    """

    run: str
    project: str
    taken: bool = False  # by a client of MLflow
    homes: set[int] = field(default_factory=lambda: {0})
    places: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def looked_at(self, experiments: Iterable[int], home: int) -> set[int]:
        """The experiments to look in when these were asked for; ``home`` is the number of the run's project."""
        asked = set(experiments)
        return (asked - {0}) | {home} if asked & self.homes else asked

    def place(self, project: str) -> str:
        """The project that is meant by what a client of W&B calls so; what it names first is the run's own."""
        with self.lock:
            self.places = self.places or {project, self.project}
            return self.project if project in self.places else project

    def run_named(self, name: str) -> str | None:
        """The run that a client of W&B calls so; the first that it asks for is the launched one. None: a new child."""
        with self.lock:
            self.named = self.named or {name: self.run}
            return self.named.get(name)
