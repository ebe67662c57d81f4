"""``checkout``: bring the workspace to what the ``.dvc`` files record, from the cache.

Bytes that are in no object are never overwritten: without ``force`` the path is refused before anything is touched,
with it they are moved to ``.dvc/tmp/madang/replaced`` first. New files are made aside and renamed, and a folder that
does not exist yet appears in one rename, so a process killed at any moment leaves whole files only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import field

from madang.domain.values import mutable
from madang.errors import CorruptData, NotFound, Refused
from madang.workspace.data import progress
from madang.workspace.data.files import undoing
from madang.workspace.data.files.applying import apply, below
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.files.links import linker
from madang.workspace.data.files.planning import Plan, check_objects, is_in_the_way, plan_of
from madang.workspace.data.records.outs import Target, check_supported
from madang.workspace.data.records.placing import check_written
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.visible import Visibility


@mutable
class Report:
    """What a checkout did, by absolute path; folders end with a separator."""

    added: list[str] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # tracked paths that could not be restored in full
    unrecorded: list[str] = field(default_factory=list)  # outputs of stages that never ran: left as they are
    damaged: list[str] = field(default_factory=list)  # objects that were not what they should be, set aside
    kept: str | None = None  # folder that holds what --force replaced
    files: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("modified", "added", "deleted"), 0))


def checkout(
    repository: Repository,
    targets: Iterable[Target],
    *,
    force: bool = False,
    command: str = "checkout --force",
    meter: progress.Meter = progress.silent,
) -> Report:
    """Restore the targets. What the cache lacks is named in the report; the rest is restored.

    ``command`` is what `undoing` says about files that were replaced by force.

    Raises:
        Refused: files that would be overwritten or removed hold bytes that are saved nowhere, and not ``force``; or a
            record names a place that is none for data.
        CorruptData: the listing of a folder is damaged; that folder was not touched.
        Conflict: another command holds the repository.
    """
    cached = [target for target in targets if target.out.entry.cache]
    wanted = [target for target in cached if target.out.md5 is not None]
    for target in wanted:
        check_supported(target.out)
    visible = Visibility(repository)
    for target in wanted:
        check_written(repository, target.out.path)
        visible.check(target.out.path)
    none = [one.out.path for one in cached if one.out.md5 is None and one.out.source is None]
    report = Report(unrecorded=none)
    with hold(repository, [target.out.path for target in wanted]):
        planned = (plan_of(place_of(repository, target.out), target, meter) for target in wanted)
        plans = [plan for plan in planned if plan is not None]
        for plan in plans:
            check_objects(plan, meter)
            report.damaged.extend(sorted(plan.damaged))
            if not plan.is_whole():
                report.missing.append(plan.out.path)
        lost = [path for plan in plans for path in plan.unsaved if is_in_the_way(plan, path)]
        if lost and not force:
            shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            raise Refused(
                f"These files hold changes that are saved nowhere: {shown}.",
                hint="madang add them, or --force to replace them (madang undo brings them back).",
            )
        if lost:
            report.kept = undoing.keep(repository, lost, command)
        maker = linker(repository)
        for plan in plans:
            if plan.has_work():
                _report_applied(plan, apply(plan, maker, meter), report)
    return report


def _report_applied(plan: Plan, modified: set[str], report: Report) -> None:
    path, todo = plan.out.path, plan.possible()
    report.deleted.extend(below(path, name) for name in plan.remove if name)
    report.files["modified"] += len(modified)
    report.files["added"] += len(todo) - len(modified)
    report.files["deleted"] += len(plan.remove)
    if not plan.existed:
        if todo or plan.out.is_dir:
            report.added.append(path + os.sep if plan.out.is_dir else path)
    elif plan.out.is_dir:
        report.modified.append(path + os.sep)
    elif todo or plan.remove:
        report.modified.append(path)


def raise_if_incomplete(report: Report, root: str) -> None:
    """Turn what a checkout could not restore into an error.

    Raises:
        NotFound: objects that are not in the cache, outputs of which nothing is recorded. CorruptData: objects that
            were damaged.
    """
    if not report.missing and report.unrecorded:
        names = ", ".join(os.path.relpath(path, root) for path in report.unrecorded)
        raise NotFound(
            f"{names}: nothing is recorded yet, so nothing can be restored.",
            hint="Run the stage, or madang commit what is there; --allow-missing passes over it.",
        )
    if not report.missing:
        return
    names = ", ".join(os.path.relpath(path, root) for path in report.missing)
    if report.damaged:
        raise CorruptData(
            f"{names}: {len(report.damaged)} objects in the cache were damaged; they were set aside, not restored.",
            hint="madang fetch brings them again when a remote has them.",
        )
    raise NotFound(f"{names}: not everything is in the cache.", hint="madang fetch, when a remote has it.")
