"""`madang.login`: keep the token of a hub for this user."""

from __future__ import annotations

import os
import sys

from madang.client.credentials import hub_address, keep_token
from madang.errors import InvalidInput


def login(hub: str = "", token: str = "") -> str:
    """Keep a token for a hub, in a file that only this user can read; returns the file's path.

    Without arguments the hub is MADANG_HUB, and the token is asked for on the terminal.

    Raises:
        InvalidInput: no hub or no token was given, or the address is wrong.
        StorageError: the file cannot be written.
    """
    address = hub_address(hub or os.environ.get("MADANG_HUB", ""))
    if not token and sys.stdin is not None and sys.stdin.isatty():
        import getpass

        token = getpass.getpass(f"Token for {address}: ").strip()
    if not token:
        raise InvalidInput(
            f"There is no token for {address}.", hint="Pass token=, or make one with `madang hub token create`."
        )
    return keep_token(address, token, os.environ)
