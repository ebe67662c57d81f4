"""The conformance suite of the records: every database passes it.

Subclass the classes here and `testing.search.SearchConformance` in a test module, with a fixture ``records`` that
yields empty records.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from madang.domain import events
from madang.domain.access import Permission
from madang.domain.events import Stamp
from madang.domain.metrics import MetricSummary, single
from madang.domain.run_state import RunState, apply
from madang.domain.runs import RunChange
from madang.domain.tokens import TokenRecord
from madang.domain.versions import CollectionChange, Entry, PointerChange, VersionChange, VersionRecord
from madang.errors import Conflict, NotFound
from madang.ports.history import ChunkRow
from madang.ports.records import KeySetRow, Records, RunRow, SegmentRow, StoredRun

P = "마당"


def make_run(number: int, project: str = P, **more: Any) -> StoredRun:
    """A run whose state came from a few events; ``more``: name, config, tags, summary, status, metrics definitions."""
    run, segment = f"{number:032x}", f"{number + (1 << 64):032x}"
    state, at = RunState(run), number & 0xFFFFFF
    apply(state, Stamp(1000 + at, segment, 0), events.Header(run, segment, project, "process", host="여기", user="나"))
    apply(state, Stamp(1000 + at, segment, 1), events.Started(name=more.get("name", f"run-{number}")))
    if "config" in more:
        apply(state, Stamp(1000 + at, segment, 2), events.Config(more["config"]))
    if "tags" in more:
        apply(state, Stamp(1000 + at, segment, 3), events.Tags(more["tags"]))
    if "summary" in more:
        apply(state, Stamp(1000 + at, segment, 4), events.Summary(more["summary"]))
    if "goals" in more:
        for key, goal in more["goals"].items():
            apply(state, Stamp(1000 + at, segment, 5), events.DefineMetric(key, goal=goal))
    if "data" in more:
        uses = [events.Use(path, path=path, digest=digest) for path, digest in more["data"].items()]
        for use in uses:
            apply(state, Stamp(1000 + at, segment, 5), use)
    if "status" in more:
        apply(state, Stamp(2000 + at, segment, 6), events.Finished(more["status"]))
    return StoredRun(state)


def summary_of(values: Sequence[Any], segment: str = "") -> MetricSummary:
    """The summary of values logged at steps 0, 1, …"""
    made = MetricSummary()
    for step, value in enumerate(values):
        made.merge(single(value, (step, 10 + step, segment, step)))
    return made


def put(records: Records, stored: StoredRun, metrics: dict[str, Sequence[Any]] | None = None) -> StoredRun:
    """Store a run with its one segment and its metrics."""
    segment = next(iter(stored.state.segments))
    with records.transaction():
        records.runs.put(stored)
        records.segments.put(SegmentRow(stored.number, segment), None)
        if metrics:
            found = {key: summary_of(values, segment) for key, values in metrics.items()}
            records.runs.put_metrics(stored, found)
    return stored


class RunsConformance:
    """Runs, lists and summaries."""

    def test_a_run_comes_back_whole(self, records: Records) -> None:
        """State, changes from outside and damage are what was stored; huge integers and odd floats too."""
        config = {"lr": 0.1, "big": 2**90, "nan": math.inf, "한글 🐕": "값", "list": [1, {"$f": "nan"}], "none": None}
        stored = make_run(1, config=config, tags={"기준": ""})
        segment = next(iter(stored.state.segments))
        apply(
            stored.state, Stamp(5000, segment, 9), events.Environment(python="3.11", packages=[("numpy", "2", "pypi")])
        )
        apply(stored.state, Stamp(5000, segment, 10), events.File("a/b.png", "blake3:" + "0" * 64, 5, "image/png"))
        stored.overrides.fold(RunChange(name="새 이름", tags={"x": "y"}), 7)
        stored.damage["a"] = "이유"
        put(records, stored)
        back = records.runs.get(stored.state.run)
        assert back is not None
        assert (back.state, back.overrides, back.damage) == (stored.state, stored.overrides, stored.damage)
        assert (back.number, back.changed) == (stored.number, stored.changed)
        (light,) = records.runs.fetch([stored.state.run, "f" * 32, "no id"])
        assert light.state.config == stored.state.config
        assert light.state.files == {}
        assert records.runs.get("f" * 32) is None
        assert records.runs.get("no id") is None

    def test_a_run_is_found_by_id_beginning_and_name(self, records: Records) -> None:
        """A whole id, the beginning of one, or a name; nothing for what fits none."""
        first, second = (
            put(records, make_run(0xABC << 100, name="하나")),
            put(records, make_run(0xABD << 100, name="둘")),
        )
        assert records.runs.find(first.state.run) == [(first.state.run, P)]
        assert len(records.runs.find(first.state.run[:6])) == 2
        assert records.runs.find(first.state.run[:7]) == [(first.state.run, P)]
        assert records.runs.find("둘") == [(second.state.run, P)]
        assert records.runs.find("셋") == []
        third = put(records, make_run(1 << 90, tags={"wandb.id": "셋"}))
        assert records.runs.find("셋") == [(third.state.run, P)]
        assert records.runs.find("") == []

    def test_each_change_is_a_new_revision(self, records: Records) -> None:
        """Revisions grow; a reader that asks for what changed sees each run once, newest state."""
        one, two = put(records, make_run(1)), put(records, make_run(2, project="other"))
        before = records.runs.revision()
        assert one.changed < two.changed == before
        records.runs.put(one)
        assert records.runs.revision() == one.changed > before
        assert records.runs.changed(0, None, 10) == (one.changed, [two.state.run, one.state.run])
        assert records.runs.changed(before, [P], 10) == (one.changed, [one.state.run])
        assert records.runs.changed(0, None, 1) == (two.changed, [two.state.run])
        assert records.runs.revision(["other"]) == two.changed
        assert records.runs.revision([]) == 0

    def test_projects_are_counted(self, records: Records) -> None:
        """Runs that are not deleted count; a described project without runs is there too."""
        put(records, make_run(1))
        put(records, make_run(2, status="finished"))
        gone = make_run(3)
        gone.overrides.fold(RunChange(deleted=True), 5)
        put(records, gone)
        records.runs.describe_project("빈", "설명", 77)
        found = {item.name: item for item in records.runs.projects()}
        assert (found[P].runs, found[P].running) == (2, 1)
        assert (found["빈"].runs, found["빈"].description, found["빈"].created_at) == (0, "설명", 77)

    def test_summaries_come_back_exactly(self, records: Records) -> None:
        """Floats with NaN and infinities, ints beyond 2^53 and 64 bits, bools, text and media pointers."""
        values: dict[str, Sequence[Any]] = {
            "f": [0.5, -1.5, 2.5],
            "nan": [1.0, math.nan],
            "all nan": [math.nan],
            "inf": [math.inf, -math.inf],
            "i": [3, 1, 2],
            "exact": [2**53 + 1],
            "huge": [2**100, -(2**100)],
            "b": [True, False],
            "t": ["글", "a\x00b"],
            "m": [{"media": "image", "path": "a"}],
            "k" * 10_000: [1.0],
            "🐕": [1.0],
        }
        stored = put(records, make_run(1), values)
        segment = next(iter(stored.state.segments))
        back = records.runs.metrics([stored.number], None, 1000)[stored.number]
        assert set(back) == set(values)
        for key, column in values.items():
            assert repr(back[key]) == repr(summary_of(column, segment)), key
        some = records.runs.metrics([stored.number], ["i", "nothing"], 1000)[stored.number]
        assert set(some) == {"i"}
        pages = [records.runs.metrics([stored.number], None, 3, start)[stored.number] for start in range(0, 12, 3)]
        assert len(pages[0]) == 3
        assert [key for page in pages for key in page] == list(back)

    def test_encoded_rows_come_back(self, records: Records) -> None:
        """An encoded row is kept for each run and form; keeping another replaces it."""
        one, two = put(records, make_run(1), {}), put(records, make_run(2), {})
        assert records.runs.rows([one.number], "json") == {}
        records.runs.keep_rows("json", {one.number: RunRow("1", b"old"), two.number: RunRow("2", b"\x00\xff")})
        records.runs.keep_rows("json", {one.number: RunRow("3", b"new")})
        records.runs.keep_rows("other", {one.number: RunRow("3", b"other")})
        kept = {one.number: RunRow("3", b"new"), two.number: RunRow("2", b"\x00\xff")}
        assert records.runs.rows([one.number, two.number, 99], "json") == kept

    def test_replaced_summaries_go(self, records: Records) -> None:
        """After a rewind, keys without points have no summary and no place among the project's keys."""
        stored = put(records, make_run(1), {"a": [1.0], "b": [2.0]})
        records.runs.put_metrics(stored, {"a": summary_of([5.0])}, replace=True)
        assert set(records.runs.metrics([stored.number], None, 10)[stored.number]) == {"a"}
        assert [key.name for key in records.runs.metric_keys(P, None, "", 10)] == ["a"]

    def test_metric_keys_of_a_project(self, records: Records) -> None:
        """Each key with its kind and how many runs have it; filtered without regard to case."""
        one = put(records, make_run(1), {"Loss": [1.0], "n": [1]})
        put(records, make_run(2), {"Loss": [1.0]})
        put(records, make_run(3, project="other"), {"x": ["t"]})
        keys = records.runs.metric_keys(P, None, "", 10)
        assert [(key.name, key.kind, key.runs) for key in keys] == [("Loss", "float", 2), ("n", "int", 1)]
        assert [key.name for key in records.runs.metric_keys(P, None, "LOS", 10)] == ["Loss"]
        assert [key.name for key in records.runs.metric_keys(P, [one.number], "", 10)] == ["Loss", "n"]
        assert len(records.runs.metric_keys(P, None, "", 1)) == 1

    def test_a_failed_transaction_leaves_nothing(self, records: Records) -> None:
        """Whatever happened in a block that raised has not happened, names included."""

        def fail() -> None:
            with records.transaction():
                put(records, make_run(1, config={"p": 1}), {"fresh": [1.0]})
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert records.runs.get(f"{1:032x}") is None
        put(records, make_run(1, config={"p": 1}), {"fresh": [1.0]})
        assert [key.name for key in records.runs.metric_keys(P, None, "", 10)] == ["fresh"]

    def test_no_update_is_lost(self, records: Records) -> None:
        """Eight threads add one to the same run twenty times each: it ends at 160."""
        put(records, make_run(1))

        def work() -> None:
            for _ in range(20):
                with records.transaction():
                    stored = records.runs.get(f"{1:032x}")
                    assert stored is not None
                    stored.overrides.fold(RunChange(notes=str(stored.overrides.revision)), 1)
                    records.runs.put(stored)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stored = records.runs.get(f"{1:032x}")
        assert stored is not None
        assert stored.overrides.revision == 160


