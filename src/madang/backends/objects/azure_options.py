"""Who a remote on Azure is opened as: DVC's options, then the variables and the file that Azure's own tools read."""

from __future__ import annotations

import configparser
import os
import shutil
from collections.abc import Mapping
from typing import Any

from madang.errors import ConfigError

_OPTIONS = {
    "account_name": "account_name",
    "account_key": "account_key",
    "sas_token": "sas_key",
    "tenant_id": "tenant_id",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "endpoint": "endpoint",
}
_STORED = {
    "connection_string": "connection_string",
    "account": "account_name",
    "key": "account_key",
    "sas_token": "sas_token",
}
_PARTS = {
    "AccountName": "account_name",
    "AccountKey": "account_key",
    "SharedAccessSignature": "sas_token",
    "BlobEndpoint": "endpoint",
}
_KEYS = ("account_key", "sas_key", "client_secret")


def azure_config(options: Mapping[str, str]) -> dict[str, Any]:
    """The configuration of obstore for a remote.

    Raises:
        ConfigError: no account is named.
    """
    given = {**_stored(), **options}
    if "account_name" in options:  # the account's own options, not another one's from the environment
        given = {**{key: value for key, value in _stored().items() if key != "connection_string"}, **options}
    given = {**_parts_of(given.get("connection_string", "")), **given}
    config: dict[str, Any] = {theirs: given[ours] for ours, theirs in _OPTIONS.items() if given.get(ours)}
    if "account_name" not in config:
        raise ConfigError(
            "A remote on Azure needs account_name or connection_string.",
            hint="madang remote modify NAME account_name ACCOUNT",
        )
    if options.get("allow_anonymous_login", "false").lower() == "true":
        config["skip_signature"] = True
    elif not any(key in config for key in _KEYS) and not os.environ.get("AZURE_CLIENT_ID") and shutil.which("az"):
        config["use_azure_cli"] = True
    return config


def _stored() -> dict[str, str]:
    """What the environment says (AZURE_STORAGE_KEY …), else the file that `az config` writes."""
    folder = os.environ.get("AZURE_CONFIG_DIR") or os.path.expanduser("~/.azure")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(os.path.join(folder, "config"), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{folder}/config cannot be read: {error}", hint="Correct the file.") from error
    found = {}
    for name, ours in _STORED.items():
        value = os.environ.get(f"AZURE_STORAGE_{name.upper()}") or parser.get("storage", name, fallback="")
        if value:
            found[ours] = value
    return found


def _parts_of(text: str) -> dict[str, str]:
    """A connection string's parts by our names."""
    pairs = [part.partition("=") for part in text.split(";") if part]
    found = {_PARTS[name]: value for name, _, value in pairs if name in _PARTS}
    plain = {name: value for name, _, value in pairs}
    if found.get("account_name") and "endpoint" not in found and plain.get("EndpointSuffix"):
        scheme = plain.get("DefaultEndpointsProtocol", "https")
        found["endpoint"] = f"{scheme}://{found['account_name']}.blob.{plain['EndpointSuffix']}"
    return found
