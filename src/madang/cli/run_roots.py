"""What recorded runs need of the cache: the tracked data that they read or wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from madang.cli import output
from madang.formats import store as layout
from madang.formats.dvc.layout import is_name
from madang.workspace.data.keeping.uses import Needed, Root

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord

_PAGE = 200


def runs_around(folder: str) -> Iterator[Root]:
    """`roots_of_runs`, none where there is no store: the records are not loaded then."""
    store = layout.find_store(folder).store
    if os.path.exists(os.path.join(store, "format")):
        yield from roots_of_runs(folder)


def roots_of_runs(folder: str) -> Iterator[Root]:
    """One root after the other for each run of the store around a folder that names data by its MD5; no deleted runs.

    Runs that cannot be read in full, and may have used more, are told on standard error, at the end.
    """
    from madang.domain.query import RunQuery
    from madang.wiring import local_user, open_store

    engine = open_store(folder, make=False)
    damaged = 0
    try:
        cursor = ""
        while True:
            page = engine.search.runs(local_user(), RunQuery(None, limit=_PAGE, cursor=cursor, keys=()))
            for run in page.runs:
                whole = engine.search.run(local_user(), run.id)
                damaged += bool(whole.damage)
                needs = tuple(dict.fromkeys(_needs(whole)))
                if needs:
                    yield Root("run", f"run {run.id[:8]} ({run.name})", needs)
            cursor = page.next
            if not cursor:
                break
    finally:
        engine.close()
    if damaged:
        output.note(
            f"warning: runs that cannot be read in full here: {damaged} (madang runs show RUN tells why). "
            "For these what they used is not known."
        )


def _needs(run: RunRecord) -> Iterator[Needed]:
    for item in run.inputs:
        for digest, path in ((item.digest, item.path), (item.recorded, item.path), (item.version, item.out)):
            yield from _needed(digest, path, "read")
    for use in run.uses:
        yield from _needed(use.digest, use.path or use.ref, "declared")
    for written in run.outputs:
        yield from _needed(written.digest, written.path, "wrote")


def _needed(digest: str, path: str, how: str) -> Iterator[Needed]:
    kind, _, name = digest.partition(":")
    if kind == "md5" and is_name(name):
        yield Needed(name, path, how)
