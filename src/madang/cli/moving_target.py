"""What all imports of runs have in common: where they go, and how they are carried and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from madang.domain.foreign import Source
    from madang.wiring import Engine
    from madang.workspace.moving.importing import Wanted
    from madang.workspace.moving.target import Target as Place

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--dry", is_flag=True, help="Read everything, say what would come, write nothing."),
    click.option("--no-files", is_flag=True, help="Leave the files of runs where they are."),
    click.option("--to", metavar="URL", default="", help="Into a hub over the network, with an admin's token."),
    click.option("--store", metavar="DIR", default="", help="Into the store of a hub (`madang hub --store DIR`)."),
    click.option("--database", metavar="URL", default="", help="The hub's database, if PostgreSQL; with --store."),
    click.option("--blobs", metavar="URL", default="", help="Where the hub keeps files, if not in DIR; with --store."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
)


@dataclass(frozen=True)
class Target:
    """Where runs go, and how it is told, as the options of `target_options` say."""

    dry: bool
    no_files: bool
    to: str
    store: str
    database: str
    blobs: str
    as_json: bool


def target_options(function: F) -> F:
    """The options of every import of runs; the command is given them as keywords of `Target`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def carry(source: Source, wanted: Wanted, target: Target, *, exact: bool = True) -> int:
    """Bring what a source holds, and report; the exit code. ``exact``: more than MLflow has is compared."""
    from madang.cli.moving_report import show
    from madang.cli.progress import progress, quiet
    from madang.workspace.moving.importing import bring, chosen

    try:
        total = sum(source.count(item) for item in chosen(source, wanted))
        source.problems.clear()
        shown = quiet if target.as_json else progress
        with _place(target, exact=exact) as place, shown(total, "runs", "import") as tell:
            report = bring(source, place, wanted, tell)
    finally:
        source.close()
    return show(report, target.as_json)


@contextmanager
def _place(target: Target, *, exact: bool) -> Iterator[Place]:
    """Where it goes: a hub over the network, a store of one, or that of the workspace."""
    from madang.errors import UsageError

    if target.to:
        if target.store or target.database or target.blobs:
            raise UsageError("--to is a hub that is asked over the network.", hint="Leave --store and its options out.")
        from madang.client.http import HubClient
        from madang.workspace.moving.hub_target import HubTarget

        hub = HubClient(target.to)
        try:
            hub.account()
            yield HubTarget(hub, exact=exact)
        finally:
            hub.close()
        return
    from madang.wiring import local_user
    from madang.workspace.moving.exact import ExactStore
    from madang.workspace.moving.local_target import LocalTarget
    from madang.workspace.moving.store import OwnStore

    engine = opened_store(target.store, target.database, target.blobs, make=not target.dry)
    try:
        yield LocalTarget((ExactStore if exact else OwnStore)(engine, local_user()))
    finally:
        engine.close()


def opened_store(store: str, database: str, blobs: str, *, make: bool) -> Engine:
    """The store that is meant: that of a hub when it is named, else the workspace's.

    Without ``make`` a workspace's store that is not there stays so: an empty one elsewhere stands for it.
    """
    import os

    from madang.config import HubConfig
    from madang.errors import UsageError
    from madang.formats.store import find_store
    from madang.wiring import open_hub, open_store

    if store:
        return open_hub(HubConfig(store=store, database=database, blobs=blobs))
    if database or blobs:
        raise UsageError("--database and --blobs are of a hub.", hint="Name its folder, too: --store DIR.")
    place = find_store().store
    if make or os.path.exists(f"{place}/format"):
        return open_store()
    import shutil
    import tempfile

    aside = tempfile.mkdtemp(prefix="madang-")
    engine = open_store(store=aside)
    engine.store.store = place
    engine.at_close = lambda: shutil.rmtree(aside, ignore_errors=True)
    return engine
