"""Approvals and history of models as the native API writes them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from madang.domain.promotion import Decision, Rule
from madang.domain.reviews import ModelChange, Protection, Request
from madang.domain.versions import parse_ref

PROTECTION = ("reviewers", "approvals", "gates", "own_requests")
"""What a caller may say of a protection."""


class ProtectionsBody(Struct):
    """The protected pointers of a model."""

    protections: list[Protection]


class RequestsBody(Struct):
    """Requests, newest first."""

    requests: list[Request]


class ChangeBody(Struct, rename={"before": "from", "after": "to"}):
    """One entry of a model's history."""

    at: int
    kind: str
    subject: str
    before: str
    after: str
    actor: str
    reason: str = ""


class HistoryBody(Struct):
    """The history of a model, newest first."""

    changes: list[ChangeBody]


class RulesBody(Struct):
    """Rules of promotion: those in force, and those that somebody has set in the store; None: nobody ever has.

    Hubs of older releases do not say which were set.
    """

    rules: list[Rule]
    kept: list[Rule] | UnsetType | None = UNSET


class DecisionsBody(Struct):
    """What rules have decided, newest first."""

    decisions: list[Decision]


def change(one: ModelChange) -> ChangeBody:
    """An entry for the wire."""
    return ChangeBody(one.at, one.kind, one.subject, one.before, one.after, one.actor, one.reason)


def read_change(project: str, name: str, body: ChangeBody) -> ModelChange:
    """The entry behind one from the wire."""
    return ModelChange(
        project, name, body.kind, body.subject, body.before, body.after, body.actor, body.at, body.reason
    )


def name_of(ref: str) -> str:
    """The model that a reference is about. Raises `InvalidInput`."""
    return parse_ref(ref).name
