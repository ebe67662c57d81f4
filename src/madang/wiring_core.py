"""The services over a store's runs, versions and models: the part of `wiring.Engine` that its others stand on."""

from __future__ import annotations

import contextlib
import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from madang.backends.records import SqlRecords
from madang.domain.access import Principal, local
from madang.formats import store as layout
from madang.formats.store import StorePaths
from madang.services.model_registry.judge import Judge
from madang.services.reader import LocalReader
from madang.services.search import Search
from madang.services.tracking import Tracking

if TYPE_CHECKING:  # a command does not pay for what it does not use
    from collections.abc import Callable, Sequence

    from madang.domain.gates import Repetition
    from madang.domain.promotion import Rule
    from madang.ports.objects import Objects
    from madang.ports.reader import Reader
    from madang.ports.records import Records, StoredRun
    from madang.ports.segments import SegmentFiles
    from madang.services.artifacts import Artifacts
    from madang.services.history import History
    from madang.services.ingest import Ingest
    from madang.services.lineage import Lineage
    from madang.services.model_registry.gates import Gates
    from madang.services.model_registry.guard import Guard
    from madang.services.model_registry.losers import Losers
    from madang.services.model_registry.models import Models
    from madang.services.model_registry.promotion import Promotion
    from madang.services.model_registry.registry import Registry
    from madang.services.model_registry.reviews import Reviews
    from madang.services.projects import Projects
    from madang.services.rows import Encode
    from madang.services.upload_limits import UploadLimits


class _OnDemand:
    """See `services.catching_up.OnDemand`."""

    def __init__(self, records: Records, files: SegmentFiles | None, encode: Encode | None) -> None:
        self._records, self._files, self._encode = records, files, encode
        self.judge: Judge | None = None

    @cached_property
    def history(self) -> History:
        from madang.services.history import History

        return History(self._records, self._files)

    @cached_property
    def ingest(self) -> Ingest:
        from madang.services.ingest import Ingest

        is_local = self._files is not None
        return Ingest(self._records, self.history, local=is_local, encode=self._encode, judge=lambda: self.judge)


def open_tracking(
    records: Records, files: SegmentFiles | None = None, host: str | None = None, encode: Encode | None = None
) -> Tracking:
    """The writing side of runs; of a hub without ``files``. ``encode`` makes the rows of lists in advance."""
    return Tracking(records, _OnDemand(records, files, encode), files, host)


