"""The tracked data that a run read, brought into a new work tree: from the cache, else from a remote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence

from madang.domain.files import InputItem
from madang.domain.runs import RunRecord
from madang.domain.versions import check_path
from madang.errors import CorruptData, InvalidInput, MadangError
from madang.workspace import tracked_files
from madang.workspace.data.objects.copying import copy
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import OpenRemote
from madang.workspace.data.repo.locks import using
from madang.workspace.data.repo.repository import Repository
from madang.workspace.reproduction.files import md5_of, no_links_above

MAX_NAMED = 50
_REQUESTS = 16  # to a remote at once
_DIR = ".dir"  # ends the name of a folder's listing


class RunData:
    """What a run read of the data repository around a folder."""

    def __init__(self, run: RunRecord, tracked: tracked_files.TrackedFiles, open_remote: OpenRemote | None) -> None:
        """``open_remote`` None: the cache alone."""
        self._run = run
        self._tracked = tracked
        self._repository: Repository = tracked.repository
        self._open_remote = open_remote
        self._where = "not in the data cache"

    def missing(self) -> list[str]:
        """What can be had from nowhere, as far as it can be told without a work tree. What a remote has is fetched."""
        tracked = [item for item in self._run.inputs if item.tracked_by]
        wanted = {_name(item): item for item in tracked if item.digest.startswith("md5:")}
        return [self._absent(wanted[name]) for name in self._lacking(wanted)]

    def restore(self, root: str) -> list[str]:
        """Check the tracked data out, and put what the run really read in the place of what differs.

        Returns what is missing.

        Raises:
            CorruptData: cached bytes do not have their digest. Refused: a path lies below a link.
        """
        read = {os.path.join(root, item.path): item for item in self._run.inputs}
        lacking = self._tracked.missing_objects(root)
        needed = [one for one in lacking if one.path in read or _holds(one.path, read)]
        if needed:
            self._lacking({one.name for one in needed})
            if any(one.name.endswith(_DIR) for one in needed):  # what a listing names is only known with it
                again = self._tracked.missing_objects(root)
                self._lacking({one.name for one in again if one.path in read})
            lacking = self._tracked.missing_objects(root)
            needed = [one for one in lacking if one.path in read or _holds(one.path, read)]
        missing = [f"{os.path.relpath(one.path, root)} (md5:{one.name}): {self._where}" for one in needed[:MAX_NAMED]]
        if not lacking:
            self._tracked.checkout_into(root)
        named = {text.partition(" (")[0] for text in missing}
        for item in self._run.inputs:
            lack = self._as_read(root, item)
            if lack and item.path not in named:
                missing.append(lack)
        return missing

    def _as_read(self, root: str, item: InputItem) -> str:
        """Put one input there as the run read it; returns what is missing for that."""
        try:
            path = os.path.join(root, check_path(item.path))
        except InvalidInput:
            return f"{item.path} ({item.digest}): it lies outside the work tree"
        if not item.digest:
            return f"{item.path}: it was changed before it could be told what the run had read"
        if not item.digest.startswith("md5:"):
            return f"{item.path}: its digest {item.digest} is of an unknown kind"
        if _name(item).endswith(_DIR):
            return self._folder_as_read(root, item)
        if os.path.isfile(path) and md5_of(path) == _name(item):
            return ""
        if self._lacking([_name(item)]):
            return "" if is_seen(item, self._run) else self._absent(item)
        self._put(root, item.path, _name(item))
        return ""

    def _folder_as_read(self, root: str, item: InputItem) -> str:
        if self._lacking([_name(item)]):
            return self._absent(item)
        files = self._repository.cache.listing(_name(item))
        differing = {
            inside: md5
            for inside, md5 in files.items()
            if not os.path.isfile(os.path.join(root, item.path, inside))
            or md5_of(os.path.join(root, item.path, inside)) != md5
        }
        if lost := self._lacking(differing.values()):
            return f"{item.path} ({item.digest}): {len(lost)} of its files are {self._where}"
        for inside, md5 in differing.items():
            self._put(root, f"{item.path}/{check_path(inside)}", md5)
        return ""

    def _put(self, root: str, inside: str, name: str) -> None:
        no_links_above(root, inside)
        path = os.path.join(root, inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        copy(self._repository.cache.path(name), path)
        if md5_of(path) != name:
            raise CorruptData(f"The cached bytes of {inside} do not have the digest md5:{name}.")

    def _lacking(self, names: Iterable[str]) -> Sequence[str]:
        """Those of some objects that cannot be had, after the remotes were asked."""
        absent = self._repository.cache.look(list(names)).missing
        if not absent or self._open_remote is None:
            return absent
        try:
            self._fetch(absent, self._open_remote)
        except MadangError as error:
            self._where = f"not in the data cache, and the remote cannot be asked ({error.message})"
        return self._repository.cache.look(absent).missing

    def _fetch(self, names: Sequence[str], open_remote: OpenRemote) -> None:
        """Bring objects from the default remote, else from those that records name."""
        settings = self._repository.settings
        own = sorted({out.entry.remote for out in self._tracked.tracked() if out.entry.remote})
        remotes = [name for name in dict.fromkeys([settings.default_remote(), *own]) if name]
        if not remotes:
            self._where = "not in the data cache, and no remote is set up"
            return
        self._where = f"neither in the data cache nor in the remote {' or '.join(remotes)}"
        for name in remotes:
            absent = self._repository.cache.look(names).missing
            if not absent:
                return
            store = open_remote(settings.remote(name))
            try:
                with using(self._repository.cache.folder):
                    side = RemoteObjects(store, self._repository.cache, _REQUESTS)
                    side.bring(side.sizes(absent), lambda _: None)
            finally:
                store.close()

    def _absent(self, item: InputItem) -> str:
        return f"{item.path} ({item.digest}): {self._where}"


def is_seen(item: InputItem, run: RunRecord) -> bool:
    """Whether an input is a file that nothing tracks, and that is known because the run opened it."""
    return not item.tracked_by and "r" in run.opened.get(item.path, "")


def _name(item: InputItem) -> str:
    return item.digest.removeprefix("md5:")


def _holds(path: str, read: Mapping[str, InputItem]) -> bool:
    """Whether something that the run read lies in a tracked folder whose list of files is missing."""
    return any(one.startswith(path + "/") for one in read)
