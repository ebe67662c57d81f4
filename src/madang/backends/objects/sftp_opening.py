"""``ssh://`` addresses and DVC's options of them to sessions of the `ssh` program."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

from madang.backends.objects.sftp import SftpObjects
from madang.backends.objects.sftp_session import Session
from madang.errors import ConfigError

_SECRET = "MADANG_SSH_SECRET"  # noqa: S105 - the name of a variable
# ssh also asks whether an unknown host is the right one: that is for a person to answer.
_ASKING = f'#!/bin/sh\ncase "$1" in *[Pp]ass*) printf "%s\\n" "${_SECRET}" ;; *) exit 1 ;; esac\n'
_SECONDS = 60  # for a connection


def open_ssh(url: str, options: Mapping[str, str], ask: Callable[[str], str]) -> SftpObjects:
    """Open ``ssh://[user@]host[:port]/folder``. Nothing is contacted yet.

    The user's own ssh configuration, keys, agent and known hosts apply. ``ask`` is called with a prompt when the
    options want something to be typed.

    Raises:
        ConfigError: an address without a host or folder.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if not host or host.startswith("-") or not parts.path.strip("/"):
        raise ConfigError(f"{url} is not the address of a folder.", hint="Write ssh://user@host/path.")
    user = options.get("user") or (unquote(parts.username) if parts.username else "")
    given = {**options, "port": options.get("port") or str(port or "")}
    command = _command(host, user, given)

    def connect() -> Session:
        secret = _secret(host, user, options, ask)
        if secret is None:
            return Session([*command[:1], "-oBatchMode=yes", *command[1:]], url)
        with tempfile.TemporaryDirectory(prefix="madang-") as folder:
            script = os.path.join(folder, "answer")
            descriptor = os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
            with os.fdopen(descriptor, "w") as file:
                file.write(_ASKING)
            more = {"SSH_ASKPASS": script, "SSH_ASKPASS_REQUIRE": "force", _SECRET: secret}
            once = ["-oNumberOfPasswordPrompts=1"]
            return Session([*command[:1], *once, *command[1:]], url, {**os.environ, **more})

    return SftpObjects(unquote(parts.path), connect)


def _command(host: str, user: str, options: Mapping[str, str]) -> list[str]:
    command = ["ssh", f"-oConnectTimeout={int(float(options.get('timeout') or _SECONDS))}", "-oServerAliveInterval=30"]
    if options.get("port"):
        command += ["-p", options["port"]]
    if options.get("keyfile"):
        command += ["-i", os.path.expanduser(options["keyfile"])]
    if _is(options, "allow_agent", "false"):
        command.append("-oIdentityAgent=none")
    if _is(options, "gss_auth", "true"):
        command.append("-oGSSAPIAuthentication=yes")
    if user:
        command += ["-l", user]
    return [*command, "-s", "--", host, "sftp"]


def _secret(host: str, user: str, options: Mapping[str, str], ask: Callable[[str], str]) -> str | None:
    """What ssh will ask for: the password, or the passphrase of the key."""
    for name in ("password", "passphrase"):
        if name in options:
            return options[name]
        if _is(options, f"ask_{name}", "true"):
            return ask(f"{name.capitalize()} for {user + '@' if user else ''}{host}")
    return None


def _is(options: Mapping[str, str], key: str, value: str) -> bool:
    return options.get(key, "").strip().lower() == value
