"""What differs between two states of all tracked data: a commit, the records of the work tree, the files themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import chain

from madang.domain.values import mutable, value
from madang.errors import CorruptData, NotFound
from madang.workspace.data import progress
from madang.workspace.data.files.hashing import complete_hashes, current_content, file_md5, known_hashes
from madang.workspace.data.files.inside import Elsewhere
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.records.outs import Target, TrackedOut, check_supported
from madang.workspace.data.records.stages import is_local
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree
from madang.workspace.data.repo.visible import Visibility


@value
class Entry:
    """A tracked path, or a file in a tracked folder, in one state."""

    path: str  # relative to the repository's root
    name: str | None  # its object; None when nothing is recorded
    is_dir: bool = False
    is_legacy: bool = False  # the object's name follows the rules of dvc 2

    @property
    def shown(self) -> str:
        """The path; a folder's ends with a separator."""
        return self.path + os.sep if self.is_dir else self.path


@value
class Rename:
    """The same content under another path."""

    old: Entry
    new: Entry


@mutable
class Differences:
    """Sorted by path."""

    added: list[Entry] = field(default_factory=list)
    deleted: list[Entry] = field(default_factory=list)
    modified: list[tuple[Entry, Entry]] = field(default_factory=list)
    renamed: list[Rename] = field(default_factory=list)
    unknown: list[Entry] = field(default_factory=list)  # new, in a folder whose old listing is not in the cache
    unchanged: list[Entry] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.deleted or self.modified or self.renamed)


class Snapshot:
    """All tracked data in one state: each tracked path, and what its folder holds (when that is asked)."""

    def __init__(self, repository: Repository, targets: Iterable[Target], elsewhere: Elsewhere | None = None) -> None:
        """``elsewhere`` is asked for the listings of folders that the cache lacks."""
        self.outs: dict[str, tuple[Target, Entry]] = {}
        self._repository = repository
        self._elsewhere = elsewhere
        self._inside: dict[str, dict[str, str] | None] = {}
        for target in targets:
            out = target.out
            if out.entry.cache and is_local(out.path) and out.path.startswith(repository.root.rstrip("/") + "/"):
                check_supported(out)
                found = self.entry(target)
                if found is not None:
                    self.outs[found.path] = (target, found)

    def entry(self, target: Target) -> Entry | None:
        """A tracked path in this state; None when it is not there."""
        out = target.out
        path = self._repository.relative(out.path)
        if target.inside:
            return self._part(target, path)
        return Entry(path, out.md5, out.is_dir, out.is_legacy)

    def _part(self, target: Target, path: str) -> Entry | None:
        """A file or folder inside a tracked folder."""
        files = self.inside_of(target.out)
        inside = target.inside.rstrip("/")
        if files is not None and inside in files:
            return Entry(f"{path}/{inside}", files[inside], False, target.out.is_legacy)
        is_there = files is None or any(name.startswith(inside + "/") for name in files)
        return Entry(f"{path}/{inside}", None, True, target.out.is_legacy) if is_there else None

    def inside_of(self, out: TrackedOut) -> dict[str, str] | None:
        """Files of a tracked folder: object by path below it; None when that is not known."""
        if out.path not in self._inside:
            self._inside[out.path] = self._files(out)
        return self._inside[out.path]

    def _files(self, out: TrackedOut) -> dict[str, str] | None:
        if out.md5 is None or not out.is_dir:
            return {}
        try:
            return place_of(self._repository, out).cache.listing(out.md5)
        except (NotFound, CorruptData):
            return self._elsewhere(out) if self._elsewhere is not None else None

    def files(self, path: str) -> dict[str, Entry] | None:
        """The files below a tracked path of this state by their paths; None when they are not known."""
        if path not in self.outs:
            return {}
        target, top = self.outs[path]
        if not top.is_dir:
            return {}
        found = self.inside_of(target.out)
        if found is None:
            return None
        base, prefix = self._repository.relative(target.out.path), f"{target.inside.rstrip('/')}/"
        if not target.inside:
            prefix = ""
        legacy = target.out.is_legacy
        return {
            f"{base}/{name}": Entry(f"{base}/{name}", md5, False, legacy)
            for name, md5 in found.items()
            if name.startswith(prefix)
        }


