"""The records: what a hub or workspace knows of runs, metrics, versions and tokens.

A backend is one object that satisfies `Records`; its parts are small protocols by noun. Every method may be called
from many threads at once. A method called inside `transaction()` takes part in it; outside, each call is its own
transaction. After an error nothing of the call (inside `transaction()`: nothing of the block) has happened, and it may
be repeated.

Errors of every method: `StorageError` when the disk or database refuses (full, read-only, failing), `Unavailable` when
the database server does not answer or a lock could not be had in time, `CorruptData` when its file is damaged,
`Incompatible` when the schema is newer than this release.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from madang.domain.lineage import DataUse
from madang.domain.metrics import MetricSummary
from madang.domain.query import RunQuery
from madang.domain.run_state import RunState
from madang.domain.runs import Overrides, RunChange
from madang.domain.values import mutable, value
from madang.ports.history import HistoryRecords
from madang.ports.tokens import TokenRecords
from madang.ports.versions import VersionRecords
from madang.ports.waiting import WaitingRecords

if TYPE_CHECKING:  # most commands need none of it
    from madang.ports.registry import RegistryRecords
    from madang.ports.streams import StreamRecords
    from madang.ports.sweeps import SweepRecords
    from madang.ports.tombstones import Tombstones
    from madang.ports.views import ViewRecords
    from madang.ports.webhooks import WebhookRecords

SEARCHED = frozenset({"params", "tags", "summary", "definitions", "data", "datasets"})


@mutable
class StoredRun:
    """A run at rest.

    ``number`` is the store's own short id (0: not stored yet), ``changed`` the revision that last touched it.
    """

    state: RunState
    overrides: Overrides = field(default_factory=Overrides)
    number: int = 0
    changed: int = 0
    damage: dict[str, str] = field(default_factory=dict)  # segment → why its end cannot be read


@value
class Project:
    """Counts over the runs that are not deleted."""

    name: str
    runs: int
    running: int
    last_activity: int  # µs UTC
    created_at: int  # µs UTC
    description: str = ""
    title: str = ""  # what people call it; its name, unless a client has renamed it


@value
class Selected:
    """One page of a search: (number, revision that last touched it, id) of each run, in order; see `Selection`."""

    runs: list[tuple[int, int, str]]
    next: str
    total: int


@value
class Selection:
    """One page of a search. ``next`` is the cursor of the page after, empty at the end; ``total`` counts all pages."""

    runs: list[StoredRun]
    next: str
    total: int


@value
class MetricKey:
    """A metric name of a project; ``runs`` says how many runs have it."""

    name: str
    kind: str
    runs: int


@value
class RunRow:
    """A run as lists show it, encoded. ``mark`` says what it was made of: another mark, another row."""

    mark: str
    data: bytes


class RunRecords(Protocol):
    """Runs, their search indexes and the summaries of their metrics."""

    def get(self, run: str) -> StoredRun | None:
        """The whole run, or None."""
        ...

    def data_uses(self, data: str, projects: Collection[str] | None = None) -> list[DataUse]:
        """The runs (deleted ones too) that read a tracked path or artifact, oldest first."""
        ...

    def data_names(self, project: str) -> list[tuple[str, int, int]]:
        """Tracked paths that runs of a project read: name, how many runs, when the newest began (µs UTC)."""
        ...

    def put(self, stored: StoredRun, touched: Collection[str] = SEARCHED) -> None:
        """Store a run and the search indexes that were ``touched``; sets ``number`` and ``changed`` (revision)."""
        ...

    def fetch(self, runs: Sequence[str]) -> list[StoredRun]:
        """Several runs without their long lists (`formats.state.HEAVY`); unknown ids are left out."""
        ...

    def find(self, text: str, limit: int = 20) -> list[tuple[str, str]]:
        """(id, project) of the runs whose id begins with ``text``, else of those whose name is ``text``.

        Else of those that a client of W&B calls so.
        """
        ...

    def select(self, query: RunQuery) -> Selected:
        """Which runs fit a query, without reading them; as `search` otherwise."""
        ...

    def load(self, numbers: Sequence[int]) -> list[StoredRun]:
        """Runs by number, in this order, light as from `fetch`; those that are gone are left out."""
        ...

    def search(self, query: RunQuery) -> Selection:
        """Runs that fit a query, light as from `fetch`. ``query.projects`` None means all.

        Raises `InvalidInput` for a bad cursor or an unknown attribute.
        """
        ...

    def projects(self) -> list[Project]:
        """All projects, by newest activity."""
        ...

    def describe_project(self, name: str, description: str, at: int) -> None:
        """Make the project if it is new, and set its description."""
        ...

    def revision(self, projects: Collection[str] | None = None) -> int:
        """The newest revision of any run, version or pointer (of these projects); 0 without any."""
        ...

    def changed(self, since: int, projects: Collection[str] | None, limit: int) -> tuple[int, list[str]]:
        """(revision reached, ids of the runs touched after ``since``), oldest change first.

        A revision beyond the runs': versions or pointers (of these projects) have changed.
        """
        ...

    def metrics(
        self, numbers: Sequence[int], keys: Collection[str] | None, limit: int, start: int = 0
    ) -> dict[int, dict[str, MetricSummary]]:
        """Summaries by run number and key; at most ``limit`` keys a run, in the order in which the store met them.

        Without ``keys`` the first ``start`` of each run are passed over.
        """
        ...

    def put_metrics(self, stored: StoredRun, summaries: Mapping[str, MetricSummary], *, replace: bool = False) -> None:
        """Store summaries of a run that is stored. With ``replace``, keys that are not named lose theirs."""
        ...

    def metric_keys(self, project: str, runs: Sequence[int] | None, contains: str, limit: int) -> list[MetricKey]:
        """Metric names of a project (or of some of its runs), by name; ``contains`` ignores case."""
        ...

    def rows(self, numbers: Sequence[int], form: str) -> dict[int, RunRow]:
        """The encoded rows that are kept of these runs in a form, by run number."""
        ...

    def keep_rows(self, form: str, rows: Mapping[int, RunRow]) -> None:
        """Keep encoded rows by run number, in place of those of the same form."""
        ...

    def add_change(self, run: str, change: RunChange, actor: str, at: int, revision: int) -> None:
        """Keep one change from outside in the log of changes."""
        ...


@mutable
class SegmentRow:
    """How far a segment has been read (``offset``…) and how much of that lies in sealed chunks (``sealed_…``)."""

    run: int
    id: str
    number: int = 0
    offset: int = 0
    sequence: int = 0
    chain: bytes = bytes(16)
    sealed_offset: int = 0
    sealed_sequence: int = 0
    sealed_chain: bytes = bytes(16)
    rows: int = 0  # metric rows and console lines between sealed_offset and offset
    size: int = 0  # of the file when it was last read; more than the offset when its end is torn
    ended: bool = False  # nothing more is expected
    damage: str = ""


@value
class KeySetRow:
    """A set of metric names that a segment declared at ``sequence``."""

    sequence: int
    id: int
    keys: tuple[int, ...]  # numbers of the names
    types: str


class SegmentRecords(Protocol):
    """Positions, key sets and (on a hub) the bytes of segments that are not sealed yet."""

    def get(self, run: int, segment: str) -> SegmentRow | None:
        """The row of one segment."""
        ...

    def of_run(self, run: int) -> list[SegmentRow]:
        """All segments of a run."""
        ...

    def known(self, run: str) -> dict[str, tuple[int, bool, bool]]:
        """(size seen, ended, damaged) of each segment of the run with this id; empty for an unknown run."""
        ...

    def open(self) -> list[tuple[str, SegmentRow]]:
        """(run id, row) of every segment that has not ended."""
        ...

    def put(self, row: SegmentRow, before: int | None) -> bool:
        """Store a row if the stored offset is still ``before`` (None: there was no row), else return False.

        Sets ``number`` on a new row.
        """
        ...

    def keysets(self, segment: int) -> list[KeySetRow]:
        """The declared sets in the order of their sequence."""
        ...

    def add_keysets(self, segment: int, sets: Iterable[KeySetRow]) -> None:
        """Keep declared sets; a sequence that is there already stays."""
        ...

    def names(self, keys: Collection[int]) -> dict[int, str]:
        """Metric names by number."""
        ...

    def numbers(self, names: Sequence[str], *, create: bool = False) -> dict[str, int]:
        """Numbers by metric name; with ``create`` unknown names get one."""
        ...

    def add_piece(self, segment: int, offset: int, data: bytes) -> None:
        """Keep raw bytes of a segment that begin at ``offset``."""
        ...

    def pieces(self, segment: int, offset: int, stop: int = 1 << 62) -> bytes:
        """The kept bytes from ``offset`` up to ``stop``, joined."""
        ...

    def loose(self, before: int, limit: int) -> list[tuple[int, int]]:
        """(segment, offset of its first piece that is not packed) of runs that ended before a time (µs UTC)."""
        ...

    def add_packed(self, segment: int, offset: int, size: int, packed: bytes) -> None:
        """Keep the last ``size`` bytes of a segment, from ``offset`` on, as a zstd frame in place of their pieces."""
        ...

    def pack_pieces(self, segment: int, offset: int, size: int, packed: bytes) -> None:
        """Replace the pieces of ``size`` bytes from ``offset`` by one; ``packed`` is a zstd frame of the same bytes."""
        ...


class KeyValue(Protocol):
    """Small settings of the store itself."""

    def get(self, key: str) -> bytes | None:
        """A value, or None."""
        ...

    def set(self, key: str, value: bytes | None) -> None:
        """Keep a value; None forgets it."""
        ...


class WouldWait(Exception):
    """Raised inside `Records.without_waiting` and `Records.briefly` by what may have to wait for others.

    Nothing of the call has happened.
    """


class Records(Protocol):
    """All of it, with transactions over all of it."""

    @property
    def runs(self) -> RunRecords: ...  # noqa: D102 - the protocol says it
    @property
    def segments(self) -> SegmentRecords: ...  # noqa: D102 - as above
    @property
    def history(self) -> HistoryRecords: ...  # noqa: D102 - as above
    @property
    def waiting(self) -> WaitingRecords: ...  # noqa: D102 - as above
    @property
    def versions(self) -> VersionRecords: ...  # noqa: D102 - as above
    @property
    def registry(self) -> RegistryRecords: ...  # noqa: D102 - as above
    @property
    def streams(self) -> StreamRecords: ...  # noqa: D102 - as above
    @property
    def sweeps(self) -> SweepRecords: ...  # noqa: D102 - as above
    @property
    def views(self) -> ViewRecords: ...  # noqa: D102 - as above
    @property
    def webhooks(self) -> WebhookRecords: ...  # noqa: D102 - as above
    @property
    def tombstones(self) -> Tombstones: ...  # noqa: D102 - as above
    @property
    def tokens(self) -> TokenRecords: ...  # noqa: D102 - as above
    @property
    def settings(self) -> KeyValue: ...  # noqa: D102 - as above

    def transaction(self) -> AbstractContextManager[None]:
        """Everything this thread does in the block happens together or not at all.

        Blocks of other threads and processes run before or after it, never between (no lost update). A block inside
        a block joins the outer one.
        """
        ...

    def without_waiting(self) -> AbstractContextManager[None]:
        """In the block this thread waits for no other writer: a transaction, or what would wait, is a `WouldWait`.

        For a thread that many wait for. A database that does not lie in this process refuses every block. The end of
        the block may be a `WouldWait` too (`ports.tokens`): what was read in it is to be told to nobody then.
        """
        ...

    def briefly(self) -> AbstractContextManager[None]:
        """In the block this thread waits but a moment to begin its first transaction: after it, that is a `WouldWait`.

        For who can come again later, and does not hold a thread until then. Once one has begun, the others are waited
        for as usual.
        """
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside a transaction, and so keeps other writers out."""
        ...

    @property
    def may_wait(self) -> bool:
        """Whether this thread may wait for what others hold: not inside a transaction, nor `without_waiting`."""
        ...

    def if_undone(self, action: Callable[[], None]) -> None:
        """Do something should the present transaction fail, while others still wait for it; without one, nothing.

        For what remembers what was written. The action asks the records nothing.
        """
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...
