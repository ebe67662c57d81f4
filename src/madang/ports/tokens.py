"""The credentials of a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from madang.domain.access import Permission
from madang.domain.tokens import TokenRecord


class TokenRecords(Protocol):
    """Where tokens and sessions rest. Thread-safe; each call is one transaction, durable when it returns."""

    @property
    def at_once(self) -> bool:
        """Whether `token_by_digest` asks nobody outside this process."""
        ...

    def add_token(self, token: TokenRecord) -> None:
        """Keep a new token. Raises `Conflict` when its id or digest is taken."""
        ...

    def token_by_digest(self, digest: str) -> TokenRecord | None:
        """The token whose secret hashes to ``digest``, revoked and expired ones too."""
        ...

    def token(self, token_id: str) -> TokenRecord | None:
        """The token with this id."""
        ...

    def tokens(self) -> list[TokenRecord]:
        """All of them, oldest first, revoked and expired ones and sessions too."""
        ...

    def any_made(self) -> bool:
        """Whether somebody has ever made a token (other than of sessions and links).

        Inside `Records.without_waiting` it may say no and find out later, at the latest when the block ends: what would
        be written is not, where there is one, and the end of the block is a `WouldWait`.
        """
        ...

    def grant(self, token_id: str, projects: Mapping[str, Permission]) -> None:
        """Let a token, and the sessions that it opened, hold these levels in these projects instead."""
        ...

    def revoke_token(self, token_id: str, at: int) -> bool:
        """Mark a token as revoked at ``at`` (µs UTC), and the sessions it opened. False when there is none such."""
        ...