class Present(Snapshot):
    """The state of the files themselves, at the paths that are tracked."""

    def __init__(
        self, repository: Repository, targets: Iterable[Target], meter: progress.Meter = progress.silent
    ) -> None:
        self._meter = meter
        self._visible = Visibility(repository)
        super().__init__(repository, targets)

    def entry(self, target: Target) -> Entry | None:
        """See `Snapshot.entry`."""
        out = target.out
        if not os.path.lexists(out.path):
            return None
        self._visible.check(out.path)
        path = self._repository.relative(out.path)
        if not os.path.isdir(out.path):
            if target.inside or not os.path.exists(out.path):
                return None
            return Entry(path, file_md5(place_of(self._repository, out).state, out.path), False, out.is_legacy)
        if target.inside:
            return self._part(target, path)
        content = current_content(place_of(self._repository, out), out.path, self._meter)
        return Entry(path, content.md5, True, out.is_legacy) if content is not None else None

    def _files(self, out: TrackedOut) -> dict[str, str] | None:
        if not os.path.isdir(out.path):
            return {}
        place = place_of(self._repository, out)
        tree = scan_tree(place.root, out.path, rules_above(place.root, out.path))
        hashes = known_hashes(place.state, tree)
        with self._meter(sum(tree.key(i).size for i in hashes.unknown()), "B", "hashing the workspace") as advance:
            complete_hashes(place.state, out.path, hashes, advance)
        return hashes.files()


def compare(old: Snapshot, new: Snapshot, *, granular: bool, unchanged: bool = False) -> Differences:
    """What differs; with ``granular`` the files of tracked folders too, with ``unchanged`` also what does not."""
    found = Differences()
    for path in sorted(old.outs.keys() | new.outs.keys()):
        before, after = _entry(old, path), _entry(new, path)
        _note(found, before, after)
        is_same = before is not None and after is not None and before.name == after.name and before.name is not None
        if granular:
            _compare_files(old, new, path, found, differ=not is_same or unchanged)
    _detect_renames(found)
    _sort(found)
    return found


def _entry(state: Snapshot, path: str) -> Entry | None:
    return state.outs[path][1] if path in state.outs else None


def _compare_files(old: Snapshot, new: Snapshot, path: str, found: Differences, *, differ: bool) -> None:
    before = old.files(path)
    if before is not None and not differ:
        return
    after = new.files(path)
    if before is None or after is None:
        known = after or {}
        found.unknown.extend(known.values())
        folders = {name[:at] for name in known for at, sign in enumerate(name) if sign == "/" and at > len(path)}
        found.unknown.extend(Entry(folder, None, True) for folder in folders)
        return
    for name in before.keys() | after.keys():
        _note(found, before.get(name), after.get(name))


def _note(found: Differences, before: Entry | None, after: Entry | None) -> None:
    old = before.name if before is not None else None
    new = after.name if after is not None else None
    if old is None and new is None:
        return
    if old is None or before is None:
        assert after is not None
        found.added.append(after)
    elif new is None or after is None:
        found.deleted.append(before)
    elif old == new:  # also when only one of them is by the rules of dvc 2: text with the other line ends has another
        found.unchanged.append(after)
    else:
        found.modified.append((before, after))


def _detect_renames(found: Differences) -> None:
    """Pair what was deleted with what was added of the same content, each in the order of the paths."""
    gone: dict[tuple[str | None, bool], list[Entry]] = {}
    for entry in sorted(found.deleted, key=_order, reverse=True):
        gone.setdefault((entry.name, entry.is_legacy), []).append(entry)
    added: list[Entry] = []
    for entry in sorted(found.added, key=_order):
        same = gone.get((entry.name, entry.is_legacy))
        if same:
            found.renamed.append(Rename(same.pop(), entry))
        else:
            added.append(entry)
    found.added, found.deleted = added, list(chain.from_iterable(gone.values()))


def _order(entry: Entry) -> list[str]:
    return entry.path.split("/")


def _sort(found: Differences) -> None:
    for entries in (found.added, found.deleted, found.unknown, found.unchanged):
        entries.sort(key=_order)
    found.modified.sort(key=lambda pair: _order(pair[0]))
    found.renamed.sort(key=lambda one: _order(one.old))


def lacking(repository: Repository, state: Snapshot, *, granular: bool) -> list[Entry]:
    """What a state records and the cache does not hold: of folders the listing, with ``granular`` every file too."""
    found: list[Entry] = []
    for path, (target, top) in state.outs.items():
        entries: Sequence[Entry] = [top]
        if granular:
            entries = [top, *(state.files(path) or {}).values()]
        cache = place_of(repository, target.out).cache
        missing = set(cache.look({entry.name for entry in entries if entry.name is not None}).missing)
        found.extend(entry for entry in entries if entry.name in missing)
    return sorted(found, key=_order)
