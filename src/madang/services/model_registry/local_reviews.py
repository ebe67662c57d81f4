"""The `ReviewApi` over this machine's store."""

from __future__ import annotations

from collections.abc import Sequence

from madang.domain.access import Principal
from madang.domain.promotion import Decision, Rule
from madang.domain.reviews import ModelChange, Protection, Request
from madang.domain.versions import PointerChange
from madang.services.model_registry.promotion import Promotion
from madang.services.model_registry.reviews import Reviews


class LocalReviewApi:
    """See `madang.ports.reviews.ReviewApi`."""

    def __init__(self, who: Principal, reviews: Reviews, promotion: Promotion) -> None:
        self._who = who
        self._reviews = reviews
        self._promotion = promotion

    @property
    def name(self) -> str:
        """See `ReviewApi.name`."""
        return self._who.name

    def protections(self, project: str, name: str) -> list[Protection]:
        """See `ReviewApi.protections`."""
        return self._reviews.protections(self._who, project, name)

    def protect(self, wanted: Protection) -> Protection:
        """See `ReviewApi.protect`."""
        return self._reviews.protect(self._who, wanted)

    def unprotect(self, project: str, name: str, alias: str, reason: str = "") -> None:
        """See `ReviewApi.unprotect`."""
        self._reviews.unprotect(self._who, project, name, alias, reason)

    def requests(self, project: str, name: str) -> list[Request]:
        """See `ReviewApi.requests`."""
        return self._reviews.requests(self._who, project, name)

    def request(self, project: str, ref: str, alias: str, reason: str = "") -> Request:
        """See `ReviewApi.request`."""
        return self._reviews.request(self._who, project, ref, alias, reason)

    def review(self, project: str, name: str, number: int, *, is_approval: bool, comment: str = "") -> Request:
        """See `ReviewApi.review`."""
        return self._reviews.review(self._who, project, name, number, is_approval=is_approval, comment=comment)

    def rollback(self, project: str, name: str, alias: str, reason: str = "", *, dry: bool = False) -> PointerChange:
        """See `ReviewApi.rollback`."""
        return self._reviews.rollback(self._who, project, name, alias, reason, dry=dry)

    def history(self, project: str, name: str) -> list[ModelChange]:
        """See `ReviewApi.history`."""
        return self._reviews.history(self._who, project, name)

    def rules(self, project: str) -> tuple[Rule, ...]:
        """See `ReviewApi.rules`."""
        return self._promotion.rules(self._who, project)

    def put_rules(self, project: str, rules: Sequence[Rule]) -> None:
        """See `ReviewApi.put_rules`."""
        self._promotion.put_rules(self._who, project, rules)

    def decisions(self, project: str, name: str) -> list[Decision]:
        """See `ReviewApi.decisions`."""
        self._reviews.require_model(self._who, project, name)  # what has ended meanwhile is judged
        return self._promotion.decisions(self._who, project, name)
