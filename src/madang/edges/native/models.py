"""Approvals, rollback, history and promotion of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from madang.domain.promotion import Rule, parse_rules
from madang.domain.reviews import Protection, Request
from madang.domain.versions import PointerChange
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.formats import reviews as wire
from madang.http.routes import ADMIN, READ, WRITE, Route

_MODEL = "/projects/{project}/models/{name}"


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
    return _rules_body(call, call.services.promotion.rules(call.who, call.path["project"]))


def _rules_body(call: NativeCall, found: Sequence[Rule]) -> wire.RulesBody:
    kept = call.services.promotion.kept(call.who, call.path["project"])
    return wire.RulesBody(list(found), None if kept is None else list(kept))


class RuleWish(Struct, forbid_unknown_fields=True):
    """One rule; the fields are those of `promote:` in `madang.yaml`."""

    metric: str
    mode: str = "max"
    alias: str = "production"
    model: str = ""
    require: list[str] = []
    losers: str = "keep"


class RulesWish(Struct, forbid_unknown_fields=True):
    """Rules in place of those before; with ``expected``, if these are the ones before."""

    rules: list[RuleWish]
    expected: list[RuleWish] | None = None


def put_rules(call: NativeCall) -> Any:
    """PUT /projects/{project}/promotion."""
    body: RulesWish = call.body
    made = _parsed(body.rules)
    expected = None if body.expected is None else _parsed(body.expected)
    call.services.promotion.put_rules(call.who, call.path["project"], made, expected)
    return _rules_body(call, made)


def _parsed(rules: Sequence[RuleWish]) -> tuple[Rule, ...]:
    wanted = [{name: getattr(one, name) for name in RuleWish.__struct_fields__} for one in rules]
    return parse_rules(wanted, "the request")


def routes() -> list[Route]:
    """The routes of what guards models."""
    return [*_of_pointers(), *_of_requests(), *_of_rules()]


def _of_pointers() -> list[Route]:
    protection = _MODEL + "/protections/{alias}"
    return [
        Route(
            "GET", _MODEL + "/history", history, READ, "Every change of a model: who, when, from, to, why",
            answer=wire.HistoryBody,
        ),
        Route("GET", _MODEL + "/protections", protections, READ, "Protected pointers", answer=wire.ProtectionsBody),
        Route("PUT", protection, protect, ADMIN, "Protect a stage or alias", body=ProtectionWish, answer=Protection),
        Route("DELETE", protection, unprotect, ADMIN, "Lift a protection", body=Reason, answer={}),
        Route(
            "POST", _MODEL + "/rollback", rollback, WRITE, "Point back at the version before", body=Back,
            answer=PointerChange,
        ),
    ]  # fmt: skip


def _of_requests() -> list[Route]:
    one = _MODEL + "/requests/{number}"
    return [
        Route(
            "GET", _MODEL + "/requests", requests, READ, "Requests to move protected pointers",
            answer=wire.RequestsBody,
        ),
        Route("POST", _MODEL + "/requests", request, WRITE, "Ask for a move", body=Wish, answer=Request, status=201),
        Route(
            "GET", "/reviews", waiting, READ, "Requests of all models that wait for the caller's word",
            answer=wire.RequestsBody,
        ),
        Route("POST", one + "/approve", approve, WRITE, "Approve", body=Said, answer=Request),
        Route("POST", one + "/reject", reject, WRITE, "Turn down", body=Said, answer=Request),
    ]  # fmt: skip


def _of_rules() -> list[Route]:
    place = "/projects/{project}/promotion"
    return [
        Route(
            "GET", _MODEL + "/decisions", decisions, READ, "What rules of promotion have decided",
            answer=wire.DecisionsBody,
        ),
        Route("GET", place, rules, READ, "Rules of promotion", answer=wire.RulesBody),
        Route("PUT", place, put_rules, ADMIN, "Replace the rules of promotion", body=RulesWish, answer=wire.RulesBody),
    ]  # fmt: skip
