"""``checkout``: bring the workspace to what the ``.dvc`` files record, from the cache.

Bytes that are in no object are never overwritten: without ``force`` the path is refused before anything is touched,
with it they are moved to ``.dvc/tmp/madang/replaced`` first. New files are made aside and renamed, and a folder that
does not exist yet appears in one rename, so a process killed at any moment leaves whole files only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import field

from madang.domain.values import mutable
from madang.durable import Staging, unlink
from madang.errors import CorruptData, NotFound, Refused
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files import hashing, undoing
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.files.links import Linker, linker
from madang.workspace.data.files.replacing import check_unchanged, hidden, unsaved
from madang.workspace.data.objects.parallel import apart, each_file
from madang.workspace.data.objects.state import SETTLED_NS, FileKey, key_of, settled
from madang.workspace.data.records.outs import Target, TrackedOut, check_supported
from madang.workspace.data.records.placing import check_names, check_written
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree
from madang.workspace.data.repo.visible import Visibility


@mutable
class Plan:
    """What has to happen to one tracked path."""

    place: Repository  # as it is for this path: data of dvc 2 has a hash and a cache of its own
    out: TrackedOut
    write: dict[str, str] = field(default_factory=dict)  # path below it ("" for the file itself) → md5
    remove: list[str] = field(default_factory=list)  # paths below it
    unsaved: list[str] = field(default_factory=list)  # absolute paths whose bytes are in no object
    seen: dict[str, FileKey] = field(default_factory=dict)  # files to be replaced or removed, as looked at
    existed: bool = False
    whole: dict[str, str] = field(default_factory=dict)  # the recorded listing, when all of the folder is wanted
    absent: set[str] = field(default_factory=set)  # objects that the cache lacks, or that are damaged
    made: dict[str, FileKey] = field(default_factory=dict)  # the files that were made, as they were when made


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
        planned = (_plan(place_of(repository, target.out), target, report, meter) for target in wanted)
        plans = [plan for plan in planned if plan is not None]
        for plan in plans:
            _check_objects(plan, report, meter)
        lost = [path for plan in plans for path in plan.unsaved if _is_in_the_way(plan, path)]
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
            _apply(plan, maker, report, meter)
    return report


def _plan(repository: Repository, target: Target, report: Report, meter: progress.Meter) -> Plan | None:
    out, inside = target.out, target.inside
    assert out.md5 is not None
    if not out.is_dir:
        return _plan_file(repository, out)
    try:
        recorded = repository.cache.listing(out.md5)
    except NotFound:
        report.missing.append(out.path)
        return None
    check_names(out.path, recorded)
    if inside:
        part = {
            name: md5 for name, md5 in recorded.items() if name == inside or name.startswith(inside.rstrip("/") + "/")
        }
        if not part:
            raise NotFound(f"{os.path.join(out.path, inside)} is not in {out.dvc_file}.")
        return _plan_folder(repository, out, part, inside, meter)
    return _plan_folder(repository, out, recorded, "", meter)


def _plan_file(repository: Repository, out: TrackedOut) -> Plan | None:
    assert out.md5 is not None
    plan = Plan(repository, out, existed=os.path.lexists(out.path))
    if os.path.isdir(out.path) and not os.path.islink(out.path):
        plan.unsaved = [out.path]  # it may hold ignored files, too: kept as a whole
    elif os.path.exists(out.path):
        found = os.stat(out.path)
        md5 = hashing.file_md5(repository.state, out.path, found)
        if md5 == out.md5:
            _set_exec_bit(out)
            return None
        plan.seen[""] = key_of(found)
        plan.unsaved = unsaved(repository.cache, {out.path: md5})
    elif plan.existed:
        plan.unsaved = [out.path]  # a link whose target is gone: keep what it said
    plan.write[""] = out.md5
    return plan


def _set_exec_bit(out: TrackedOut) -> None:
    """The bytes are right; the exec bit of a single file is part of its record."""
    mode = os.stat(out.path).st_mode
    if out.entry.isexec and not mode & 0o100:
        os.chmod(out.path, (mode & 0o7777) | 0o100)


def _plan_folder(
    repository: Repository, out: TrackedOut, recorded: dict[str, str], inside: str, meter: progress.Meter
) -> Plan | None:
    plan = Plan(repository, out, existed=os.path.lexists(out.path), whole={} if inside else recorded)
    if not plan.existed:
        plan.write = dict(recorded)
        return plan
    if os.path.islink(out.path) or not os.path.isdir(out.path):
        plan.remove, plan.write, plan.unsaved = [""], dict(recorded), [out.path]
        if os.path.isfile(out.path):
            found = os.stat(out.path)
            plan.seen[""] = key_of(found)
            plan.unsaved = unsaved(repository.cache, {out.path: hashing.file_md5(repository.state, out.path, found)})
        return plan
    tree = scan_tree(repository.root, out.path, rules_above(repository.root, out.path))
    row = repository.state.tree(out.path)
    if not inside and row is not None and row.name == out.md5 and row.print == tree.fingerprint():
        return None
    hashes = hashing.known_hashes(repository.state, tree)
    with meter(sum(tree.key(index).size for index in hashes.unknown()), "B", "hashing the workspace") as advance:
        hashing.complete_hashes(repository.state, out.path, hashes, advance)
    present = hashes.files()
    plan.write = {name: md5 for name, md5 in recorded.items() if present.get(name) != md5}
    if not inside:
        plan.remove = [name for name in present if name not in recorded]
    if plan.write or plan.remove:
        _look_at_what_goes(repository, plan, hashes)
        return plan
    content, _ = hashing.tree_content(hashes)
    hashing.remember_tree(repository.state, out.path, tree, content)
    return None


def _look_at_what_goes(repository: Repository, plan: Plan, hashes: hashing.Hashes) -> None:
    """Note the state of each file that will be replaced or removed, and which of them are saved nowhere."""
    top, tree, present = plan.out.path, hashes.tree, hashes.files()
    going = {name for name in (*plan.remove, *plan.write) if name in present}
    plan.seen = {name: tree.key(index) for index, name in enumerate(tree.paths) if name in going}
    files = {f"{top}/{name}": present[name] for name in going}
    for path in hidden(top, [name for name in plan.write if name not in present]):
        if os.path.islink(path) or not os.path.isfile(path):
            plan.unsaved.append(path)
        else:
            found = os.stat(path)
            plan.seen[path[len(top) + 1 :]] = key_of(found)
            files[path] = hashing.file_md5(repository.state, path, found)
    plan.unsaved += unsaved(repository.cache, files)


def _check_objects(plan: Plan, report: Report, meter: progress.Meter) -> None:
    """Find out which objects are missing or damaged, before anything is touched."""
    cache, out = plan.place.cache, plan.out
    found = cache.look(set(plan.write.values()))
    with meter(sum(key.size for key in found.keys.values()), "B", f"checking {os.path.basename(out.path)}") as advance:
        wrong = cache.verify(found.keys, advance)
    plan.absent = wrong.union(found.missing)
    report.damaged.extend(sorted(wrong))
    if not plan.absent.isdisjoint(plan.write.values()):
        report.missing.append(out.path)


def _is_in_the_way(plan: Plan, path: str) -> bool:
    """Whether a file is really replaced or removed: one whose object is missing stays as it is."""
    md5 = plan.write.get(path[len(plan.out.path) + 1 :])
    return md5 is None or md5 not in plan.absent


def _apply(plan: Plan, maker: Linker, report: Report, meter: progress.Meter) -> None:
    out = plan.out
    todo = {name: md5 for name, md5 in plan.write.items() if md5 not in plan.absent}
    if plan.existed and not todo and plan.write and not plan.remove:
        return
    old = todo if plan.existed else ()
    modified = {name for name in old if name in plan.seen or os.path.lexists(_below(out.path, name))}
    for name in plan.remove:
        _remove(out.path, name, plan.seen.get(name))
        if name:
            report.deleted.append(_below(out.path, name))
    if todo or not plan.write:
        with meter(len(todo), "files", f"checking out {os.path.basename(out.path)}") as advance:
            _write(plan, todo, maker, advance)
    _report_written(plan, todo, modified, report)
    if plan.made:
        _remember(plan, whole=bool(plan.whole) and not plan.absent)


def _report_written(plan: Plan, todo: dict[str, str], modified: set[str], report: Report) -> None:
    path = plan.out.path
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


def _write(plan: Plan, todo: dict[str, str], maker: Linker, advance: progress.Advance) -> None:
    out, repository = plan.out, plan.place
    above = os.path.dirname(out.path)
    os.makedirs(above, exist_ok=True)
    os.makedirs(repository.private_dir, exist_ok=True)
    same_disk = os.stat(repository.private_dir).st_dev == os.stat(above).st_dev
    with Staging(repository.private_dir if same_disk else above) as staging:
        if out.is_dir and not os.path.lexists(out.path):
            whole = staging.new_path()
            os.mkdir(whole)
            asides = [f"{whole}/{name}" for name in todo]
            try:
                _make_files(plan, asides, todo, maker, advance)
            except KeyboardInterrupt:
                _show_part(plan, whole, todo)
                raise
            os.rename(whole, out.path)
            return
        asides = [staging.new_path() for _ in todo]
        _make_files(plan, asides, todo, maker, advance)
        for aside, name in zip(asides, todo, strict=True):
            _put(aside, out, name, plan.seen.get(name))


def _show_part(plan: Plan, whole: str, todo: dict[str, str]) -> None:
    """The user stopped it: what is whole goes into the workspace, and the next checkout makes the others only."""
    for name in todo.keys() - plan.made.keys():
        unlink(f"{whole}/{name}")
    time.sleep(SETTLED_NS / 1e9)
    plan.place.state.add_files((key, todo[name]) for name, key in plan.made.items())
    os.rename(whole, plan.out.path)


def _make_files(
    plan: Plan, asides: Sequence[str], todo: dict[str, str], maker: Linker, advance: progress.Advance
) -> None:
    """Make each file of ``todo`` at its path aside, and note in the plan what was made."""
    cache = plan.place.cache
    for folder in sorted({path[: path.rindex("/")] for path in asides}):
        os.makedirs(folder, exist_ok=True)

    def make(item: tuple[str, str, str], advance: progress.Advance) -> FileKey:
        _, md5, aside = item
        key = cache.early_copies.take(md5, aside) or maker.make(cache.path(md5), aside)
        advance(1)
        return key

    items = apart([(name, md5, aside) for (name, md5), aside in zip(todo.items(), asides, strict=True)])
    with closing(each_file(make, items, FileKey, advance)) as keys:
        for (name, _, _), key in zip(items, keys, strict=True):
            plan.made[name] = key


def _put(aside: str, out: TrackedOut, name: str, seen: FileKey | None) -> None:
    target = _below(out.path, name)
    check_unchanged(target, seen)
    if name:
        _make_parents(out.path, name)
        if os.path.isdir(target) and not os.path.islink(target):
            _remove_empty(target)  # its tracked files were removed by the plan
    elif out.entry.isexec:
        os.chmod(aside, os.stat(aside).st_mode & 0o7777 | 0o100)
    os.rename(aside, target)


def _remove_empty(folder: str) -> None:
    for entry in list(os.scandir(folder)):
        if not entry.is_dir(follow_symlinks=False):
            raise Refused(f"{entry.path} is in the way of tracked data and is not tracked.", hint="Move it away.")
        _remove_empty(entry.path)
    os.rmdir(folder)


def _make_parents(top: str, name: str) -> None:
    """Make the folders above a file; a link among them is replaced, so that nothing is written outside."""
    path = top
    for part in name.split("/")[:-1]:
        path = f"{path}/{part}"
        if os.path.islink(path):
            os.unlink(path)
        if not os.path.isdir(path):
            os.mkdir(path)


def _remove(top: str, name: str, seen: FileKey | None) -> None:
    path = _below(top, name)
    if os.path.lexists(path):
        check_unchanged(path, seen)
        os.unlink(path)
    folder = os.path.dirname(path)
    while name and folder != top and not os.listdir(folder):
        os.rmdir(folder)
        folder = os.path.dirname(folder)


def _below(top: str, name: str) -> str:
    return f"{top}/{name}" if name else top


def _remember(plan: Plan, *, whole: bool) -> None:
    """Trust what was just made, so that the next look reads nothing.

    A file counts only when it is still as it was when it was made, and when a later change would show in its times.
    """
    repository, state, out = plan.place, plan.place.state, plan.out
    time.sleep(SETTLED_NS / 1e9)
    if not out.is_dir:
        key = key_of(os.stat(out.path))
        if key[:4] == plan.made[""][:4]:
            state.add_files([(key, plan.write[""])])
        return
    tree = scan_tree(repository.root, out.path, rules_above(repository.root, out.path))
    md5s: list[str | None] = []
    for path, key in zip(tree.paths, tree.keys(), strict=True):
        made = plan.made.get(path)
        fits = made is not None and made[:4] == key[:4] and settled(key.mtime, key.ctime, tree.seen)
        md5s.append(plan.write[path] if fits else None)
    hashes = hashing.Hashes(tree, md5s)
    state.add_files((key, md5) for key, md5 in zip(tree.keys(), md5s, strict=True) if md5 is not None)
    if hashes.unknown():
        hashes = hashing.known_hashes(state, tree)
    if whole and not hashes.unknown() and hashes.files() == plan.whole:
        hashing.remember_tree(state, out.path, tree, Content(out.md5 or "", tree.size(), len(tree.paths)))


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
