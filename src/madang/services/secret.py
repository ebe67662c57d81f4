"""The store's own secret, with which it signs addresses."""

from __future__ import annotations

import os

from madang.ports.records import Records

_NAME = "signing-secret"
_BYTES = 32


def signing_secret(records: Records) -> bytes:
    """The secret, made when it is first asked for; every process over the store has the same."""
    known = records.settings.get(_NAME)
    if known is None:
        with records.transaction():
            known = records.settings.get(_NAME)
            if known is None:
                known = os.urandom(_BYTES)
                records.settings.set(_NAME, known)
    return known