class Core:
    """One store with its runs, versions and models, each service made when it is first asked for."""

    def __init__(
        self, store: StorePaths, records: SqlRecords, blobs: str, tracking: Tracking, files: SegmentFiles | None = None
    ) -> None:
        self.store = store
        self.records = records
        self.tracking = tracking
        self.files = files  # the segments of a workspace; a hub has none
        self.search = Search(records, tracking)
        self._blobs = blobs
        self.largest_file = 0  # bytes; 0: any
        self.at_close: Callable[[], object] = _nothing

    @cached_property
    def blobs(self) -> Objects:
        """The bytes of runs and versions."""
        from madang.backends.objects.opening import open_objects

        return open_objects(self._blobs)

    @cached_property
    def artifacts(self) -> Artifacts:
        """Blobs and versions."""
        from madang.services.artifacts import Artifacts

        return Artifacts(self.records, self.blobs, self.tracking, self.scratch, self.upload_limits)

    @property
    def scratch(self) -> str:
        """The folder for bytes on their way in."""
        return os.path.join(self.store.store, "tmp")

    @cached_property
    def upload_limits(self) -> UploadLimits:
        """How many bytes may come."""
        from madang.services.upload_limits import UploadLimits

        return UploadLimits(self.scratch, self.largest_file)

    def _reader(self, who: Principal) -> Reader:
        return LocalReader(who, self)

    @cached_property
    def models(self) -> Models:
        """Registered models."""
        from madang.services.model_registry.models import Models

        return Models(self.records, self.tracking, self.guard)

    @cached_property
    def projects(self) -> Projects:
        """Numbers, titles and tags of projects."""
        from madang.services.projects import Projects

        return Projects(self.records, self.records.projects, self.tracking)

    @cached_property
    def registry(self) -> Registry:
        """Aliases and stages."""
        from madang.services.model_registry.registry import Registry

        return Registry(self.records, self.tracking, self.guard)

    @cached_property
    def gates(self) -> Gates:
        """What gates find about versions."""
        from madang.services.model_registry.gates import Gates

        return Gates(self.records, self._repetitions)

    @cached_property
    def guard(self) -> Guard:
        """Protected pointers."""
        from madang.services.model_registry.guard import Guard

        return Guard(self.records, lambda: self.gates)

    @cached_property
    def reviews(self) -> Reviews:
        """Approvals and history of models."""
        from madang.services.model_registry.reviews import Reviews

        return Reviews(self.records, self.tracking, self.guard, self.registry)

    @cached_property
    def promotion(self) -> Promotion:
        """Best model only."""
        from madang.services.model_registry.promotion import Promotion

        return Promotion(self.records, self.gates, self.guard, self._declared)

    @cached_property
    def losers(self) -> Losers:
        """Models that lost and need not be kept."""
        from madang.services.model_registry.losers import Losers

        return Losers(self.records, self.blobs, self.records.data_objects, self._released)

    def _released(self) -> set[tuple[str, str, int]]:
        """The versions that releases name: tags of a workspace's repository. A hub knows of none."""
        if not self.store.root:
            return set()
        from madang.backends.git.tags import tag_texts
        from madang.domain import releases

        return releases.named_models(tag_texts(self.store.root))

    def _declared(self, run: StoredRun | None) -> Sequence[Rule]:
        """The rules in the work tree of a run that was made here, or around a workspace's store."""
        root = self._root_of(run) if self.files is not None else ""
        if not root:
            return ()
        from madang.workspace.project_file import promotion_rules

        return promotion_rules(root)

    def _root_of(self, run: StoredRun | None) -> str:
        """The work tree that a run of this machine and repository names; else the one around the store."""
        named: str = run.state.scalars.get("root", (None, ""))[1] if run is not None else ""
        if not named or named == self.store.root or not os.path.isdir(named):
            return self.store.root
        common = layout.find_repository(named)[1]  # no other folder, whatever a record of somebody else names
        return named if common and f"{common}/madang" == self.store.store else self.store.root

    def judge_models(self) -> None:
        """From now on judge the models of runs that end, and those that another process has left to be judged."""
        is_here = self.files is not None

        def wants(run: StoredRun, at: int) -> bool:
            root = self._root_of(run) if is_here else ""
            with contextlib.suppress(OSError):  # what ended before the rule was declared is not its business
                if root and os.stat(os.path.join(root, layout.PROJECT_FILE)).st_mtime_ns // 1000 <= at:
                    return True
            return bool(self.records.registry.rules(run.state.project).rules)

        judge = Judge(self.records, lambda: self.promotion, wants, say)
        self.tracking.judge = judge
        if not is_here or os.path.exists(os.path.join(self.store.root or "/", layout.PROJECT_FILE)):
            judge.settle(anyway=True)

    def _repetitions(self, run: str) -> list[Repetition]:
        from madang.services.evidence import repetitions
        from madang.workspace.keys import keyring

        return repetitions(self._reader(local("gates")), run, keyring(os.environ))

    @cached_property
    def lineage(self) -> Lineage:
        """What made what."""
        from madang.services.lineage import Lineage

        return Lineage(self.search, self.artifacts)

    def close(self) -> None:
        """Give back connections and files."""
        self.records.close()
        if "blobs" in self.__dict__:
            self.blobs.close()
        self.at_close()


def _nothing() -> None:
    pass


def say(text: str) -> None:
    """Tell the user at the terminal."""
    sys.stderr.write(f"madang: {text}\n")
