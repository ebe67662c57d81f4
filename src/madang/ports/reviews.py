"""Approvals and history of models for one caller: over this machine's store, or over a hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from madang.domain.promotion import Decision, Rule
from madang.domain.reviews import ModelChange, Protection, Request
from madang.domain.versions import PointerChange


class ReviewApi(Protocol):
    """The caller's principal is bound when it is made. Errors: those of `services.model_registry.reviews.Reviews`."""

    @property
    def name(self) -> str:
        """Who the caller is, as the history will say."""
        ...

    def protections(self, project: str, name: str) -> list[Protection]:
        """The protected pointers of a model."""
        ...

    def protect(self, wanted: Protection) -> Protection:
        """Protect a pointer, or change how it is protected."""
        ...

    def unprotect(self, project: str, name: str, alias: str, reason: str = "") -> None:
        """Lift the protection of a pointer."""
        ...

    def requests(self, project: str, name: str) -> list[Request]:
        """All requests about a model, newest first."""
        ...

    def request(self, project: str, ref: str, alias: str, reason: str = "") -> Request:
        """Ask for a move of a protected pointer."""
        ...

    def review(self, project: str, name: str, number: int, *, is_approval: bool, comment: str = "") -> Request:
        """Approve a request or turn it down."""
        ...

    def rollback(self, project: str, name: str, alias: str, reason: str = "", *, dry: bool = False) -> PointerChange:
        """Point an alias or stage at the version that it was at before."""
        ...

    def history(self, project: str, name: str) -> list[ModelChange]:
        """Every change of a model, newest first."""
        ...

    def rules(self, project: str) -> tuple[Rule, ...]:
        """The rules of promotion that a project has."""
        ...

    def put_rules(self, project: str, rules: Sequence[Rule]) -> None:
        """Keep rules of promotion in place of those before."""
        ...

    def decisions(self, project: str, name: str) -> list[Decision]:
        """What rules have decided about the versions of a model, newest first."""
        ...
