"""The conformance suite of what the records keep for the registry of models.

Subclass `RegistryConformance` in a test module, with a fixture ``records`` that yields empty records.
"""

from __future__ import annotations

from dataclasses import replace

from madang.domain.promotion import Rule, RuleSet
from madang.domain.reviews import PENDING, PROMOTED, REJECTED, WITHDRAWN, Request
from madang.domain.versions import VersionRecord
from madang.ports.records import Records

P = "사과 p"


def _asked(name: str, at: int) -> Request:
    return Request(P, name, 0, "production", 1, None, "ann", at, "state: pending")


class RegistryConformance:
    """What every database does."""

    def test_requests_that_wait(self, records: Records) -> None:
        """Those of all models, newest first, without any that is decided; one may also be opened again."""
        kept = records.registry
        for name in ("m", "m 2"):
            records.versions.add(VersionRecord(P, name, "model", 0, "d", 0, 0, 1, actor="ann"), [])
        assert kept.pending() == []
        made = [kept.put_request(_asked("m 2" if at % 3 == 0 else "m", at)) for at in range(1, 10)]
        assert kept.pending() == made[::-1]
        for one, state in zip(made[:6], (PROMOTED, REJECTED, WITHDRAWN) * 2, strict=True):
            kept.put_request(replace(one, state=state))
        assert kept.pending() == made[:5:-1]
        kept.put_request(replace(made[0], state=PENDING))
        assert kept.pending() == [*made[:5:-1], made[0]]
        assert len(kept.requests(P, "m")) + len(kept.requests(P, "m 2")) == 9

    def test_rules_are_kept_with_their_reach(self, records: Records) -> None:
        """New ones take the place of those before, and so does how far they reach."""
        kept = records.registry
        assert kept.rules(P) == RuleSet()
        for rules in (RuleSet((Rule("f1"), Rule("loss", "min")), in_default=True), RuleSet((Rule("f1"),)), RuleSet()):
            kept.put_rules(P, rules)
            assert kept.rules(P) == replace(rules, is_set=True)
        assert kept.rules("other") == RuleSet()
