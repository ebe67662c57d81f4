"""The composition root: the only place that names concrete backends."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from madang.backends.records import open_postgres, open_sqlite
from madang.backends.records.place import records_path
from madang.backends.segments import LocalSegments
from madang.domain.access import Principal, local
from madang.errors import ConfigError, CorruptData
from madang.formats import store as layout
from madang.formats.store import StorePaths
from madang.services.reader import LocalReader
from madang.wiring_core import Core, open_tracking, say

if TYPE_CHECKING:  # a command does not pay for what it does not use
    from collections.abc import Mapping

    from madang.config import HubConfig
    from madang.ports.git import Git
    from madang.ports.objects import Objects
    from madang.ports.reader import Reader
    from madang.ports.sweeps import SweepApi
    from madang.ports.webhooks import Sealer, Sender
    from madang.services.access import Access
    from madang.services.adopting import Adopting
    from madang.services.committing import Commits
    from madang.services.comparing.code_changes import CodeComparison
    from madang.services.comparing.explaining import Explaining
    from madang.services.data import Data
    from madang.services.datasets import Datasets
    from madang.services.deliveries import Deliveries
    from madang.services.digests import Digests
    from madang.services.drafts import Drafts
    from madang.services.merging.merging import Merging
    from madang.services.model_registry.links import Links
    from madang.services.packing import Packing
    from madang.services.parts import PartUploads
    from madang.services.pipelines import Pipelines
    from madang.services.report_links import ReportLinks
    from madang.services.reports import Reports
    from madang.services.streams import Streams
    from madang.services.sweeping.sweeping import Sweeping
    from madang.services.views import Views
    from madang.services.webhooks import Webhooks


class Engine(Core):
    """One store with its services, each made when it is first asked for: most commands need two of them.

    ``outgoing`` is what a hub sends messages of webhooks with.
    """

    outgoing: tuple[Sender, Sealer] | None = None

    @cached_property
    def digests(self) -> Digests:
        """MD5s of blobs."""
        from madang.services.digests import Digests

        return Digests(self.records, self.records.drafts, self.blobs)

    @cached_property
    def drafts(self) -> Drafts:
        """Versions in the making."""
        from madang.services.drafts import Drafts

        rows, is_index = self.records.drafts, self.records.is_index
        return Drafts(self.records, rows, self.artifacts, self.digests, self.tracking, is_index=is_index)

    @cached_property
    def commits(self) -> Commits:
        """Drafts that become versions."""
        from madang.services.committing import Commits

        rows = self.records.drafts
        return Commits(self.records, rows, self.drafts, self.artifacts, self.digests, self.tracking)

    @cached_property
    def links(self) -> Links:
        """Versions shown in other collections."""
        from madang.services.model_registry.links import Links

        return Links(self.records, self.records.drafts, self.drafts, self.registry, self.models)

    @cached_property
    def parts(self) -> PartUploads:
        """Files that arrive in parts."""
        from madang.services.parts import PartUploads

        return PartUploads(self.scratch, self.upload_limits)

    @cached_property
    def data(self) -> Data:
        """Objects of data remotes."""
        from madang.services.data import Data

        threads = 16 if "://" in self._blobs else 1
        index, takes = self.records.data_objects, not self.records.is_index
        return Data(
            self.records, index, self.blobs, self.scratch, threads=threads, takes=takes, limits=self.upload_limits
        )

    @cached_property
    def datasets(self) -> Datasets:
        """Tracked data and its versions: of the work tree around a workspace's store, else of what was pushed."""
        from madang.services.datasets import Datasets, PushedData

        if self.store.root:
            from madang.workspace.datasets import WorkspaceData

            return Datasets(self.records, self.tracking, WorkspaceData(self.store.root))
        return Datasets(self.records, self.tracking, PushedData(self.records.data_objects, self.blobs))

    @cached_property
    def pipelines(self) -> Pipelines:
        """Reproductions."""
        from madang.services.pipelines import Pipelines

        return Pipelines(self.search)

    @cached_property
    def code(self) -> CodeComparison:
        """How the code of runs differs."""
        from madang.services.comparing.code_changes import CodeComparison

        return CodeComparison(self._reader, git(self.store.root) if self.store.root else None)

    @cached_property
    def explaining(self) -> Explaining:
        """What changed a metric."""
        from madang.services.comparing.explaining import Explaining

        return Explaining(self._reader, git(self.store.root) if self.store.root else None)

    @cached_property
    def packing(self) -> Packing:
        """Compressing the segments of runs that have ended."""
        from madang.services.packing import Packing

        return Packing(self.records, self.tracking, self.files)

    @cached_property
    def adopting(self) -> Adopting:
        """Projects and models of other trackers."""
        from madang.services.adopting import Adopting

        return Adopting(self.records, self.projects, self.records.projects, self.models)

    @cached_property
    def merging(self) -> Merging:
        """What other stores know of versions and models."""
        from madang.services.merging.merging import Merging

        return Merging(self.records, self.tracking, self.guard, self.reviews)

    @cached_property
    def sweeping(self) -> Sweeping:
        """Sweeps and their agents."""
        from madang.backends.suggesting import OptunaSuggester
        from madang.services.sweeping.sweeping import Sweeping

        return Sweeping(self.records, self.tracking, OptunaSuggester())

    @cached_property
    def views(self) -> Views:
        """Reports, workspaces and charts."""
        from madang.services.views import Views

        return Views(self.records)

    @cached_property
    def report_links(self) -> ReportLinks:
        """Links by which anyone may look at a report."""
        from madang.services.report_links import ReportLinks
        from madang.services.secret import signing_secret

        return ReportLinks(self.records.tokens, self.views, lambda: signing_secret(self.records))

    @cached_property
    def reports(self) -> Reports:
        """Reports with what they show."""
        from madang.services.reports import Reports

        return Reports(self.views, self.search)

    @cached_property
    def access(self) -> Access:
        """Tokens and who they speak for."""
        from madang.services.access import Access

        return Access(self.records.tokens)

    @cached_property
    def streams(self) -> Streams:
        """Runs whose clients stream lines."""
        from madang.services.streams import Streams

        return Streams(self.records, self.tracking)

    @cached_property
    def webhooks(self) -> Webhooks | None:
        """Webhooks; None of a workspace: its runs and models are told of by the hub that they are sent to."""
        if self.outgoing is None:
            return None
        from madang.services.webhooks import Webhooks

        return Webhooks(self.records, *self.outgoing)

    @cached_property
    def deliveries(self) -> Deliveries | None:
        """The outbox of webhooks; None of a workspace."""
        if self.outgoing is None:
            return None
        from madang.services.deliveries import Deliveries

        return Deliveries(self.records, *self.outgoing, self.tracking.catch_up)


