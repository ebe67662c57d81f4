"""Who may come in: tokens, sessions of the page, and the one-time tokens of `madang ui`.

A secret is shown once, when it is made; the store keeps its SHA-256. That is enough here, and slow password hashes are
not needed, because a secret is 238 random bits and never chosen by a person.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import string
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from madang.domain.access import Permission, Principal
from madang.domain.tokens import TokenRecord
from madang.errors import AccessDenied, InvalidInput, NotFound, Unauthenticated
from madang.ports.tokens import TokenRecords

TOKEN, SESSION, ONE_TIME, LINK = "mdg_", "mds_", "mdo_", "mdl_"
_SIGNS = string.ascii_letters + string.digits
_SECRET_LENGTH = 40
SESSION_LIFE = 30 * 86_400_000_000  # µs
ONE_TIME_LIFE = 86_400_000_000  # µs; it also ends with its first use


def _now() -> int:
    return time.time_ns() // 1000


def _secret(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_SIGNS) for _ in range(_SECRET_LENGTH))


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Access:
    """Credentials of one store. Thread-safe."""

    def __init__(self, records: TokenRecords, now: Callable[[], int] = _now) -> None:
        self._records = records
        self._now = now
        self._lock = threading.Lock()
        self._one_time: dict[str, tuple[Principal, int]] = {}  # digest → who, until
        self._claimed = False

    def create_token(
        self,
        who: Principal,
        name: str,
        level: Permission,
        projects: list[str] | None = None,
        expires: int | None = None,
        run: str = "",
    ) -> tuple[TokenRecord, str]:
        """Make a token for ``name``: ``level`` in the named projects, or everywhere. ``expires`` is µs UTC.

        Returns the record and the secret, which is not kept.

        Raises:
            AccessDenied: only an admin (of all these projects) makes tokens.
            InvalidInput: an empty name, no level, or an end that has passed.
        """
        if not name.strip() or len(name) > 255 or not name.isprintable():
            raise InvalidInput("A token needs a printable name of 1 to 255 signs: whose is it?")
        if level is Permission.NONE:
            raise InvalidInput("A token needs a level.", hint="Choose read, write or admin.")
        if expires is not None and expires <= self._now():
            raise InvalidInput("A token cannot end in the past.")
        granted: dict[str, Permission] = dict.fromkeys(projects or [], level)
        everywhere = Permission.NONE if granted else level
        made = TokenRecord("", name.strip(), "", everywhere, granted, run)
        self._may_manage(who, made)
        return self._add(replace(made, expires_at=expires or 0, created_by=who.name), TOKEN)

    def _add(self, token: TokenRecord, prefix: str) -> tuple[TokenRecord, str]:
        secret = _secret(prefix)
        record = replace(token, id=os.urandom(8).hex(), digest=digest_of(secret), created_at=self._now())
        self._records.add_token(record)
        return record, secret

    def _may_manage(self, who: Principal, token: TokenRecord) -> None:
        if not self._manages(who, token):
            raise AccessDenied(f"{who.name} may not manage this token.", hint="Ask an admin of the hub.")

    def tokens(self, who: Principal) -> list[TokenRecord]:
        """The tokens that the caller may manage, oldest first; sessions are left out.

        Raises:
            AccessDenied: the caller is an admin of nothing.
        """
        if max(who.everywhere, *who.projects.values(), Permission.NONE) < Permission.ADMIN or who.run:
            raise AccessDenied(f"{who.name} may not see tokens.", hint="Ask an admin of the hub.")
        return [token for token in self._records.tokens() if token.kind == "token" and self._manages(who, token)]

    def _manages(self, who: Principal, token: TokenRecord) -> bool:
        """An admin of all, or of each project that the token names."""
        if who.run:
            return False
        narrow = token.everywhere is Permission.NONE and bool(token.projects)
        levels = [who.level(name) for name in token.projects] if narrow else [who.everywhere]
        return min(levels) >= Permission.ADMIN

    def revoke(self, who: Principal, token_id: str) -> None:
        """End a token at once, and the sessions it opened.

        Raises:
            NotFound: there is none, or the caller may not manage it.
        """
        token = self._records.token(token_id)
        if token is None or not self._manages(who, token):
            raise NotFound(f"There is no token {token_id[:40]!r}.", hint="`madang hub token list` shows them.")
        self._records.revoke_token(token_id, self._now())

    def authenticate(self, secret: str) -> Principal:
        """Who shows this token.

        Raises:
            Unauthenticated: unknown, ended or revoked.
        """
        return self._live(secret, "token").principal()

    def authenticate_session(self, secret: str) -> Principal:
        """Who shows this session cookie.

        Raises:
            Unauthenticated: unknown, ended or revoked, as is the token that opened it.
        """
        session = self._live(secret, "session")
        if session.parent:
            parent = self._records.token(session.parent)
            if parent is None or not parent.live(self._now()):
                raise Unauthenticated("The session has ended.", hint="Sign in again.")
        return session.principal()

    def holder(self, token_id: str) -> Principal:
        """Who holds the token with this id (or a session that no token has opened), with what they may now.

        Raises:
            Unauthenticated: it is unknown, ended or revoked.
        """
        found = self._records.token(token_id)
        if found is None or not found.live(self._now()):
            raise Unauthenticated("The credential is no longer valid.", hint="Ask an admin for a new one.")
        return found.principal()

    def _live(self, secret: str, kind: str) -> TokenRecord:
        found = self._records.token_by_digest(digest_of(secret)) if len(secret) < 200 else None
        if found is None or found.kind != kind or not found.live(self._now()):
            raise Unauthenticated(
                f"This {kind} is not valid, or no longer.",
                hint="Ask an admin for a new one: `madang hub token create`.",
            )
        return found

    def open_session(self, secret: str) -> tuple[Principal, str]:
        """Exchange a token or a one-time token for a session of the page: who it is, and the cookie's secret.

        Raises:
            Unauthenticated: the secret is not valid.
        """
        if secret.startswith(ONE_TIME):
            who, parent, end = self._redeem(secret), "", 0
        else:
            token = self._live(secret, "link" if secret.startswith(LINK) else "token")
            who, parent, end = token.principal(), token.id, token.expires_at
        until = self._now() + SESSION_LIFE
        record = TokenRecord(
            "", who.name, "", who.everywhere, dict(who.projects), who.run, "session", parent,
            created_by=who.name, expires_at=min(end, until) if end else until,
        )  # fmt: skip
        return who, self._add(record, SESSION)[1]

    def close_session(self, secret: str) -> None:
        """End a session; one that is not there is no error."""
        found = self._records.token_by_digest(digest_of(secret))
        if found is not None and found.kind == "session":
            self._records.revoke_token(found.id, self._now())

    def issue_one_time(self, who: Principal) -> str:
        """A secret that opens one session, once, from this process only."""
        secret = _secret(ONE_TIME)
        with self._lock:
            self._one_time[digest_of(secret)] = (who, self._now() + ONE_TIME_LIFE)
        return secret

    def _redeem(self, secret: str) -> Principal:
        with self._lock:
            who, until = self._one_time.pop(digest_of(secret), (None, 0))
        if who is None or until <= self._now():
            raise Unauthenticated(
                "This address was used before.", hint="It opens the page once; start `madang ui` again for a new one."
            )
        return who

    @property
    def at_once(self) -> bool:
        """Whether a credential is looked up in this process, by one row of an index."""
        return self._records.at_once

    def unclaimed(self) -> bool:
        """Whether no token was ever made: such a hub is open to its own machine. Revoking the last opens nothing."""
        if not self._claimed:
            self._claimed = self._records.any_made()
        return not self._claimed


def levels(projects: Mapping[str, Permission]) -> dict[str, str]:
    """Levels by project as words."""
    return {name: level.name.lower() for name, level in projects.items()}
