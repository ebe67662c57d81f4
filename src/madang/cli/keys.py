"""`madang keys`: the key that signs verdicts, and the keys of others that are trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output

if TYPE_CHECKING:
    from typing import TextIO


@click.group()
def keys() -> None:
    """Show the key that signs your verdicts; trust the keys of others.

    \b
    Examples:
      madang keys show > me.pub
      madang keys trust kim kim.pub
    """


@keys.command()
@click.option("--json", "as_json", is_flag=True, help="Print the id and the key as JSON.")
def show(as_json: bool) -> None:
    """Print your public key, to be given to those who check your verdicts. It is made when there is none.

    \b
    Examples:
      madang keys show > me.pub
      madang keys show --json
    """
    import os

    from madang.workspace.keys import keyring

    ring = keyring(os.environ)
    if as_json:
        output.data({"id": ring.own().key_id, "public_key": ring.public_pem()})
        return
    output.note(ring.own().key_id)
    click.echo(ring.public_pem(), nl=False)


@keys.command()
@click.argument("name")
@click.argument("file", type=click.File("r", encoding="utf-8"))
def trust(name: str, file: TextIO) -> None:
    """Vouch for a public key by a name. FILE may be - for standard input.

    \b
    Examples:
      madang keys trust kim kim.pub
    """
    import os

    from madang.cli.reading import text_of
    from madang.workspace.keys import keyring

    output.note(f"{name}: {keyring(os.environ).trust(name, text_of(file), file.name)}")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
def list_keys(as_json: bool) -> None:
    """List the keys that are trusted, your own among them.

    \b
    Examples:
      madang keys list
    """
    import os

    from madang.workspace.keys import key_id, keyring

    rows = [(name, key_id(raw)) for raw, name in sorted(keyring(os.environ).trusted().items(), key=lambda it: it[1])]
    if as_json:
        output.data({"keys": [{"name": name, "id": one} for name, one in rows]})
    else:
        output.table(["NAME", "KEY"], rows)