def open_store(path: str | None = None, store: str | None = None, *, make: bool = True) -> Engine:
    """The workspace store around a folder (the present one when None), made when it is missing.

    ``path`` may also be a store itself; ``store`` names it for certain. Without ``make``, for who only reads, a store
    that is missing is empty and stays missing; what others write there meanwhile is seen.
    """
    if path and not store and os.path.exists(f"{path}/format"):
        store = path
    paths = layout.find_store(path or "", given=store or "")
    if not make and not os.path.exists(f"{paths.store}/format"):
        return _opened_aside(paths)
    layout.ensure(paths.store)
    place = records_path(paths.store, os.environ)
    try:
        return _opened(paths, place)
    except CorruptData:  # the index was damaged and is moved aside by now: this makes it anew
        return _opened(paths, place)


def _opened(paths: StorePaths, place: str) -> Engine:
    """The engine over the index at ``place``, which has taken in all that the store holds beside its segments."""
    records = open_sqlite(place, durable=False, log=f"{paths.store}/changes.log", on_damage=say)
    files = LocalSegments(paths.store)
    tracking = open_tracking(records, files)
    try:
        records.replay(tracking.catch_up)
    except BaseException:
        records.close()
        raise
    engine = Engine(paths, records, f"{paths.store}/blobs", tracking, files)
    engine.judge_models()
    return engine


def _opened_aside(paths: StorePaths) -> Engine:
    """The engine of a store that is not there yet: its index lies in a temporary folder, which goes with the engine."""
    import shutil
    import tempfile
    import weakref

    folder = tempfile.mkdtemp(prefix="madang-")
    try:
        engine = _opened(paths, f"{folder}/records.db")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    engine.at_close = weakref.finalize(engine, shutil.rmtree, folder, ignore_errors=True)
    return engine


