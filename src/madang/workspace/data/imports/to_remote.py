"""``--to-remote``: data at an address goes into a remote, past the work tree.

The bytes are held on this machine only while they are sent: a portion at a time, verified, in a folder that goes again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import ConfigError, InvalidInput, NotFound
from madang.formats.dvc import dvcfile, imports
from madang.formats.dvc.dvcfile import Content
from madang.staging import Staging
from madang.workspace.data import progress
from madang.workspace.data.imports.importing import address_of, written_address
from madang.workspace.data.imports.tracking import Imported, record
from madang.workspace.data.records import placing
from madang.workspace.data.records.stages import Stage
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources import addresses
from madang.workspace.data.sources.addresses import Address, Look, OpenRemote, open_address
from madang.workspace.data.sources.dep_entries import dep_entry
from madang.workspace.data.sources.passing import PassingCache

_THREADS = 16


@value
class Sent:
    """What went into a remote."""

    look: Look
    content: Content


def send(
    repository: Repository, address: Address, open_remote: OpenRemote, remote: str | None, meter: progress.Meter
) -> Sent:
    """Send what stands at an address into a remote: objects first, then the listing of a folder.

    Raises:
        NotFound: nothing is there, or no such remote.
    """
    try:
        config = repository.settings.remote(remote)
    except ConfigError as error:  # it was named in the command: no configuration is wrong
        raise NotFound(error.message, hint=error.hint) from error
    look = address.look()
    os.makedirs(repository.private_dir, exist_ok=True)
    with Staging(repository.private_dir) as area:
        folder = area.new_path()
        os.makedirs(folder)
        cache = PassingCache(folder)
        taken = address.take(cache, meter)
        store = open_remote(config)
        try:
            side = RemoteObjects(store, cache, _THREADS)
            content = taken.content()
            _send_missing(side, sorted(set(taken.files.values())), meter)
            if taken.is_dir:
                _send_missing(side, [content.md5], meter)
        finally:
            store.close()
    return Sent(look, content)


def _send_missing(side: RemoteObjects, names: Sequence[str], meter: progress.Meter) -> None:
    keys = side.cache.look(names).keys
    there = side.sizes(names)
    absent = [name for name in names if there.get(name) != keys[name].size]
    with meter(sum(keys[name].size for name in absent), "B", "pushing") as advance:
        if absent:
            side.send(absent, keys, advance)


def add_to_remote(
    repository: Repository,
    url: str,
    place: str,
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    force: bool = False,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """Track data at an address as data of this repository, at ``place`` (absolute), which stays empty.

    Raises:
        Conflict: something is there, and not ``force``.
    """
    placing.check_place(repository, place, force=force or os.path.abspath(url) == place)
    with closing(open_address(url, open_remote, settings=repository.settings)) as address, hold(repository, [place]):
        sent = send(repository, address, open_remote, remote, meter)
        return record(
            repository, place, sent.content, partial(dvcfile.new, os.path.basename(place), sent.content), extra
        )


def import_to_remote(
    repository: Repository,
    url: str,
    out: str | None,
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    force: bool = False,
    options: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """The same with a record of where the data comes from."""
    place = placing.destination(out, addresses.name_of(url))
    placing.check_place(repository, place, force=force)
    opened = closing(open_address(url, open_remote, settings=repository.settings, options=options))
    with opened as address, hold(repository, [place]):
        sent = send(repository, address, open_remote, remote, meter)
        written = written_address(repository, url, os.path.dirname(place))
        dep = dep_entry(written, address, sent.look, sent.content, options or {})
        text = partial(imports.new, os.path.basename(place), dep, sent.content, known=True)
        return record(repository, place, sent.content, text, extra)


def update_to_remote(
    repository: Repository,
    stages: Sequence[Stage],
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    meter: progress.Meter = progress.silent,
) -> list[Imported]:
    """Bring the newest bytes of imports from addresses into a remote, and change their records.

    Raises:
        InvalidInput: an import from a repository, or none at all.
    """
    wrong = next((stage for stage in stages if stage.source is None or "repo" in stage.source), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong.address} is no import from an address.", hint="Leave out --to-remote.")
    return [_update_to_remote(repository, stage, open_remote, remote, meter) for stage in stages]


def _update_to_remote(
    repository: Repository, stage: Stage, open_remote: OpenRemote, remote: str | None, meter: progress.Meter
) -> Imported:
    out = stage.outs[0]
    written, options, address = address_of(repository, stage, open_remote)
    with closing(address), hold(repository, [out.path]):
        sent = send(repository, address, open_remote, remote, meter)
        with open(stage.file, encoding="utf-8") as file:
            before = file.read()
        after = imports.updated(
            before, stage.file, dep_entry(written, address, sent.look, sent.content, options), sent.content
        )
        done = Imported(out.path, stage.file, sent.content, before != after)
        if after != before:
            write_file(stage.file, after.encode())
            done.git_files.append(stage.file)
    return done
