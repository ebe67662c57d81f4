"""What the registry of models keeps in a workspace, also written to ``changes.log``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec

from madang.backends.records.database import Database
from madang.backends.records.journaled import ChangeLog
from madang.backends.records.registry import SqlRegistry
from madang.domain.promotion import Decision, RuleSet
from madang.domain.reviews import ModelChange, Protection, Request
from madang.formats.learning import learnt


class JournaledRegistry(SqlRegistry):
    """Protections, requests, history and decisions in the log."""

    def __init__(self, database: Database, log: ChangeLog) -> None:
        super().__init__(database)
        self._log = log

    def protect(self, protection: Protection) -> None:
        """Keep a rule, in place of the one of the same pointer."""
        with self._db.transaction():
            super().protect(protection)
            self._log.note("protected", asdict(protection))

    def unprotect(self, project: str, name: str, alias: str) -> None:
        """Forget the rule of a pointer."""
        with self._db.transaction():
            super().unprotect(project, name, alias)
            self._log.note("unprotected", {"project": project, "name": name, "alias": alias})

    def put_request(self, request: Request) -> Request:
        """Keep a request."""
        with self._db.transaction():
            made = super().put_request(request)
            self._log.note("request", asdict(made))
        return made

    def note(self, change: ModelChange) -> None:
        """Add to the history of a model."""
        with self._db.transaction():
            super().note(change)
            self._log.note("noted", asdict(change))

    def put_rules(self, project: str, rules: RuleSet) -> None:
        """Keep the rules of a project."""
        with self._db.transaction():
            super().put_rules(project, rules)
            self._log.note("rules", {"project": project, **asdict(rules)})

    def decide(self, decision: Decision) -> None:
        """Keep a decision."""
        with self._db.transaction():
            super().decide(decision)
            self._log.note("decision", asdict(decision))


def redo(database: Database, kind: str) -> Callable[[dict[str, Any]], None]:
    """What takes one line of a kind out of the log into the records (see `replaying.replay`)."""
    registry = SqlRegistry(database)
    actions: dict[str, Callable[[dict[str, Any]], object]] = {
        "protected": lambda body: registry.protect(msgspec.convert(body, learnt(Protection))),
        "unprotected": lambda body: registry.unprotect(**body),
        "request": lambda body: registry.put_request(msgspec.convert(body, learnt(Request))),
        "noted": lambda body: registry.note(msgspec.convert(body, learnt(ModelChange))),
        "rules": lambda body: registry.put_rules(body["project"], msgspec.convert(body, learnt(RuleSet))),
        "decision": lambda body: registry.decide(msgspec.convert(body, learnt(Decision))),
    }
    action = actions[kind]
    return lambda body: (action(body), None)[1]
