"""Evaluation data sets: rows of inputs and what is expected of them, kept as records beside runs, their rows a file.

JSON inside JSON, as texts, is how MLflow's client sends and reads them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from msgspec import field

from madang.domain import events
from madang.domain.commands import CreateRun, Fact
from madang.domain.ids import is_id
from madang.domain.query import RunQuery
from madang.domain.runs import EVALUATION_DATASET, RunChange, RunRecord
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.checks import LONGEST_KEY, LONGEST_TAG, check_length, invalid
from madang.edges.mlflow.clauses import Clause, parse, parse_order
from madang.edges.mlflow.evaluation_rows import inputs_of, merge, new_row, schema_of
from madang.edges.mlflow.experiment_search import number_test, tag_test, text_test
from madang.edges.mlflow.finding import project_of, target_of
from madang.edges.mlflow.paging import page, page_body
from madang.edges.mlflow.runs import state
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.shapes import USER
from madang.edges.mlflow.trace_info import changing
from madang.errors import InvalidInput, NotFound
from madang.formats.learning import learnt
from madang.formats.packed_json import packed_json, unpacked_rows

MOST, MOST_ROWS = 50_000, 1000
_ABOUT, _ROWS, _PREFIX = "madang.dataset", "records.json.gz", "d-"
_TEXTS, _TIMES = ("name", "created_by", "last_updated_by"), ("created_time", "last_update_time")


class About(msgspec.Struct):
    """What a data set says of itself. Times are milliseconds."""

    name: str = ""
    digest: str = ""
    created_time: int = 0
    last_update_time: int = 0
    created_by: str = ""
    last_updated_by: str = ""
    schema: str = ""
    profile: str = ""
    experiment_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Dataset:
    """A data set."""

    record: RunRecord
    about: About

    @property
    def id(self) -> str:
        """As the client has it."""
        return _PREFIX + self.record.id

    @property
    def tags(self) -> dict[str, str]:
        """Those that clients set."""
        return {key: text for key, text in self.record.tags.items() if key != _ABOUT}

    @property
    def body(self) -> dict[str, Any]:
        """As JSON has it."""
        told = {**msgspec.to_builtins(self.about), "tags": msgspec.json.encode(self.tags).decode()}
        del told["experiment_ids"]  # the client asks for them when it needs them
        return {"dataset_id": self.id} | {name: value for name, value in told.items() if value not in ("", [])}


class NewDataset(Arguments):
    """POST datasets/create."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name",)
    name: str = ""
    experiment_ids: list[str] = field(default_factory=list)
    tags: str = ""


class SearchDatasets(Arguments):
    """POST datasets/search."""

    experiment_ids: list[str] = field(default_factory=list)
    filter_string: str = ""
    max_results: int = 1000
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


class Texts(Arguments):
    """JSON texts: ``tags`` of PATCH datasets/{id}/tags, ``records`` of POST datasets/{id}/records."""

    tags: str = ""
    records: str = ""


class RowPage(Arguments):
    """GET datasets/{id}/records."""

    max_results: int = MOST_ROWS
    page_token: str = ""


class RowIds(Arguments):
    """DELETE datasets/{id}/records."""

    dataset_record_ids: list[str] = field(default_factory=list)


