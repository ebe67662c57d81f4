"""Listings of folders that the cache lacks, from the remotes: what was in a folder can be told without its files."""

from __future__ import annotations

from madang.errors import MadangError
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.records.outs import Target
from madang.workspace.data.records.stages import TrackedOut
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import OpenRemote, jobs_of
from madang.workspace.data.repo.repository import Repository

_EMPTY = "d751713988987e9331980363e24189ce.dir"


class RemoteListings:
    """Asks remotes for listings. They are not kept, and a remote that fails once is not asked again."""

    def __init__(self, repository: Repository, open_remote: OpenRemote) -> None:
        self._repository = repository
        self._open_remote = open_remote
        self._sides: dict[str, RemoteObjects] = {}
        self._failed: set[str] = set()

    def __call__(self, out: TrackedOut) -> dict[str, str] | None:
        """The files of a tracked folder; None when no remote tells."""
        if out.md5 in (None, _EMPTY):
            return {}
        remote = ""
        try:
            for job in jobs_of(self._repository, [Target(out)], None):
                remote = f"{job.remote.name} {job.is_legacy}"
                if remote in self._failed:
                    return None
                if remote not in self._sides:
                    cache = place_of(self._repository, out).cache
                    self._sides[remote] = RemoteObjects(self._open_remote(job.remote), cache, 1)
                return self._sides[remote].listing(str(out.md5)) or None
        except (MadangError, OSError):
            self._failed.add(remote)  # what cannot be asked is not known
        return None

    def close(self) -> None:
        """Give back the remotes."""
        for side in self._sides.values():
            side.store.close()
        self._sides.clear()
