"""Entries of the run cache (which inputs of a stage gave which outputs) between a cache and a remote.

Its entries lie in ``runs/<k[:2]>/<k>/<v>`` on both sides; docs/formats/dvc.md says what the names are. An entry whose
content does not fit its name is not taken, in either direction.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from madang.durable import write_all
from madang.errors import NotFound
from madang.formats.dvc.places import MAX_RUN_ENTRY, place_of, run_name
from madang.ports.objects import ManyAtOnce, Objects
from madang.staging import Staging
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.records.outs import Target

FOLDER = "runs"


def push_runs(cache: str, store: Objects, jobs: int) -> list[str]:
    """Send entries of the cache's folder that the remote lacks. Returns their names.

    Raises:
        Refused: a remote that cannot be listed has no run cache.
    """
    here = _local(cache)
    there = _there(store, here)
    bodies = {key: body for key in sorted(here - there) if (body := _read(f"{cache}/{key}")) and _fits(key, body)}
    with store.batch() as batch:
        for _ in each(lambda key: batch.put(key, bodies[key]), list(bodies), threads=jobs, chunk=1):
            pass
    return sorted(bodies)


def folder_of(key: str) -> str:
    """The folder that has the entries of one key: of a command and what it reads."""
    return f"{FOLDER}/{key[:2]}/{key}"


def fetch_runs(cache: str, store: Objects, jobs: int, key: str = "") -> list[str]:
    """Bring entries that the cache's folder lacks, all or those of a key. Returns names. Raises as `push_runs`."""
    below = folder_of(key) if key else FOLDER
    here = _local(cache, below)
    wanted = sorted(
        stat.key
        for stat in store.list(below)
        if stat.key not in here and _is_entry(stat.key) and stat.size <= MAX_RUN_ENTRY
    )
    if not wanted:
        return []
    got: list[str] = []
    os.makedirs(cache, exist_ok=True)
    with Staging(cache) as staging:
        for key, body in zip(
            wanted, each(lambda key: _fetched(store, key), wanted, threads=jobs, chunk=1), strict=True
        ):
            if body is not None and _fits(key, body):
                aside = staging.new_path()
                _write(aside, body)
                staging.add(aside, f"{cache}/{key}")
                got.append(key)
    return got


def reports(cache: Cache, targets: Iterable[Target]) -> list[Target]:
    """Reports of stages that are kept out of the cache and are in it all the same, for the run cache: as cached data.

    An entry of the run cache is of use only to who can have all that it names. dvc does not send these.
    """
    found = []
    for target in targets:
        entry = target.out.entry
        if entry.kind == "out" or entry.cache or entry.md5 is None or entry.hash_name is None:
            continue
        if cache.holds_all(entry.md5) if target.out.is_dir else not cache.look([entry.md5]).missing:
            found.append(replace(target, out=replace(target.out, entry=replace(entry, cache=True))))
    return found


def _there(store: Objects, keys: Iterable[str]) -> set[str]:
    if isinstance(store, ManyAtOnce):
        return set(store.sizes(sorted(keys)))
    return {stat.key for stat in store.list(FOLDER)}


def _local(cache: str, below: str = FOLDER) -> set[str]:
    found: set[str] = set()
    for folder, _, names in os.walk(f"{cache}/{below}"):
        keys = (f"{folder[len(cache) + 1 :]}/{name}".replace(os.sep, "/") for name in names)
        found.update(key for key in keys if _is_entry(key))
    return found


def _is_entry(key: str) -> bool:
    place = place_of(key)
    return place is not None and place.kind == "run"


def _fits(key: str, body: bytes) -> bool:
    place = place_of(key)
    return place is not None and run_name(body) == place.name


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_RUN_ENTRY + 1)
    except FileNotFoundError:
        return b""


def _fetched(store: Objects, key: str) -> bytes | None:
    try:
        return store.read(key)
    except NotFound:
        return None


def _write(path: str, body: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, body)
    finally:
        os.close(descriptor)
