"""`madang verify`: was a verdict signed, by whom, and are the runs still what was signed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.services.evidence import Checked

_CODES = {"VALID": 0, "ALTERED": 1, "UNKNOWN SIGNER": 2, "UNSIGNED": 2, "INCOMPLETE": 2}
_COLOURS = {0: "green", 1: "red", 2: "yellow"}


@click.command(epilog="Exit codes: 0 VALID · 1 ALTERED · 2 UNKNOWN SIGNER, UNSIGNED or INCOMPLETE, or an error.")
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def verify(run: str, as_json: bool) -> int:
    """Check the signed verdict of a reproduction, or of all reproductions of a run.

    VALID: signed by your key or one that you trust (`madang keys trust`), and verdict, metrics, outputs, code, data and
    environment of both runs are as they were signed. ALTERED names what is not.

    \b
    Examples:
      madang verify 1f3a
      madang verify 1f3a --json
    """
    import os

    from madang.errors import NotFound
    from madang.services.evidence import check
    from madang.services.reproduce import repetitions_of
    from madang.workspace.keys import keyring

    with records.opened_reader() as reader:
        named = reader.run(run)
        repetitions = [named] if named.verdict is not None else repetitions_of(reader, named)
        if not repetitions:
            raise NotFound(
                f"Run {named.id[:8]} is no reproduction, and none was made of it.",
                hint=f"Reproduce it: madang reproduce {named.id[:8]}",
            )
        keys = keyring(os.environ)
        found = [check(reader, one, keys) for one in repetitions]
    if as_json:
        output.data(records.plain_json({"run": named.id, "checked": found}))
    else:
        for one in found:
            _print(one)
    return max((_CODES[one.finding] for one in found), key=(0, 2, 1).index)


def _print(found: Checked) -> None:
    word = found.finding
    shown = click.style(word, fg=_COLOURS[_CODES[word]], bold=True) if output.colours_wanted() else word
    click.echo(f"{shown}: {output.printable(found.verdict)} in run {found.run[:8]}")
    if found.key_id:
        who = found.signer or "a key that you have not trusted"
        click.echo(f"  signed {records.moment(found.time)} by {who} ({found.key_id[:23]})")
    for line in found.problems:
        click.echo(f"  {output.printable(line)}")
