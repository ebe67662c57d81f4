"""The settings of a hub: one typed object, with each field's environment variable and help beside it.

A value comes from the command line, else from the environment, else from the optional TOML file, else from the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from madang.errors import ConfigError


def _setting(default: Any, env: str, help: str, metavar: str = "") -> Any:
    return field(default=default, metadata={"env": env, "help": help, "metavar": metavar})


@dataclass(frozen=True)
class HubConfig:
    """Everything a hub can be told."""

    store: str = _setting("", "MADANG_HUB_STORE", "Folder of the hub's data; made when it is not there.", "DIR")
    host: str = _setting("127.0.0.1", "MADANG_HUB_HOST", "Address to listen on.", "ADDRESS")
    port: int = _setting(7300, "MADANG_HUB_PORT", "Port to listen on; 0 takes a free one.", "N")
    database: str = _setting("", "MADANG_HUB_DATABASE", "postgresql://… instead of SQLite in the store.", "URL")
    blobs: str = _setting("", "MADANG_HUB_BLOBS", "s3://, gs:// or azure://… instead of a folder in the store.", "URL")
    allow_host: tuple[str, ...] = _setting(
        (), "MADANG_HUB_ALLOW_HOST", "Another name that clients call this hub by. Repeatable.", "NAME"
    )
    require_token: bool = _setting(
        False, "MADANG_HUB_REQUIRE_TOKEN", "Ask for a token on loopback too, even while none was made."
    )
    max_file: int = _setting(
        0, "MADANG_HUB_MAX_FILE", "Largest file that is taken, in MiB; 0: any that the disk has room for.", "MIB"
    )
    allow_webhook: tuple[str, ...] = _setting(
        (),
        "MADANG_HUB_ALLOW_WEBHOOK",
        "A network that webhooks may reach beside public https addresses, unencrypted too. Repeatable.",
        "NETWORK",
    )
    key_file: str = _setting(
        "",
        "MADANG_HUB_KEY_FILE",
        "File of the key that seals secrets of webhooks, instead of one in the store. All hubs of a database share it.",
        "FILE",
    )
    stop_within: int = _setting(
        30, "MADANG_HUB_STOP_WITHIN", "Seconds that running requests get when the hub stops.", "SECONDS"
    )


def settings() -> tuple[Field[Any], ...]:
    """The fields of `HubConfig`, in order; `metadata` has `env`, `help` and `metavar`."""
    return fields(HubConfig)


def load(given: Mapping[str, Any], env: Mapping[str, str] | None = None, file: str = "") -> HubConfig:
    """The configuration from what was given on the command line, the environment and a TOML file.

    Raises:
        ConfigError: the file cannot be read, an unknown key, or a value of the wrong type or below 0.
    """
    environment = os.environ if env is None else env
    stored = _read(file) if file else {}
    known = {item.name for item in settings()}
    for name in stored:
        if name not in known:
            raise ConfigError(f"{file} has the unknown setting {name!r}.", hint=f"Known: {', '.join(sorted(known))}.")
    values: dict[str, Any] = {}
    for item in settings():
        variable = item.metadata["env"]
        if given.get(item.name) is not None:
            values[item.name] = given[item.name]
        elif environment.get(variable):
            values[item.name] = _converted(environment[variable], item, variable)
        elif item.name in stored:
            values[item.name] = _converted(stored[item.name], item, f"{item.name} in {file}")
        if type(item.default) is int and values.get(item.name, 0) < 0:
            raise ConfigError(f"{item.name} is {values[item.name]}: it cannot be less than 0.")
    return HubConfig(**values)


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as source:
            return tomllib.load(source)
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error


def _converted(value: Any, item: Field[Any], where: str) -> Any:
    kind = type(item.default)
    if kind is tuple:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else tuple(map(str, value))
    if kind is bool and isinstance(value, str) and value.lower() in ("1", "true", "yes", "0", "false", "no"):
        return value.lower() in ("1", "true", "yes")
    if kind is int and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if type(value) is kind:
        return value
    raise ConfigError(f"{where} is {value!r}, which is not of the type {kind.__name__}.")
