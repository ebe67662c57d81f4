"""The composition root of the data commands: opens remotes. Apart from `wiring`, so that they load no record store."""

from __future__ import annotations

import json
import os
import sys
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from madang.backends.objects.opening import open_objects
from madang.domain.versions import Entry
from madang.errors import ConfigError, CorruptData, MadangError, NotFound
from madang.ports.objects import Objects, Versioned
from madang.workspace.data.repo.settings import RemoteConfig

_PIECE = 1 << 20


def open_remote(config: RemoteConfig) -> Objects:
    """Open a configured remote. Only an address that may be a hub's is asked whether it is one.

    Raises:
        ConfigError: a kind of address that madang does not speak, or a missing package.
    """
    if config.url.startswith(("http://", "https://")):
        return _open_web(config)
    return open_objects(config.url, config.options, ask_password)


def _open_web(config: RemoteConfig) -> Objects:
    from madang.client.data import project_of  # noqa: PLC0415 - an HTTP client is loaded where it is used
    from madang.client.web import WebObjects  # noqa: PLC0415 - as above

    place = project_of(config.url)
    hub = _hub(place, config) if place else None
    return hub or WebObjects(config.url, config.options, ask_password)


def _hub(place: tuple[str, str], config: RemoteConfig) -> Objects | None:
    """The project's data when a hub of madang answers there."""
    from madang.client.data import ADVICE, ROOT, HubObjects  # noqa: PLC0415 - see _open_web
    from madang.client.http import HubClient  # noqa: PLC0415 - as above

    address, project = place
    verify = config.options.get("ssl_verify", "true")
    try:
        HubClient(address, token="", attempts=1, verify=verify).account()
    except MadangError:  # some other server, which the plain way suits; what is wrong with it is told there
        return None
    token = _given_token(config) or _own_token(address)
    return HubObjects(HubClient(address, token=token, root=ROOT, advice=ADVICE, verify=verify), project)


def _own_token(address: str) -> str:
    """The user's own token for a hub. An address that came with a repository is not shown the one meant for another."""
    from madang.client.credentials import hub_address, token_for  # noqa: PLC0415 - see _open_web

    hub = os.environ.get("MADANG_HUB", "")
    is_ours = bool(hub) and hub_address(hub) == hub_address(address)
    known = os.environ if is_ours else {name: text for name, text in os.environ.items() if name != "MADANG_TOKEN"}
    return token_for(hub_address(address), known)


def _given_token(config: RemoteConfig) -> str | None:
    """The token in the remote's options, as a stock dvc would send it."""
    from madang.client.web import credentials  # noqa: PLC0415 - see _open_web

    kind = config.options.get("auth", "")
    if kind == "basic":
        given = config.options.get("password")
        return ask_password(f"Token for {config.url}") if given is None and _asks(config) else given
    shown = {name.lower(): text for name, text in credentials(config.url, config.options, ask_password).items()}
    return shown.get("authorization", "").removeprefix("Bearer ") or None


def _asks(config: RemoteConfig) -> bool:
    return config.options.get("ask_password", "false").lower() == "true"


_typed: dict[str, str] = {}


def ask_password(prompt: str) -> str:
    """A password typed at the terminal, once a process.

    Raises:
        ConfigError: there is no terminal.
    """
    if prompt not in _typed:
        if not sys.stdin.isatty() and not os.path.exists("/dev/tty"):
            raise ConfigError(f"{prompt}: there is no terminal to type it at.", hint="Set password in config.local.")
        import getpass  # noqa: PLC0415 - only where somebody types

        try:
            _typed[prompt] = getpass.getpass(f"{prompt}: ")
        except EOFError:
            raise ConfigError(f"{prompt}: nothing was typed.", hint="Set password in config.local.") from None
    return _typed[prompt]


def read_reference(entry: Entry, target: BinaryIO) -> int:
    """Write the bytes that an entry of a version refers to into a file; how many they are.

    Raises:
        NotFound: there is nothing any more, or the reference is to an artifact that is not in this store.
        CorruptData: the bytes are not those that were referred to.
        ConfigError: a kind of address that madang does not speak, or a missing package. Others as `Objects.open`.
    """
    from hashlib import md5  # noqa: PLC0415 - few versions refer to anything

    digest, count = md5(usedforsecurity=False), 0
    with _opened(entry) as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
            count += target.write(piece)
    told = entry.digest.removeprefix("md5:")
    if (told != entry.digest and told != digest.hexdigest()) or (entry.size and entry.size != count):
        raise CorruptData(
            f"What lies at {entry.uri} is not what {entry.path!r} referred to.",
            hint="It was changed there. Find the older bytes, or log a version of the new ones.",
        )
    return count


def _opened(entry: Entry) -> BinaryIO:
    scheme, _, rest = entry.uri.partition("://")
    if scheme == "file":
        path = unquote(urlsplit(entry.uri).path)
        try:
            return open(path, "rb")
        except OSError as error:
            raise NotFound(f"{path}, to which {entry.path!r} refers, cannot be read: {error.strerror}.") from error
    if scheme == "wandb-artifact":
        raise NotFound(f"{entry.path!r} refers to a file of an artifact that is not in this store: {entry.uri}.")
    path, mark, query = rest.partition("?")
    folder, _, name = path.rpartition("/")
    version = _version(entry.about) or (parse_qs(query).get("versionId") or [""])[0]
    if scheme in ("http", "https"):
        from madang.client.web import WebObjects  # noqa: PLC0415 - see _open_web

        return WebObjects(f"{scheme}://{folder}{mark}{query}", {}, ask_password).open(unquote(name))
    store = open_objects(f"{scheme}://{folder}")
    return store.open_version(name, version) if version and isinstance(store, Versioned) else store.open(name)


def _version(about: str) -> str:
    """The version of an S3 object that a reference names; `about` is what its client noted."""
    try:
        found = json.loads(about) if about else {}
    except ValueError:
        return ""
    version = found.get("versionID") if isinstance(found, dict) else None
    return version if isinstance(version, str) and version != "null" else ""
