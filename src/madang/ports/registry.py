"""What the records keep of the model registry beside versions and pointers."""

from __future__ import annotations

from typing import Protocol

from madang.domain.promotion import Decision, RuleSet
from madang.domain.reviews import ModelChange, Protection, Request


class RegistryRecords(Protocol):
    """Protections, requests, history, and what rules have decided. Names are those of `VersionRecords`.

    Raises `NotFound` where something is to be kept of a model that is not there.
    """

    def protections(self, project: str, name: str) -> list[Protection]:
        """The protected pointers of a model, by alias."""
        ...

    def protect(self, protection: Protection) -> None:
        """Keep a rule, in place of the one of the same pointer."""
        ...

    def unprotect(self, project: str, name: str, alias: str) -> None:
        """Forget the rule of a pointer."""
        ...

    def requests(self, project: str, name: str) -> list[Request]:
        """The requests about a model, newest first."""
        ...

    def pending(self) -> list[Request]:
        """The requests of all models that nobody has decided, newest first."""
        ...

    def put_request(self, request: Request) -> Request:
        """Keep a request in place of the one with its number; with the number 0 it gets the next one."""
        ...

    def note(self, change: ModelChange) -> None:
        """Add to the history of a model."""
        ...

    def changes(self, project: str, name: str) -> list[ModelChange]:
        """What was noted, newest first."""
        ...

    def rules(self, project: str) -> RuleSet:
        """The rules of promotion that a project has. Those of releases that kept no ``in_default`` have none."""
        ...

    def put_rules(self, project: str, rules: RuleSet) -> None:
        """Keep them, in place of those before."""
        ...

    def await_decision(self, run: str) -> None:
        """Note that a run has ended and its models are to be judged."""
        ...

    def awaiting(self, limit: int) -> list[str]:
        """Runs whose models are to be judged, in the order in which they ended."""
        ...

    def judged(self, run: str) -> bool:
        """Forget that a run's models are to be judged; False when nobody waits for it any more."""
        ...

    def decide(self, decision: Decision) -> None:
        """Keep a decision, in place of that about the same version and pointer of the same run."""
        ...

    def decisions(self, project: str, name: str) -> list[Decision]:
        """The decisions about a model, newest first."""
        ...

    def expired(self, now: int, limit: int) -> list[Decision]:
        """Versions that lost, whose bytes are not needed any more (µs UTC) and were not removed."""
        ...
