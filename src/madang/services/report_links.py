"""Links by which anyone may look at a report: a credential that opens the page alone, to read the projects it names.

The secret in a link is worked out from the store's own secret and the credential's id, so that whoever manages the
projects can be told the link again, and no secret is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Collection, Sequence

from madang.domain.access import Permission, Principal, require
from madang.domain.tokens import TokenRecord
from madang.domain.values import value
from madang.errors import InvalidInput, NotFound
from madang.ports.tokens import TokenRecords
from madang.services.access import LINK, digest_of
from madang.services.changes import now
from madang.services.views import Views

_LENGTH = 40  # signs of the secret in hex: 160 bits
_MOST = 50  # projects of a report


@value
class ReportLink:
    """A link that is valid."""

    secret: str
    projects: tuple[str, ...]


class ReportLinks:
    """Thread-safe. ``store_secret`` is what nobody but this store knows."""

    def __init__(self, tokens: TokenRecords, views: Views, store_secret: Callable[[], bytes]) -> None:
        self._tokens = tokens
        self._views = views
        self._store_secret = store_secret

    def make(self, who: Principal, number: int, projects: Collection[str]) -> ReportLink:
        """A new link to a report, which reads these projects and the report's own.

        Raises:
            NotFound: there is no such report. AccessDenied: the caller is no admin of all these projects.
            InvalidInput: too many projects.
        """
        report = self._views.get(who, number)
        granted = _granted(who, [report.project, *projects])
        token = os.urandom(8).hex()
        secret = self._secret(token)
        made = TokenRecord(
            token, _name(number), digest_of(secret), projects=granted, kind="link", created_at=now(),
            created_by=who.name,
        )  # fmt: skip
        self._tokens.add_token(made)
        return ReportLink(secret, tuple(granted))

    def of(self, who: Principal, number: int) -> list[ReportLink]:
        """The valid links to a report, for who may end them; nothing for others."""
        return [
            ReportLink(self._secret(token.id), tuple(token.projects))
            for token in self._tokens.tokens()
            if token.kind == "link" and token.name == _name(number) and _manages(who, token) and token.live(now())
        ]

    def grant(self, who: Principal, secret: str, projects: Collection[str]) -> None:
        """Let a link read these projects instead. Raises as `make`."""
        token = self._token(who, secret)
        self._tokens.grant(token.id, _granted(who, list(projects)))

    def end(self, who: Principal, secret: str) -> None:
        """End a link at once, and every visit that it opened. Raises `NotFound`."""
        self._tokens.revoke_token(self._token(who, secret).id, now())

    def end_all(self, number: int) -> None:
        """End the links to a report that goes."""
        for token in self._tokens.tokens():
            if token.kind == "link" and token.name == _name(number) and not token.revoked_at:
                self._tokens.revoke_token(token.id, now())

    def _token(self, who: Principal, secret: str) -> TokenRecord:
        found = self._tokens.token_by_digest(digest_of(secret))
        if found is None or found.kind != "link" or not _manages(who, found):
            raise NotFound("There is no such link.")
        return found

    def _secret(self, token: str) -> str:
        made = hmac.new(self._store_secret(), f"link {token}".encode(), hashlib.sha256)
        return LINK + made.hexdigest()[:_LENGTH]


def _name(number: int) -> str:
    return f"link to report {number}"


def _manages(who: Principal, token: TokenRecord) -> bool:
    return not who.run and all(who.level(project) >= Permission.ADMIN for project in token.projects)


def _granted(who: Principal, projects: Sequence[str]) -> dict[str, Permission]:
    if len(set(projects)) > _MOST:
        raise InvalidInput(f"A link opens at most {_MOST} projects.")
    for project in projects:
        require(who, Permission.ADMIN, project)
    return dict.fromkeys(projects, Permission.READ)
