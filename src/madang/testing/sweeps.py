"""The conformance suite of sweeps, agents and trials.

Subclass `SweepsConformance` in a test module, with a fixture ``records`` that yields empty records.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from madang.domain.sweeping.sweeps import FINISHED, WAITING, Agent, Sweep, Trial
from madang.errors import NotFound
from madang.ports.sweeps import SweepRecords

_CONFIG = {"method": "grid", "parameters": {"배치": {"values": [1, None, 0.5, [True, "x"]]}}}
_POINT = {"배치": 3, "lr": 1e-300}
_PARAMS = {"배치": [True, "x"], "lr": 1e-300}


class HasSweeps(Protocol):
    """Records that keep sweeps."""

    @property
    def sweeps(self) -> SweepRecords: ...  # noqa: D102 - the protocol says it


def _begun(records: HasSweeps, sweep: str = "abc", project: str = "포도", at: int = 5) -> Sweep:
    made = Sweep(sweep, project, _CONFIG, "method: grid", created_by="me", created_at=at, updated_at=at)
    records.sweeps.put(made)
    return made


class SweepsConformance:
    """What every database does."""

    def test_a_sweep_comes_back(self, records: HasSweeps) -> None:
        """By id and in the list of its project, newest first, as it was put last."""
        sweeps = records.sweeps
        first, second = _begun(records), _begun(records, "def", at=9)
        _begun(records, "ghi", "other")
        assert sweeps.get("abc") == first
        assert sweeps.of_project("포도") == [second, first]
        paused = replace(first, state="paused", run_cap=7)
        sweeps.put(paused)
        assert sweeps.get("abc") == paused
        assert sweeps.get("nothing") is None
        assert sweeps.projects() == ["other", "포도"]

    def test_an_agent_comes_back(self, records: HasSweeps) -> None:
        """With the newest time at which it was heard of; a word that comes late does not set it back."""
        sweeps = records.sweeps
        _begun(records)
        agent = Agent("a1", "abc", "호스트", created_at=5, seen_at=5)
        sweeps.put_agent(agent)
        sweeps.put_agent(Agent("a2", "abc", created_at=4, seen_at=4))
        sweeps.heard({"a1": 99, "gone": 5})
        sweeps.heard({"a1": 50})
        assert sweeps.agent("a1") == replace(agent, seen_at=99)
        assert [item.id for item in sweeps.agents("abc")] == ["a2", "a1"]
        with pytest.raises(NotFound):
            sweeps.put_agent(Agent("a3", "nothing"))

    def test_a_trial_comes_back(self, records: HasSweeps) -> None:
        """Exactly, with every kind of value; in hand of its agent as long as it runs."""
        sweeps = records.sweeps
        _begun(records)
        first = Trial("abc", 1, _POINT, _PARAMS, agent="a1", run="r" * 32, scores=((1, 0.5), (3, float("inf"))))
        second = Trial("abc", 2, {}, {}, agent="a1", earlier=("x", "y"), error="e")
        sweeps.put_trial(first)
        sweeps.put_trial(second)
        assert sweeps.trial("abc", 1) == first
        assert sweeps.running("a1") == [first, second]
        assert sweeps.in_hand() == ["abc"]
        assert sweeps.newest("abc") == second
        sweeps.put_trial(replace(first, state=FINISHED, value=-0.0))
        sweeps.put_trial(replace(second, state=WAITING))
        assert sweeps.running("a1") == []
        assert sweeps.in_hand() == []
        with pytest.raises(NotFound):
            sweeps.put_trial(Trial("nothing", 1, {}, {}))

    def test_only_what_changed_is_read(self, records: HasSweeps) -> None:
        """After a revision there are the trials that were put since, and no others."""
        sweeps = records.sweeps
        _begun(records)
        for number in (1, 2, 3):
            sweeps.put_trial(Trial("abc", number, {}, {}))
        found, revision = sweeps.trials("abc")
        assert [trial.number for trial in found] == [1, 2, 3]
        assert sweeps.trials("abc", revision) == ([], revision)
        sweeps.put_trial(Trial("abc", 2, {}, {}, state=FINISHED))
        changed, after = sweeps.trials("abc", revision)
        assert ([trial.number for trial in changed], after > revision) == ([2], True)
        assert sweeps.trials("nothing") == ([], 0)
