"""Protected pointers of models: who must agree and what must hold before one moves, and the requests for such moves."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from madang.domain.access import Principal
from madang.domain.gates import Finding, parse_gate
from madang.domain.values import value
from madang.domain.versions import STAGES, check_name
from madang.errors import Conflict, InvalidInput

PENDING, PROMOTED, REJECTED, WITHDRAWN = "pending", "promoted", "rejected", "withdrawn"
_MOST_GATES = 50


@value
class Protection:
    """What a pointer of a model asks for before it moves. Without reviewers the gates alone decide."""

    project: str
    name: str
    alias: str
    reviewers: tuple[str, ...] = ()
    approvals: int = 0
    gates: tuple[str, ...] = ()
    own_requests: bool = False  # whether who asks may also approve
    actor: str = ""
    at: int = 0  # µs UTC

    @property
    def summary(self) -> str:
        """The rule in one line."""
        parts = [f"{self.approvals} of {', '.join(self.reviewers)}"] if self.reviewers else []
        return "; ".join([*parts, *self.gates])


@value
class Review:
    """What a reviewer said of a request."""

    actor: str
    at: int  # µs UTC
    is_approval: bool
    comment: str = ""


@value
class Request:
    """A wish to move a protected pointer. ``before`` is where it pointed when the wish was made."""

    project: str
    name: str
    number: int  # of the request: 1, 2, … for each model
    alias: str
    version: int | None  # None: take the pointer away
    before: int | None
    actor: str
    at: int  # µs UTC
    reason: str = ""
    state: str = PENDING
    reviews: tuple[Review, ...] = ()
    findings: tuple[Finding, ...] = ()  # of the gates, when they were looked at last
    checked_at: int = 0  # µs UTC
    checked_against: int | None = None  # the version that the pointer was at then
    ended_at: int = 0  # µs UTC

    def approvals(self, protection: Protection) -> list[str]:
        """The reviewers that agree, as the rule stands now: one voice each."""
        said = {canonical(one.actor): one.is_approval for one in self.reviews}
        agreed = [name for name in protection.reviewers if said.get(name)]
        return [name for name in agreed if protection.own_requests or not is_same(name, self.actor)]

    def reviewed(self, review: Review) -> Request:
        """The request with one more review; a later one of the same person takes the place of theirs."""
        others = tuple(one for one in self.reviews if not is_same(one.actor, review.actor))
        return replace(self, reviews=(*others, review))


@value
class ModelChange:
    """One entry in the history of a model: who changed what, when, from what, to what, and why."""

    project: str
    name: str
    kind: str  # alias, stage, version, description, tag, name, protection, request, approval, rejection, rule, …
    subject: str  # which alias, version, tag …
    before: str
    after: str
    actor: str
    at: int  # µs UTC
    reason: str = ""


def canonical(name: str) -> str:
    """The one form of a person's name: NFC, no blanks at the ends."""
    return unicodedata.normalize("NFC", name).strip()


def is_same(one: str, other: str) -> bool:
    """Whether two names are of one person."""
    return canonical(one) == canonical(other)


def base_of(alias: str) -> str:
    """The pointer that a rule is about: further versions of a stage hold ``production/3``."""
    stage = alias.partition("/")[0]
    return stage if stage in STAGES else alias


def rule_of(protection: Protection) -> tuple[object, ...]:
    """What a protection asks for, whoever has said so and when."""
    one = protection
    return one.alias, one.reviewers, one.approvals, one.gates, one.own_requests


def checked_protection(wanted: Protection) -> Protection:
    """The rule in its canonical form.

    Raises:
        InvalidInput: nothing is asked for, a gate or name makes no sense, or more approvals than reviewers.
    """
    reviewers = tuple(dict.fromkeys(canonical(name) for name in wanted.reviewers if name.strip()))
    gates = tuple(dict.fromkeys(" ".join(text.split()) for text in wanted.gates))
    for text in gates:
        parse_gate(text)
    approvals = wanted.approvals or (1 if reviewers else 0)
    if not reviewers and not gates:
        raise InvalidInput("A protection needs reviewers or gates.", hint="--reviewer NAME, --gate 'val/f1 >= 0.9'.")
    if not 0 <= approvals <= len(reviewers):
        raise InvalidInput(
            f"{approvals} approvals cannot come from {len(reviewers)} reviewers.", hint="Name more reviewers."
        )
    if len(gates) > _MOST_GATES or len(reviewers) > _MOST_GATES:
        raise InvalidInput(f"A protection has at most {_MOST_GATES} reviewers and gates.")
    return replace(
        wanted, alias=base_of(checked_alias(wanted.alias)), reviewers=reviewers, approvals=approvals, gates=gates
    )


def checked_alias(alias: str) -> str:
    """The canonical name of a pointer that can be moved.

    Raises:
        InvalidInput: ``latest`` and version numbers cannot be moved.
    """
    found = check_name(alias, "alias").lower()
    if found == "latest" or (found[:1] == "v" and found[1:].isdigit()):
        raise InvalidInput(f"{alias!r} cannot be moved: it is worked out from the versions.")
    return found


def is_reviewer(who: Principal, protection: Protection) -> bool:
    """Whether somebody is named as a reviewer."""
    return canonical(who.name) in protection.reviewers


def require_pending(request: Request) -> None:
    """Refuse what has been decided. Raises `Conflict`."""
    if request.state != PENDING:
        raise Conflict(f"Request {request.number} of {request.name!r} is {request.state} already.")