class Experiments(Arguments):
    """POST datasets/{id}/add-experiments and remove-experiments."""

    experiment_ids: list[str] = field(default_factory=list)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _json(text: str, kind: type[Any], name: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise invalid(name, text)
    return value


def _digest(name: str, at: int) -> str:
    return hashlib.sha256(f"{name}:{at}".encode()).hexdigest()[:8]


def _dataset(record: RunRecord) -> Dataset:
    return Dataset(record, msgspec.json.decode(record.tags.get(_ABOUT, "{}"), type=learnt(About)))


def _need(call: MlflowCall, dataset_id: str = "") -> Dataset:
    dataset_id = dataset_id or call.path["id"]
    missing = NotFound(f"Evaluation dataset with id '{dataset_id[:100]}' not found")
    run = dataset_id.removeprefix(_PREFIX)
    if run == dataset_id or not is_id(run):
        raise missing
    try:
        found = call.services.search.run(call.who, run)
    except NotFound:
        raise missing from None
    if found.job_type != EVALUATION_DATASET or found.deleted_at:
        raise missing
    return _dataset(found)


def _facts(about: About | None, tags: dict[str, Any]) -> list[Fact]:
    texts = {}
    for key, value in tags.items():
        if value is not None:
            if key == _ABOUT:
                raise InvalidInput(f"The tag {_ABOUT!r} is this server's own.")
            texts[check_length("key", LONGEST_KEY, key)] = str(value)[:LONGEST_TAG]
    if about is not None:
        texts[_ABOUT] = msgspec.json.encode(about).decode()
    return [events.Tags(texts)] if texts else []


def create(call: MlflowCall) -> Any:
    """POST datasets/create."""
    body: NewDataset = call.body
    tags = _json(body.tags, dict, "tags") if body.tags else {}
    homes = [target_of(call, text) for text in body.experiment_ids]
    home = homes[0] if homes else target_of(call, "0")
    now, user = _now(), str(tags.get(USER, ""))
    ids = [str(project.number) for project in homes]
    about = About(body.name, _digest(body.name, now), now, now, user, user, experiment_ids=ids)
    facts = [events.Described(name=body.name), *_facts(about, tags), events.Status("finished", now * 1000)]
    made = call.services.tracking.create(call.who, home.name, CreateRun(job_type=EVALUATION_DATASET, facts=facts))
    return {"dataset": {**_dataset(made).body, **({"experiment_ids": ids} if ids else {})}}


def get(call: MlflowCall) -> Any:
    """GET datasets/{id}."""
    return {"dataset": _need(call).body}


def delete(call: MlflowCall) -> None:
    """DELETE datasets/{id}."""
    try:
        found = _need(call)
    except NotFound:
        return
    call.services.tracking.change(call.who, found.record.id, RunChange(deleted=True))


def search(call: MlflowCall) -> Any:
    """POST datasets/search."""
    body: SearchDatasets = call.body
    if not 0 < body.max_results <= MOST:
        said = "a positive integer" if body.max_results < 1 else f"at most {MOST}"
        raise InvalidInput(f"Invalid value {body.max_results} for parameter 'max_results' supplied. It must be {said}.")
    tests = [_test(clause) for clause in parse(body.filter_string)]
    query = RunQuery(limit=MOST, kind=EVALUATION_DATASET, keys=())
    found = [_dataset(record) for record in call.services.search.runs(call.who, query).runs]
    wanted = set(body.experiment_ids)
    chosen = [
        item
        for item in found
        if (not wanted or wanted & set(item.about.experiment_ids)) and all(test(item) for test in tests)
    ]
    part, token = page(_ordered(chosen, body.order_by), body.max_results, body.page_token)
    return page_body("datasets", [item.body for item in part], token)


def _test(clause: Clause) -> Callable[[Dataset], bool]:
    if clause.entity in ("tag", "tags"):
        on_tags = tag_test(clause)
        return lambda item: on_tags(item.tags)
    if clause.entity not in ("", "attribute", "attributes") or clause.key not in (*_TEXTS, *_TIMES):
        raise InvalidInput(f"Invalid attribute key '{clause.key}' specified. Valid keys are: {[*_TEXTS, *_TIMES]}")
    if clause.key in _TIMES:
        on_number = number_test(clause, f"numeric attribute: {clause.key}")
        return lambda item: on_number(getattr(item.about, clause.key))
    on_text = text_test(clause)
    return lambda item: bool(getattr(item.about, clause.key)) and on_text(getattr(item.about, clause.key))


def _ordered(found: Sequence[Dataset], orders: Sequence[str]) -> list[Dataset]:
    made = sorted(found, key=lambda item: item.id, reverse=True)
    for order in reversed(orders or ["created_time DESC"]):
        entity, key, descending = parse_order(order)
        if entity not in ("", "attribute", "attributes") or key not in ("name", *_TIMES):
            raise InvalidInput(f"Invalid order_by entity: {entity or key}")
        made.sort(key=lambda item: getattr(item.about, key), reverse=descending)
    return made


def set_tags(call: MlflowCall) -> Any:
    """PATCH datasets/{id}/tags."""
    tags = _json(call.body.tags, dict, "tags")
    try:
        found = _need(call)
    except NotFound:
        raise NotFound(f"Could not find evaluation dataset with ID {call.path['id']}") from None
    if facts := _facts(None, tags):
        call.services.tracking.state(call.who, found.record.id, facts)
    return {"dataset": _need(call).body}


def delete_tag(call: MlflowCall) -> None:
    """DELETE datasets/{id}/tags/{key}."""
    try:
        found = _need(call)
    except NotFound:
        return
    if call.path["key"] in found.tags:
        call.services.tracking.state(call.who, found.record.id, [events.Removed("tags", [call.path["key"]])])


def experiment_ids(call: MlflowCall) -> Any:
    """GET datasets/{id}/experiment-ids."""
    ids = _need(call).about.experiment_ids
    return {"experiment_ids": ids} if ids else {}


def add_experiments(call: MlflowCall) -> Any:
    """POST datasets/{id}/add-experiments."""
    return _with_experiments(call, lambda known, given: [*known, *(text for text in given if text not in known)])


def remove_experiments(call: MlflowCall) -> Any:
    """POST datasets/{id}/remove-experiments."""
    return _with_experiments(call, lambda known, given: [text for text in known if text not in given])


def _with_experiments(call: MlflowCall, change: Callable[[list[str], list[str]], list[str]]) -> Any:
    body: Experiments = call.body
    with changing:
        try:
            found = _need(call)
        except NotFound:
            raise NotFound(f"Dataset '{call.path['id']}' not found") from None
        given = [str(project_of(call, text).number) for text in body.experiment_ids]
        about = msgspec.structs.replace(
            found.about, experiment_ids=change(found.about.experiment_ids, given), last_update_time=_now()
        )
        call.services.tracking.state(call.who, found.record.id, _facts(about, {}))
    return {"dataset": _need(call).body}


def _rows(call: MlflowCall, found: Dataset) -> list[dict[str, Any]]:
    for file in found.record.files:
        if file.path == _ROWS:
            opened, _ = call.services.artifacts.open_blob(call.who, found.record.project, file.digest)
            with opened:
                return unpacked_rows(opened.read())
    return []


def _keep(call: MlflowCall, found: Dataset, rows: list[dict[str, Any]], about: About) -> None:
    packed = packed_json(rows)
    kept = call.services.artifacts.put_blob(call.who, found.record.project, [packed], size=len(packed))
    about.profile = msgspec.json.encode({"num_records": len(rows)}).decode() if rows else ""
    file = events.File(_ROWS, kept.digest, kept.size, "application/gzip")
    state(call, found.record.id, [file, *_facts(about, {})])


def upsert(call: MlflowCall) -> Any:
    """POST datasets/{id}/records: a row with the inputs of one that is there changes that."""
    given = [item for item in _json(call.body.records, list, "records") if isinstance(item, dict)]
    inserted = updated = 0
    now = _now()
    with changing:
        found = _need(call)
        rows = _rows(call, found)
        by_inputs = {inputs_of(row): row for row in rows}
        user = ""
        for item in given:
            tags = item.get("tags") or {}
            user = str(tags.get(USER, user))
            known = by_inputs.get(inputs_of(item))
            if known is None:
                made = by_inputs[inputs_of(item)] = new_row(item, found.id, now)
                rows.append(made)
                inserted += 1
            else:
                merge(known, item, now)
                updated += 1
        about = msgspec.structs.replace(
            found.about,
            digest=_digest(found.about.name, now),
            last_update_time=now,
            last_updated_by=user,
            schema=schema_of(found.about.schema, given),
        )
        _keep(call, found, rows, about)
    return {"inserted_count": inserted, "updated_count": updated}


def records(call: MlflowCall) -> Any:
    """GET datasets/{id}/records."""
    body: RowPage = call.body
    part, token = page(_rows(call, _need(call)), body.max_results or MOST_ROWS, body.page_token)
    made = {"records": msgspec.json.encode(list(part)).decode()}
    return {**made, "next_page_token": token} if token else made


def delete_records(call: MlflowCall) -> Any:
    """DELETE datasets/{id}/records."""
    gone = set(call.body.dataset_record_ids)
    with changing:
        found = _need(call)
        rows = _rows(call, found)
        kept = [row for row in rows if row["dataset_record_id"] not in gone]
        if len(kept) < len(rows):
            _keep(call, found, kept, found.about)
    return {"deleted_count": len(rows) - len(kept)}
