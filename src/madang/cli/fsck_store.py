"""`madang fsck --store`: a hub's folder, or the store of a workspace."""

from __future__ import annotations

import os
from dataclasses import asdict
from itertools import islice

import click

from madang.backends.segments import LocalSegments
from madang.cli import output
from madang.cli.records import size
from madang.config import HubConfig
from madang.formats import store as layout
from madang.services.checking import StoreCheck
from madang.wiring import open_hub, open_store
from madang.workspace.data.keeping.checking import share_of

_SHOWN = 100


def check_store(folder: str, database: str, blobs: str, part: str, *, quiet: bool, as_json: bool) -> int:
    """Check and show. Returns the exit code: 1 when something is wrong.

    Raises:
        NotFound: the folder is no store. Others as `StoreCheck.check`.
    """
    folder = os.path.abspath(folder)
    layout.check_there(folder)
    is_workspace = not database and _has_segments(folder)
    if is_workspace:
        engine = open_store(store=folder)
        engine.tracking.catch_up()
    else:
        engine = open_hub(HubConfig(store=folder, database=database, blobs=blobs))
    try:
        files = LocalSegments(folder) if is_workspace else None
        check = StoreCheck(engine.records, engine.blobs, files, engine.records.data_objects)
        faults = list(check.check(share_of(part) if part else None))
    finally:
        engine.close()
    counts = {"blobs": check.blobs, "bytes_read": check.read, "versions": check.versions}
    counts |= {"runs": check.runs, "segments": check.segments, "data_objects": check.data}
    if as_json:
        output.data({"ok": not faults, "problems": [asdict(fault) for fault in faults], **counts})
    elif not quiet:
        for fault in islice(faults, _SHOWN):
            click.echo(f"{fault.kind} {output.printable(fault.name)}: {fault.detail}")
        if len(faults) > _SHOWN:
            click.echo(f"… and {len(faults) - _SHOWN} more; --json shows all.")
        click.echo(
            f"{check.blobs} blobs ({size(check.read)} read), {check.versions} versions, {check.runs} runs, "
            f"{check.segments} segments, {check.data} data objects: "
            f"{len(faults) or 'no'} problem{'' if len(faults) == 1 else 's'}."
        )
    return 1 if faults else 0


def _has_segments(folder: str) -> bool:
    """A hub keeps the bytes of segments in its database."""
    try:
        return bool(os.listdir(os.path.join(folder, "segments")))
    except FileNotFoundError:
        return False
