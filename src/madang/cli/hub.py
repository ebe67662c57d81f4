"""`madang hub`: the server for a team, and its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.config import HubConfig, settings

if TYPE_CHECKING:
    from madang.domain.tokens import TokenRecord
    from madang.wiring import Engine

F = TypeVar("F", bound=Callable[..., Any])
LEVELS = ("read", "write", "admin")


def _options(*names: str) -> Callable[[F], F]:
    """Command-line options of the settings with these names, in order."""
    by_name = {item.name: item for item in settings()}

    def decorate(function: F) -> F:
        for name in reversed(names):
            item = by_name[name]
            flag = "--" + name.replace("_", "-")
            text = f"{item.metadata['help']} [env: {item.metadata['env']}]"
            if isinstance(item.default, bool):
                function = click.option(flag, is_flag=True, default=None, help=text)(function)
            elif isinstance(item.default, tuple):
                function = click.option(flag, multiple=True, metavar=item.metadata["metavar"], help=text)(function)
            else:
                shown = f"{text} [default: {item.default}]" if item.default else text
                kind: Any = type(item.default)
                metavar = item.metadata["metavar"]
                function = click.option(flag, type=kind, default=None, metavar=metavar, help=shown)(function)
        return function

    return decorate


@contextmanager
def _settings() -> Iterator[None]:
    """A wrong setting is a wrong use of the command, wherever it was written."""
    from madang.errors import ConfigError, UsageError

    try:
        yield
    except ConfigError as error:
        raise UsageError(error.message, hint=error.hint) from error


def _load(given: dict[str, Any], file: str | None) -> HubConfig:
    from madang import config

    with _settings():
        return config.load({name: value for name, value in given.items() if value not in (None, ())}, file=file or "")


@click.group(invoke_without_command=True)
@_options("store", "host", "port", "database", "blobs", "allow_host", "require_token")
@_options("allow_webhook", "key_file", "max_file", "stop_within")
@click.option("--config", "file", default=None, metavar="FILE", help="A TOML file with any of these settings.")
@click.pass_context
def hub(context: click.Context, /, file: str | None, **given: Any) -> None:
    """Serve runs, models and data of a team; make and revoke its tokens.

    On this machine's own address the hub is open until the first token is made; any other address needs a token
    before it starts. Clients find it by MADANG_HUB, and log in with `madang login`. SIGTERM and Ctrl+C stop it
    after the running requests.

    \b
    Examples:
      madang hub --store /srv/madang --port 7300
      madang hub token create ann --store /srv/madang --level admin
      madang hub --store /srv/madang --host 0.0.0.0 --allow-host hub.example.org
      madang hub --store /srv/madang --database postgresql://madang@db/madang --blobs s3://team/madang
    """
    if context.invoked_subcommand is not None:
        context.obj = (given, file)
        return
    from madang.cli import output
    from madang.server.run import Address, serve
    from madang.wiring import open_hub

    settled = _load(given, file)
    with _settings():
        engine = open_hub(settled)

    def announce(url: str) -> None:
        click.echo(url)
        state = "open to this machine: it has no token yet" if engine.access.unclaimed() else "tokens are asked for"
        output.note(f"madang hub over {engine.store.store}; {state}. Ctrl+C stops.")

    address = Address(settled.host, settled.port, settled.allow_host, settled.stop_within)
    serve(engine, address, announce, guarded=settled.require_token)


@hub.group()
def token() -> None:
    """Make, list and revoke tokens.

    \b
    Examples:
      madang hub token create ann --store /srv/madang --level write --project wine
      madang hub token list --store /srv/madang
      madang hub token revoke --store /srv/madang 3f2a91c0d4e5b677
    """


def _engine(context: click.Context, given: dict[str, Any], *, make: bool = False) -> Engine:
    """The hub's engine from options before or after the subcommand's name; only with ``make`` of one that is new."""
    from madang.formats.store import check_there
    from madang.wiring import open_hub

    outer: dict[str, Any]
    outer, file = context.obj if context.obj else ({}, None)
    settled = _load({**outer, **{name: value for name, value in given.items() if value is not None}}, file)
    with _settings():
        if settled.store and not settled.database and not make:
            check_there(settled.store)
        return open_hub(settled)


@token.command("create", short_help="Make a token and print its secret.")
@_options("store", "database")
@click.argument("name", required=False)
@click.option("--name", "named", default=None, help="The same as NAME.")
@click.option("--level", type=click.Choice(LEVELS), default="write", show_default=True, help="What it may do.")
@click.option("-p", "--project", "projects", multiple=True, metavar="NAME", help="Only in this project. Repeatable.")
@click.option("--expires", default=None, metavar="DAYS", type=click.IntRange(1, 36_500), help="Days that it lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print the record with its secret as JSON.")
@click.pass_context
def create(
    context: click.Context,
    /,
    name: str | None,
    named: str | None,
    level: str,
    projects: tuple[str, ...],
    expires: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Make a token for NAME (you, when left out) and print its secret, which is shown this once.

    NAME is who stands in every history: a person or a machine.

    \b
    Examples:
      madang hub token create ann --store /srv/madang --level admin
      madang hub token create ci --store /srv/madang --project wine --expires 90
    """
    import time

    from madang.cli import output
    from madang.domain.access import Permission
    from madang.wiring import local_user

    engine, who = _engine(context, given, make=True), local_user()
    until = time.time_ns() // 1000 + expires * 86_400_000_000 if expires else None
    made, secret = engine.access.create_token(
        who, name or named or who.name, Permission[level.upper()], list(projects), until
    )
    engine.close()
    if as_json:
        output.data({"id": made.id, "name": made.name, "level": level, "projects": list(projects), "secret": secret})
        return
    click.echo(secret)
    output.note(f"Token {made.id} of {made.name}. It is not shown again; log in with `madang login` and this token.")


