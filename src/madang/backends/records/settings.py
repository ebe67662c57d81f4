"""Settings of the store and credentials."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from madang.backends.records.database import Database, Row
from madang.domain.access import Permission
from madang.domain.tokens import TokenRecord
from madang.errors import Conflict


class SqlSettings:
    """`ports.records.KeyValue`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, key: str) -> bytes | None:
        """A value, or None."""
        row = self._db.row("get_setting", key=key)
        return bytes(row[0]) if row else None

    def set(self, key: str, value: bytes | None) -> None:
        """Keep a value; None forgets it."""
        if value is None:
            self._db.run("drop_setting", key=key)
        else:
            self._db.run("set_setting", key=key, value=value)


class SqlTokens:
    """`ports.tokens.TokenRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @property
    def at_once(self) -> bool:
        """Whether a look-up asks nobody outside this process."""
        return self._db.dialect == "sqlite"

    def add_token(self, token: TokenRecord) -> None:
        """Keep a new token."""
        added = self._db.run(
            "add_token",
            id=token.id,
            digest=token.digest,
            name=token.name,
            everywhere=int(token.everywhere),
            projects=_levels(token.projects),
            run=token.run,
            kind=token.kind,
            parent=token.parent,
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )
        if not added:
            raise Conflict(f"A token with the id {token.id} or this secret exists already.")

    def token_by_digest(self, digest: str) -> TokenRecord | None:
        """The token whose secret hashes to ``digest``."""
        row = self._db.row("token_by_digest", digest=digest)
        return _token(row) if row else None

    def token(self, token_id: str) -> TokenRecord | None:
        """The token with this id."""
        row = self._db.row("token_by_id", id=token_id)
        return _token(row) if row else None

    def tokens(self) -> list[TokenRecord]:
        """All of them, oldest first."""
        return [_token(row) for row in self._db.rows("tokens")]

    def any_made(self) -> bool:
        """Whether somebody has ever made a token."""
        if self._db.is_hasty:
            self._db.presumes_open = True
            return False
        return self._db.row("any_token") is not None

    def grant(self, token_id: str, projects: Mapping[str, Permission]) -> None:
        """Change the projects of a token and its sessions."""
        self._db.run("grant_token", id=token_id, projects=_levels(projects))

    def revoke_token(self, token_id: str, at: int) -> bool:
        """Mark a token and its sessions as revoked."""
        with self._db.transaction():
            known = self._db.row("token_by_id", id=token_id) is not None
            self._db.run("revoke_token", id=token_id, at=at)
        return known


def _levels(projects: Mapping[str, Permission]) -> bytes:
    return msgspec.msgpack.encode({name: int(level) for name, level in projects.items()})


def _token(row: Row) -> TokenRecord:
    id_, name, digest, everywhere, projects, run, kind, parent, created_at, created_by, expires_at, revoked_at = row
    levels = {
        project: Permission(level)
        for project, level in msgspec.msgpack.decode(projects, type=dict[str, int]).items()
    }  # fmt: skip
    return TokenRecord(
        id_,
        name,
        digest,
        Permission(everywhere),
        levels,
        run,
        kind,
        parent,
        created_at,
        created_by,
        expires_at,
        revoked_at,
    )
