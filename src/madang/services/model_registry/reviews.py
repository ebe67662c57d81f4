"""Approvals: protections of pointers, requests to move them, reviews, rollback, and the history of a model."""

from __future__ import annotations

from dataclasses import replace

from madang.domain.access import Permission, Principal, require
from madang.domain.reviews import (
    PENDING,
    PROMOTED,
    REJECTED,
    WITHDRAWN,
    ModelChange,
    Protection,
    Request,
    Review,
    base_of,
    checked_alias,
    checked_protection,
    is_reviewer,
    is_same,
    require_pending,
)
from madang.domain.versions import STAGES, PointerChange, check_name
from madang.errors import AccessDenied, Conflict, InvalidInput, NotFound
from madang.ports.records import Records
from madang.ports.versions import CollectionRow
from madang.services.changes import now
from madang.services.model_registry.guard import Evidence, Guard
from madang.services.model_registry.registry import Registry
from madang.services.model_registry.stages import stages_left
from madang.services.tracking import Tracking

_ROLLBACK = "rollback from v"


class Reviews:
    """Thread-safe. What decides and what moves are one transaction, so racing callers cannot come between."""

    def __init__(self, records: Records, tracking: Tracking, guard: Guard, registry: Registry) -> None:
        self._records = records
        self._tracking = tracking
        self._guard = guard
        self._registry = registry

    # Protections

    def protections(self, who: Principal, project: str, name: str) -> list[Protection]:
        """The protected pointers of a model. Raises `NotFound`."""
        self._row(who, Permission.READ, project, name)
        return self._records.registry.protections(project, check_name(name))

    def protect(self, who: Principal, wanted: Protection) -> Protection:
        """Protect a pointer, or change how it is protected.

        Raises:
            NotFound: there is no such model.
            InvalidInput: see `checked_protection`.
            AccessDenied: the caller is no admin of the project.
        """
        row = self._row(who, Permission.ADMIN, wanted.project, wanted.name)
        rule = replace(checked_protection(wanted), name=row.name, actor=who.name, at=now())
        with self._records.transaction():
            before = self._guard.rule(rule.project, rule.name, rule.alias)
            self._records.registry.protect(rule)
            self._note(rule, "protection", rule.alias, before.summary if before else "", rule.summary, who)
        return rule

    def unprotect(self, who: Principal, project: str, name: str, alias: str, reason: str = "") -> None:
        """Lift the protection of a pointer. Raises `NotFound` without one, `AccessDenied` for who is no admin."""
        row = self._row(who, Permission.ADMIN, project, name)
        with self._records.transaction():
            rule = self._rule(project, row.name, alias)
            self._records.registry.unprotect(project, row.name, rule.alias)
            self._note(rule, "protection", rule.alias, rule.summary, "", who, reason)

    # Requests

    def requests(self, who: Principal, project: str, name: str) -> list[Request]:
        """All requests about a model, newest first. Raises `NotFound`."""
        self._row(who, Permission.READ, project, name)
        return self._records.registry.requests(project, check_name(name))

    def waiting(self, who: Principal) -> list[Request]:
        """The requests of all projects that wait for this reviewer's word, newest first."""
        pending = [one for one in self._records.registry.pending() if who.level(one.project) >= Permission.WRITE]
        return [one for one in pending if self._is_asked(who, one)]

    def _is_asked(self, who: Principal, request: Request) -> bool:
        rule = self._guard.rule(request.project, request.name, request.alias)
        if rule is None or not is_reviewer(who, rule) or (is_same(who.name, request.actor) and not rule.own_requests):
            return False
        return not any(is_same(who.name, one.actor) and one.is_approval for one in request.reviews)

    def request(self, who: Principal, project: str, ref: str, alias: str, reason: str = "") -> Request:
        """Ask for a move of a protected pointer. The same wish again is the request that is pending already.

        Raises:
            NotFound: no such version.
            InvalidInput: the pointer needs nobody's approval.
            Conflict: it points there already.
        """
        require(who, Permission.WRITE, project)
        self._tracking.catch_up()
        version = self._registry.resolve(project, ref)
        wanted = base_of(checked_alias(alias))
        evidence = self._guard.evidence(project, version.name, wanted, version.number)
        with self._records.transaction():
            rule = self._guard.rule(project, version.name, wanted)
            if rule is None or not rule.approvals:
                raise InvalidInput(
                    f"{wanted!r} of {version.name!r} needs nobody's approval.",
                    hint=f"Move it: `madang models alias {version.ref} {wanted}`.",
                )
            current = self._guard.current(rule)
            if current == version.number:
                raise Conflict(f"{wanted!r} of {version.name!r} is at v{current} already.")
            for known in self._records.registry.requests(project, version.name):
                if (known.state, known.alias, known.version) == (PENDING, wanted, version.number):
                    return known
            findings = self._guard.findings(rule, version.number, evidence)
            made = self._records.registry.put_request(
                Request(
                    project, version.name, 0, wanted, version.number, current, who.name, now(), reason,
                    findings=findings, checked_at=now(), checked_against=current,
                )
            )  # fmt: skip
            self._note(made, "request", wanted, _of(current), version.ref.rpartition(":")[2], who, reason)
            return made

    def review(
        self, who: Principal, project: str, name: str, number: int, *, is_approval: bool, comment: str = ""
    ) -> Request:
        """Approve a request or turn it down. With the last approval that is needed the pointer moves.

        The gates are looked at in the transaction of the move, against what the pointer is at then. If they are not
        fulfilled the request stays pending, with what they found. Who asked may take the request back by turning it
        down.

        Raises:
            NotFound: no such request, or its version is gone.
            Conflict: it is decided already.
            AccessDenied: the caller is no reviewer of the pointer, or may not approve a request of their own.
        """
        row = self._row(who, Permission.READ, project, name)
        require(who, Permission.WRITE, project)
        seen = self._request(project, row.name, number)
        evidence = self._guard.evidence(project, row.name, seen.alias, seen.version)
        with self._records.transaction():
            request = self._request(project, row.name, number)
            require_pending(request)
            rule = self._guard.rule(project, row.name, request.alias)
            if is_approval:
                return self._approve(who, rule, request, comment, evidence)
            is_own = is_same(who.name, request.actor)
            if not is_own and (rule is None or not is_reviewer(who, rule)) and who.level(project) < Permission.ADMIN:
                raise _no_reviewer(who, request, rule)
            state = WITHDRAWN if is_own and (rule is None or not is_reviewer(who, rule)) else REJECTED
            ended = replace(request.reviewed(Review(who.name, now(), False, comment)), state=state, ended_at=now())
            kind = "rejection" if state == REJECTED else "withdrawal"
            self._note(ended, kind, request.alias, f"request {number}", state, who, comment)
            return self._records.registry.put_request(ended)

    def _approve(
        self, who: Principal, rule: Protection | None, request: Request, comment: str, evidence: Evidence
    ) -> Request:
        if rule is None or not is_reviewer(who, rule):
            raise _no_reviewer(who, request, rule)
        if is_same(who.name, request.actor) and not rule.own_requests:
            raise AccessDenied(
                f"{who.name} has asked for this, so somebody else must approve it.",
                hint=f"An admin can allow it: `madang models protect {rule.name} {rule.alias} --own-requests …`.",
            )
        request = request.reviewed(Review(who.name, now(), True, comment))
        self._note(request, "approval", request.alias, f"request {request.number}", _of(request.version), who, comment)
        agreed = request.approvals(rule)
        if len(agreed) >= rule.approvals:
            request = self._promote(who, rule, request, agreed, evidence)
        return self._records.registry.put_request(request)

    def _promote(
        self, who: Principal, rule: Protection, request: Request, agreed: list[str], evidence: Evidence
    ) -> Request:
        current = self._guard.current(rule)
        assert request.version is not None
        if self._records.versions.get(request.project, request.name, request.version) is None:
            raise NotFound(f"There is no version v{request.version} of {request.name!r} any more.")
        findings = self._guard.findings(rule, request.version, evidence)
        request = replace(request, findings=findings, checked_at=now(), checked_against=current)
        if not all(one.passed for one in findings):
            return request
        because = [f"request {request.number} of {request.actor}, approved by {', '.join(agreed)}"]
        if current != request.before:
            because.append(f"{request.alias} had moved from {_of(request.before)} to {_of(current)} meanwhile")
        reason = "; ".join([*because, *([request.reason] if request.reason else [])])
        self._place(PointerChange(
            request.project, request.name, request.alias, request.version, None, who.name, now(), reason
        ), current)  # fmt: skip
        return replace(request, state=PROMOTED, ended_at=now())

    def _place(self, change: PointerChange, expected: int | None) -> PointerChange:
        """A move that was decided on: the protection has had its say."""
        if change.alias in STAGES and change.number is not None:
            for left in stages_left(self._records, change, but=change.alias):
                self._guard.place(left)
        return self._guard.place(change, expected)

    # Rollback

    def rollback(
        self, who: Principal, project: str, name: str, alias: str, reason: str = "", *, dry: bool = False
    ) -> PointerChange:
        """Point an alias or stage at the version that it was at before, as a new entry of the history.

        Several in a row go back further and further. A protected pointer goes back at once for its reviewers and for
        admins of the project: the version has been there before. ``dry`` only tells.

        Raises:
            NotFound: no such model.
            Conflict: there is nothing to go back to.
            AccessDenied: the pointer is protected and the caller is neither.
        """
        row = self._row(who, Permission.WRITE, project, name)
        wanted = checked_alias(alias)
        with self._records.transaction():
            row = self._row(who, Permission.WRITE, project, row.name)
            current = row.aliases.get(wanted)
            before = self._before(row, wanted, current)
            if before is None:
                at = "nothing" if current is None else f"v{current}"
                raise Conflict(
                    f"{row.name}@{wanted} is at {at} and was at no other version before.",
                    hint="Promote a version by its number.",
                )
            rule = self._guard.rule(project, row.name, wanted)
            if rule and rule.approvals and not is_reviewer(who, rule) and who.level(project) < Permission.ADMIN:
                raise AccessDenied(
                    f"{wanted!r} of {row.name!r} is protected: its reviewers or an admin can roll it back.",
                    hint=f"Ask for it: `madang models request {row.name}:v{before} {wanted}`.",
                )
            said = f"{_ROLLBACK}{current}" + (f": {reason}" if reason else "") if current is not None else reason
            change = PointerChange(project, row.name, wanted, before, current, who.name, now(), said)
            return change if dry else self._place(change, current)

    def _before(self, row: CollectionRow, alias: str, current: int | None) -> int | None:
        """The version before the present one: moves pile up, and a rollback takes the topmost away."""
        there = {version.number for version in self._records.versions.versions(row.project, row.name)}
        pile: list[int] = []
        for change in reversed(self._records.versions.pointer_history(row.project, row.name)):
            if change.alias != alias or change.number is None:
                continue
            if change.reason.startswith(_ROLLBACK) and change.number in pile:
                del pile[len(pile) - pile[::-1].index(change.number) :]
            elif not pile or pile[-1] != change.number:
                pile.append(change.number)
        return next((number for number in reversed(pile) if number != current and number in there), None)

    # History

    def history(self, who: Principal, project: str, name: str) -> list[ModelChange]:
        """Every change of a model, newest first: pointers, versions, texts, requests and so on. Raises `NotFound`."""
        row = self._row(who, Permission.READ, project, name)
        moves = [
            ModelChange(
                project, row.name, "stage" if base_of(one.alias) in STAGES else "alias", one.alias,
                _of(one.before), _of(one.number), one.actor, one.at, one.reason,
            )
            for one in self._records.versions.pointer_history(project, row.name)
            if one.alias
        ]  # fmt: skip
        made = [
            ModelChange(project, row.name, "version", f"v{one.number}", "", "made", one.actor, one.created_at,
                        f"by run {one.run[:8]}" if one.run else "")
            for one in self._records.versions.versions(project, row.name)
        ]  # fmt: skip
        noted = self._records.registry.changes(project, row.name)
        return sorted([*moves, *noted, *made], key=lambda one: -one.at)

    def require_model(self, who: Principal, project: str, name: str) -> None:
        """Take in what happened meanwhile, and find the model. Raises `NotFound`."""
        self._row(who, Permission.READ, project, name)

    # Helpers

    def _row(self, who: Principal, needed: Permission, project: str, name: str) -> CollectionRow:
        require(who, needed, project)
        self._tracking.catch_up()
        found = self._records.versions.collection(project, check_name(name))
        if found is None:
            raise NotFound(f"Project {project!r} has no model {name!r}.", hint="List them with `madang models`.")
        return found

    def _rule(self, project: str, name: str, alias: str) -> Protection:
        found = self._guard.rule(project, name, checked_alias(alias))
        if found is None:
            raise NotFound(f"{alias!r} of {name!r} is not protected.")
        return found

    def _request(self, project: str, name: str, number: int) -> Request:
        for one in self._records.registry.requests(project, name):
            if one.number == number:
                return one
        raise NotFound(f"{name!r} has no request {number}.", hint=f"List them: `madang models reviews {name}`.")

    def _note(
        self,
        about: Protection | Request,
        kind: str,
        subject: str,
        before: str,
        after: str,
        who: Principal,
        reason: str = "",
    ) -> None:
        change = ModelChange(about.project, about.name, kind, subject, before, after, who.name, now(), reason)
        self._records.registry.note(change)


def _of(number: int | None) -> str:
    return "" if number is None else f"v{number}"


def _no_reviewer(who: Principal, request: Request, rule: Protection | None) -> AccessDenied:
    named = f"Reviewers: {', '.join(rule.reviewers)}." if rule else "It is not protected any more."
    return AccessDenied(f"{who.name} is no reviewer of {request.alias!r} of {request.name!r}. {named}")
