"""`madang sync`: bring runs to a hub, or prove that it has them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from madang.client.http import HubClient
    from madang.client.sync import Check
    from madang.workspace.moving.registry_check import NameCheck
    from madang.workspace.moving.registry_sync import RegistrySync


@click.command()
@click.argument("runs", nargs=-1)
@click.option("--hub", "address", envvar="MADANG_HUB", metavar="URL", help="The hub; MADANG_HUB otherwise.")
@click.option("--check", "checking", is_flag=True, help="Send nothing; compare what is here with the hub.")
@click.option("--fetch", "fetching", is_flag=True, help="Bring segments back that `madang gc --runs` gave up here.")
@click.option("--json", "as_json", is_flag=True, help="Print the result of each run as JSON.")
def sync(runs: tuple[str, ...], address: str | None, checking: bool, fetching: bool, as_json: bool) -> int:
    """Send runs and models of this machine to a hub; only what it lacks. Interrupted or repeated, it does no harm.

    RUN is an id, the beginning of one, or a name; without any, all runs of this workspace are sent.
    With --check the hashes of all segments are compared, and everything that is derived from them; so are artifacts,
    data sets and models with their pointers, texts and protections. Without a hub, --check reads the segments of this
    machine from their first byte and compares what they say with the index.
    With --fetch segments come back from the hub that holds them, each verified by its hash.

    Without RUN, artifacts, data sets and models go along: their versions with files, tags and metadata, stages,
    aliases, descriptions and history. What changed on the hub meanwhile stays there, and is told with what to do; what
    is protected there is asked for. With --fetch they come from the hub in the same way, for the names that are here.

    \b
    Examples:
      madang sync
      madang sync brave-owl-3 --hub https://hub.example.org
      madang sync --check --json
      madang sync --fetch brave-owl-3
    """
    from madang.client.http import HubClient
    from madang.formats.store import find_store
    from madang.wiring import local_reader

    if checking and fetching:
        raise UsageError("--check changes nothing, --fetch brings segments.", hint="Give one of the two.")
    if not address and not checking and not fetching:
        raise UsageError(
            "There is no hub to send to.",
            hint="Pass --hub URL or set MADANG_HUB; --check alone checks this machine's store.",
        )
    store = find_store().store
    chosen = None
    if runs:
        reader = local_reader()
        try:
            chosen = [reader.run(name).id for name in runs]
        finally:
            reader.close()
    if fetching:
        from madang.cli.sync_fetch import fetch_runs

        return fetch_runs(store, chosen, address or "", as_json)
    if not address:
        return _check_here(store, chosen, as_json)
    hub = HubClient(address)
    try:
        if not _count(store, chosen):
            hub.account()  # with nothing to send no other request would show that the hub is there and knows us
            output.note(f"There are no runs in {store}.")
        return _check(hub, store, chosen, as_json) if checking else _send(hub, store, chosen, as_json)
    finally:
        hub.close()


def _send(hub: HubClient, store: str, chosen: list[str] | None, as_json: bool) -> int:
    from dataclasses import asdict

    from madang.cli.progress import progress
    from madang.cli.sync_registry import body, tell
    from madang.client.sync import Sent
    from madang.client.sync import sync as send

    done: list[Sent] = []
    with _registry(hub, store) as registry:
        if chosen is None:
            registry.claim()
        with progress(_count(store, chosen), "runs", "sync") as advance:
            for item in send(hub, store, chosen):
                done.append(item)
                advance(1)
        moved = list(registry.send()) if chosen is None else []
    if as_json:
        output.data({"hub": hub.address, "runs": [asdict(item) for item in done], "names": body(moved)})
    else:
        sent = [item for item in done if item.bytes or item.blobs]
        size = sum(item.bytes for item in sent)
        if sent:
            click.echo(f"{len(sent)} of {len(done)} runs had something to send: {size} bytes")
        elif not any(item.error for item in done):
            click.echo("All is there.")
    for item in done:
        if item.ahead:
            output.note(f"run {item.run}: {hub.address} has more of {', '.join(item.ahead)} than this store")
        if item.error:
            output.note(f"run {item.run}: {item.error}")
        if item.missing:
            output.note(
                f"run {item.run}: {len(item.missing)} files are named but not in this store, e.g. {item.missing[0]}"
            )
    is_well = all(item.ok for item in moved) if as_json else tell(moved, hub.address)
    return 0 if is_well and not any(item.error for item in done) else 1


@contextmanager
def _registry(hub: HubClient, store: str) -> Iterator[RegistrySync]:
    from madang.wiring import local_user, open_store
    from madang.workspace.moving.registry_sync import RegistrySync

    engine = open_store(store=store)
    try:
        yield RegistrySync(hub, engine, local_user())
    finally:
        engine.close()


def _check(hub: HubClient, store: str, chosen: list[str] | None, as_json: bool) -> int:
    from madang.client.reader import HubReader
    from madang.client.sync import check
    from madang.wiring import local_reader

    here = local_reader()
    try:
        with _registry(hub, store) as registry:
            names = list(registry.check()) if chosen is None else []
        checks = check(hub, here, HubReader(hub), store, chosen)
        return _judge(checks, _count(store, chosen), hub.address, as_json, names)
    finally:
        here.close()


def _check_here(store: str, chosen: list[str] | None, as_json: bool) -> int:
    import os
    from tempfile import TemporaryDirectory

    from madang.client.sync import check_here, link_segments
    from madang.wiring import local_reader

    if not _count(store, chosen):
        output.note(f"There are no runs in {store}.")
        return _judge(iter(()), 0, "", as_json)
    here = local_reader(store=store)
    try:
        scratch = os.path.join(store, "tmp")
        with TemporaryDirectory(prefix="check-", dir=scratch if os.access(scratch, os.W_OK) else None) as aside:
            link_segments(store, aside, chosen)
            derived = local_reader(store=aside)
            try:
                return _judge(check_here(here, derived, store, chosen), _count(store, chosen), "", as_json)
            finally:
                derived.close()
    finally:
        here.close()


def _count(store: str, chosen: list[str] | None) -> int:
    from madang.client.segments import runs_of

    return len(chosen if chosen is not None else runs_of(store))


def _judge(checks: Iterator[Check], total: int, address: str, as_json: bool, names: Sequence[NameCheck] = ()) -> int:
    from dataclasses import asdict

    from madang.cli.progress import progress

    found: list[Check] = []
    with progress(total, "runs", "check") as advance:
        for item in checks:
            found.append(item)
            advance(1)
    is_well = all(item.ok for item in found) and all(item.ok for item in names)
    if as_json:
        told = [{**asdict(item), "ok": item.ok} for item in names]
        runs = [{**asdict(item), "ok": item.ok} for item in found]
        output.data({"hub": address, "ok": is_well, "runs": runs, "names": told})
    else:
        _tell(found, address)
        _tell_names(names)
    return 0 if is_well else 1


def _tell(found: list[Check], address: str) -> None:
    from madang.domain.held import where

    for item in found:
        for segment in item.segments:
            if segment.state == "damaged":
                output.note(f"run {item.run}: segment {segment.segment} is damaged after byte {segment.here}")
            elif segment.state == "cut":
                output.note(
                    f"run {item.run}: segment {segment.segment} ends in a piece of a record after byte {segment.here}"
                )
            elif segment.state not in ("same", "held"):
                output.note(
                    f"run {item.run}: segment {segment.segment} is {segment.state}: {segment.chain_here} at byte"
                    f" {segment.here} here, {segment.chain_there} at byte {segment.there} there"
                )
        held = [segment.hub for segment in item.segments if segment.state == "held"]
        for hub in dict.fromkeys(held):
            output.note(f"run {item.run}: {held.count(hub)} segments are not here: {where(item.run, hub)}")
        for name in item.differs:
            output.note(f"run {item.run}: differs: {name}")
        if item.changed:
            output.note(f"run {item.run}: changed on the record since: {', '.join(item.changed)}")
    good = sum(item.ok for item in found)
    same = "the same here and there" if address else "whole, and read as their segments say"
    click.echo(f"{good} of {len(found)} runs are {same}.")


def _tell_names(names: Sequence[NameCheck]) -> None:
    for item in names:
        for difference in item.differs:
            output.note(f"{item.type} {output.printable(item.name)}: differs: {output.printable(difference)}")
    if names:
        click.echo(
            f"{sum(item.ok for item in names)} of {len(names)} artifacts and models are the same here and there."
        )
