"""Tokens: what a caller shows to say who they are. Only the hash of a secret is ever kept."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from madang.domain.access import Permission, Principal
from madang.domain.values import value


@value
class TokenRecord:
    """One credential as the store keeps it. Times are µs UTC, 0 = none.

    A ``session`` is what the page's cookie carries; ``parent`` is the token that opened it, and revoking the parent
    ends the session too. A ``link`` stands in the address of a report and does nothing but open such a session.
    """

    id: str  # 16 lower-case hex digits; not secret
    name: str  # of the person or machine: the actor in every history
    digest: str  # SHA-256 of the secret, hex; unique
    everywhere: Permission = Permission.NONE
    projects: dict[str, Permission] = field(default_factory=dict)
    run: str = ""  # limits the credential to one run
    kind: Literal["token", "session", "link"] = "token"
    parent: str = ""
    created_at: int = 0
    created_by: str = ""
    expires_at: int = 0
    revoked_at: int = 0

    def live(self, now: int) -> bool:
        """Whether it still opens anything at the time ``now``."""
        return not self.revoked_at and (not self.expires_at or now < self.expires_at)

    def principal(self) -> Principal:
        """Who shows this token; what shows a session is the token that opened it."""
        return Principal(self.name, self.everywhere, dict(self.projects), self.run, self.parent or self.id)
