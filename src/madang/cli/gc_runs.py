"""`madang gc --runs`: pack the segments of runs that have ended, and give up those that a hub verifiably holds."""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records
from madang.errors import Refused, UsageError

if TYPE_CHECKING:
    from madang.client.dropping import Finding
    from madang.domain.runs import RunRecord
    from madang.ports.reader import Reader
    from madang.wiring import Engine

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PAGE = 1000


def collect_runs(*, hub: str, dry: bool, older_than: str, yes: bool, as_json: bool) -> int:
    """Do it for the workspace around the present folder; the exit code.

    Raises:
        UsageError: ``older_than`` is no length of time.
        Refused: nobody can be asked, and ``yes`` was not given.
    """
    from madang.formats.store import find_store
    from madang.services.reader import LocalReader
    from madang.wiring import local_user, open_store

    before = time.time_ns() // 1000 - _micros(older_than)
    store = find_store().store
    engine = open_store(store=store, make=False)
    try:
        ended = [run for run in _runs(LocalReader(local_user(), engine)) if run.ended_at and run.ended_at <= before]
        packed = 0 if dry else _pack(engine, ended)
        found = _verified(engine, store, ended, hub) if hub else []
        chosen = [item for item in found if item.droppable]
        size = sum(item.bytes for item in chosen)
        if not as_json:
            _tell(found, hub, packed)
        freed = 0
        if chosen and not dry:
            _ask(len(chosen), size, hub, yes)
            freed = _drop(engine, store, {run.id: run for run in ended}, chosen)
    finally:
        engine.close()
    if as_json:
        output.data(_json(found, hub, packed, size, freed))
    elif not chosen:
        click.echo("Nothing to drop." if hub else "Name a hub (--hub or MADANG_HUB) to drop what it holds.")
    else:
        click.echo(f"{len(chosen)} runs, {size} bytes: " + ("would be dropped." if dry else f"dropped {freed} bytes."))
    return 0


def _micros(text: str) -> int:
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    if found is None:
        raise UsageError(f"{text[:40]!r} is no length of time.", hint="Such as 30d, 12h or 2w.")
    return int(found[1]) * _UNITS[found[2]] * 1_000_000


def _runs(reader: Reader) -> list[RunRecord]:
    from madang.domain.query import RunQuery

    found: list[RunRecord] = []
    cursor = ""
    while True:
        page = reader.runs(RunQuery(None, limit=_PAGE, cursor=cursor, deleted="all", keys=()))
        found += page.runs
        cursor = page.next
        if not cursor:
            return found


def _pack(engine: Engine, runs: list[RunRecord]) -> int:
    """How many segments were packed."""
    from madang.cli.progress import progress

    done = 0
    with progress(len(runs), "runs", "pack") as advance:
        for run in runs:
            done += sum(1 for _ in engine.packing.pack(run.id))
            advance(1)
    return done


def _verified(engine: Engine, store: str, runs: list[RunRecord], address: str) -> list[Finding]:
    from madang.cli.progress import progress
    from madang.client.dropping import Finding, verify
    from madang.client.http import HubClient
    from madang.client.segments import segments_of

    found: list[Finding] = []
    hub = HubClient(address)
    try:
        hub.account()
        with progress(len(runs), "runs", "compare") as advance:
            for run in runs:
                if segments_of(store, run.id):
                    why = engine.packing.stays(run.id)
                    found.append(Finding(run.id, run.project, run.name, reason=why) if why else verify(hub, store, run))
                advance(1)
    finally:
        hub.close()
    return found


def _ask(runs: int, size: int, hub: str, yes: bool) -> None:
    if yes:
        return
    if not os.isatty(0):
        raise Refused(f"The segments of {runs} runs ({size} bytes) would be removed here.", hint="Say so with --yes.")
    click.confirm(f"Remove the segments of {runs} runs here ({size} bytes)? {hub} holds them.", abort=True, err=True)


def _drop(engine: Engine, store: str, runs: dict[str, RunRecord], chosen: list[Finding]) -> int:
    from madang.client.dropping import drop

    engine.records.make_durable()  # the records are what is read of these runs from now on
    return sum(drop(store, runs[item.run], item) for item in chosen)


def _tell(found: list[Finding], hub: str, packed: int) -> None:
    if packed:
        output.note(f"packed {packed} segments")
    if not hub or not found:
        return
    short = records.short_ids([item.run for item in found])
    rows = [
        [short[item.run], item.project, item.name, str(item.bytes), f"stays: {item.reason}" if item.reason else "drop"]
        for item in found
    ]
    output.table(["RUN", "PROJECT", "NAME", "BYTES", ""], rows, right=frozenset({3}))


def _json(found: list[Finding], hub: str, packed: int, size: int, freed: int) -> Any:
    runs = [{**asdict(item), "droppable": item.droppable} for item in found]
    return {"hub": hub, "packed": packed, "bytes": size, "freed": freed, "runs": runs}