def open_hub(config: HubConfig) -> Engine:
    """The store of a hub, made when it is missing. Runs come to it over the network alone.

    Raises:
        ConfigError: no folder is named, or an address that madang does not speak.
        Unavailable: the database does not answer.
    """
    if not config.store:
        raise ConfigError("A hub needs a folder.", hint="Name it: --store DIR, or MADANG_HUB_STORE.")
    if config.database and not config.database.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            f"{config.database.partition(':')[0]!r} is not a database that madang speaks.",
            hint="Write postgresql://USER@HOST/NAME, or leave it out for SQLite.",
        )
    from madang.formats.native import encoded_row

    folder = os.path.abspath(config.store)
    outgoing = _outgoing(config, folder)
    layout.ensure(folder)
    records = open_postgres(config.database) if config.database else open_sqlite(f"{folder}/records.db", durable=True)
    tracking = open_tracking(records, encode=encoded_row)
    engine = Engine(StorePaths("", "", folder), records, config.blobs or f"{folder}/blobs", tracking)
    engine.largest_file = config.max_file << 20
    engine.outgoing = outgoing
    engine.blobs  # noqa: B018 - a wrong address is told now, not at the first upload
    engine.judge_models()
    return engine


def _outgoing(config: HubConfig, folder: str) -> tuple[Sender, Sealer]:
    """What carries messages of webhooks, and keeps their secrets. Raises `ConfigError`."""
    from madang.backends.posting import Poster
    from madang.backends.sealing import SealedBox
    from madang.domain.destinations import networks

    sealer = SealedBox(config.key_file or f"{folder}/secrets.key", make=not config.key_file)
    if config.key_file:
        sealer.check()  # a wrong name is told now, not at the first secret
    return Poster(networks(config.allow_webhook)), sealer


def local_user() -> Principal:
    """The user of this machine, who may do everything in their own store."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):  # as getpass.getuser, which loads a terminal's modules
        if named := os.environ.get(variable):
            return local(named)
    import pwd

    try:
        return local(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # the system does not know the number
        return local(f"uid {os.getuid()}")


def local_reader(path: str | None = None, store: str | None = None, *, make: bool = False) -> Reader:
    """The reading side of the workspace store around a folder, or of the store named; with ``make`` it exists then."""
    engine = open_store(path, store, make=make)
    return LocalReader(local_user(), engine, lambda: reviewer(engine.store.root))


def reviewer(root: str) -> Principal:
    """Who approves in a store without users: whoever git says the user is, else the user of this machine."""
    from madang.backends.git.identity import user_name

    return local(user_name(root) or local_user().name)


def reader(store: str | None = None, hub: str | None = None) -> Reader:
    """The reading side that commands and the SDK use: the hub named here or in MADANG_HUB, else this machine's store.

    An empty ``hub`` means the store, whatever MADANG_HUB says.
    """
    address = os.environ.get("MADANG_HUB", "") if hub is None else hub
    if address:
        from madang.client.http import HubClient  # an HTTP client is not loaded where no hub is named
        from madang.client.reader import HubReader

        return HubReader(HubClient(address))
    return local_reader(store=store)


def sweep_api(hub: str | None = None) -> SweepApi:
    """Sweeps for commands and the SDK: on the hub named here or in MADANG_HUB, else in this machine's store."""
    address = os.environ.get("MADANG_HUB", "") if hub is None else hub
    if address:
        from madang.client.http import HubClient
        from madang.client.sweeps import HubSweepApi

        return HubSweepApi(HubClient(address))
    from madang.services.sweeping.local_sweeps import LocalSweepApi

    engine = open_store()
    return LocalSweepApi(local_user(), engine.store.store, engine.sweeping, engine.close)


def git(root: str) -> Git:
    """The repository around a work tree."""
    from madang.backends.git.program import GitProgram

    return GitProgram(root)


def open_foreign(address: str, options: Mapping[str, str]) -> Objects:
    """An object store in which another tracker has put files, opened as its owner's tools would."""
    from madang.backends.objects.opening import open_objects

    return open_objects(address, options)
