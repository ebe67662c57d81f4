"""Versions as files on this machine: written below ``<store>/versions`` once, and anew when they were changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from blake3 import blake3

from madang.domain.versions import GONE, Entry, VersionRecord, check_path, parse_ref
from madang.errors import Conflict, CorruptData, MadangError, NotFound, Unavailable
from madang.formats import store as layout
from madang.sdk import blobs
from madang.sdk.reading import open_reader, places

if TYPE_CHECKING:
    from madang.ports.reader import Reader

_PIECE = 1 << 20
_TIME = 946_684_800_000_000_000  # ns; files as we wrote them have this time, and changing one changes it


def project_here(root: str) -> str:
    """The project where none is named: MADANG_PROJECT, else the name of the repository or folder."""
    return os.environ.get("MADANG_PROJECT") or os.path.basename(root or os.getcwd()) or "default"


def version_files(
    project: str, ref: str, store: str, hub: str | None = None, *, anywhere: bool = False
) -> tuple[str, VersionRecord]:
    """The path of a version's file or folder on this machine, and the version: of the hub, else of the store.

    With ``anywhere`` it may also be of another project, when only one has the name.

    Raises:
        NotFound: there is no such version.
        Conflict: several other projects have the name.
        Unavailable: the hub does not answer, and the store does not have it.
        CorruptData: stored bytes are not what they should be.
        StorageError: the disk refused.
    """
    missing: MadangError | None = None
    for address in places(hub):
        try:
            with closing(open_reader(store, address)) as reader:
                where = _owner(reader, project, ref) if anywhere else project
                version = reader.resolve(where, ref)
                if GONE in version.tags:
                    raise NotFound(f"{version.ref} is not there: {version.tags[GONE]}.")
                return write_out(reader, where, reader.manifest(where, version.ref), store), version
        except (NotFound, Unavailable) as error:
            missing = missing or error
    assert missing is not None
    raise missing


def _owner(reader: Reader, project: str, ref: str) -> str:
    """The project that a name means where none was given: this one when it has the name, else the only one."""
    name = parse_ref(ref).name
    owners = [
        one.name for one in reader.projects() if any(row.name == name for row in reader.collections(one.name, None))
    ]
    if project in owners or not owners:
        return project
    if len(owners) > 1:
        raise Conflict(f"Several projects have {name!r}: {', '.join(owners)}.", hint="Name one with project=.")
    return owners[0]


def write_out(reader: Reader, project: str, entries: Sequence[Entry], store: str) -> str:
    """The path of a tree of stored files on this machine: a folder, or the only file.

    Raises:
        CorruptData: stored bytes are not what they should be.
        StorageError: the disk refused.
    """
    digest = blobs.tree_digest([(entry.path, _told(entry), entry.size) for entry in entries])
    folder = f"{store}/versions/{digest[7:9]}/{digest[9:]}"
    if not _untouched(folder, entries):
        aside, spoiled = layout.aside_path(store), layout.aside_path(store)
        try:
            for entry in entries:
                _copy(reader, project, entry, _path(aside, entry))
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            if os.path.isdir(folder):  # somebody has changed it
                os.rename(folder, spoiled)
            os.rename(aside, folder)
        except OSError as error:
            if not _untouched(folder, entries):  # otherwise another process was faster
                raise layout.refused(folder, error) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(spoiled, ignore_errors=True)
    return _path(folder, entries[0]) if len(entries) == 1 and "/" not in entries[0].path else folder


def _told(entry: Entry) -> str:
    """What tells the bytes of an entry from others: of a reference also where they are."""
    return entry.digest if entry.is_held else f"{entry.digest} {entry.uri} {entry.about}"


def _path(folder: str, entry: Entry) -> str:
    return os.path.join(folder, *check_path(entry.path).split("/"))


def _untouched(folder: str, entries: Sequence[Entry]) -> bool:
    """Whether all files are there as we wrote them."""
    try:
        for entry in entries:
            facts = os.stat(_path(folder, entry))
            is_other = facts.st_size != entry.size and (entry.is_held or entry.size > 0)
            if is_other or facts.st_mtime_ns != _TIME:
                return False
    except OSError:
        return False
    return True


def _copy(reader: Reader, project: str, entry: Entry, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not entry.is_held:
        from madang.wiring_data import read_reference

        with open(path, "xb") as target:
            read_reference(entry, target)
        os.utime(path, ns=(_TIME, _TIME))
        return
    digest = blake3()
    with reader.open_blob(project, entry.digest) as source, open(path, "xb") as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            target.write(piece)
    if entry.digest != "blake3:" + digest.hexdigest():
        raise CorruptData(
            f"The stored bytes of {entry.path!r} are damaged.", hint="Run `madang sync` or restore the blob."
        )
    os.utime(path, ns=(_TIME, _TIME))
