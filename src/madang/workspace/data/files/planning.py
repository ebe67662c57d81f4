"""What a checkout has to do to each tracked path: found out before anything is touched."""

from __future__ import annotations

import os
from dataclasses import field

from madang.domain.values import mutable
from madang.errors import NotFound
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files import hashing
from madang.workspace.data.files.replacing import hidden, unsaved
from madang.workspace.data.objects.state import FileKey, Rows, key_of
from madang.workspace.data.records.outs import Target, TrackedOut
from madang.workspace.data.records.placing import check_names
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree


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
    damaged: set[str] = field(default_factory=set)  # those of them that are damaged
    is_listed: bool = True  # False: the cache lacks the folder's listing, so nothing can be done
    made: dict[str, FileKey] = field(default_factory=dict)  # the files that were made, as they were when made
    begun: dict[str, int] = field(default_factory=dict)  # the files of which so many bytes are made, aside
    rows: Rows | None = None  # takes the files of a new folder for the state
    noted: set[str] = field(default_factory=set)  # those that it has

    def possible(self) -> dict[str, str]:
        """What of ``write`` can be written."""
        return {name: md5 for name, md5 in self.write.items() if md5 not in self.absent}

    def is_whole(self) -> bool:
        """Whether everything that is to be written can be."""
        return self.is_listed and self.absent.isdisjoint(self.write.values())

    def has_work(self) -> bool:
        """Whether anything is left to do."""
        return self.is_listed and bool(not self.existed or not self.write or self.remove or self.possible())


def plan_of(repository: Repository, target: Target, meter: progress.Meter) -> Plan | None:
    """What has to happen to a target, whose record names an MD5; None: nothing.

    Raises:
        CorruptData: the listing of the folder is damaged. NotFound: the target is no file or folder in it.
    """
    out, inside = target.out, target.inside
    assert out.md5 is not None
    if not out.is_dir:
        return _plan_file(repository, out)
    try:
        recorded = repository.cache.listing(out.md5)
    except NotFound:
        present = None if inside else hashing.current_content(repository, out.path, meter)
        is_same = present is not None and present.md5 == out.md5  # then nothing of the cache is needed
        return None if is_same else Plan(repository, out, is_listed=False)
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
        _plan_over_folder(repository, plan)
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


def _plan_over_folder(repository: Repository, plan: Plan) -> None:
    """A folder where a file belongs goes when objects hold all that is in it, ignored or not; else it stays whole."""
    top, files = plan.out.path, dict[str, str]()
    for above, folders, names in os.walk(top):
        for name in (*names, *(one for one in folders if os.path.islink(f"{above}/{one}"))):
            path = f"{above}/{name}"
            if not os.path.isfile(path):
                plan.unsaved = [top]
                return
            found = os.stat(path)
            plan.seen[path[len(top) + 1 :]] = key_of(found)
            files[path] = hashing.file_md5(repository.state, path, found)
    if unsaved(repository.cache, files):
        plan.unsaved = [top]
    else:
        plan.remove = list(plan.seen)


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
    is_whole = present == plan.whole
    content = Content(out.md5 or "", tree.size(), len(present)) if is_whole else hashing.tree_content(hashes)[0]
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


def check_objects(plan: Plan, meter: progress.Meter) -> None:
    """Find out which of the objects that are to be read are missing or damaged."""
    cache = plan.place.cache
    ready = None if plan.existed else cache.early_copies.prepared(plan.out.path)
    made = ready.made if ready is not None else {}
    found = cache.look({md5 for name, md5 in plan.write.items() if name not in made})
    label = f"checking {os.path.basename(plan.out.path)}"
    with meter(sum(key.size for key in found.keys.values()), "B", label) as advance:
        plan.damaged = cache.verify(found.keys, advance)
    plan.absent = plan.damaged.union(found.missing)


def is_in_the_way(plan: Plan, path: str) -> bool:
    """Whether a file is really replaced or removed: one whose object is missing stays as it is."""
    md5 = plan.write.get(path[len(plan.out.path) + 1 :])
    return md5 is None or md5 not in plan.absent
