"""What differs between two runs, from their records and from git."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from madang.domain.causes import Cause, Change, Part, causes, is_seed, literals_explain, options, same
from madang.domain.compare import value_of
from madang.domain.metrics import definition_of
from madang.domain.pipelines import STAGE_TAG
from madang.domain.query import AllOf, Compare, Exists, Field, Order, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.errors import InvalidInput, NotFound
from madang.formats.dvc import parameters
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.reproduce import TAG as REPRODUCES

VARIANT = "madang.variant"  # tag of a run that was made to find a cause
_LOOKED_AT = 200  # earlier runs
_SET: tuple[Part, ...] = ("params", "seed")  # what a user sets


def number_of(run: RunRecord, metric: str) -> float:
    """The value of a metric.

    Raises:
        NotFound: the run has none. InvalidInput: it is no number.
    """
    found = value_of(run, metric)
    if found is None:
        names = ", ".join(sorted(key for key in run.metrics if not key.startswith("system/"))[:8])
        raise NotFound(f"Run {run.id[:8]} {run.name} has no metric {metric!r}.", hint=f"It has: {names or 'none'}.")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise InvalidInput(f"{metric!r} of run {run.id[:8]} is {found!r}, not a number.")
    return float(found)


def latest(reader: Reader, project: str, metric: str) -> RunRecord:
    """The newest ended run of a project that has a metric. Raises `NotFound`."""
    for run in _with_metric(reader, project, metric):
        return reader.run(run.id)
    raise NotFound(f"No ended run of project {project!r} has the metric {metric!r}.", hint="madang runs lists them.")


def reference(reader: Reader, run: RunRecord, metric: str) -> RunRecord:
    """The run to compare with: of the earlier ones of the same program, the best by the metric's goal, else the last.

    Raises:
        NotFound: there is none.
    """
    earlier = [
        one
        for one in _with_metric(reader, run.project, metric)
        if one.created_at < run.created_at and _program(one) == _program(run)
    ]
    if not earlier:
        raise NotFound(
            f"Run {run.id[:8]} is the first of its program with {metric!r}.", hint="Name another run: --against RUN"
        )
    goal = definition_of(metric, run.definitions).goal
    if not goal:
        return reader.run(earlier[0].id)
    key = min if goal == "min" else max
    return reader.run(key(earlier, key=lambda one: number_of(one, metric)).id)


def _with_metric(reader: Reader, project: str, metric: str) -> Sequence[RunRecord]:
    where = AllOf(
        (
            Exists(Field("metrics", metric)),
            Compare(Field("attributes", "status"), "=", "finished"),
            Exists(Field("tags", VARIANT), negated=True),
            Exists(Field("tags", REPRODUCES), negated=True),
        )
    )
    order = (Order(Field("attributes", "created_at"), descending=True),)
    return reader.runs(RunQuery((project,), where, order, limit=_LOOKED_AT, keys=(metric,))).runs


def _program(run: RunRecord) -> str:
    """What tells runs of one program from those of another: the stage, the script, else the command's first word."""
    if stage := run.tags.get(STAGE_TAG):
        return f"stage {stage}"
    words = [word for word in run.command[1:] if not word.startswith("-")] if run.executable else run.command
    return words[0].rpartition("/")[2] if words else ""


@mutable
class Explanation:
    """What differs between two runs."""

    causes: dict[Part, Cause]
    notes: list[str] = field(default_factory=list)  # for people
    settled: dict[str, Part] = field(default_factory=dict)  # files that belong to another part than their names tell
    together: set[Part] = field(default_factory=set)  # changed parts that stand in one file: nothing tells them apart


def explain(before: RunRecord, after: RunRecord, reader: Reader, git: Git | None) -> Explanation:
    """What differs, by part."""
    try:
        old, new = (files_of(run, reader, git) for run in (before, after))
    except NotFound as error:
        found = causes(before, after, {})
        if code_marks(before) != code_marks(after):
            found["code"].changes.append(Change("commit and changes", code_marks(before), code_marks(after)))
        return Explanation(found, [f"the code could not be compared file by file: {error.message}"])
    files = {
        path: (old.get(path, ""), new.get(path, ""))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }
    made = Explanation(causes(before, after, files))
    _open_settings(before, after, reader, git, files, made)
    _settle_literals(before, after, reader, git, files, made)
    return made


def code_marks(run: RunRecord) -> list[str]:
    """What tells the code of a run from another's: the commit, and the digests of what was not committed."""
    code = run.code
    if code is None:
        return []
    return [code.commit, code.diff.digest if code.diff else "", *(item.digest for item in code.untracked)]


def files_of(run: RunRecord, reader: Reader, git: Git | None) -> dict[str, str]:
    """The source files of a run by path: what git calls their bytes.

    Raises:
        NotFound: the code was not recorded, or its commit is not here.
    """
    code = run.code
    if code is None or not code.commit:
        raise NotFound(f"the code of run {run.id[:8]} was not recorded")
    if git is None:
        raise NotFound("this is no git repository")
    patch = b""
    if code.diff is not None:
        with reader.open_blob(run.project, code.diff.digest) as file:
            patch = file.read()
    found = git.files(code.commit, patch)
    for item in code.untracked:
        with reader.open_blob(run.project, item.digest) as file:
            found[item.path] = _git_name(file.read(), len(code.commit))
    return found


