"""`madang fsck` of a repository's data."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict

import click

from madang.cli import output
from madang.cli.data_command import meter, repository
from madang.cli.records import size
from madang.cli.run_roots import runs_around
from madang.wiring_data import open_remote
from madang.workspace.data.keeping import checking, repairing
from madang.workspace.data.keeping.checking import PROBLEMS, Checked
from madang.workspace.data.keeping.checking_remotes import check_remote
from madang.workspace.data.repo.locks import hold

_SHOWN = 100


def check_data(
    part: str, *, remote: str | None, cloud: bool, repair: bool, runs: bool, quiet: bool, as_json: bool
) -> int:
    """Check, repair if asked, and show. Returns the exit code: 1 when something is still wrong.

    Raises:
        InvalidInput: ``part`` is no part of the data. Others as `check_remote` and `repair`.
    """
    chosen = checking.share_of(part) if part else None
    show = meter(quiet or as_json)
    with repository() as repo, hold(repo) if repair else nullcontext():
        found = checking.check_cache(repo, chosen, show)
        if repair:
            repairing.repair(repo, found, open_remote, remote, show)
        checking.count_orphans(repo, checking.all_roots(repo), runs_around(repo.root) if runs else (), found)
        away = check_remote(repo, remote, open_remote, chosen, repair=repair, meter=show) if cloud else None
    if as_json:
        output.data(_as_json(found, away))
    elif not quiet:
        _show("cache", found)
        if away is not None:
            _show("remote", away)
    return 1 if found.open or (away is not None and away.open) else 0


def _show(what: str, found: Checked) -> None:
    for problem in found.problems[:_SHOWN]:
        end = f" → {problem.repaired}" if problem.repaired else ""
        detail = f" ({problem.detail})" if problem.detail else ""
        click.echo(f"{problem.where}: {output.printable(problem.name)} {PROBLEMS[problem.kind]}{detail}{end}")
    if len(found.problems) > _SHOWN:
        click.echo(f"… and {len(found.problems) - _SHOWN} more; --json shows all.")
    for note in found.notes:
        output.note(note)
    read = f", {found.read} of them read ({size(found.read_size)})" if found.read else ""
    click.echo(f"{what}: {found.objects} object{'' if found.objects == 1 else 's'} ({size(found.size)}){read}.")
    if found.orphans:
        output.note(f"{found.orphans} of them ({size(found.orphans_size)}) nothing needs: madang gc -A --dry")
    wrong = len(found.open)
    click.echo(f"{wrong} problem{'' if wrong == 1 else 's'}." if wrong else "Everything is in order.")
    if any(problem.kind not in ("record", "stray", "size") for problem in found.open) and not _was_repaired(found):
        output.note("madang fsck --repair mends what can be mended.")


def _was_repaired(found: Checked) -> bool:
    return any(problem.repaired for problem in found.problems)


def _as_json(found: Checked, away: Checked | None) -> dict[str, object]:
    problems = [*found.problems, *(away.problems if away is not None else ())]
    return {
        "ok": all(problem.repaired for problem in problems),
        "problems": [asdict(problem) for problem in problems],
        "cache": _counts(found),
        "remote": _counts(away) if away is not None else None,
        "orphans": {"objects": found.orphans, "bytes": found.orphans_size},
        "notes": found.notes,
    }


def _counts(found: Checked) -> dict[str, int]:
    return {"objects": found.objects, "bytes": found.size, "read": found.read, "bytes_read": found.read_size}
