"""`madang rollback`: code, data, models and their pointers back to what they were, together or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records
from madang.domain.values import mutable

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord
    from madang.domain.versions import AliasMove
    from madang.ports.git import Git
    from madang.ports.reader import Reader
    from madang.workspace.rollback import Plan, Rollback

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?\Z")
_SHOWN = 10
_MAX_STAGES = 10_000


@mutable
class Goal:
    """Where to go back to: a commit with what was not committed, the results of stages, the pointers of models."""

    title: str
    commit: str
    patch: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    pointers: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    stages: list[RunRecord] = field(default_factory=list)  # executions whose results are wanted, in their order


@click.command()
@click.argument("target")
@click.option("--dry", is_flag=True, help="Only show what would change, and whether all of it can still be had.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-models", is_flag=True, help="Leave aliases and stages of models where they are.")
@output.json_option
def rollback(target: str, dry: bool, yes: bool, keep_models: bool, as_json: bool) -> None:
    """Go back to a run, release, tag, commit or date: code, data, and what production points at.

    The code comes back as a new commit on top, so nothing of the history is lost and a rollback can itself be rolled
    back. Before anything changes, every digest is looked for; if one cannot be had any more, nothing happens.

    \b
    Examples:
      madang rollback v1.2.0 --dry
      madang rollback 1f3a
      madang rollback "2026-11-01 18:00" --yes
    """
    from madang.cli import rollback_guard
    from madang.errors import NotAWorkspace, NotFound
    from madang.formats.store import ensure, find_store
    from madang.wiring import git as open_git
    from madang.wiring_data import open_remote
    from madang.workspace import rollback as work

    places = find_store()
    if not places.root:
        raise NotAWorkspace("This is no git repository.", hint="git init")
    git = open_git(places.root)
    ensure(places.store)
    with work.alone(places.store), records.opened_reader() as reader:
        if found := rollback_guard.recover(git, places.store, reader):
            output.note(found)
        goal = _goal(target, reader, git, with_models=not keep_models)
        state = _planned(goal, git, places.store, reader)
        plan = state.plan
        done = not plan.missing and not dry and bool(plan.code or plan.data or state.moves)
        absent = _absent_models(goal, reader)
        if not as_json:
            _print(goal, plan, state.moves)
        for name in absent:
            output.note(f"note: {name} is not in this registry, so its pointers are not moved.")
        if done:
            _confirm(asked=not yes, as_json=as_json)
            state.fetch(open_remote)
            with rollback_guard.guarded(places.root):
                _apply(state, reader)
    if as_json:
        output.data(_json(goal, plan, state.moves, done) | {"absent_models": absent})
    if plan.missing:
        raise NotFound(
            f"{len(plan.missing)} things that {goal.title} needs cannot be had: {'; '.join(plan.missing[:5])}.",
            hint="Bring them into the cache or the remote first. Nothing was changed.",
        )
    if done and not as_json:
        click.echo(f"Back at {goal.title}, as commit {plan.new[:12]}.")


def _planned(goal: Goal, git: Git, store: str, reader: Reader) -> Rollback:
    from madang.services.model_registry import pointer_states
    from madang.wiring_data import open_remote
    from madang.workspace import rollback as work

    def record(files: Mapping[str, bytes]) -> str:
        return git.record(goal.commit, goal.patch, {**goal.files, **files}, f"Roll back to {goal.title}\n")

    new, missing = record({}), []
    if goal.stages:
        found = work.results_of(git, new, goal.stages)
        new, missing = record(found.files), found.missing
    plan = work.plan(git, new, open_remote)
    plan.missing += missing
    moves = pointer_states.moves_to(reader, goal.pointers)
    return work.Rollback(git, store, plan, moves, f"rollback to {goal.title} ({new[:12]})")


def _absent_models(goal: Goal, reader: Reader) -> list[str]:
    """Models of a release that the registry here does not have, as in another clone without a hub."""
    if not goal.pointers:
        return []
    known = {(row.project, row.name) for row in reader.models()}
    return sorted(name for project, name in goal.pointers if (project, name) not in known)


def _confirm(*, asked: bool, as_json: bool) -> None:
    from madang.errors import Refused

    if asked and as_json:
        raise Refused("Nobody can be asked where JSON is read.", hint="Look with --dry, then add --yes.")
    if asked:
        click.confirm("Go back?", abort=True, err=True)


def _apply(state: Rollback, reader: Reader) -> None:
    from madang.errors import MadangError
    from madang.services.model_registry import pointer_states

    state.apply()
    try:
        if state.moves:
            reader.point_all(state.moves, reason=state.reason)
    except MadangError:
        # The answer of a hub may be lost. When it cannot be asked either, the next rollback finds the note.
        if not pointer_states.are_made(reader, state.moves, state.reason):
            state.take_back()
            raise
    except BaseException:
        if not pointer_states.are_made(reader, state.moves, state.reason):
            state.take_back()
        raise
    state.finish()


def _goal(target: str, reader: Reader, git: Git, *, with_models: bool) -> Goal:
    """What the user means: a release, a tag, a date, a run, or any other revision of git."""
    from madang.errors import NotFound
    from madang.services.model_registry import pointer_states
    from madang.workspace.releases import find

    try:
        release = find(git, target)
    except NotFound:
        pass  # it is no tag
    else:
        if release is None:
            commit = git.resolve(f"refs/tags/{target}")
            return _at_commit(f"tag {target}", commit, reader, git, with_models)
        pointers = pointer_states.of_release(release.models) if with_models else {}
        return Goal(f"release {target}", release.commit, pointers=pointers)
    if _DATE.match(target):
        moment = _moment(target)
        pointers = pointer_states.at_time(reader, moment) if with_models else {}
        return Goal(f"{target}", git.before(moment), pointers=pointers)
    try:
        found = reader.run(target)
    except NotFound:
        return _at_commit(target, git.resolve(target), reader, git, with_models)
    return _at_run(found.id, reader, with_models)


def _at_commit(title: str, commit: str, reader: Reader, git: Git, with_models: bool) -> Goal:
    from madang.services.model_registry import pointer_states

    if not with_models:
        return Goal(title, commit)
    # What stood when the branch went on from it: models are promoted after their commit.
    moment = git.left_at(commit)
    return Goal(title, commit, pointers={} if moment is None else pointer_states.at_time(reader, moment))


def _at_run(run: str, reader: Reader, with_models: bool) -> Goal:
    from madang.errors import NotFound
    from madang.services.model_registry import pointer_states

    found = reader.run(run)
    title = f"run {found.id[:8]} {found.name}"
    code = found.code
    if code is None or not code.commit:
        raise NotFound(f"The code of {title} was not recorded.", hint="Name a commit or a date instead.")
    if code.withheld:
        names = ", ".join(item.path for item in code.withheld)
        raise NotFound(f"Files of {title} were withheld from its record: {names}.", hint="Name a commit instead.")

    def blob(digest: str) -> bytes:
        with reader.open_blob(found.project, digest) as file:
            return file.read()

    goal = Goal(title, code.commit, blob(code.diff.digest) if code.diff else b"")
    goal.files = {item.path: blob(item.digest) for item in code.untracked}
    goal.stages = _stages(reader, found)
    if with_models:
        moment = found.ended_at or found.seen_at
        goal.pointers = pointer_states.of_run(reader, found.versions, found.project, moment)
    return goal


def _stages(reader: Reader, run: RunRecord) -> list[RunRecord]:
    """The executions of stages that a run rests on: itself, and those of its reproduction that had ended by then."""
    from madang.domain.pipelines import STAGE_TAG
    from madang.domain.query import AllOf, Compare, Exists, Field, Order, RunQuery

    if STAGE_TAG not in run.tags:
        return []
    before = AllOf(
        (
            Exists(Field("tags", STAGE_TAG)),
            Compare(Field("attributes", "group"), "=", run.group),
            Compare(Field("attributes", "ended_at"), "<=", run.created_at),
            Compare(Field("attributes", "status"), "=", "finished"),
        )
    )
    order = (Order(Field("attributes", "ended_at")),)
    query = RunQuery((run.project,), before, order, limit=_MAX_STAGES, keys=())
    earlier = [reader.run(one.id) for one in reader.runs(query).runs] if run.group else []
    return [*earlier, run]


def _moment(text: str) -> int:
    from datetime import datetime

    from madang.errors import InvalidInput

    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is not a time.", hint="Such as 2026-11-21 or '2026-11-21 18:00+09:00'.") from None


def _json(goal: Goal, plan: Plan, moves: Sequence[AliasMove], done: bool) -> Any:
    return {
        "target": goal.title,
        "commit": {"before": plan.old, "after": plan.new, "of": goal.commit},
        "code": [{"change": letter, "path": path} for letter, path in plan.code],
        "data": [{"path": path, "before": now or None, "after": then or None} for path, now, then in plan.data],
        "models": [
            {
                "project": move.project, "name": move.name, "alias": move.alias, "before": move.expected,
                "after": move.number,
            }
            for move in moves
        ],
        "fetch": plan.fetch,
        "missing": plan.missing,
        "applied": done,
    }  # fmt: skip


def _print(goal: Goal, plan: Plan, moves: Sequence[AliasMove]) -> None:
    click.echo(f"Back to {goal.title} (commit {goal.commit[:12]}):")
    _list("code", [f"{letter} {output.printable(path)}" for letter, path in plan.code])
    _list(
        "data", [f"{output.printable(path)}: {now[:10] or '–'} → {then[:10] or '–'}" for path, now, then in plan.data]
    )
    _list("models", [f"{move.name}@{move.alias}: {_number(move.expected)} → {_number(move.number)}" for move in moves])
    if plan.fetch:
        click.echo(f"{plan.fetch} objects are fetched from the remote.")


def _list(what: str, lines: Sequence[str]) -> None:
    click.echo(f"{what}: " + ("" if lines else "the same"))
    for line in lines[:_SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > _SHOWN:
        click.echo(f"  … and {len(lines) - _SHOWN} more (--json lists all)")


def _number(number: int | None) -> str:
    return "–" if number is None else f"v{number}"
