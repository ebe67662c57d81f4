"""Do what a checkout has planned for one tracked path."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing

from madang.durable import make_folders, unlink
from madang.errors import Refused
from madang.formats.dvc.dvcfile import Content
from madang.staging import Staging
from madang.workspace.data import progress
from madang.workspace.data.files import hashing
from madang.workspace.data.files.links import Linker
from madang.workspace.data.files.planning import Plan
from madang.workspace.data.files.replacing import check_unchanged
from madang.workspace.data.objects.copying import go_on
from madang.workspace.data.objects.early_copies import Prepared
from madang.workspace.data.objects.parallel import apart, each_file
from madang.workspace.data.objects.state import SETTLED_NS, FileKey, Rows, key_of, settled
from madang.workspace.data.records.outs import TrackedOut
from madang.workspace.data.repo.scan import rules_above, scan_tree


def apply(plan: Plan, maker: Linker, meter: progress.Meter) -> set[str]:
    """Write and remove files as planned. Returns which of those written replaced another one.

    Raises:
        Conflict: a file changed just now. Refused: an untracked file is in the way. OSError: the disk refused.
    """
    out, todo = plan.out, plan.possible()
    old = todo if plan.existed else ()
    modified = {name for name in old if name in plan.seen or os.path.lexists(below(out.path, name))}
    for name in plan.remove if todo or out.is_dir else ():
        _remove(out.path, name, plan.seen.get(name))
    if todo or not plan.write:
        with meter(len(todo), "files", f"checking out {os.path.basename(out.path)}") as advance:
            _write(plan, todo, maker, advance)
    if plan.made and (plan.existed or not out.is_dir):
        _remember(plan, whole=bool(plan.whole) and not plan.absent)
    return modified


def _write(plan: Plan, todo: dict[str, str], maker: Linker, advance: progress.Advance) -> None:
    out, repository = plan.out, plan.place
    above = os.path.dirname(out.path)
    make_folders(above)
    os.makedirs(repository.private_dir, exist_ok=True)
    same_disk = os.stat(repository.private_dir).st_dev == os.stat(above).st_dev
    ready = None if os.path.lexists(out.path) else repository.cache.early_copies.prepared(out.path)
    with Staging(repository.private_dir if same_disk else above) as staging:
        if out.is_dir and not os.path.lexists(out.path):
            whole = staging.new_path() if ready is None else ready.place
            os.makedirs(whole, exist_ok=True)
            plan.rows = Rows(repository.state) if ready is None else ready.rows
            try:
                _take_over(plan, todo, ready, advance)
                left = {name: md5 for name, md5 in todo.items() if name not in plan.made}
                _make_files(plan, [f"{whole}/{name}" for name in left], left, maker, advance)
                _remember_new(plan)
            except KeyboardInterrupt:
                _show_part(plan, whole, todo)
                raise
            os.rename(whole, out.path)
            return
        asides = [staging.new_path() for _ in todo] if ready is None else [ready.place]
        _take_over(plan, todo, ready, advance)
        _make_files(plan, asides, todo, maker, advance)
        for aside, name in zip(asides, todo, strict=True):
            _put(aside, out, name, plan.seen.get(name))


def _take_over(plan: Plan, todo: dict[str, str], ready: Prepared | None, advance: progress.Advance) -> None:
    """Note those of the files that were made when their objects came, and remove what is not wanted after all."""
    if ready is not None:
        for name in (ready.made.keys() | ready.begun.keys()) - todo.keys():
            unlink(ready.path(name))
        plan.made.update((name, key) for name, key in ready.made.items() if name in todo)
        plan.begun, plan.noted = ready.begun, ready.noted
    advance(len(plan.made))


def _show_part(plan: Plan, whole: str, todo: dict[str, str]) -> None:
    """The user stopped it: what is whole goes into the workspace, and the next checkout makes the others only."""
    for name in todo.keys() - plan.made.keys():
        unlink(f"{whole}/{name}")
    _remember_new(plan)
    os.rename(whole, plan.out.path)


def _make_files(
    plan: Plan, asides: Sequence[str], todo: dict[str, str], maker: Linker, advance: progress.Advance
) -> None:
    """Make each file of ``todo`` that is not made yet at its path aside, and note it in the plan."""
    cache = plan.place.cache
    for folder in sorted({path[: path.rindex("/")] for path in asides}):
        make_folders(folder)

    def make(item: tuple[str, str, str], advance: progress.Advance) -> FileKey:
        name, md5, aside = item
        start = plan.begun.get(name)
        key = maker.make(cache.path(md5), aside) if start is None else go_on(cache.path(md5), aside, start)
        advance(1)
        return key

    pairs = zip(todo.items(), asides, strict=True)
    items = apart([(name, md5, aside) for (name, md5), aside in pairs if name not in plan.made])
    unclaimed: dict[int, FileKey] = {}
    try:
        with closing(each_file(make, items, FileKey, advance, unclaimed=unclaimed)) as keys:
            for (name, md5, _), key in zip(items, keys, strict=True):
                plan.made[name] = key
                if plan.rows is not None:
                    plan.noted.add(name)
                    plan.rows.add(key, md5)
    finally:
        plan.made.update((items[position][0], key) for position, key in unclaimed.items())


def _put(aside: str, out: TrackedOut, name: str, seen: FileKey | None) -> None:
    target = below(out.path, name)
    check_unchanged(target, seen)
    if name:
        _make_parents(out.path, name)
    if os.path.isdir(target) and not os.path.islink(target):
        _remove_empty(target)  # its tracked files were removed by the plan
    if not name and out.entry.isexec:
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
    path = below(top, name)
    if os.path.lexists(path):
        check_unchanged(path, seen)
        os.unlink(path)
    folder = os.path.dirname(path)
    while name and folder != top and not os.listdir(folder):
        os.rmdir(folder)
        folder = os.path.dirname(folder)


def below(top: str, name: str) -> str:
    """Path of a file of a tracked path; "" is that itself."""
    return f"{top}/{name}" if name else top


def _remember_new(plan: Plan) -> None:
    """Trust the files of a new folder that nobody has seen yet, and that is about to be moved as a whole.

    Whoever changes one of them later changes its times: until it is moved the clock has moved on.
    """
    assert plan.rows is not None
    for name in plan.made.keys() - plan.noted:
        plan.rows.add(plan.made[name], plan.write[name])
    plan.rows.end()


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
    rows: list[tuple[FileKey, str]] = []
    are_settled = tree.is_settled()
    for path, key in zip(tree.paths, tree.keys(), strict=True):
        made = plan.made.get(path)
        is_same = made is not None and (made == key or made[:4] == key[:4])
        if is_same and (are_settled or settled(key.mtime, key.ctime, tree.seen)):
            md5 = plan.write[path]
            md5s.append(md5)
            rows.append((key, md5))
        else:
            md5s.append(None)
    hashes = hashing.Hashes(tree, md5s)
    state.add_files(rows)
    if hashes.unknown():
        hashes = hashing.known_hashes(state, tree)
    if whole and not hashes.unknown() and hashes.files() == plan.whole:
        hashing.remember_tree(state, out.path, tree, Content(out.md5 or "", tree.size(), len(tree.paths)))
