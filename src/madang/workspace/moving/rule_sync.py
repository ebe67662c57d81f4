"""Rules of promotion, from this store to a hub and back: as a project has them, in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import msgspec
from msgspec import UNSET, UnsetType

from madang.client.http import HubClient
from madang.domain.access import Principal
from madang.domain.collection_states import Finding
from madang.domain.promotion import Rule
from madang.errors import AccessDenied, Conflict
from madang.formats.learning import learnt
from madang.formats.reviews import RulesBody
from madang.ports.records import KeyValue
from madang.services.model_registry.promotion import Promotion

_SUBJECT = "rules of promotion"


class RuleSync:
    """What both had last is remembered here, so that it can be told who has changed them since.

    Where that is not known, rules stay that were set at both ends, and it is told.
    """

    def __init__(self, hub: HubClient, promotion: Promotion, memory: KeyValue, who: Principal) -> None:
        self._hub = hub
        self._promotion = promotion
        self._memory = memory
        self._who = who

    def send(self, project: str) -> Finding | None:
        """Have the hub follow what changed here; what it did not follow, or has changed."""
        return self._one(project, back=False)

    def fetch(self, project: str) -> Finding | None:
        """Follow what changed on the hub; what was not followed, or was changed here."""
        return self._one(project, back=True)

    def _one(self, project: str, *, back: bool) -> Finding | None:
        ours, told = self._promotion.kept(self._who, project), self._told(project)
        if told is UNSET:
            return Finding(_SUBJECT, "older") if ours and not back else None
        theirs = None if told is None else tuple(told)
        if (ours or ()) == (theirs or ()):
            self._remember(project, ours or ())
            return None
        is_ours, is_theirs = self._who_changed(project, ours, theirs)
        if is_ours and is_theirs:
            return Finding(_SUBJECT, "conflict")
        if is_ours is back:
            return Finding(_SUBJECT, "newer here")
        found = self._taken(project, theirs or ()) if back else self._sent(project, ours or (), theirs)
        if found is None:
            self._remember(project, (theirs if back else ours) or ())
        return found

    def _who_changed(
        self, project: str, ours: tuple[Rule, ...] | None, theirs: tuple[Rule, ...] | None
    ) -> tuple[bool, bool]:
        before = self._before(project)
        if before is None:
            return ours is not None, theirs is not None
        return (ours or ()) != before, (theirs or ()) != before

    def _before(self, project: str) -> tuple[Rule, ...] | None:
        told = self._memory.get(self._key(project))
        return None if told is None else msgspec.json.decode(told, type=learnt(tuple[Rule, ...]))

    def _told(self, project: str) -> Sequence[Rule] | UnsetType | None:
        return self._hub.get(("projects", project, "promotion"), RulesBody).kept

    def _sent(self, project: str, ours: Sequence[Rule], theirs: Sequence[Rule] | None) -> Finding | None:
        body = {"rules": [asdict(one) for one in ours], "expected": [asdict(one) for one in theirs or ()]}
        try:
            self._hub.send("PUT", ("projects", project, "promotion"), body, RulesBody)
        except AccessDenied:
            return Finding(_SUBJECT, "refused", "only an admin sets them")
        except Conflict:
            return Finding(_SUBJECT, "newer here")
        return None

    def _taken(self, project: str, theirs: Sequence[Rule]) -> Finding | None:
        try:
            self._promotion.put_rules(self._who, project, theirs)
        except AccessDenied as error:
            return Finding(_SUBJECT, "refused", error.message)
        return None

    def _key(self, project: str) -> str:
        return f"rules {project} {self._hub.address}"

    def _remember(self, project: str, rules: Sequence[Rule]) -> None:
        if tuple(rules) != (self._before(project) or ()):
            self._memory.set(self._key(project), msgspec.json.encode([asdict(one) for one in rules]))
