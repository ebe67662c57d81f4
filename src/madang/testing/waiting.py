"""The conformance suite of what waits to be taken into the records."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from madang.domain.access import Permission
from madang.domain.tokens import TokenRecord
from madang.ports.records import Records, WouldWait
from madang.ports.waiting import WaitingPiece
from madang.testing.records import make_run, put


class WaitingConformance:
    """Pieces of a hub's own segments."""

    def test_pieces_follow_one_another(self, records: Records) -> None:
        """A piece is kept where the one before it ends, else not; all of them are taken at once, in order."""
        stored = put(records, make_run(1))
        run, segment = stored.state.run, next(iter(stored.state.segments))
        first = WaitingPiece(run, stored.changed, segment, 0, b"ab")
        second = replace(first, start=2, data=b"cde")
        assert records.waiting.add(first)
        assert not records.waiting.add(first)
        assert not records.waiting.add(replace(second, start=1))
        assert not records.waiting.add(replace(second, start=3))
        assert records.waiting.add(second)
        assert records.waiting.runs() == [stored.state.run]
        assert records.waiting.begun(run, segment) == b""
        assert records.waiting.runs(["1" * 32, "no id", stored.state.run]) == [stored.state.run]
        with records.transaction():
            assert records.waiting.take(run, segment) == b"abcde"
        assert records.waiting.runs() == []

    def test_a_run_that_was_changed_takes_no_piece(self, records: Records) -> None:
        """What was made for an older revision of the run is refused, and what goes on behind nothing."""
        stored = put(records, make_run(1))
        run, segment = stored.state.run, next(iter(stored.state.segments))
        old = WaitingPiece(run, stored.changed, segment, 0, b"ab")
        records.runs.put(stored)
        assert not records.waiting.add(old)
        assert not records.waiting.add(replace(old, changed=stored.changed, segment="e" * 32, start=1))
        assert records.waiting.add(replace(old, changed=stored.changed))

    def test_a_run_may_begin_here(self, records: Records) -> None:
        """A run that the records do not have yet begins once, with the first piece of its first segment."""
        first = WaitingPiece("1" * 32, 0, "2" * 32, 0, b"ab")
        assert not records.waiting.add(replace(first, changed=1))
        assert not records.waiting.add(replace(first, start=1))
        assert records.waiting.add(first)
        assert not records.waiting.add(first)
        assert records.waiting.runs() == ["1" * 32]
        assert records.waiting.add(replace(first, start=2, data=b"c"))
        assert records.waiting.begun("1" * 32, "2" * 32) == b"abc"
        assert records.waiting.begun("1" * 32, "3" * 32) == b""
        assert records.waiting.runs() == ["1" * 32]

    def test_a_transaction_that_fails_takes_nothing(self, records: Records) -> None:
        """What was taken inside a transaction that fails goes on waiting."""
        stored = put(records, make_run(1))
        run, segment = stored.state.run, next(iter(stored.state.segments))
        assert records.waiting.add(WaitingPiece(run, stored.changed, segment, 0, b"ab"))
        try:
            with records.transaction():
                assert records.waiting.take(run, segment) == b"ab"
                raise KeyError("on purpose")
        except KeyError:
            pass
        with records.transaction():
            assert records.waiting.take(run, segment) == b"ab"

    def test_who_may_not_wait_does_not(self, records: Records) -> None:
        """Where another writer would be waited for, nothing is kept; what needs nobody is done."""
        begun, held, go = make_run(7), threading.Event(), threading.Event()
        run, segment = begun.state.run, next(iter(begun.state.segments))
        first, second = WaitingPiece(run, 0, segment, 0, b"ab"), WaitingPiece(run, 0, segment, 2, b"cd")

        def write() -> None:
            with records.transaction():
                records.settings.set("held", b"1")
                held.set()
                go.wait(60)

        def add(piece: WaitingPiece) -> bool:
            with records.without_waiting():
                assert not records.may_wait
                with suppress(WouldWait), records.transaction():
                    raise AssertionError("a transaction may wait")
                return records.waiting.add(piece)

        try:
            assert add(first)
        except WouldWait:  # of a server of its own, which is always waited for
            assert records.waiting.add(first)
        other = threading.Thread(target=write)
        other.start()
        held.wait(60)
        with pytest.raises(WouldWait):
            add(second)
        go.set()
        other.join()
        assert records.may_wait
        assert records.waiting.begun(run, segment) == b"ab"
        assert records.waiting.add(second)

    def test_nothing_is_written_where_a_token_may_exist(self, records: Records) -> None:
        """What presumes that nobody has made a token writes nothing that does not ask for one, and ends if there is."""
        begun = make_run(7)
        run, segment = begun.state.run, next(iter(begun.state.segments))
        first, second = WaitingPiece(run, 0, segment, 0, b"ab"), WaitingPiece(run, 0, segment, 2, b"cd")
        with suppress(WouldWait), records.without_waiting():
            assert not records.tokens.any_made()
            with pytest.raises(WouldWait):
                records.settings.set("presumed", b"1")
            assert records.waiting.add(first)
        assert records.settings.get("presumed") is None
        is_prompt = bool(records.waiting.begun(run, segment))
        records.tokens.add_token(TokenRecord("1", "n", "d" * 64, Permission.ADMIN, {}))

        def add() -> None:
            with records.without_waiting():
                assert not records.tokens.any_made()
                assert not records.waiting.add(second)

        with pytest.raises(WouldWait):
            add()
        assert records.tokens.any_made()
        assert records.waiting.begun(run, segment) == (b"ab" if is_prompt else b"")

    def test_who_waits_but_briefly_is_told(self, records: Records) -> None:
        """While another writer is at work a brief wait ends, and nothing has happened; afterwards all goes on."""
        held, go = threading.Event(), threading.Event()

        def write() -> None:
            with records.transaction():
                records.settings.set("held", b"1")
                held.set()
                go.wait(60)

        other = threading.Thread(target=write)
        other.start()
        held.wait(60)
        with records.briefly():
            with pytest.raises(WouldWait), records.transaction():
                raise AssertionError("another writer is at work")
            assert not records.in_transaction
            go.set()
            other.join()
            with records.transaction():
                records.settings.set("mine", b"1")
            with records.transaction():
                records.settings.set("mine", b"2")
        assert (records.settings.get("held"), records.settings.get("mine")) == (b"1", b"2")

    def test_who_remembers_is_told_of_a_failure(self, records: Records) -> None:
        """Inside a transaction that fails, and in no other one, what was asked for is done, in the block around all."""
        told: list[tuple[str, bool]] = []
        records.if_undone(lambda: told.append(("outside", False)))
        for fails in (False, True):
            with suppress(KeyError), records.transaction():
                assert records.in_transaction
                with records.transaction():
                    records.if_undone(lambda: told.append(("inside", records.in_transaction)))
                if fails:
                    raise KeyError("on purpose")
            assert not records.in_transaction
            assert told == [("inside", True)] * fails
