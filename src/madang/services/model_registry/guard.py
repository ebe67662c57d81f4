"""The guard of protected pointers: every move of an alias or stage passes here, whichever client asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from madang.domain.reviews import Protection, base_of
from madang.domain.values import value
from madang.domain.versions import GONE, STAGES, PointerChange
from madang.errors import AccessDenied, NotFound
from madang.ports.records import Records
from madang.services.model_registry.stages import stages_left

if TYPE_CHECKING:  # loaded when a pointer is protected
    from madang.domain.gates import Finding, Repetition
    from madang.services.model_registry.gates import Gates


@value
class Evidence:
    """What was read of repetitions before a transaction, for gates that ask for them."""

    repetitions: Sequence[Repetition] | None = None


NOTHING = Evidence()


class Guard:
    """Thread-safe. `move` is called inside a transaction, so that nothing changes between the look and the move."""

    def __init__(self, records: Records, gates: Callable[[], Gates]) -> None:
        self._records = records
        self._gates = gates

    def rule(self, project: str, name: str, alias: str) -> Protection | None:
        """The protection of a pointer."""
        wanted = base_of(alias)
        rules = self._records.registry.protections(project, name)
        return next((rule for rule in rules if rule.alias == wanted), None)

    def evidence(self, project: str, name: str, alias: str, number: int | None) -> Evidence:
        """What the gates of a pointer need to know of a version; to be asked before the transaction."""
        rule = self.rule(project, name, alias)
        if rule is None or number is None:
            return NOTHING
        return Evidence(self._gates().repetitions(project, name, number, rule.gates))

    def move(self, change: PointerChange, evidence: Evidence, expected: object = ...) -> PointerChange:
        """Move a pointer that may move at once. Raises `AccessDenied`, and as `VersionRecords.point`."""
        self.check(change, evidence)
        return self.place(change, expected)

    def place(self, change: PointerChange, expected: object = ...) -> PointerChange:
        """Make a move that was decided on, whatever the protection of its pointer asks for."""
        found = (
            self._records.versions.get(change.project, change.name, change.number)
            if change.number is not None
            else None
        )
        if found is not None and GONE in found.tags:
            raise NotFound(f"{found.ref} cannot be used: {found.tags[GONE]}.")
        return self._records.versions.point(change, expected)

    def promote(self, change: PointerChange, evidence: Evidence, expected: object = ...) -> PointerChange:
        """As `move`; the version leaves the other stages."""
        if change.number is not None and change.alias in STAGES:
            for left in stages_left(self._records, change, but=change.alias):
                self.move(left, evidence)
        return self.move(change, evidence, expected)

    def check(self, change: PointerChange, evidence: Evidence) -> None:
        """Refuse a move that needs approval, or whose version does not fulfil the gates. Raises `AccessDenied`."""
        rule = self.rule(change.project, change.name, change.alias)
        if rule is None:
            return
        ref = f"{change.name}:v{change.number}" if change.number is not None else change.name
        if rule.approvals:
            raise AccessDenied(
                f"{rule.alias!r} of {change.name!r} is protected: {rule.approvals} of {', '.join(rule.reviewers)} must "
                "approve before it moves. Nothing was changed.",
                hint=f"Ask for it: `madang models request {ref} {rule.alias}`, or on the model's page.",
            )
        if change.number is None:  # else the next one would have nothing to be compared with
            raise AccessDenied(
                f"{rule.alias!r} of {change.name!r} is protected and is not taken away. Nothing was changed.",
                hint="Move it to another version that fulfils its gates.",
            )
        failed = [one for one in self.findings(rule, change.number, evidence) if not one.passed]
        if failed:
            raise AccessDenied(
                f"{rule.alias!r} of {change.name!r} is protected, and {ref} does not fulfil "
                + "; ".join(f"`{one.gate}`: {one.detail}" for one in failed)
                + ". Nothing was changed.",
                hint=f"See `madang models show {change.name}`.",
            )

    def findings(self, rule: Protection, number: int, evidence: Evidence) -> tuple[Finding, ...]:
        """What the gates of a pointer find about a version now."""
        return self._gates().look(rule.project, rule.name, number, rule.gates, self.current(rule), evidence.repetitions)

    def current(self, rule: Protection) -> int | None:
        """The version that a protected pointer is at."""
        row = self._records.versions.collection(rule.project, rule.name)
        if row is None:
            raise NotFound(f"There is no model {rule.name!r} in project {rule.project!r}.")
        return row.aliases.get(rule.alias)

    def check_removal(self, project: str, name: str, number: int | None) -> None:
        """Refuse to take away, or rename, what a protected pointer is at or is part of. Raises `AccessDenied`."""
        row = self._records.versions.collection(project, name)
        for rule in self._records.registry.protections(project, name):
            held = [target for alias, target in row.aliases.items() if base_of(alias) == rule.alias] if row else []
            if number is None or number in held:
                what = f"v{number} of {name!r}" if number is not None else f"{name!r}"
                raise AccessDenied(
                    f"{what} cannot be taken away or renamed: its pointer {rule.alias!r} is protected.",
                    hint=f"An admin can lift that: `madang models protect {name} {rule.alias} --off`.",
                )
