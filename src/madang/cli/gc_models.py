"""`madang gc --models`: remove the bytes of models that lost, where their rule says so."""

from __future__ import annotations

import time

import click

from madang.cli import output, records
from madang.errors import Refused


def collect_models(*, dry: bool, yes: bool, as_json: bool) -> int:
    """Do it for the workspace around the present folder; the exit code.

    Raises:
        Refused: the user said no, or a run is being logged: it may store the same bytes.
    """
    from madang.formats.store import find_store
    from madang.wiring import open_store

    moment = time.time_ns() // 1000
    engine = open_store(store=find_store().store, make=False)
    try:
        engine.tracking.catch_up()
        found = engine.losers.remove(moment, dry=True)
        chosen = [one for one in found if not one.kept]
        if chosen and not dry:
            if engine.records.segments.open():
                raise Refused("A run is being logged here.", hint="Try again when it has ended.")
            if not yes and not click.confirm(f"Remove the bytes of {len(chosen)} models that lost?", err=True):
                raise Refused("Nothing was removed.", hint="--yes does not ask.")
            found = engine.losers.remove(moment)
    finally:
        engine.close()
    if as_json:
        output.data({"dry": dry, "models": records.plain_json(found)})
        return 0
    for one in found:
        what = f"kept: {one.kept}" if one.kept else f"{records.size(one.bytes)}, {one.reason}"
        click.echo(f"{output.printable(one.version)}  {output.printable(what)}")
    gone = [one for one in found if not one.kept]
    verb = "would be removed" if dry else "removed"
    click.echo(f"{len(gone)} models that lost, {records.size(sum(one.bytes for one in gone))}: {verb}.")
    return 0
