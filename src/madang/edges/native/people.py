"""Tokens, sessions, and who is asking."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from madang.domain.access import Permission, Principal
from madang.domain.tokens import TokenRecord
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.http.answers import encoded, set_cookie
from madang.http.routes import ADMIN, NONE, Route
from madang.services.access import SESSION_LIFE, levels


class Me(Struct):
    """Who is asking, and the levels they hold."""

    name: str
    level: str
    projects: dict[str, str]


class TokenBody(Struct):
    """A token as an admin sees it; ``secret`` only in the answer that made it."""

    id: str
    name: str
    level: str
    projects: dict[str, str]
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int
    secret: str = ""


class Tokens(Struct):
    """Tokens that the caller manages."""

    tokens: list[TokenBody]


def me(call: NativeCall) -> Any:
    """GET /me."""
    return _me(call.who)


def _me(who: Principal) -> Me:
    return Me(who.name, who.everywhere.name.lower(), levels(who.projects))


def _token(token: TokenRecord, secret: str = "") -> TokenBody:
    return TokenBody(
        token.id,
        token.name,
        token.everywhere.name.lower(),
        levels(token.projects),
        token.created_at,
        token.created_by,
        token.expires_at,
        token.revoked_at,
        secret,
    )


def tokens(call: NativeCall) -> Any:
    """GET /tokens."""
    return {"tokens": [_token(token) for token in call.services.access.tokens(call.who)]}


class NewToken(Struct, forbid_unknown_fields=True):
    """A token to be made. Without ``projects`` it holds everywhere; ``expires_at`` 0: never."""

    name: str
    level: str
    projects: list[str] = []
    expires_at: int = 0


def create_token(call: NativeCall) -> Any:
    """POST /tokens."""
    body: NewToken = call.body
    named = {level.name.lower(): level for level in Permission if level}
    if body.level not in named:
        raise InvalidInput(f"{body.level[:40]!r} is no level.", hint=f"Levels: {', '.join(named)}.")
    made, secret = call.services.access.create_token(
        call.who, body.name, named[body.level], body.projects or None, body.expires_at or None
    )
    return _token(made, secret)


def revoke_token(call: NativeCall) -> Any:
    """DELETE /tokens/{id}."""
    call.services.access.revoke(call.who, call.path["id"])
    return {}


class SignIn(Struct, forbid_unknown_fields=True):
    """A token, or the one-time token of `madang ui`."""

    token: str


async def sign_in(call: NativeCall) -> Response:
    """POST /session."""
    body: SignIn = call.body
    who, secret = await run_in_threadpool(call.services.access.open_session, body.token)
    answer = encoded(_me(who), call.binary)
    set_cookie(answer, call.services.cookie, secret, SESSION_LIFE)
    return answer


def sign_out(call: NativeCall) -> Response:
    """DELETE /session."""
    secret = call.request.cookies.get(call.services.cookie)
    if secret:
        call.services.access.close_session(secret)
    answer = encoded({}, call.binary)
    answer.delete_cookie(call.services.cookie, path="/", httponly=True, samesite="strict")
    return answer


def routes() -> list[Route]:
    """The routes of tokens and sessions."""
    return [
        Route("GET", "/tokens", tokens, ADMIN, "Tokens", answer=Tokens),
        Route(
            "POST", "/tokens", create_token, ADMIN, "Make a token; its secret is in this answer only",
            body=NewToken, answer=TokenBody, status=201,
        ),
        Route("DELETE", "/tokens/{id}", revoke_token, ADMIN, "End a token and its sessions", answer={}),
        Route("POST", "/session", sign_in, NONE, "Open a session", body=SignIn, answer=Me),
        Route("DELETE", "/session", sign_out, NONE, "Close the session", answer={}),
        Route("GET", "/me", me, NONE, "Who is asking", answer=Me),
    ]  # fmt: skip
