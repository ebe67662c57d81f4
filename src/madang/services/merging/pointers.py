"""Moves of aliases and stages that another store has made: followed where nothing moved here, told where it did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from madang.domain.access import Principal
from madang.domain.collection_states import CollectionState, Finding, beyond, group_of, key_of, order
from madang.domain.reviews import PENDING, base_of, rule_of
from madang.domain.versions import PointerChange
from madang.errors import AccessDenied, MadangError, NotFound
from madang.ports.records import Records
from madang.services.changes import now
from madang.services.merging.collection_merge import CollectionMerge
from madang.services.model_registry.guard import NOTHING, Guard
from madang.services.model_registry.reviews import Reviews


class PointerMerge(CollectionMerge):
    """Each group of pointers is looked at and moved in a transaction."""

    def __init__(
        self,
        records: Records,
        guard: Guard,
        reviews: Reviews,
        who: Principal,
        place: tuple[str, str],
        *,
        as_is: bool = False,
        only_same: bool = False,
    ) -> None:
        super().__init__(records, who, place, as_is=as_is, only_same=only_same)
        self._guard = guard
        self._reviews = reviews
        self._decided: set[str] = set()  # pointers that were moved under the same protection as they have here

    def take(self, theirs: CollectionState) -> list[Finding]:
        """Follow the moves of ``theirs``, whose numbers are ours; what could not be followed."""
        if self._as_is:
            rules = {rule_of(one) for one in self._records.registry.protections(*self._place)}
            self._decided = {one.alias for one in theirs.protections if rule_of(one) in rules}
        moves = _grouped(theirs.moves)
        groups = dict.fromkeys([*moves, *map(group_of, theirs.aliases), *map(group_of, self._aliases())])
        return [one for group in groups for one in self._group(group, moves.get(group, []), theirs.aliases)]

    def _aliases(self) -> dict[str, int]:
        row = self._records.versions.collection(*self._place)
        return {} if row is None else {alias: number for alias, number in row.aliases.items() if alias != "latest"}

    def _group(self, group: str, moves: Sequence[PointerChange], aliases: Mapping[str, int]) -> list[Finding]:
        wanted = {alias: number for alias, number in aliases.items() if group_of(alias) == group}
        evidence = {alias: self._guard.evidence(*self._place, alias, number) for alias, number in wanted.items()}
        try:
            with self._records.transaction():
                here = {alias: number for alias, number in self._aliases().items() if group_of(alias) == group}
                ours = [one for one in self._history() if group_of(one.alias) == group]
                is_same, which = here == wanted, order(list(map(key_of, ours)), list(map(key_of, moves)))
                if self._only_same and not is_same:
                    return []
                if which == "behind":
                    changed = {
                        alias: wanted.get(alias) for alias in here | wanted if here.get(alias) != wanted.get(alias)
                    }
                    for alias, number in changed.items():
                        if base_of(alias) not in self._decided:
                            self._guard.check(self._change(alias, number, moves), evidence.get(alias, NOTHING))
                    self._follow(beyond_moves(ours, moves), changed)
                    return self._settle(changed, moves)
                if is_same:
                    if which == "apart" and self._as_is:
                        self._follow(moves[-1:], ())
                    return [Finding(group, "same")] if which == "apart" else []
                outcome = "newer here" if which == "ahead" else "conflict"
                return [_finding(alias, outcome, here, wanted, ours) for alias in _differing(here, wanted)]
        except AccessDenied as error:
            return self._ask(group, wanted, moves, error)

    def _history(self) -> list[PointerChange]:
        return self._records.versions.pointer_history(*self._place)[::-1]

    def _change(self, alias: str, number: int | None, moves: Sequence[PointerChange]) -> PointerChange:
        said = next((one for one in reversed(moves) if (one.alias, one.number) == (alias, number)), None)
        return self._as_ours(said) if said else PointerChange(*self._place, alias, number, None, self._who.name, 0)

    def _as_ours(self, move: PointerChange) -> PointerChange:
        return replace(move, project=self._place[0], name=self._place[1], actor=self._signed(move.actor))

    def _follow(self, moves: Sequence[PointerChange], changed: Collection[str]) -> None:
        """Make moves. Of those of protected pointers only where the guard was asked: where these have ``changed``."""
        for move in moves:
            is_decided = move.alias in changed or base_of(move.alias) in self._decided
            if not is_decided and self._guard.rule(*self._place, move.alias) is not None:
                continue  # a detour, or one that leads elsewhere than the pointer is said to be
            with suppress(NotFound):  # a version that is gone here: it was not there when the pointer was last
                self._guard.place(self._as_ours(move))

    def _settle(self, changed: Mapping[str, int | None], moves: Sequence[PointerChange]) -> list[Finding]:
        """Bring pointers to where they are to be, should their history not lead there; what became of each."""
        found = []
        for alias, number in changed.items():
            before = self._aliases().get(alias)
            try:
                if before != number:
                    self._guard.place(replace(self._change(alias, number, moves), at=now()))
                found.append(Finding(alias, "taken", there=number))
            except NotFound as error:
                found.append(Finding(alias, "refused", error.message, before, number))
        return found

    def _ask(
        self, group: str, wanted: Mapping[str, int], moves: Sequence[PointerChange], error: AccessDenied
    ) -> list[Finding]:
        """What becomes of moves that a guard has refused: those that reviewers decide are asked for, once."""
        here = self._aliases()
        found = []
        for alias in sorted({*here, *wanted}):
            at, number = here.get(alias), wanted.get(alias)
            rule = self._guard.rule(*self._place, alias)
            if group_of(alias) != group or at == number or rule is None:
                continue
            said = self._change(alias, number, moves)
            if not rule.approvals or number is None:
                found.append(Finding(alias, "refused", error.message, at, number))
                continue
            try:
                found.append(self._requested(said, at))
            except MadangError as failure:
                found.append(Finding(alias, "refused", failure.message, at, number))
        return found

    def _requested(self, said: PointerChange, at: int | None) -> Finding:
        alias, number = base_of(said.alias), said.number
        for known in self._records.registry.requests(*self._place):
            if (known.alias, known.version) == (alias, number) and (known.state == PENDING or known.at >= said.at):
                outcome = "requested" if known.state == PENDING else "rejected"
                return Finding(said.alias, outcome, f"request {known.number} is {known.state}", at, number)
        reason = " ".join(filter(None, (said.reason, f"({said.actor})" if said.actor else "")))
        made = self._reviews.request(self._who, self._place[0], f"{self._place[1]}:v{number}", alias, reason)
        return Finding(said.alias, "requested", f"request {made.number} is {made.state}", at, number)


def beyond_moves(ours: Sequence[PointerChange], theirs: Sequence[PointerChange]) -> Sequence[PointerChange]:
    """The moves that follow the last one of ours."""
    keys = list(map(key_of, theirs))
    return theirs[len(theirs) - len(beyond(list(map(key_of, ours)), keys)) :]


def _grouped(moves: Sequence[PointerChange]) -> dict[str, list[PointerChange]]:
    found: dict[str, list[PointerChange]] = {}
    for move in moves:
        found.setdefault(group_of(move.alias), []).append(move)
    return found


def _differing(here: Mapping[str, int], there: Mapping[str, int]) -> list[str]:
    return [alias for alias in sorted({*here, *there}) if here.get(alias) != there.get(alias)]


def _finding(
    alias: str, outcome: str, here: Mapping[str, int], there: Mapping[str, int], ours: Sequence[PointerChange]
) -> Finding:
    last = next((one for one in reversed(ours) if one.alias == alias), None)
    return Finding(alias, outcome, f"moved by {last.actor}" if last else "", here.get(alias), there.get(alias))