class SegmentsConformance:
    """Segments, chunks, versions, tokens, settings."""

    def test_the_offset_decides_between_two_writers(self, records: Records) -> None:
        """A row is stored only if its offset is still the one that was read."""
        stored = make_run(1)
        records.runs.put(stored)
        row = SegmentRow(stored.number, "a" * 32)
        assert records.segments.put(row, None)
        assert not records.segments.put(SegmentRow(stored.number, "a" * 32), None)
        moved = replace(row, offset=100, sequence=3, chain=b"x" * 16, rows=2, size=120)
        assert records.segments.put(moved, 0)
        assert not records.segments.put(replace(row, offset=50), 0)
        assert records.segments.get(stored.number, "a" * 32) == moved
        assert records.segments.open() == [(stored.state.run, moved)]
        assert records.segments.known(stored.state.run) == {"a" * 32: (120, False, False)}
        assert records.segments.put(replace(moved, ended=True, damage="왜"), 100)
        assert records.segments.open() == []
        assert [item.damage for item in records.segments.of_run(stored.number)] == ["왜"]

    def test_keysets_and_names(self, records: Records) -> None:
        """Sets come back in order; a name has one number for ever."""
        names = ["a", "b", "한" * 9000, *(f"k{number}" for number in range(2500))]
        with records.transaction():
            numbers = records.segments.numbers(names, create=True)
        assert records.segments.numbers(names) == numbers
        assert records.segments.names(numbers.values()) == {number: name for name, number in numbers.items()}
        assert records.segments.numbers(["unknown"]) == {}
        sets = [KeySetRow(1, 0, (numbers["a"],), "d"), KeySetRow(5, 1, tuple(numbers.values()), "q" * len(numbers))]
        with records.transaction():
            records.segments.add_keysets(1, sets)
            records.segments.add_keysets(1, sets[:1])
        assert records.segments.keysets(1) == sets

    def test_pieces_join(self, records: Records) -> None:
        """Pieces read as the bytes they were, from any offset, packed or not."""
        from madang.formats.zstd import compress  # noqa: PLC0415 - the suite alone needs it here

        data = bytes(range(200))
        for start, stop in ((0, 50), (50, 120), (120, 200)):
            records.segments.add_piece(7, start, data[start:stop])
        records.segments.pack_pieces(7, 0, 100, compress(data[:100]))
        for offset in (0, 10, 100, 150, 200):
            assert records.segments.pieces(7, offset) == data[offset:]

    def test_chunks_and_blocks(self, records: Records) -> None:
        """Heads by segment and frame; of the blocks only those asked for."""
        chunk = ChunkRow(1, 2, 30, "h", b"head")
        with records.transaction():
            records.history.add(chunk, [b"one", b"two"])
            records.history.add(replace(chunk, first=5), [])
            records.history.add(replace(chunk, kind="c"), [])
        assert [item.first for item in records.history.heads(1, "h")] == [5, 30]
        assert records.history.heads(1, "h")[1] == chunk
        assert records.history.blocks(chunk, [2]) == {2: b"two"}
        assert records.history.blocks(chunk, []) == {}

    def test_versions_get_the_next_number(self, records: Records) -> None:
        """Numbers from 1; the same content again is the same version; an event makes its version once."""
        versions = records.versions
        first = versions.add(_version("1"), [_entry("b"), _entry("a")], ("s" * 32, 4))
        assert (first.number, first.aliases, first.files, first.size) == (1, ("best", "latest"), 2, 10)
        assert versions.add(_version("1"), [_entry("a")], ("s" * 32, 4)) == first
        assert versions.add(replace(_version("1"), run="b" * 32), [_entry("a")]).number == 1
        second = versions.add(replace(_version("2"), aliases=()), [_entry("c")])
        assert (second.number, second.aliases) == (2, ("latest",))
        assert [item.number for item in versions.versions(P, "모델")] == [2, 1]
        assert [item.path for item in versions.entries(P, first.digest)] == ["a", "b"]
        assert versions.of_runs(["a" * 32, "b" * 32]) == {"a" * 32: ["모델:v1", "모델:v2"], "b" * 32: ["모델:v1"]}
        assert versions.of_runs(["b" * 32]) == {"b" * 32: ["모델:v1"]}
        versions.add_writer(second, "b" * 32)
        versions.add_writer(second, "b" * 32)
        assert versions.of_runs(["b" * 32]) == {"b" * 32: ["모델:v1", "모델:v2"]}
        with pytest.raises(NotFound):
            versions.add_writer(replace(second, number=9), "b" * 32)
        (row,) = versions.collections(P)
        assert (row.versions, row.latest, row.aliases, row.type) == (2, 2, {"best": 1}, "model")
        assert versions.collection(P, "모델") == row
        assert versions.collections(P, "dataset") == []
        assert not versions.holds_blob(P, _entry("a").digest)  # naming a digest is not having its bytes
        versions.hold_blobs(P, [_entry("a").digest])
        assert versions.holds_blob(P, _entry("a").digest)
        assert not versions.holds_blob("other", _entry("a").digest)
        with pytest.raises(Conflict):
            versions.add(replace(_version("3"), type="dataset"), [])
        assert versions.add(replace(_version("4"), name="zero"), [], first=0).number == 0

    def test_pointers_compare_and_swap(self, records: Records) -> None:
        """An alias moves only from where it was expected; each move is kept with its actor and reason."""
        versions = records.versions
        versions.add(_version("1"), [])
        versions.add(_version("2"), [])
        change = PointerChange(P, "모델", "production", 1, None, "나", 5, "좋다")
        assert versions.point(change, None).before is None
        with pytest.raises(Conflict):
            versions.point(replace(change, number=2), None)
        assert versions.point(replace(change, number=2), 1).before == 1
        with pytest.raises(NotFound):
            versions.point(replace(change, number=9))
        assert versions.point(replace(change, number=None)).before == 2
        moves = [(item.alias, item.number, item.before) for item in versions.pointer_history(P, "모델")]
        assert moves == [
            ("production", None, 2), ("production", 2, 1), ("production", 1, None), ("best", 2, 1), ("best", 1, None)
        ]  # fmt: skip
        assert versions.get(P, "모델", alias="production") is None
        edited = versions.edit(P, "모델", 1, VersionChange("설명", {"big": 2**70}, {"a": "b"}))
        assert versions.get(P, "모델", 1) == edited
        versions.edit_collection(P, "모델", CollectionChange("모음"))
        row = versions.collection(P, "모델")
        assert row is not None
        assert row.description == "모음"
        with pytest.raises(NotFound):
            versions.edit(P, "모델", 9, VersionChange(""))

    def test_what_changes_versions_moves_the_revision(self, records: Records) -> None:
        """Who follows the project learns of every change of a version, pointer or text, also without any run."""
        versions, runs = records.versions, records.runs
        change = PointerChange(P, "모델", "production", 1, None, "나", 5)
        for action in (
            lambda: versions.add(_version("1"), [_entry("a")]),
            lambda: versions.point(change),
            lambda: versions.point(replace(change, number=None)),
            lambda: versions.edit(P, "모델", 1, VersionChange("글")),
            lambda: versions.edit_collection(P, "모델", CollectionChange("모음")),
        ):
            before = runs.revision()
            assert runs.changed(before, None, 10) == (before, [])
            action()
            after = runs.revision()
            assert after > before
            assert (runs.revision([P]), runs.revision(["other"])) == (after, 0)
            assert runs.changed(before, [P], 10) == runs.changed(before, None, 10) == (after, [])
            assert runs.changed(before, ["other"], 10) == (before, [])
        assert [(item.name, item.runs, item.created_at) for item in runs.projects()] == [(P, 0, 5)]

    def test_tokens(self, records: Records) -> None:
        """A token is found by its digest; revoking it ends its sessions; an id or digest is taken once."""
        token = TokenRecord("1" * 16, "나", "d" * 64, Permission.READ, {P: Permission.WRITE}, created_at=5)
        session = replace(token, id="2" * 16, digest="e" * 64, kind="session", parent=token.id, created_at=6)
        records.tokens.add_token(token)
        records.tokens.add_token(session)
        assert records.tokens.token_by_digest("d" * 64) == token
        assert records.tokens.tokens() == [token, session]
        for taken in (replace(token, digest="f" * 64), replace(token, id="3" * 16)):
            with pytest.raises(Conflict):
                records.tokens.add_token(taken)
        records.tokens.grant(token.id, {"다른": Permission.READ})
        assert [item.projects for item in records.tokens.tokens()] == [{"다른": Permission.READ}] * 2
        assert records.tokens.revoke_token(token.id, 9)
        assert [item.revoked_at for item in records.tokens.tokens()] == [9, 9]
        assert not records.tokens.revoke_token("none", 9)

    def test_settings(self, records: Records) -> None:
        """A value is kept, replaced and forgotten."""
        records.settings.set("키", b"\x00\xff")
        records.settings.set("키", b"2")
        assert records.settings.get("키") == b"2"
        records.settings.set("키", None)
        assert records.settings.get("키") is None


def _entry(name: str) -> Entry:
    return Entry(name, "blake3:" + name * 64, 5)


def _version(digit: str) -> VersionRecord:
    return VersionRecord(P, "모델", "model", 0, "blake3:" + digit * 64, 0, 0, 5, run="a" * 32, aliases=("best",))
