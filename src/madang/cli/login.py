"""`madang login`: keep the token of a hub."""

from __future__ import annotations

import os
import sys

import click

from madang.cli import output
from madang.errors import UsageError


@click.command()
@click.argument("url", envvar="MADANG_HUB")
@click.option("--token", help="The token; asked for, or read from standard input, otherwise.")
@click.option("--forget", is_flag=True, help="Forget the token of this hub.")
def login(url: str, token: str | None, forget: bool) -> None:
    """Keep the token of a hub, so that runs and commands reach it. It is tried once before it is kept.

    An admin of the hub makes tokens with `madang hub token create`. MADANG_TOKEN wins over what is kept.

    \b
    Examples:
      madang login https://hub.example.org
      echo mdg_… | madang login http://127.0.0.1:7300
      madang login https://hub.example.org --forget
    """
    from madang.client.credentials import hub_address, keep_token
    from madang.client.http import HubClient

    address = hub_address(url)
    if forget:
        keep_token(address, "", os.environ)
        output.note(f"The token of {address} is forgotten.")
        return
    if token is None:
        token = click.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    token = token.strip()
    if not token:
        raise UsageError("The token is empty.", hint="Make one on the hub with `madang hub token create`.")
    client = HubClient(address, token=token)
    try:
        me = client.account()
    finally:
        client.close()
    path = keep_token(address, token, os.environ)
    output.note(f"Signed in to {address} as {output.printable(me.name)}; the token is kept in {path}.")
