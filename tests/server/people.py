"""Who calls, and where."""

from __future__ import annotations

from madang.domain.access import local

BASE = "http://127.0.0.1:7300"
ADMIN = local("admin")


def bearer(secret: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {secret}"}
