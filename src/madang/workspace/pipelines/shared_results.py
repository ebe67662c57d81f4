"""What others have made: recorded data, and what the same commands gave for the same inputs, in the default remote."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from madang.errors import AccessDenied, ConfigError, MadangError, NotFound, Refused, Unauthenticated, Unavailable
from madang.ports.objects import Objects
from madang.workspace.data import progress
from madang.workspace.data.files.checkout import checkout, raise_if_incomplete
from madang.workspace.data.records.outs import Target, TrackedOut
from madang.workspace.data.records.stages import Stage, is_local
from madang.workspace.data.remotes import transfer
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.settings import RemoteConfig

OpenRemote = Callable[[RemoteConfig], Objects]
Say = Callable[[str], None]
_UNREACHABLE = (AccessDenied, ConfigError, Unauthenticated, Unavailable)


class SharedResults:
    """The remote, as far as a reproduction needs it. When it cannot be reached that is said, and it is left alone."""

    def __init__(self, repository: Repository, open_remote: OpenRemote, say: Say, meter: progress.Meter) -> None:
        self._repository = repository
        self._open_remote = open_remote
        self._say = say
        self._meter = meter
        self._is_reachable = self._has_runs = True

    def bring_outputs(self, stage: Stage) -> bool:
        """Bring the recorded outputs of a stage that lacks only them. Returns whether they are all there now."""
        targets = [Target(out) for out in stage.outs if out.md5 is not None and is_local(out.path)]
        if not self._is_reachable or not targets:
            return False
        self._say(f"Pulling data for {stage.address}")
        try:
            self._bring(targets)
        except MadangError as error:
            self._could_not(f"pull data for {stage.address}", error)
            return False
        return all(os.path.lexists(out.path) for out in stage.outs)

    def bring_dependencies(self, stage: Stage, known: Mapping[str, TrackedOut]) -> None:
        """Bring dependencies that are tracked data (``known``, by path) and not there, as far as they can be had."""
        targets = [Target(known[dep.path]) for dep in stage.deps if dep.path in known and not os.path.lexists(dep.path)]
        if not self._is_reachable or not targets:
            return
        self._say(f"Pulling dependencies of {stage.address}")
        try:
            self._bring(targets)
        except MadangError as error:
            self._could_not(f"pull dependencies of {stage.address}", error)

    def bring_runs(self, key: str) -> bool:
        """Bring the entries of the run cache that have a key. Returns whether there were any."""
        if not (self._is_reachable and self._has_runs):
            return False
        try:
            return bool(transfer.move_runs(self._repository, self._open_remote, pushing=False, key=key))
        except Refused as error:
            self._has_runs = False
            self._say(f"The run cache is not pulled: {error.message}")
        except _UNREACHABLE as error:
            self._could_not("pull the run cache", error)
        return False

    def bring_objects(self, targets: Sequence[Target]) -> None:
        """Bring what the cache lacks of outputs, as far as it can be had."""
        if not self._is_reachable:
            return
        try:
            transfer.fetch(self._repository, targets, self._open_remote)
        except NotFound:
            return
        except _UNREACHABLE as error:
            self._could_not("pull results", error)

    def _bring(self, targets: Sequence[Target]) -> None:
        moved = transfer.fetch(self._repository, targets, self._open_remote, meter=self._meter)
        transfer.raise_if_incomplete(moved, "pull")
        report = checkout(self._repository, targets, meter=self._meter)
        raise_if_incomplete(report, self._repository.root)

    def _could_not(self, what: str, error: MadangError) -> None:
        self._say(f"Unable to {what}: {error.message}")
        if isinstance(error, _UNREACHABLE):
            self._is_reachable = False
            self._say("Nothing more is fetched: what is stale is run here.")
