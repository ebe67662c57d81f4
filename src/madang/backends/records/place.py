"""Where a workspace's records lie: beside its segments, unless SQLite cannot write there."""

from __future__ import annotations

import os
import re
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Mapping

from madang.formats.store import refused

# SQLite's WAL needs memory that all processes share, which no file system over a network gives.
_NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "9p"),
        *("orangefs", "pvfs2", "panfs", "wekafs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse"),
        *("fuse.rclone", "fuse.ceph-fuse", "fuse.juicefs"),
    )
)


def records_path(store: str, env: Mapping[str, str], mounts: str = "/proc/self/mounts") -> str:
    """The path of records.db for a store; its folder exists afterwards.

    On a network file system, and where this user may not write, it lies in the user's state folder, named by the
    store's path: it is an index, made anew on each machine. Where the mounts cannot be told (not Linux) it lies in the
    store if that can be written.
    """
    named = os.path.realpath(store)
    if not _writable(store):
        named += _which(store)
    elif _file_system(named, mounts) not in _NETWORK:
        return f"{store}/records.db"
    state = env.get("XDG_STATE_HOME", "") or os.path.expanduser("~/.local/state")
    name = blake2b(named.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    folder = os.path.join(state, "madang", name)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error
    return f"{folder}/records.db"


def _writable(store: str) -> bool:
    """Whether SQLite can write there: the file, what it makes beside it, and the lock of `damage`."""
    files = (f"{store}/records.db{ending}" for ending in ("", "-wal", "-shm", ".lock"))
    return os.access(store, os.W_OK | os.X_OK) and all(
        os.access(file, os.W_OK) for file in files if os.path.exists(file)
    )


def _which(store: str) -> str:
    """What tells stores apart that are mounted at one place, one after the other: archives, snapshots."""
    try:
        found = os.stat(f"{store}/format")
    except OSError:
        return ""
    return f"\0{found.st_dev} {found.st_ino} {found.st_mtime_ns}"


def _file_system(path: str, mounts: str) -> str:
    """The type of the file system that holds a path, empty when it cannot be told."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split(" ") for line in file]
    except OSError:
        return ""
    found, longest = "", -1
    for parts in lines:
        if len(parts) < 3:
            continue
        point = parts[1]
        if "\\" in point:  # "\\040" stands for a space
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            found, longest = parts[2], len(point)
    return found