def _git_name(body: bytes, length: int) -> str:
    import hashlib  # noqa: PLC0415 - OpenSSL, for untracked files alone

    kind = hashlib.sha256 if length == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _open_settings(
    before: RunRecord,
    after: RunRecord,
    reader: Reader,
    git: Git | None,
    files: Mapping[str, tuple[str, str]],
    made: Explanation,
) -> None:
    """Show the values that differ in settings files; those of seeds are seeds."""
    params = made.causes["params"]
    for change in [one for one in params.changes if one.what in files and one.is_used]:
        texts = _texts(change.what, (before, after), files, reader, git)
        values = _differing(change.what, texts) if texts is not None else []
        if not values:
            continue
        params.changes.remove(change)
        for value in values:
            part: Part = "seed" if is_seed(value.what.rpartition(":")[2].rpartition(".")[2]) else "params"
            made.causes[part].changes.append(value)
        seeds = [is_seed(value.what.rpartition(":")[2].rpartition(".")[2]) for value in values]
        if all(seeds):
            made.settled[change.what] = "seed"
        elif any(seeds):
            made.together |= {"params", "seed"}


def _differing(path: str, texts: tuple[str, str]) -> list[Change]:
    try:
        old, new = (_flat(parameters.parse(text.encode(), path)) for text in texts)
    except InvalidInput:
        return []
    return [
        Change(f"{path}:{key}", old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if not same(old.get(key), new.get(key))
    ]


def _flat(value: Any, above: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {above: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _flat(item, f"{above}.{key}" if above else str(key))
    return found


def _settle_literals(
    before: RunRecord,
    after: RunRecord,
    reader: Reader,
    git: Git | None,
    files: Mapping[str, tuple[str, str]],
    made: Explanation,
) -> None:
    """Parameters whose values stand in the code: either they are all that changed there, or they follow from it."""
    found = made.causes
    params = [change for part in _SET for change in found[part].changes if change.is_used]
    if made.settled or any(":" in change.what or change.what in files for change in params):
        return  # a settings file has changed: it is where the values come from
    told = set(files) | options(before.command).keys() | options(after.command).keys()
    unsourced = [change for change in params if change.what not in told and not _from_option(change, before, after)]
    code = [change.what for change in found["code"].changes if change.is_used]
    if not unsourced or not code:
        return
    names = {change.what for change in unsourced}
    texts = [_texts(path, (before, after), files, reader, git) for path in code]
    if all(pair is not None and _explained(*pair, unsourced) for pair in texts):
        _disuse(found["code"], set(code))
        part: Part = "params" if found["params"].changed else "seed"
        if found["params"].changed and found["seed"].changed:
            made.together |= {"params", "seed"}
        made.settled = dict.fromkeys(code, part)
        made.notes.append(f"{', '.join(code)}: differs only in the values of {', '.join(sorted(names))}")
        return
    for part in _SET:
        _disuse(found[part], names)
    made.notes.append(f"{', '.join(sorted(names))}: set by code that has changed")


def _disuse(cause: Cause, names: set[str]) -> None:
    cause.changes = [replace(change, is_used=False) if change.what in names else change for change in cause.changes]


def _from_option(change: Change, before: RunRecord, after: RunRecord) -> bool:
    """Whether a parameter's two values stand on the two command lines."""
    words = [set(options(run.command).values()) for run in (before, after)]
    return str(change.old) in words[0] and str(change.new) in words[1]


def _texts(
    path: str, runs: tuple[RunRecord, RunRecord], files: Mapping[str, tuple[str, str]], reader: Reader, git: Git | None
) -> tuple[str, str] | None:
    made = []
    for run, name in zip(runs, files.get(path, ("", "")), strict=True):
        if not name:
            return None
        try:
            made.append(body_of(run, path, name, reader, git).decode())
        except (NotFound, UnicodeDecodeError):
            return None
    return made[0], made[1]


def body_of(run: RunRecord, path: str, name: str, reader: Reader, git: Git | None) -> bytes:
    """The bytes of a source file of a run; ``name`` is what `files_of` says of it. Raises `NotFound`."""
    body = _untracked(run, path, reader)
    if body is None and git is None:
        raise NotFound("this is no git repository")
    return git.blob(name) if body is None and git is not None else body or b""


def _untracked(run: RunRecord, path: str, reader: Reader) -> bytes | None:
    for item in run.code.untracked if run.code else []:
        if item.path == path:
            with reader.open_blob(run.project, item.digest) as file:
                return file.read()
    return None


def _explained(old: str, new: str, params: Sequence[Change]) -> bool:
    if literals_explain(old, new, params):
        return True
    try:  # comments and layout do not count
        trees = [ast.dump(ast.parse(text)) for text in (old, new)]
    except (SyntaxError, ValueError, RecursionError):
        return False
    return literals_explain(trees[0], trees[1], params)
