"""``add --out`` and ``--to-remote``: data comes from an address; or goes from there into a remote, past the work tree.

The bytes are held on this machine only while they are sent: a portion at a time, verified, in a folder that goes again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain.values import value
from madang.durable import Staging, write_file
from madang.errors import ConfigError, InvalidInput, NotFound
from madang.formats.dvc import dvcfile, imports, listing
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files import leftovers
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.imports.importing import How, Imported, kept_keys, written_address
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.records import placing
from madang.workspace.data.records.outs import Target, outs_of
from madang.workspace.data.records.stages import Stage
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.repo import gitignores
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources import addresses
from madang.workspace.data.sources.addresses import Address, Look, OpenRemote, dep_entry, open_address
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
            names = sorted(set(taken.files.values()))
            _send_missing(side, names, meter)
            if taken.is_dir:
                _send_missing(side, [store_listing(cache, taken.files)], meter)
        finally:
            store.close()
    return Sent(look, taken.content())


def store_listing(cache: Cache, files: Mapping[str, str]) -> str:
    """Put the listing of a folder into a cache. Returns its name."""
    body = listing.encode(files)
    name = listing.name_of_bytes(body)
    with cache.staging() as staging:
        cache.add_bytes(staging, name, body)
    return name


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
    address = open_address(url, open_remote, settings=repository.settings)
    try:
        placing.check_place(repository, place, force=force or os.path.abspath(url) == place)
        with hold(repository, [place]):
            sent = send(repository, address, open_remote, remote, meter)
            done = Imported(place, place + dvcfile.SUFFIX, sent.content)
            notes = {**kept_keys(done.dvc_file), **(extra or {})}
            _write(repository, done, dvcfile.new(os.path.basename(place), sent.content, notes))
    finally:
        address.close()
    return done


def add_copy(
    repository: Repository,
    url: str,
    place: str,
    open_remote: OpenRemote,
    *,
    force: bool = False,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """Copy data at an address to ``place`` (absolute) and track it as data of this repository.

    Raises:
        Conflict: something is there, and not ``force``.
    """
    address = open_address(url, open_remote, settings=repository.settings)
    try:
        placing.check_place(repository, place, force=force)
        with hold(repository, [place]):
            taken = address.take(repository.cache, meter)
            if taken.is_dir:
                store_listing(repository.cache, taken.files)
            done = Imported(place, place + dvcfile.SUFFIX, taken.content())
            notes = {**kept_keys(done.dvc_file), **(extra or {})}
            _write(repository, done, dvcfile.new(os.path.basename(place), taken.content(), notes))
    finally:
        address.close()
    targets = [Target(out) for out in outs_of(done.dvc_file)]
    done.kept = checkout(repository, targets, force=force, command="add --force", meter=meter).kept
    leftovers.note(repository, [place])
    return done


def import_to_remote(
    repository: Repository,
    url: str,
    out: str | None,
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    how: How | None = None,
    options: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """The same with a record of where the data comes from."""
    place = placing.destination(out, addresses.name_of(url))
    placing.check_place(repository, place, force=(how or How()).force)
    given = dict(options or {})
    address = open_address(url, open_remote, settings=repository.settings, options=given)
    try:
        with hold(repository, [place]):
            sent = send(repository, address, open_remote, remote, meter)
            written = written_address(repository, url, os.path.dirname(place))
            dep = dep_entry(written, address, sent.look, sent.content, given)
            done = Imported(place, place + dvcfile.SUFFIX, sent.content)
            notes = {**kept_keys(done.dvc_file), **(extra or {})}
            _write(repository, done, imports.new(os.path.basename(place), dep, sent.content, notes, known=True))
    finally:
        address.close()
    return done


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
    done = []
    for stage in stages:
        source = stage.source
        assert source is not None
        written = str(source["path"])
        options = source.get("fs_config") or {}
        url = written if "://" in written else os.path.join(stage.wdir, written)
        address = open_address(url, open_remote, settings=repository.settings, options=options)
        try:
            with hold(repository, [stage.outs[0].path]):
                sent = send(repository, address, open_remote, remote, meter)
                with open(stage.file, encoding="utf-8") as file:
                    before = file.read()
                dep = dep_entry(written, address, sent.look, sent.content, options)
                after = imports.updated(before, stage.file, dep, sent.content)
                one = Imported(stage.outs[0].path, stage.file, sent.content, before != after)
                if after != before:
                    write_file(stage.file, after.encode())
                    one.git_files.append(stage.file)
        finally:
            address.close()
        done.append(one)
    return done


def _write(repository: Repository, done: Imported, text: str) -> None:
    write_file(done.dvc_file, text.encode())
    done.git_files.append(done.dvc_file)
    done.git_files += gitignores.protect(repository, done.path)
