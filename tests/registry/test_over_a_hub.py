"""Approvals over a hub: what a token sees and may do by `ReviewApi` is what it is in the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.mlflow.conftest import Hub, serving
from tests.registry.conftest import ADMIN, NAME, P, pointer, version

from madang.client.http import HubClient
from madang.client.reader import HubReader
from madang.domain.access import Permission
from madang.domain.promotion import Rule
from madang.domain.reviews import Protection
from madang.errors import AccessDenied, Conflict, NotFound
from madang.ports.reviews import ReviewApi
from madang.wiring import Engine


@pytest.fixture
def hub(engine: Engine) -> Iterator[Hub]:
    """The engine over a socket."""
    yield from serving(engine)


def api(hub: Hub, name: str, level: Permission = Permission.WRITE) -> ReviewApi:
    """The hub as somebody with a token of their own has it."""
    secret = hub.engine.access.create_token(ADMIN, name, level, [P])[1]
    return HubReader(HubClient(hub.address, token=secret)).reviews


def test_a_request_over_a_hub(hub: Hub, engine: Engine) -> None:
    """Protect, ask, be refused, approve, roll back, declare a rule: everything by HTTP, with the same values."""
    for score in (0.5, 0.7):
        version(engine, score)
    boss, kim, lee = api(hub, "boss", Permission.ADMIN), api(hub, "kim"), api(hub, "lee")
    guest = api(hub, "guest", Permission.READ)
    assert kim.name == "kim"
    with pytest.raises(AccessDenied):
        kim.protect(Protection(P, NAME, "production", ("kim",)))
    made = boss.protect(Protection(P, NAME, "production", ("lee",), gates=("val/f1 > current",)))
    assert guest.protections(P, NAME) == [made]
    asked = kim.request(P, f"{NAME}:v1", "production", "왜냐하면")
    assert guest.requests(P, NAME) == [asked] == engine.reviews.requests(ADMIN, P, NAME)
    for stranger in (guest, kim):
        with pytest.raises(AccessDenied):
            stranger.review(P, NAME, asked.number, is_approval=True)
    assert lee.review(P, NAME, asked.number, is_approval=True, comment="좋다").state == "promoted"
    again = kim.request(P, f"{NAME}:v2", "production")
    assert lee.review(P, NAME, again.number, is_approval=False).state == "rejected"
    lee.review(P, NAME, kim.request(P, f"{NAME}:v2", "production").number, is_approval=True)
    with pytest.raises(AccessDenied):
        kim.rollback(P, NAME, "production")
    assert lee.rollback(P, NAME, "production", "bad", dry=True).number == 1
    assert pointer(engine) == 2
    assert lee.rollback(P, NAME, "production", "bad").reason == "rollback from v2: bad"
    with pytest.raises(Conflict):
        lee.rollback(P, NAME, "production")
    assert guest.history(P, NAME) == engine.reviews.history(ADMIN, P, NAME)
    boss.unprotect(P, NAME, "production", "done")
    assert guest.protections(P, NAME) == []
    rules = (Rule("val/f1", "max", "best", NAME, ("val/f1 >= 0.1",), "expire after 7d"),)
    boss.put_rules(P, rules)
    assert guest.rules(P) == rules
    version(engine, 0.9)
    assert [one.outcome for one in guest.decisions(P, NAME)] == ["promoted"]
    assert guest.decisions(P, NAME) == engine.promotion.decisions(ADMIN, P, NAME)
    for what in (lambda: guest.history(P, "none"), lambda: guest.history("none", NAME), lambda: guest.requests(P, "x")):
        with pytest.raises(NotFound):
            what()
