"""Runs, their search indexes and lists."""

from __future__ import annotations

import math
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec

from madang.backends.records.database import Database, Row, key_of
from madang.backends.records.metrics import MADE, SqlMetrics
from madang.backends.records.names import Names, stored_name
from madang.backends.records.search import Compiled, compile_search, is_prefix
from madang.domain import events
from madang.domain.events import Json
from madang.domain.ids import WANDB_TAG
from madang.domain.lineage import DATASET_CONTEXT, DataUse, data_of
from madang.domain.parameters import parameter_text
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange, RunRecord, config_of, record, tags_of
from madang.formats.state import (
    decode_environment,
    decode_overrides,
    decode_state,
    encode_environment,
    encode_overrides,
    encode_state,
)
from madang.formats.zstd import compress, decompress
from madang.ports.records import SEARCHED, Project, RunRow, Selected, Selection, StoredRun

_LONGEST = 4096  # characters of a parameter or tag that a search sees
_DATASET_NAME, _DATASET_DIGEST = 500, 100  # the same of a data set; longer ones would not fit into an index


_INDEXED = "indexed"  # of what a transaction has met: parameters and tags of a run as they were read
Indexed: TypeAlias = tuple[dict[str, Json], dict[str, str]]


class SqlRuns(SqlMetrics):
    """`ports.records.RunRecords`."""

    def __init__(self, database: Database, names: Names) -> None:
        super().__init__(database, names)

    def get(self, run: str) -> StoredRun | None:
        """The whole run, or None."""
        row = self._db.row("get_run", id=key_of(run))
        if row is None:
            return None
        stored = _stored(row)
        heavy, environment = row[5], row[6]
        stored.state = decode_state(row[2], heavy)
        if environment is not None and stored.state.environment is not None:
            part = decode_environment(decompress(environment))
            stored.state.environment = (stored.state.environment[0], part)
        if self._db.in_transaction:  # where it may be changed and put
            self._db.scratch[_INDEXED, stored.number] = _indexed_of(stored)
        return stored

    def put(self, stored: StoredRun, touched: Collection[str] = SEARCHED) -> None:
        """Store a run and its search indexes."""
        with self._db.transaction():
            made = record(stored.state, stored.overrides)
            before, new = self._indexed(stored, touched), not stored.number
            row = self._db.row("tick")
            stored.changed = int(row[0]) if row else 0
            columns = {**_columns(made), "changed": stored.changed}
            if stored.number:
                self._db.run("update_run", number=stored.number, **{k: v for k, v in columns.items() if k != "id"})
            else:
                inserted = self._db.row("insert_run", **columns)
                stored.number = int(inserted[0]) if inserted else 0
                self._db.scratch[MADE] = stored.number
            self._put_state(stored)
            if "params" in touched:
                self._put_params(stored.number, before[0], made)
            if "tags" in touched:
                self._put_tags(stored.number, before[1], made)
            if "data" in touched:
                self._sync(stored.number, "data", {}, _data(made), lambda _: {})  # what was read stays read
            if "datasets" in touched and made.datasets:
                self._put_datasets(stored.number, made)
            if "definitions" in touched and made.definitions:
                self.put_goals(stored)
            if "summary" in touched and (made.summary or not new):
                self.put_hands(stored, made)

    def _indexed(self, stored: StoredRun, touched: Collection[str]) -> Indexed:
        """What the indexes of parameters and tags were made from."""
        if not stored.number or not {"params", "tags"} & set(touched):
            return {}, {}
        known: Indexed | None = self._db.scratch.pop((_INDEXED, stored.number), None)
        if known is not None:
            return known
        rows = self._db.rows("fetch_numbers", numbers=[stored.number])
        return _indexed_of(_stored(rows[0]))

    def _put_state(self, stored: StoredRun) -> None:
        environment, digest = stored.state.environment, b""
        if environment is not None:
            part = encode_environment(environment[1])
            digest = blake2b(part, digest_size=16).digest()
            self._db.run("put_shared_part", digest=digest, data=compress(part))
            stored.state.environment = (environment[0], events.Environment())
        light, heavy = encode_state(stored.state)
        stored.state.environment = environment
        self._db.run(
            "put_state",
            run=stored.number,
            light=light,
            heavy=heavy,
            environment=digest,
            overrides=encode_overrides(stored.overrides),
            damage=msgspec.msgpack.encode(stored.damage) if stored.damage else b"",
            metrics=msgspec.msgpack.encode([]),
        )

    def _put_params(self, run: int, before: Mapping[str, Json], made: RunRecord) -> None:
        self._sync(run, "param", _params(before), _params(made.config), lambda text: {"number": parameter_number(text)})

    def _put_tags(self, run: int, before: Mapping[str, str], made: RunRecord) -> None:
        self._sync(run, "tag", _tags(before), _tags(made.tags), lambda _: {})

    def _put_datasets(self, run: int, made: RunRecord) -> None:
        self._db.run("drop_datasets", run=run)
        self._db.many(
            "put_dataset",
            [
                {
                    "run": run,
                    "name": stored_name(item.name)[:_DATASET_NAME],
                    "digest": stored_name(item.digest)[:_DATASET_DIGEST],
                    "context": stored_name(item.tags.get(DATASET_CONTEXT, ""))[:_DATASET_NAME],
                }
                for item in made.datasets
            ],
        )

    def _sync(self, run: int, noun: str, before: dict[str, str], wanted: dict[str, str], more: Any) -> None:
        gone, changed = before.keys() - wanted.keys(), [key for key in wanted if before.get(key) != wanted[key]]
        if not gone and not changed:
            return
        numbers = self._names.numbers([*gone, *changed], create=True)
        self._db.many(f"drop_{noun}", [{"name": numbers[key], "run": run} for key in gone])
        self._db.many(
            f"put_{noun}",
            [{"name": numbers[key], "run": run, "value": wanted[key], **more(wanted[key])} for key in changed],
        )

    def fetch(self, runs: Sequence[str]) -> list[StoredRun]:
        """Several runs without their long lists."""
        rows = (self._db.row("fetch_run", id=key_of(run)) for run in dict.fromkeys(runs))
        return [_stored(row) for row in rows if row is not None]

    def find(self, text: str, limit: int = 20) -> list[tuple[str, str]]:
        """(id, project) of the runs that ``text`` may mean."""
        rows = []
        if is_prefix(text):
            low, high = bytes.fromhex(text.ljust(32, "0")), bytes.fromhex(text.ljust(32, "f"))
            rows = self._db.rows("find_by_id", low=low, high=high, limit=limit)
        rows = rows or self._db.rows("find_by_name", name=text, limit=limit)
        if not rows and WANDB_TAG in (known := self._names.numbers([WANDB_TAG])):
            rows = self._db.rows("find_by_tag", tag=known[WANDB_TAG], text=text, limit=limit)
        return [(bytes(id_).hex(), project) for id_, project in rows]

    def search(self, query: RunQuery) -> Selection:
        """Runs that fit a query."""
        found = self.select(query)
        return Selection(self.load([number for number, _, _ in found.runs]), found.next, found.total)

    def select(self, query: RunQuery) -> Selected:
        """Which runs fit a query."""
        compiled = compile_search(query, self._db.dialect, self._names, partial(self._is_narrow, query.projects))
        total = self._db.row(compiled.count, **compiled.values)
        rows = self._db.rows(compiled.page, **compiled.values)
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        runs = [(int(row[0]), int(row[1]), bytes(row[2]).hex()) for row in rows]
        return Selected(runs, Compiled.cursor(rows[-1][3:]) if more else "", int(total[0]) if total else 0)

    def load(self, numbers: Sequence[int]) -> list[StoredRun]:
        """Runs by number."""
        rows = self._db.rows("fetch_numbers", numbers=list(numbers)) if numbers else []
        found = {stored.number: stored for stored in map(_stored, rows)}
        return [found[number] for number in numbers if number in found]

    def data_uses(self, data: str, projects: Collection[str] | None = None) -> list[DataUse]:
        """The runs that read some data."""
        number = self._names.numbers([data]).get(data)
        if number is None:
            return []
        rows = self._db.rows("data_uses", name=number)
        uses = [DataUse(bytes(run).hex(), *more) for run, *more in rows]
        return [use for use in uses if projects is None or use.project in projects]

    def data_names(self, project: str) -> list[tuple[str, int, int]]:
        """Tracked paths that runs of a project read."""
        return [(name, int(runs), int(last)) for name, runs, last in self._db.rows("data_names", project=project)]

    def _is_narrow(self, projects: tuple[str, ...] | None, table: str, name: int) -> bool:
        if projects is None:
            return True
        row = self._db.row("count_runs", projects=list(projects))
        most = 2 * int(row[0]) + 1 if row else 0
        row = self._db.row(f"count_{table}", name=name, most=most)
        return row is not None and int(row[0]) < most

    def projects(self) -> list[Project]:
        """All projects, by newest activity."""
        described = {
            name: (int(at), (text, title or name)) for name, text, at, title in self._db.rows("described_projects")
        }
        found = [
            Project(name, int(runs), int(running), int(seen), int(created), *described.pop(name, (0, ("", name)))[1])
            for name, runs, running, seen, created in self._db.rows("projects")
        ]
        for name, created, newest in self._db.rows("projects_of_versions"):
            found.append(Project(name, 0, 0, int(newest), int(created), *described.pop(name, (0, ("", name)))[1]))
        found += [Project(name, 0, 0, at, at, *told) for name, (at, told) in described.items()]
        return sorted(found, key=lambda project: (-project.last_activity, project.name))

    def describe_project(self, name: str, description: str, at: int) -> None:
        """Set a project's description."""
        self._db.run("describe_project", name=name, description=description, at=at)

    def revision(self, projects: Collection[str] | None = None) -> int:
        """The newest revision of any run."""
        if projects is None:
            row = self._db.row("revision")
        else:
            row = self._db.row("revision_of_projects", projects=list(projects))
        return int(row[0]) if row else 0

    def changed(self, since: int, projects: Collection[str] | None, limit: int) -> tuple[int, list[str]]:
        """(revision reached, ids of the runs touched after ``since``)."""
        newest = self._revision_of_versions(projects)  # first: what the runs had before it is then in the rows
        if projects is None:
            rows = self._db.rows("changed", since=since, limit=limit)
        else:
            rows = self._db.rows("changed_in_projects", since=since, projects=list(projects), limit=limit)
        reached = int(rows[-1][0]) if rows else since
        if len(rows) < limit:
            reached = max(reached, newest)
        return reached, [bytes(run).hex() for _, run in rows]

    def _revision_of_versions(self, projects: Collection[str] | None) -> int:
        if projects is None:
            row = self._db.row("revision_of_versions")
        else:
            row = self._db.row("revision_of_versions_in_projects", projects=list(projects))
        return int(row[0]) if row else 0

    def rows(self, numbers: Sequence[int], form: str) -> dict[int, RunRow]:
        """Encoded rows."""
        found = self._db.rows("rows_of_runs", runs=list(numbers), form=form) if numbers else []
        return {int(number): RunRow(mark, bytes(data)) for number, mark, data in found}

    def keep_rows(self, form: str, rows: Mapping[int, RunRow]) -> None:
        """Keep encoded rows."""
        with self._db.transaction():
            self._db.many(
                "keep_row",
                [{"run": run, "form": form, "mark": row.mark, "data": row.data} for run, row in sorted(rows.items())],
            )

    def add_change(self, run: str, change: RunChange, actor: str, at: int, revision: int) -> None:
        """Keep one change from outside in the log of changes."""
        self._db.run(
            "add_change", run=key_of(run), change=msgspec.msgpack.encode(change), actor=actor, at=at, revision=revision
        )