@token.command("list")
@_options("store", "database")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def list_tokens(context: click.Context, /, as_json: bool, **given: Any) -> None:
    """List tokens; secrets are not kept and cannot be shown.

    \b
    Examples:
      madang hub token list --store /srv/madang
      madang hub token list --store /srv/madang --json
    """
    from madang.cli import output
    from madang.wiring import local_user

    engine = _engine(context, given)
    found = [_described(item) for item in engine.access.tokens(local_user())]
    engine.close()
    if as_json:
        output.data(found)
        return
    rows = [[item["id"], item["name"], item["may"], item["created"], item["state"]] for item in found]
    output.table(["id", "name", "may", "created", "state"], rows)


def _described(token: TokenRecord) -> dict[str, Any]:
    import time
    from datetime import UTC, datetime

    def day(at: int) -> str:
        return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M") if at else ""

    state = "live" if token.live(time.time_ns() // 1000) else "revoked" if token.revoked_at else "ended"
    until = f" until {day(token.expires_at)}" if token.expires_at and state == "live" else ""
    projects = {name: level.name.lower() for name, level in token.projects.items()}
    return {
        "id": token.id,
        "name": token.name,
        "may": ", ".join(f"{level} {name}" for name, level in projects.items()) or token.everywhere.name.lower(),
        "created": day(token.created_at),
        "state": state + until,
        "level": token.everywhere.name.lower(),
        "projects": projects,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }


@token.command()
@_options("store", "database")
@click.argument("token_id", metavar="ID")
@click.pass_context
def revoke(context: click.Context, /, token_id: str, **given: Any) -> None:
    """End a token at once, and the sessions that it opened.

    \b
    Examples:
      madang hub token revoke --store /srv/madang 3f2a91c0d4e5b677
    """
    from madang.cli import output
    from madang.wiring import local_user

    engine = _engine(context, given)
    engine.access.revoke(local_user(), token_id)
    engine.close()
    output.note(f"Token {token_id} is revoked.")
