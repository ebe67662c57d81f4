"""Protections, requests, history and promotion of models (`ports.registry`)."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, TypeVar

import msgspec

from madang.backends.records.database import Database
from madang.domain.promotion import Decision, Rule, RuleSet
from madang.domain.reviews import PENDING, ModelChange, Protection, Request
from madang.errors import NotFound
from madang.formats.learning import learnt

T = TypeVar("T")
_RULES = "rules"  # of what a transaction has met: those of a project


class SqlRegistry:
    """`ports.registry.RegistryRecords`. Bodies are MessagePack of the domain's values."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def _collection(self, project: str, name: str) -> int:
        found = self._find(project, name)
        if found is None:
            raise NotFound(f"There is no model {name!r} in project {project!r}.")
        return found

    def _find(self, project: str, name: str) -> int | None:
        row = self._db.row("get_collection", project=project, name=name)
        return int(row[0]) if row else None

    def protections(self, project: str, name: str) -> list[Protection]:
        """The protected pointers of a model, by alias."""
        found = self._find(project, name)
        rows = self._db.rows("protections", collection=found) if found is not None else []
        return [_under(project, name, _read(body, Protection)) for _, body in rows]

    def protect(self, protection: Protection) -> None:
        """Keep a rule, in place of the one of the same pointer."""
        place = self._collection(protection.project, protection.name)
        self._db.run("put_protection", collection=place, alias=protection.alias, body=_body(protection))

    def unprotect(self, project: str, name: str, alias: str) -> None:
        """Forget the rule of a pointer."""
        self._db.run("drop_protection", collection=self._collection(project, name), alias=alias)

    def requests(self, project: str, name: str) -> list[Request]:
        """The requests about a model, newest first."""
        found = self._find(project, name)
        rows = self._db.rows("requests", collection=found) if found is not None else []
        return [_under(project, name, _read(body, Request)) for _, body in rows]

    def pending(self) -> list[Request]:
        """The requests of all models that nobody has decided, newest first."""
        rows = self._db.rows("pending_requests")
        found = [_under(project, name, _read(body, Request)) for project, name, body in rows]
        return sorted((one for one in found if one.state == PENDING), key=lambda one: -one.at)

    def put_request(self, request: Request) -> Request:
        """Keep a request in place of the one with its number; with the number 0 it gets the next one."""
        with self._db.transaction():
            place = self._collection(request.project, request.name)
            if not request.number:
                row = self._db.row("newest_request", collection=place)
                request = replace(request, number=1 + int((row and row[0]) or 0))
            self._db.run(
                "put_request",
                collection=place,
                number=request.number,
                pending=int(request.state == PENDING),
                body=_body(request),
            )
        return request

    def note(self, change: ModelChange) -> None:
        """Add to the history of a model."""
        place = self._collection(change.project, change.name)
        self._db.run("note_collection", collection=place, at=change.at, body=_body(change))

    def changes(self, project: str, name: str) -> list[ModelChange]:
        """What was noted, newest first."""
        found = self._find(project, name)
        rows = self._db.rows("collection_changes", collection=found) if found is not None else []
        return [_under(project, name, _read(row[0], ModelChange)) for row in rows]

    def rules(self, project: str) -> RuleSet:
        """The rules of promotion that a project has."""
        known: RuleSet | None = self._db.scratch.get((_RULES, project))
        if known is None:  # a transaction that takes in many runs asks for each
            row = self._db.row("rules", project=project)
            known = RuleSet(_read(row[0], tuple[Rule, ...]), bool(row[1]), True) if row else RuleSet()
            self._db.scratch[_RULES, project] = known
        return known

    def put_rules(self, project: str, rules: RuleSet) -> None:
        """Keep them, in place of those before."""
        body = _body(list(rules.rules))
        self._db.run("put_rules", project=project, body=body, in_default=int(rules.in_default))
        self._db.scratch.pop((_RULES, project), None)

    def await_decision(self, run: str) -> None:
        """Note that a run has ended and its models are to be judged."""
        self._db.run("await_decision", run=run)

    def awaiting(self, limit: int) -> list[str]:
        """Runs whose models are to be judged, in the order in which they ended."""
        return [str(row[0]) for row in self._db.rows("awaiting", limit=limit)]

    def judged(self, run: str) -> bool:
        """Forget that a run's models are to be judged; False when nobody waits for it any more."""
        return self._db.run("judged", run=run) > 0

    def decide(self, decision: Decision) -> None:
        """Keep a decision, in place of that about the same version and pointer of the same run."""
        self._db.run(
            "put_decision",
            collection=self._collection(decision.project, decision.name),
            number=decision.number,
            run=decision.run,
            alias=decision.alias,
            at=decision.at,
            expires_at=decision.expires_at,
            gone_at=decision.gone_at,
            body=_body(decision),
        )

    def decisions(self, project: str, name: str) -> list[Decision]:
        """The decisions about a model, newest first."""
        found = self._find(project, name)
        rows = self._db.rows("decisions", collection=found) if found is not None else []
        return [_under(project, name, _read(row[0], Decision)) for row in rows]

    def expired(self, now: int, limit: int) -> list[Decision]:
        """Versions that lost, whose bytes are not needed any more (µs UTC) and were not removed."""
        rows = self._db.rows("expired", now=now, limit=limit)
        return [_under(project, name, _read(body, Decision)) for project, name, body in rows]


def _body(value: Any) -> bytes:
    return msgspec.msgpack.encode([asdict(item) for item in value] if isinstance(value, list) else asdict(value))


def _read(body: bytes, kind: type[T]) -> T:
    return msgspec.msgpack.decode(bytes(body), type=learnt(kind))


def _under(project: str, name: str, found: Any) -> Any:
    """What was kept under the name that the model has now."""
    return replace(found, project=project, name=name)
