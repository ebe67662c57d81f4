"""Best model only: the rules of a project, applied to the models of a run once it has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from madang.domain.access import Permission, Principal, require
from madang.domain.gates import Repetition
from madang.domain.projects import DEFAULT
from madang.domain.promotion import Decision, Rule, RuleSet
from madang.domain.reviews import ModelChange, Request
from madang.domain.run_state import outcome
from madang.domain.versions import PointerChange, VersionRecord, check_name
from madang.errors import AccessDenied, Conflict
from madang.ports.records import Records, StoredRun
from madang.services.changes import now
from madang.services.model_registry.gates import Gates
from madang.services.model_registry.guard import Evidence, Guard

Declared: TypeAlias = Callable[[StoredRun | None], Sequence[Rule]]
"""The rules that stand in a file of the work tree of a run, or (None) of this one. Raises `InvalidInput`."""

_MANY = 100


class Promotion:
    """Thread-safe. A run waits in the records from the transaction in which it ends to the one that judges it."""

    def __init__(self, records: Records, gates: Gates, guard: Guard, declared: Declared) -> None:
        self._records = records
        self._gates = gates
        self._guard = guard
        self._declared = declared

    def rules(self, who: Principal, project: str) -> tuple[Rule, ...]:
        """The rules in force: those that were put into the records, and those of the project's file before them."""
        require(who, Permission.READ, project)
        return tuple(self._rules(project, None))

    def _rules(self, project: str, run: StoredRun | None) -> dict[Rule, bool]:
        """The rules, and of each whether it counts in the project `Default` too."""
        kept = self._records.registry.rules(project)
        found = dict.fromkeys(self._declared(run), True)  # the file is that of whoever owns this machine's store
        for rule in kept.rules:
            found.setdefault(rule, kept.in_default)
        return found

    def kept(self, who: Principal, project: str) -> tuple[Rule, ...] | None:
        """The rules that were put into the records; None: none ever were."""
        require(who, Permission.READ, project)
        found = self._records.registry.rules(project)
        return found.rules if found.is_set else None

    def put_rules(
        self, who: Principal, project: str, rules: Sequence[Rule], expected: Sequence[Rule] | None = None
    ) -> None:
        """Keep rules in the records, in place of those before: with ``expected``, if they are still these.

        They move pointers of models in the project `Default` only where the caller could do so now.

        Raises:
            AccessDenied: the caller is no admin.
            Conflict: others are kept meanwhile.
        """
        require(who, Permission.ADMIN, check_name(project, "project"))
        reaches = who.level(DEFAULT) >= Permission.WRITE
        with self._records.transaction():
            if expected is not None and self._records.registry.rules(project).rules != tuple(expected):
                raise Conflict(f"The rules of project {project!r} were changed meanwhile.", hint="Read them again.")
            self._records.registry.put_rules(project, RuleSet(tuple(rules), reaches))

    def decisions(self, who: Principal, project: str, name: str) -> list[Decision]:
        """What was decided about the versions of a model, newest first."""
        require(who, Permission.READ, project)
        return self._records.registry.decisions(project, check_name(name))

    def settle(self) -> list[Decision]:
        """Judge the models of all runs that wait for it; what was decided."""
        made: list[Decision] = []
        while runs := self._records.registry.awaiting(_MANY):
            for run in runs:
                made += self._judge_run(run)
        return made

    def _judge_run(self, run: str) -> list[Decision]:
        stored = self._records.runs.get(run)
        rules = self._rules(stored.state.project, stored) if stored is not None else {}
        judged = [
            (rule, version, self._evidence(rule, version))
            for rule, in_default in rules.items()
            for version in self._models(run, rule, in_default=in_default)
        ]
        with self._records.transaction():
            if not self._records.registry.judged(run):
                return []  # another process was faster
            return [one for item in judged if (one := self._judge(run, stored, *item)) is not None]

    def _models(self, run: str, rule: Rule, *, in_default: bool) -> list[VersionRecord]:
        """The models of a run in its project, and maybe in the one where clients of MLflow keep theirs."""
        stored = self._records.runs.get(run)
        assert stored is not None
        places = (stored.state.project, DEFAULT) if in_default else (stored.state.project,)
        return [
            version
            for version in self._records.versions.written(run)
            if version.project in places and version.type == "model" and rule.model in ("", version.name)
        ]

    def _evidence(self, rule: Rule, version: VersionRecord) -> tuple[Sequence[Repetition] | None, Evidence]:
        place = (version.project, version.name)
        asked = self._gates.repetitions(*place, version.number, rule.require)
        return asked, self._guard.evidence(*place, rule.alias, version.number)

    def _judge(
        self,
        run: str,
        stored: StoredRun | None,
        rule: Rule,
        version: VersionRecord,
        evidence: tuple[Sequence[Repetition] | None, Evidence],
    ) -> Decision | None:
        place = (version.project, version.name)
        row = self._records.versions.collection(*place)
        known = {(one.run, one.number, one.alias): one for one in self._records.registry.decisions(*place)}
        before = known.get((run, version.number, rule.alias))
        if row is None or stored is None or (before is not None and before.outcome != "lost"):
            return None
        current = row.aliases.get(rule.alias)
        if current == version.number or (before is not None and before.gone_at):
            return None
        own = self._gates.metric(run, rule.metric)
        reason, is_best = self._compare(rule, stored, version, own, current, evidence[0])
        made = Decision(run, *place, version.number, rule.alias, "lost", reason, now(), own, current)
        if is_best:
            made = self._promote(made, evidence[1])
        if made.outcome == "lost" and current is not None:
            made = replace(made, expires_at=rule.expiry(made.at))
        if before is not None and (before.outcome, before.reason) == (made.outcome, made.reason):
            return None
        self._records.registry.decide(made)
        self._records.registry.note(
            ModelChange(*place, "rule", f"v{version.number}", "", made.outcome, _actor(rule), made.at, made.reason)
        )
        return made

    def _compare(
        self,
        rule: Rule,
        stored: StoredRun,
        version: VersionRecord,
        own: float | None,
        current: int | None,
        known: Sequence[Repetition] | None,
    ) -> tuple[str, bool]:
        """Why a version is the best, or is not; and which of the two."""
        status = outcome(stored.state).status
        if status != "finished":
            return f"its run is {status}", False
        if own is None:
            return f"its run has no number for {rule.metric}", False
        place = (version.project, version.name)
        other = None if current is None else self._gates.metric_of_version(*place, current, rule.metric)
        if not rule.is_better(own, other):
            return f"{rule.metric} {own:.6g} does not beat {other:.6g} of v{current}", False
        run = stored.state.run
        findings = self._gates.look(*place, version.number, rule.require, current, known, run=run)
        failed = [f"`{one.gate}`: {one.detail}" for one in findings if not one.passed]
        if failed:
            return "; ".join(failed), False
        if current is None:
            return f"{rule.metric} {own:.6g}", True
        beaten = "no number" if other is None else f"{other:.6g}"
        return f"{rule.metric} {own:.6g}, better than {beaten} of v{current}", True

    def _promote(self, made: Decision, evidence: Evidence) -> Decision:
        """Move the pointer; where it needs approval, ask for it."""
        change = PointerChange(
            made.project, made.name, made.alias, made.number, None, "rule", made.at, f"best model: {made.reason}"
        )
        guarded = self._guard.rule(made.project, made.name, made.alias)
        if guarded is None or not guarded.approvals:
            try:
                self._guard.promote(change, evidence, made.against)
            except AccessDenied as error:  # the gates of the pointer itself, or a stage that it would have to leave
                return replace(made, reason=error.message)
            return replace(made, outcome="promoted")
        findings = self._guard.findings(guarded, made.number, evidence)
        self._records.registry.put_request(
            Request(
                made.project, made.name, 0, made.alias, made.number, made.against, "rule", made.at, change.reason,
                findings=findings, checked_at=made.at, checked_against=made.against,
            )
        )  # fmt: skip
        return replace(made, outcome="requested")


def _actor(rule: Rule) -> str:
    return f"rule: {rule.mode} {rule.metric}"
