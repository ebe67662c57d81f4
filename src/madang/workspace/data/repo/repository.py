"""A data repository: the folder that holds ``.dvc``, and everything found from there."""

from __future__ import annotations

import os
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from functools import cached_property
from typing import Any

from madang.errors import ConfigError, NotAWorkspace
from madang.formats.store import find_repository
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.state import State
from madang.workspace.data.repo.git import GitObjects
from madang.workspace.data.repo.settings import Settings

DVC_DIR = ".dvc"
_IN_REPOSITORY = ("project", "local")  # levels of the configuration whose files lie there


def find_root(path: str) -> str | None:
    """The nearest folder at or above ``path`` that holds ``.dvc``, or None."""
    folder = os.path.abspath(path)
    while True:
        if os.path.isdir(os.path.join(folder, DVC_DIR)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def open_repository(path: str, *, must_be_made: bool = True) -> Repository:
    """The repository at or above ``path``; unless it ``must_be_made``, any work tree of git will do: nothing is tracked
    there, but its files and commits can be read.

    Raises:
        NotAWorkspace: there is none.
    """
    root = find_root(path) or (None if must_be_made else find_repository(os.path.abspath(path))[0])
    if not root:
        raise NotAWorkspace(f"{os.path.abspath(path)} is not inside a data repository.", hint="madang init makes one.")
    return Repository(root)


def settings_around(folder: str, level: str | None = None) -> Settings:
    """The configuration as it is seen from a folder. Outside of a data repository there are only the files of the
    system and of the user.

    Raises:
        ConfigError: ``level`` is a file of a repository, and there is none; or see `Settings`.
    """
    root = find_root(folder)
    if root is None and level in _IN_REPOSITORY:
        raise ConfigError("This is not inside a data repository.", hint="madang init makes one; or use --global.")
    return Settings(os.path.join(root or os.sep, DVC_DIR))


class Repository:
    """Where things are, and the objects that work on them. Reading it costs nothing until it is asked."""

    def __init__(self, root: str, cache_dir: str | None = None) -> None:
        """``cache_dir`` overrides the configured cache: for a second work tree that is filled from the first."""
        self.root = os.path.abspath(root)
        self.dvc_dir = os.path.join(self.root, DVC_DIR)
        self.tmp_dir = os.path.join(self.dvc_dir, "tmp")
        self.private_dir = os.path.join(self.tmp_dir, "madang")
        self.parsed: dict[tuple[str, bytes], Any] = {}  # records by path and bytes: commits share most of them
        self._cache_dir = cache_dir

    @cached_property
    def settings(self) -> Settings:
        """The configuration."""
        return Settings(self.dvc_dir)

    @cached_property
    def git_root(self) -> str | None:
        """The git work tree around it; None without one or with ``core.no_scm``."""
        return None if self.settings.is_true("core", "no_scm") else find_repository(self.root)[0] or None

    @cached_property
    def git_objects(self) -> GitObjects:
        """What commits hold. Only with a git work tree."""
        return GitObjects(self.git_root or self.root)

    @cached_property
    def state(self) -> State:
        """What was hashed before."""
        return State(os.path.join(self._state_folder, "state.db"))

    @cached_property
    def folded_state(self) -> State:
        """The same with the hash of dvc 2."""
        return State(os.path.join(self._state_folder, "folded.db"), folds=True)

    @cached_property
    def _state_folder(self) -> str:
        folder = self.private_dir
        if self.git_root is not None:
            folder = os.path.join(find_repository(self.git_root)[1], "madang")
        if on_network(folder):  # SQLite's locks are not safe there
            home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
            mark = blake2b(os.fsencode(self.root), digest_size=12).hexdigest()
            folder = os.path.join(home, "madang", "data", mark)
        return folder

    @cached_property
    def cache(self) -> Cache:
        """The objects."""
        folder = self._cache_dir or self.settings.cache_dir(self.dvc_dir)
        return Cache(folder, self.state, os.path.join(self.private_dir, "damaged"), self.settings.cache_folder_mode())

    def check_locks_are_shared(self) -> None:
        """Refuse a repository whose users lock it in a way that madang does not."""
        if self.settings.is_true("core", "hardlink_lock"):
            raise ConfigError(
                "core.hardlink_lock is set, and madang does not take locks of that kind.",
                hint="Unset it: dvc config core.hardlink_lock false. The usual lock works on NFS with Linux.",
            )

    def relative(self, path: str) -> str:
        """A path inside the repository, relative to its root."""
        return os.path.relpath(path, self.root)

    def root_in(self, work_tree: str) -> str:
        """Where the root of this repository lies in another work tree of the same git repository."""
        below = os.path.relpath(self.root, self.git_root or self.root)
        return os.path.normpath(os.path.join(work_tree, below))

    def close(self) -> None:
        """Give back the states' connections and end the git process."""
        if "state" in self.__dict__:
            self.state.close()
        if "folded_state" in self.__dict__:
            self.folded_state.close()
        if "git_objects" in self.__dict__:
            self.git_objects.close()


_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs"}


def on_network(path: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether a path lies on a file system that other machines write to as well; False where nothing tells."""
    kind = mount_of(path, mounts)[1]
    return kind in _NETWORK or kind.startswith(("fuse.sshfs", "fuse.gluster", "fuse.ceph", "fuse.juicefs"))


def mount_of(path: str, mounts: str = "/proc/self/mounts") -> tuple[str, str]:
    """(device, kind) of the file system that a path lies on; empty texts where nothing tells."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split(" ") for line in file]
    except OSError:
        return "", ""
    longest, found = "", ("", "")
    for fields in lines:
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").rstrip("/")
        if (path == point or path.startswith(point + "/")) and len(point) >= len(longest):
            longest, found = point, (fields[0], fields[2])
    return found
