"""Approvals and history of models on a hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from madang.client.http import HubClient
from madang.domain.promotion import Decision, Rule
from madang.domain.reviews import ModelChange, Protection, Request
from madang.domain.versions import PointerChange
from madang.formats import reviews as wire


class HubReviewApi:
    """See `madang.ports.reviews.ReviewApi`."""

    def __init__(self, client: HubClient) -> None:
        self._client = client

    @property
    def name(self) -> str:
        """See `ReviewApi.name`."""
        return str(self._client.get(("me",), dict[str, Any])["name"])

    def protections(self, project: str, name: str) -> list[Protection]:
        """See `ReviewApi.protections`."""
        return self._client.get(_place(project, name, "protections"), wire.ProtectionsBody).protections

    def protect(self, wanted: Protection) -> Protection:
        """See `ReviewApi.protect`."""
        body = {key: item for key, item in asdict(wanted).items() if key in wire.PROTECTION}
        where = _place(wanted.project, wanted.name, "protections", wanted.alias)
        return self._client.send("PUT", where, body, Protection)

    def unprotect(self, project: str, name: str, alias: str, reason: str = "") -> None:
        """See `ReviewApi.unprotect`."""
        where = _place(project, name, "protections", alias)
        self._client.send("DELETE", where, {"reason": reason}, dict[str, Any])

    def requests(self, project: str, name: str) -> list[Request]:
        """See `ReviewApi.requests`."""
        return self._client.get(_place(project, name, "requests"), wire.RequestsBody).requests

    def request(self, project: str, ref: str, alias: str, reason: str = "") -> Request:
        """See `ReviewApi.request`."""
        name = wire.name_of(ref)
        body = {"ref": ref, "alias": alias, "reason": reason}
        return self._client.send("POST", _place(project, name, "requests"), body, Request)

    def review(self, project: str, name: str, number: int, *, is_approval: bool, comment: str = "") -> Request:
        """See `ReviewApi.review`."""
        where = _place(project, name, "requests", str(number), "approve" if is_approval else "reject")
        return self._client.send("POST", where, {"comment": comment}, Request)

    def rollback(self, project: str, name: str, alias: str, reason: str = "", *, dry: bool = False) -> PointerChange:
        """See `ReviewApi.rollback`."""
        body = {"alias": alias, "reason": reason, "dry": dry}
        return self._client.send("POST", _place(project, name, "rollback"), body, PointerChange)

    def history(self, project: str, name: str) -> list[ModelChange]:
        """See `ReviewApi.history`."""
        body = self._client.get(_place(project, name, "history"), wire.HistoryBody)
        return [wire.read_change(project, name, item) for item in body.changes]

    def rules(self, project: str) -> tuple[Rule, ...]:
        """See `ReviewApi.rules`."""
        return tuple(self._client.get(("projects", project, "promotion"), wire.RulesBody).rules)

    def put_rules(self, project: str, rules: Sequence[Rule]) -> None:
        """See `ReviewApi.put_rules`."""
        body = {"rules": [asdict(rule) for rule in rules]}
        self._client.send("PUT", ("projects", project, "promotion"), body, wire.RulesBody)

    def decisions(self, project: str, name: str) -> list[Decision]:
        """See `ReviewApi.decisions`."""
        return self._client.get(_place(project, name, "decisions"), wire.DecisionsBody).decisions


def _place(project: str, name: str, *rest: str) -> tuple[str, ...]:
    return ("projects", project, "models", name, *rest)
