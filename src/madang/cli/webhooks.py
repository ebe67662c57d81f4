"""`madang webhooks`: have a hub tell others what happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output

if TYPE_CHECKING:
    from madang.client.http import HubClient
    from madang.formats.webhooks import WebhookBody

_HUB = click.option("--hub", "address", envvar="MADANG_HUB", metavar="URL", help="The hub; MADANG_HUB otherwise.")
_EVENT = click.option(
    "-e", "--event", "events", multiple=True, metavar="EVENT", help="Only this event; otherwise all. Repeatable."
)
_SECRET = click.option(
    "--secret-file", type=click.File("r", encoding="utf-8"), default=None, metavar="FILE",
    help="Sign messages with the secret in this file; - reads standard input.",
)  # fmt: skip
_SLACK = click.option("--slack", is_flag=True, help='Send {"text": …} as Slack and its like read it.')


@click.group()
def webhooks() -> None:
    """Have a hub tell others what happens to models and runs. An admin of the hub, or of a project, may.

    Messages have the format and signature of MLflow's; docs/webhooks.md has the events and what they carry.

    \b
    Examples:
      madang webhooks create deploy https://ci.example.org/hook -e model_version_stage.moved --secret-file key.txt
      madang webhooks create team https://hooks.slack.com/services/T0/B0/x --slack -e run.failed -p iris
      madang webhooks test deploy
      madang webhooks deliveries deploy
    """


@contextmanager
def _client(address: str | None) -> Iterator[HubClient]:
    from madang.client.http import HubClient
    from madang.errors import UsageError

    if not address:
        raise UsageError("Webhooks belong to a hub.", hint="Pass --hub URL or set MADANG_HUB.")
    client = HubClient(address)
    try:
        yield client
    finally:
        client.close()


def _all(client: HubClient) -> list[WebhookBody]:
    from madang.formats.webhooks import WebhooksBody

    return client.get(("webhooks",), WebhooksBody).webhooks


def _found(client: HubClient, name: str) -> WebhookBody:
    """The webhook with this id, the beginning of one, or this name."""
    from madang.errors import InvalidInput, NotFound

    known = _all(client)
    found = [one for one in known if name == one.id] or [one for one in known if name == one.name]
    found = found or [one for one in known if len(name) > 3 and one.id.startswith(name)]
    if not found:
        raise NotFound(f"There is no webhook {name!r}.", hint="`madang webhooks list` shows them.")
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} webhooks are called {name!r}.", hint="Name one by its id.")
    return found[0]


def _secret(file: Any) -> str:
    from madang.cli.reading import text_of
    from madang.errors import InvalidInput

    secret = text_of(file, 4096).strip()
    if not secret:
        raise InvalidInput(f"The file of the secret, {file.name}, is empty.")
    return secret


@webhooks.command()
@click.argument("name")
@click.argument("url")
@_EVENT
@click.option("-p", "--project", default="", help="Only of this project.")
@click.option("-d", "--description", default="", help="What it is for.")
@_SECRET
@_SLACK
@_HUB
@output.json_option
def create(
    name: str,
    url: str,
    events: tuple[str, ...],
    project: str,
    description: str,
    secret_file: Any,
    slack: bool,
    address: str | None,
    as_json: bool,
) -> None:
    """Have URL told of EVENTs from now on.

    \b
    Examples:
      madang webhooks create deploy https://ci.example.org/hook -e model_version_alias.moved
      openssl rand -hex 32 | tee key.txt | madang webhooks create ci https://ci.example.org/hook --secret-file -
      madang webhooks create team https://hooks.slack.com/services/T0/B0/x --slack -e run.failed -e run.alert
    """
    from madang.formats.webhooks import WebhookBody

    body = {
        "name": name, "url": url, "events": list(events), "project": project, "description": description,
        "secret": _secret(secret_file) if secret_file else "", "format": "slack" if slack else "mlflow",
    }  # fmt: skip
    with _client(address) as client:
        made = client.send("POST", ("webhooks",), body, WebhookBody)
    if as_json:
        _print(made)
        return
    click.echo(made.id)
    output.note(f"{made.name} hears of {len(made.events)} events. Try it: madang webhooks test {made.name}")


def _print(value: Any) -> None:
    from madang.cli import records

    output.data(records.plain_json(value))


@webhooks.command("list")
@_HUB
@output.json_option
def list_webhooks(address: str | None, as_json: bool) -> None:
    """List webhooks; secrets are never shown.

    \b
    Examples:
      madang webhooks list
      madang webhooks list --json
    """
    from madang.cli import records

    with _client(address) as client:
        found = _all(client)
    if as_json:
        _print({"webhooks": found})
        return
    if not found:
        output.note("No webhooks yet. Make one: madang webhooks create NAME URL")
        return
    rows = [
        [one.id[:8], one.name, one.url, one.project or "all", one.status, "yes" if one.signed else "no",
         ", ".join(one.events), records.ago(one.created_at)]
        for one in found
    ]  # fmt: skip
    output.table(["ID", "NAME", "URL", "PROJECT", "STATUS", "SIGNED", "EVENTS", "MADE"], rows)


@webhooks.command()
@click.argument("name", metavar="WEBHOOK")
@_EVENT
@click.option("--url", default=None, help="Where it goes now.")
@click.option("--status", type=click.Choice(["active", "disabled"]), default=None, help="Whether it is told.")
@click.option("-d", "--description", default=None, help="What it is for.")
@_SECRET
@_HUB
@output.json_option
def change(
    name: str, events: tuple[str, ...], secret_file: Any, address: str | None, as_json: bool, **given: Any
) -> None:
    """Change a webhook. What waits for one that is disabled is not sent.

    \b
    Examples:
      madang webhooks change deploy --status disabled
      madang webhooks change deploy --url https://ci.example.org/other -e model_version.created
    """
    from madang.errors import UsageError
    from madang.formats.webhooks import WebhookBody

    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if events:
        body["events"] = list(events)
    if secret_file:
        body["secret"] = _secret(secret_file)
    if not body:
        raise UsageError("Nothing is to change.", hint="Name what: --url, --status, --event, --secret-file.")
    with _client(address) as client:
        made = client.send("PATCH", ("webhooks", _found(client, name).id), body, WebhookBody)
    if as_json:
        _print(made)
    else:
        output.note(f"{made.name} is {made.status} and goes to {made.url}.")


@webhooks.command()
@click.argument("name", metavar="WEBHOOK")
@click.option("-e", "--event", default="", help="Which example; that of its first event otherwise.")
@_HUB
@output.json_option
def test(name: str, event: str, address: str | None, as_json: bool) -> int:
    """Send an example now, and show what the receiver answers. Exits with 1 when it does not take it.

    \b
    Examples:
      madang webhooks test deploy
      madang webhooks test deploy --event run.failed
    """
    from madang.formats.webhooks import TestedBody

    with _client(address) as client:
        tried = client.send("POST", ("webhooks", _found(client, name).id, "test"), {"event": event}, TestedBody)
    if as_json:
        _print(tried)
    elif tried.status:
        output.note(f"The receiver answers with {tried.status}.")
        click.echo(output.printable(tried.body.strip()[:2000]))
    else:
        output.note(tried.error)
    return 0 if tried.success else 1


@webhooks.command()
@click.argument("name", metavar="WEBHOOK")
@_HUB
def remove(name: str, address: str | None) -> None:
    """Take a webhook away, with what waits for it.

    \b
    Examples:
      madang webhooks remove deploy
    """
    with _client(address) as client:
        found = _found(client, name)
        client.request("DELETE", ("webhooks", found.id))
    output.note(f"{found.name} is gone.")


@webhooks.command()
@click.argument("name", metavar="WEBHOOK")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many.")
@_HUB
@output.json_option
def deliveries(name: str, limit: int, address: str | None, as_json: bool) -> None:
    """Show what became of its messages, newest first.

    \b
    Examples:
      madang webhooks deliveries deploy
      madang webhooks deliveries deploy --limit 100 --json
    """
    from madang.cli import records
    from madang.formats.webhooks import DeliveriesBody

    with _client(address) as client:
        where = ("webhooks", _found(client, name).id, "deliveries")
        found = client.get(where, DeliveriesBody, {"limit": limit}).deliveries
    if as_json:
        _print({"deliveries": found})
        return
    if not found:
        output.note("Nothing was sent yet.")
        return
    rows = [
        [item.id[:8], item.event, item.state, str(item.attempts), str(item.status or ""), records.ago(item.at),
         item.said if item.state != "delivered" else ""]
        for item in found
    ]  # fmt: skip
    output.table(["ID", "EVENT", "STATE", "TRIES", "ANSWER", "WHEN", "WHY"], rows, right=frozenset({3}))
