"""`madang sync --fetch`: segments that were given up come back from the hub that holds them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.progress import progress
from madang.cli.sync_registry import body, tell
from madang.client.dropping import fetch, held_runs, missing
from madang.client.http import HubClient
from madang.client.segments import runs_of
from madang.wiring import local_user, open_store
from madang.workspace.moving.registry_sync import Moved, RegistrySync

if TYPE_CHECKING:
    from madang.client.dropping import Fetched
    from madang.ports.segments import SegmentFiles

_SHOWN = 5  # names of the hub


def fetch_runs(store: str, chosen: list[str] | None, address: str, as_json: bool) -> int:
    """Bring the segments of these runs (of all, when None) back, and read them; the exit code."""
    runs = [run for run in (held_runs(store) if chosen is None else chosen) if missing(store, run)]
    done: list[Fetched] = []
    if runs:
        engine = open_store(store=store)
        hubs: dict[str, HubClient] = {}
        try:
            assert engine.files is not None
            with progress(len(runs), "runs", "fetch") as advance:
                for run in runs:
                    done.append(_fetch(hubs, engine.files, store, run, address))
                    advance(1)
            engine.tracking.catch_up(runs)
        finally:
            engine.close()
            for hub in hubs.values():
                hub.close()
    moved, more = fetch_names(store, address) if address and chosen is None else ([], [])
    if as_json:
        output.data({"runs": [asdict(item) for item in done], "names": body(moved), "elsewhere": more})
    else:
        _tell(store, done, address)
        if more:
            shown = ", ".join(output.printable(name) for name in more[:_SHOWN])
            names = shown + (f" and {len(more) - _SHOWN} more" if len(more) > _SHOWN else "")
            output.note(f"{address} has artifacts and models of which nothing is here, and so nothing came: {names}")
    for item in done:
        if item.error:
            output.note(f"run {item.run}: {item.error}")
    is_well = all(item.ok for item in moved) if as_json else tell(moved, address, back=True)
    return 0 if is_well and not any(item.error for item in done) else 1


def _tell(store: str, done: list[Fetched], address: str) -> None:
    came = [item for item in done if item.segments]
    if came:
        click.echo(f"{len(came)} runs came back: {sum(item.bytes for item in came)} bytes")
    elif not runs_of(store):
        click.echo(f"There are no runs in {store}: --fetch brings back what was given up here.")
    elif not done:
        click.echo("All segments are here.")
    if not address and not done:
        output.note("No hub was asked for artifacts and models: pass --hub URL or set MADANG_HUB.")


def fetch_names(store: str, address: str) -> tuple[list[Moved], list[str]]:
    """Bring what the hub has of the artifacts and models that are here; and the names of which nothing is here."""
    engine, hub = open_store(store=store), HubClient(address)
    try:
        registry = RegistrySync(hub, engine, local_user())
        return list(registry.fetch()), registry.elsewhere()
    finally:
        hub.close()
        engine.close()


def _fetch(hubs: dict[str, HubClient], files: SegmentFiles, store: str, run: str, address: str) -> Fetched:
    where = address or missing(store, run)[0].hub
    if where not in hubs:
        hubs[where] = HubClient(where)
    return fetch(hubs[where], files, store, run)
