"""Tokens of hubs, kept for the user in one file that only they can read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from madang.durable import write_file
from madang.errors import ConfigError, InvalidInput, StorageError


def hub_address(text: str) -> str:
    """The address of a hub in its one spelling: scheme, host, port and path, without a slash at the end.

    Raises:
        InvalidInput: it is no http address, or carries a user, a query or a fragment.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not the address of a hub: {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(f"{text!r} is not the address of a hub.", hint="Write it as https://hub.example.org.")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput(
            "The address of a hub carries no user, password or query.", hint="Give the token to `madang login`."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}{f':{port}' if port and port != standard else ''}{parts.path.rstrip('/')}"


def credentials_path(env: Mapping[str, str]) -> str:
    """Where the tokens lie: `$XDG_CONFIG_HOME/madang/credentials`, else below `~/.config`."""
    base = env.get("XDG_CONFIG_HOME", "") or os.path.join(env.get("HOME", "") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "madang", "credentials")


def token_for(address: str, env: Mapping[str, str]) -> str:
    """The token to show a hub: MADANG_TOKEN, else the one that `madang login` kept; empty when there is none.

    Raises:
        ConfigError: the file of tokens cannot be read.
    """
    return env.get("MADANG_TOKEN", "") or _load(credentials_path(env)).get(address, "")


def keep_token(address: str, token: str, env: Mapping[str, str]) -> str:
    """Keep a token for a hub (forget it when empty) and return the file's path.

    Raises:
        ConfigError: the file of tokens cannot be read.
        StorageError: it cannot be written.
    """
    path = credentials_path(env)
    known = _load(path)
    known.pop(address, None)
    if token:
        known[address] = token
    body = json.dumps({"hubs": {name: {"token": value} for name, value in sorted(known.items())}}, indent=2) + "\n"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_file(path, body.encode(), 0o600)
        os.chmod(path, 0o600)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror}.") from error
    return path


def _load(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            hubs = json.load(file)["hubs"]
        return {str(name): str(entry["token"]) for name, entry in hubs.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"The tokens in {path} cannot be read: {error}.", hint="Repair or remove the file."
        ) from error
