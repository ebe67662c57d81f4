"""What differs between two runs and what they rest on, in six parts: from their records and from git."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from madang.domain.causes import (
    UNKNOWN,
    Cause,
    Change,
    Part,
    by_elimination,
    causes,
    command_of,
    literals_explain,
    parameter_of,
)
from madang.domain.command_lines import options
from madang.domain.pipelines import STAGE_TAG
from madang.domain.programs import changed_seeds, runs_the_same
from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.errors import NotFound
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.comparing import settings_files, why
from madang.services.comparing.code_files import CodeFiles, code_marks
from madang.services.comparing.upstream import Chain, Step, chain

_SET: tuple[Part, ...] = ("params", "seed")  # what a user sets
_SHOWN = 5  # names in a note


@mutable
class Explanation:
    """What differs between two runs."""

    causes: dict[Part, Cause]
    notes: list[str] = field(default_factory=list)  # for people
    settled: dict[str, Part] = field(default_factory=dict)  # files that belong to another part than their names tell
    together: set[Part] = field(default_factory=set)  # changed parts that stand in one file: nothing tells them apart
    mixed: list[str] = field(default_factory=list)  # settings files in which seeds and other parameters differ
    chain: Chain | None = None
    chance: float = 0.0  # by how much runs that were the same differ in the metric, as far as there are any
    unknown: list[str] = field(default_factory=list)  # files that were read, and what they held is not recorded

    def by_elimination(self, change: float) -> Part | str:
        """The cause of a change of the metric where nothing was run again: the only part that changed.

        It can be told if all that may have changed is known, and chance alone does not do as much.
        """
        if abs(change) <= self.chance:
            return UNKNOWN
        is_known = not self.unknown and (self.chain is None or self.chain.is_sure)
        return by_elimination(self.causes) if is_known else UNKNOWN


def explain(before: RunRecord, after: RunRecord, reader: Reader, git: Git | None, metric: str = "") -> Explanation:
    """What differs, by part. What stages have made of something else is followed back to that.

    With a metric it is also told how much chance does to it.
    """
    found = chain(reader, before, after)
    code = CodeFiles(reader, git)
    explained = [_Difference(step, found, code).found for step in found.steps]
    made = _merged(explained)
    made.chain = found
    if metric and (chance := why.chance(reader, (before, after), metric)):
        made.chance = chance
        made.notes.append(f"runs that were the same differ in {metric} by as much as {chance:g}")
    if made.unknown:
        shown = ", ".join(made.unknown[:_SHOWN]) + (", …" if len(made.unknown) > _SHOWN else "")
        made.notes.append(f"what these files held is not recorded: {shown}")
    if len(found.steps) > 1:
        names = ", ".join(step.after.tags.get(STAGE_TAG, step.after.name) for step in found.steps[:-1])
        made.notes.insert(0, f"followed back through {names}")
    return made


def _merged(found: Sequence[Explanation]) -> Explanation:
    """The differences of several steps as one. A file that one of them uses is used."""
    made = Explanation({part: Cause(part) for part in found[0].causes})
    for one in found:
        made.settled |= one.settled
        made.together |= one.together
        made.mixed += one.mixed
        made.notes += [note for note in one.notes if note not in made.notes]
        made.unknown += [path for path in one.unknown if path not in made.unknown]
        for part, cause in one.causes.items():
            for change in cause.changes:
                _add(made.causes[part].changes, change)
    return made


def _add(changes: list[Change], change: Change) -> None:
    for place, there in enumerate(changes):
        if (there.what, repr(there.old), repr(there.new)) == (change.what, repr(change.old), repr(change.new)):
            changes[place] = replace(there, is_used=there.is_used or change.is_used)
            return
    changes.append(change)


class _Difference:
    """The differences between the runs of one step, and what is found out about them."""

    def __init__(self, step: Step, whole: Chain, code: CodeFiles) -> None:
        self._runs = step.runs
        self._code = code
        self._files: dict[str, tuple[str, str]] = {}
        old: dict[str, str] = {}
        new: dict[str, str] = {}
        try:
            old, new = (code.of(run) for run in step.runs)
        except NotFound as error:
            self.found = Explanation(causes(*step.runs, {}))
            marks = code_marks(step.before), code_marks(step.after)
            if marks[0] != marks[1]:
                self.found.causes["code"].changes.append(Change("commit and changes", *marks))
            self.found.notes.append(f"the code could not be compared file by file: {error.message}")
        else:
            self._files = {
                path: (old.get(path, ""), new.get(path, ""))
                for path in sorted(old.keys() | new.keys())
                if old.get(path) != new.get(path) and not whole.is_made(path)
            }
            self.found = Explanation(causes(*step.runs, self._files))
            self._look()
            self.found.unknown = self._not_recorded(old, new)
        data = self.found.causes["data"]
        data.changes = [change for change in data.changes if not whole.is_made(change.what)]

    def _look(self) -> None:
        self._open_settings()
        self._settle_programs()
        self._settle_literals()

    def _texts(self, path: str) -> tuple[str, str] | None:
        return self._code.texts(path, self._runs, self._files)

    def _not_recorded(self, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
        """Files that a run read, and of which nothing tells what they held."""
        found = set()
        for run, files in zip(self._runs, (old, new), strict=True):
            known = {item.path for item in run.inputs if item.digest} | files.keys()
            found |= {path for path, how in run.opened.items() if how == "r" and path not in known}
        return sorted(found)

    def _open_settings(self) -> None:
        """Show the values that differ in settings files; those of seeds are seeds."""
        params = self.found.causes["params"]
        for change in [one for one in params.changes if one.what in self._files and one.is_used]:
            texts = self._texts(change.what)
            bodies = [text.encode() for text in texts] if texts is not None else []
            values = settings_files.differing(change.what, *bodies) if bodies else None
            if values is None:
                continue
            params.changes.remove(change)
            if settings_files.is_list(change.what, values):
                self.found.causes["data"].changes.append(change)
                self.found.settled[change.what] = "data"
            elif values:
                self._name_values(change.what, bodies, values)
            else:
                params.changes.append(replace(change, is_used=False))
                self.found.notes.append(f"{change.what}: differs in no value")

    def _name_values(self, path: str, bodies: Sequence[bytes], values: Sequence[Change]) -> None:
        """Show the values of a settings file in place of the file."""
        parts = [settings_files.part_of(value) for value in values]
        for part, value in zip(parts, values, strict=True):
            cause, name = self.found.causes[part], value.what.removeprefix(f"{path}:")
            same = (name, repr(value.old), repr(value.new))  # recorded as a parameter as well: it is shown once
            cause.changes = [one for one in cause.changes if (one.what, repr(one.old), repr(one.new)) != same]
            cause.changes.append(value)
        if set(parts) == {"seed"}:
            self.found.settled[path] = "seed"
        elif "seed" in parts:
            self.found.mixed.append(path)
            if settings_files.mixed(path, bodies[0], bodies[1], frozenset(("seed",))) is None:
                self.found.together |= {"params", "seed"}

    def _settle_programs(self) -> None:
        """Programs that differ in comments and layout alone do the same; some differ in their seeds alone."""
        code = self.found.causes["code"]
        for change in [one for one in code.changes if one.is_used]:
            texts = self._texts(change.what)
            if texts is None:
                continue
            if runs_the_same(*texts, change.what):
                _disuse(code, {change.what})
                self.found.notes.append(f"{change.what}: differs only in comments and layout")
            elif change.what.endswith(".py") and (seeds := changed_seeds(*texts)):
                code.changes.remove(change)
                self.found.settled[change.what] = "seed"
                named = [Change(f"{change.what}:{name}", *pair) for name, pair in seeds.items()]
                self.found.causes["seed"].changes += named

    def _settle_literals(self) -> None:
        """Parameters whose values stand in the code: they are all that changed there, or they follow from it."""
        found, files = self.found.causes, self._files
        params = [change for part in _SET for change in found[part].changes if change.is_used]
        if self.found.settled or any(":" in change.what or change.what in files for change in params):
            return  # a file tells where the values come from
        told = set(files)
        for name in (name for run in self._runs for name in options(command_of(run))):
            told |= {name, parameter_of(name)}
        told |= {name for run in self._runs if run.environment is not None for name in run.environment.variables}
        unsourced = [one for one in params if one.what not in told and not self._from_option(one)]
        code = [change.what for change in found["code"].changes if change.is_used]
        if not unsourced or not code:
            return
        names = {change.what for change in unsourced}
        texts = [self._texts(path) for path in code]
        if all(pair is not None and _explained(*pair, unsourced) for pair in texts):
            _disuse(found["code"], set(code))
            part: Part = "params" if found["params"].changed else "seed"
            if found["params"].changed and found["seed"].changed:
                self.found.together |= {"params", "seed"}
            self.found.settled = dict.fromkeys(code, part)
            self.found.notes.append(f"{', '.join(code)}: differs only in the values of {', '.join(sorted(names))}")
            return
        for part in _SET:
            _disuse(found[part], names)
        self.found.notes.append(f"{', '.join(sorted(names))}: set by code that has changed")

    def _from_option(self, change: Change) -> bool:
        """Whether a parameter's two values stand on the two command lines."""
        words = [set(options(command_of(run)).values()) for run in self._runs]
        return str(change.old) in words[0] and str(change.new) in words[1]


def _disuse(cause: Cause, names: set[str]) -> None:
    cause.changes = [replace(change, is_used=False) if change.what in names else change for change in cause.changes]


def _explained(old: str, new: str, params: Sequence[Change]) -> bool:
    if literals_explain(old, new, params):
        return True
    try:  # comments and layout do not count
        trees = [ast.dump(ast.parse(text)) for text in (old, new)]
    except (SyntaxError, ValueError, RecursionError):
        return False
    return literals_explain(trees[0], trees[1], params)