def _indexed_of(stored: StoredRun) -> Indexed:
    return config_of(stored.state), tags_of(stored.state, stored.overrides)


def _params(config: Mapping[str, Json]) -> dict[str, str]:
    return {key: parameter_text(value)[:_LONGEST].replace("\x00", "␀") for key, value in config.items()}


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: text[:_LONGEST].replace("\x00", "␀") for key, text in tags.items()}


def _data(made: RunRecord) -> dict[str, str]:
    return {name: version.replace("\x00", "␀") for name, version in data_of(made).items()}


def parameter_number(text: str) -> float | None:
    """The number that a parameter's text is, if it is one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _stored(row: Row) -> StoredRun:
    number, changed, light, overrides, damage = row[:5]
    return StoredRun(
        decode_state(light),
        decode_overrides(bytes(overrides)),
        int(number),
        int(changed),
        msgspec.msgpack.decode(damage, type=dict[str, str]) if damage else {},
    )


def _columns(made: RunRecord) -> dict[str, Any]:
    texts: Iterable[tuple[str, str]] = (
        ("name", made.name),
        ("user_name", made.user),
        ("host", made.host),
        ("run_group", made.group),
        ("job_type", made.job_type),
        ("parent", made.parent),
        ("notes", made.notes),
        ("commit_id", made.code.commit if made.code else ""),
        ("branch", made.code.branch if made.code else ""),
        ("verdict", made.verdict.verdict if made.verdict else ""),
        ("project", made.project),
    )
    return {
        "id": key_of(made.id),
        "status": made.status,
        "created_at": made.created_at,
        "ended_at": made.ended_at,
        "seen_at": made.seen_at,
        "deleted_at": made.deleted_at,
        "archived": int(made.archived),
        "revision": made.revision,
        **{name: text.replace("\x00", "␀") for name, text in texts},
    }
