"""`madang gc` for the objects of tracked data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from madang.cli import output
from madang.cli.data_command import repository
from madang.cli.records import size
from madang.cli.run_roots import runs_around
from madang.errors import InvalidInput
from madang.wiring_data import open_remote
from madang.workspace.data.keeping import collecting
from madang.workspace.data.keeping.collecting_values import Part, Plan, Scope
from madang.workspace.data.keeping.uses import Root


def collect_data(options: Mapping[str, Any], *, dry: bool, force: bool, as_json: bool) -> int:
    """Plan, tell, ask and remove. Returns the exit code.

    Raises:
        InvalidInput: options that make no sense together. Others as `collecting.plan` and `collecting.remove`.
    """
    scope, quiet = _scope(options), options["quiet"]
    if as_json and not dry and not force:
        raise InvalidInput("--json cannot ask.", hint="Add --force, or --dry.")
    with repository() as repo:

        def runs() -> Iterator[Root]:
            return runs_around(repo.root)

        ask = None if options["ignore_runs"] else runs
        with collecting.alone(repo, scope.projects):
            plan = collecting.plan(repo, scope, open_remote, ask)
            if force and not dry:
                _tell(plan, quiet=quiet or as_json)
                collecting.remove(repo, plan, open_remote, scope.jobs)
        if dry or not force:
            _tell(plan, quiet=(quiet and dry) or as_json)
        if not dry and not force and not plan.is_empty:
            if not _agreed():
                return 1
            with collecting.alone(repo, scope.projects):
                plan = collecting.both(plan, collecting.plan(repo, scope, open_remote, ask))
                collecting.remove(repo, plan, open_remote, scope.jobs)
        if as_json:
            output.data(_as_json(plan, dry))
        elif not quiet:
            _summary(plan, dry)
    return 0


def _agreed() -> bool:
    try:
        return click.confirm("Remove them?", err=True)
    except click.Abort:  # nobody is there to answer
        return False


def _scope(options: Mapping[str, Any]) -> Scope:
    if options["num"] and not (options["rev"] or options["all_branches"]):
        raise InvalidInput("--num goes with --rev or --all-branches only.")
    if options["cloud"] and options["not_in_remote"]:
        raise InvalidInput("--cloud and --not-in-remote exclude each other.")
    return Scope(
        branches=options["all_branches"],
        tags=options["all_tags"],
        every=options["all_commits"],
        experiments=options["all_experiments"],
        revision=options["rev"],
        num=options["num"] or 1,
        since=options["date"],
        projects=(*options["projects"], *options["more_projects"]),
        not_in_remote=options["not_in_remote"],
        cloud=options["cloud"],
        remote=options["remote"],
        skip_failed=options["skip_failed"],
        jobs=options["jobs"],
    )


def _tell(plan: Plan, *, quiet: bool) -> None:
    """What goes and what is kept for whom, before anything happens."""
    if quiet:
        return
    for warning in plan.warnings:
        output.note(f"warning: {warning}")
    for label in plan.failed:
        output.note(f"passed over: {label}")
    for kept in plan.kept:
        output.note(f"kept for {kept.label}: {_objects(kept.objects)}, {size(kept.size)} ({kept.size} bytes)")
    for part in plan.parts:
        if part.items:
            linked = part.size - part.freed
            still = f"; {linked} bytes of it stay on the disk under other names" if linked else ""
            output.note(f"to remove from {part.label}: {_amount(part)}{still}")
    if plan.expired:
        count = sum(entry.size for entry in plan.expired)
        output.note(f"to remove of what madang undo keeps, older than 30 days: {len(plan.expired)} ({count} bytes)")


def _summary(plan: Plan, dry: bool) -> None:
    word = "Would remove" if dry else "Removed"
    for part in plan.parts:
        if part.items:
            click.echo(f"{word} {_amount(part)} from {part.label}.")
        else:
            click.echo(f"No unused objects in {part.label}.")


def _amount(part: Part) -> str:
    return f"{_objects(len(part.items))}, {size(part.size)} ({part.size} bytes)"


def _objects(count: int) -> str:
    return f"{count} object" if count == 1 else f"{count} objects"


def _as_json(plan: Plan, dry: bool) -> dict[str, object]:
    return {
        "dry": dry,
        "removed": [
            {
                "from": part.label,
                "folder": part.folder,
                "objects": len(part.items),
                "bytes": part.size,
                "freed": part.freed,
                "names": sorted(item.name for item in part.items),
            }
            for part in plan.parts
        ],
        "kept": [{"for": kept.label, "objects": kept.objects, "bytes": kept.size} for kept in plan.kept],
        "unreadable": sorted(plan.unreadable),
        "passed_over": plan.failed,
        "undo": {"entries": len(plan.expired), "bytes": sum(entry.size for entry in plan.expired)},
    }
