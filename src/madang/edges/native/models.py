"""Approvals, rollback, history and promotion of models."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.domain.promotion import Rule, parse_rules
from madang.domain.reviews import Protection
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.formats import reviews as wire


class ProtectionWish(Struct, forbid_unknown_fields=True):
    """How a pointer is to be protected."""

    reviewers: list[str] = []
    approvals: int = 0
    gates: list[str] = []
    own_requests: bool = False


class Reason(Struct, forbid_unknown_fields=True):
    """Why."""

    reason: str = ""


class Wish(Struct, forbid_unknown_fields=True):
    """A move of a protected pointer that is asked for; ``ref`` is `NAME:v3`."""

    ref: str
    alias: str
    reason: str = ""


class Said(Struct, forbid_unknown_fields=True):
    """What a reviewer says."""

    comment: str = ""


class Back(Struct, forbid_unknown_fields=True):
    """Which pointer is to go back to where it was; ``dry`` only tells."""

    alias: str = "production"
    reason: str = ""
    dry: bool = False


def _place(call: NativeCall) -> tuple[str, str]:
    return call.path["project"], call.path["name"]


def protections(call: NativeCall) -> Any:
    """GET /projects/{project}/models/{name}/protections."""
    return wire.ProtectionsBody(call.services.reviews.protections(call.who, *_place(call)))


def protect(call: NativeCall) -> Any:
    """PUT /projects/{project}/models/{name}/protections/{alias}."""
    body: ProtectionWish = call.body
    wanted = Protection(
        *_place(call), call.path["alias"], tuple(body.reviewers), body.approvals, tuple(body.gates), body.own_requests
    )
    return call.services.reviews.protect(call.who, wanted)


def unprotect(call: NativeCall) -> Any:
    """DELETE /projects/{project}/models/{name}/protections/{alias}."""
    call.services.reviews.unprotect(call.who, *_place(call), call.path["alias"], call.body.reason)
    return {}


def requests(call: NativeCall) -> Any:
    """GET /projects/{project}/models/{name}/requests."""
    return wire.RequestsBody(call.services.reviews.requests(call.who, *_place(call)))


def request(call: NativeCall) -> Any:
    """POST /projects/{project}/models/{name}/requests."""
    body: Wish = call.body
    if wire.name_of(body.ref) != call.path["name"]:
        raise InvalidInput(f"{body.ref[:200]!r} is no version of {call.path['name'][:200]!r}.")
    return call.services.reviews.request(call.who, call.path["project"], body.ref, body.alias, body.reason)


def waiting(call: NativeCall) -> Any:
    """GET /reviews."""
    return wire.RequestsBody(call.services.reviews.waiting(call.who))


def approve(call: NativeCall) -> Any:
    """POST /projects/{project}/models/{name}/requests/{number}/approve."""
    return _review(call, is_approval=True)


def reject(call: NativeCall) -> Any:
    """POST /projects/{project}/models/{name}/requests/{number}/reject."""
    return _review(call, is_approval=False)


def _review(call: NativeCall, *, is_approval: bool) -> Any:
    text = call.path["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise InvalidInput(f"{text[:40]!r} is no request.")
    comment = call.body.comment
    return call.services.reviews.review(call.who, *_place(call), int(text), is_approval=is_approval, comment=comment)


def rollback(call: NativeCall) -> Any:
    """POST /projects/{project}/models/{name}/rollback."""
    body: Back = call.body
    return call.services.reviews.rollback(call.who, *_place(call), body.alias, body.reason, dry=body.dry)


def history(call: NativeCall) -> Any:
    """GET /projects/{project}/models/{name}/history."""
    return wire.HistoryBody([wire.change(one) for one in call.services.reviews.history(call.who, *_place(call))])


def decisions(call: NativeCall) -> Any:
    """GET /projects/{project}/models/{name}/decisions."""
    call.services.reviews.require_model(call.who, *_place(call))
    return wire.DecisionsBody(call.services.promotion.decisions(call.who, *_place(call)))


def rules(call: NativeCall) -> Any:
    """GET /projects/{project}/promotion."""
    return wire.RulesBody(list(call.services.promotion.rules(call.who, call.path["project"])))


class RuleWish(Struct, forbid_unknown_fields=True):
    """One rule; the fields are those of `promote:` in `madang.yaml`."""

    metric: str
    mode: str = "max"
    alias: str = "production"
    model: str = ""
    require: list[str] = []
    losers: str = "keep"


class RulesWish(Struct, forbid_unknown_fields=True):
    """Rules in place of those before."""

    rules: list[RuleWish]


def put_rules(call: NativeCall) -> Any:
    """PUT /projects/{project}/promotion."""
    body: RulesWish = call.body
    wanted = [{name: getattr(one, name) for name in RuleWish.__struct_fields__} for one in body.rules]
    made: tuple[Rule, ...] = parse_rules(wanted, "the request")
    call.services.promotion.put_rules(call.who, call.path["project"], made)
    return wire.RulesBody(list(made))
