"""``fsck``: is everything that is needed there, and is it what its name says?

Without reading data: names, sizes, modes, listings, records, leftovers, what the state believes. With it every object
(or a part of them) is hashed. A repair takes good bytes from a remote or from an unchanged workspace file; what is
wrong is set aside, never deleted.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field

from madang.domain.values import mutable
from madang.errors import CorruptData, InvalidInput, MadangError
from madang.formats.dvc import dvcfile, layout, listing
from madang.staging import STAGING, abandoned
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import name_of_file
from madang.workspace.data.keeping import beside, uses
from madang.workspace.data.keeping.collecting import objects_in
from madang.workspace.data.keeping.uses import Listings, Roots
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.objects.reading import hash_file
from madang.workspace.data.objects.state import FileKey, key_of
from madang.workspace.data.records import outs
from madang.workspace.data.records.outs import TrackedOut
from madang.workspace.data.records.stages import stages_in
from madang.workspace.data.records.trees import WorkTree, commits
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import HIDDEN_FOLDERS

_SHARE = re.compile(r"(?:(?P<percent>\d+(?:\.\d+)?)%|(?P<part>\d+)/(?P<parts>\d+))\Z")

PROBLEMS = {
    "missing": "is needed and not there",
    "corrupt": "is not what its name says",
    "size": "has another size than recorded",
    "listing": "is no listing of a folder",
    "mode": "may be written to",
    "record": "is wrong",
    "state": "is remembered wrongly",
    "staging": "was left behind by a command that died",
    "stray": "is no object",
}


@mutable
class Problem:
    """One thing that is wrong."""

    kind: str  # a key of PROBLEMS
    name: str  # of the object, or the path of a file
    where: str  # "cache", "legacy cache", "remote NAME" or "workspace"
    detail: str = ""  # which data needs it, or what is wrong with it
    repaired: str = ""  # what was done; empty: nothing could be or was asked for


@mutable
class Checked:
    """What a check found."""

    problems: list[Problem] = field(default_factory=list)
    objects: int = 0
    size: int = 0  # bytes of them
    read: int = 0  # objects that were hashed
    read_size: int = 0
    orphans: int = 0  # objects that nothing needs: what a garbage collection would remove
    orphans_size: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def open(self) -> list[Problem]:
        """What is still wrong."""
        return [problem for problem in self.problems if not problem.repaired]

    def add(self, kind: str, name: str, where: str, detail: str = "") -> Problem:
        """Note a problem."""
        self.problems.append(Problem(kind, name, where, detail))
        return self.problems[-1]


def share_of(text: str) -> Callable[[str], bool]:
    """Chooses objects by name: ``5%`` of them at random, or part 3 of 10 (``3/10``), which are all after ten turns.

    Raises:
        InvalidInput: neither of these.
    """
    match = _SHARE.match(text)
    if match and match["percent"] and 0 < float(match["percent"]) <= 100:
        chance, limit = random.Random(), float(match["percent"]) / 100  # noqa: S311 - a sample, not a secret
        return lambda _: chance.random() < limit
    if match and match["part"] and 1 <= int(match["part"]) <= int(match["parts"]):
        part, parts = int(match["part"]) - 1, int(match["parts"])
        return lambda name: int(name[:8], 16) % parts == part
    raise InvalidInput(f"{text!r} is no part of the data.", hint="Write 5%, or 3/10 for the third of ten parts.")


def check_cache(
    repository: Repository, chosen: Callable[[str], bool] | None = None, meter: progress.Meter = progress.silent
) -> Checked:
    """Look at the cache, the records and what the state believes; ``chosen`` says which objects are read. No change."""
    found = Checked()
    needed = _needed(repository, found)
    for label, folder in (("cache", repository.cache.objects), ("legacy cache", repository.cache.folder)):
        _check_objects(repository, label, folder, chosen, needed, found, meter)
    _check_presence(repository, needed, found)
    _check_leftovers(repository, found)
    if chosen is not None:
        _check_state(repository, chosen, found, meter)
    return found


def _needed(repository: Repository, found: Checked) -> dict[str, TrackedOut]:
    """Objects that the workspace's records name, and the data that needs each; unreadable records are noted."""
    needed: dict[str, TrackedOut] = {}
    listings = Listings(repository.cache)
    for out in _records(repository, found):
        if out.md5 is None or not out.entry.cache:
            continue
        needed.setdefault(out.md5, out)
        files = _files_of(listings, out.md5) if out.is_dir else None
        for name in (files or {}).values():
            needed.setdefault(name, out)
        if out.is_dir and files is not None and out.nfiles not in (None, len(files)):
            record = repository.relative(out.dvc_file)
            found.add("record", record, "workspace", f"nfiles is {out.nfiles}, the listing names {len(files)}")
    return needed


def _files_of(listings: Listings, name: str) -> dict[str, str] | None:
    """As `Listings.files`; also None when the disk does not give the listing, which is told where objects are read."""
    try:
        return listings.files(name)
    except OSError:
        return None


def _records(repository: Repository, found: Checked) -> Sequence[TrackedOut]:
    """Every tracked path; when a record cannot be read, those of the others."""
    try:
        return outs.tracked(repository)
    except (MadangError, OSError):
        tree, good = WorkTree(repository), list[TrackedOut]()
        for path in _record_files(repository.root):
            relative = repository.relative(path)
            try:
                good.extend(
                    out
                    for stage in stages_in(repository, tree, relative, tree.read(relative) or b"")
                    for out in stage.outs
                )
            except MadangError as error:
                found.add("record", relative, "workspace", error.message)
            except OSError as error:
                found.add("record", relative, "workspace", f"cannot be read: {error.strerror}")
        return good


def _record_files(root: str) -> Iterator[str]:
    for above, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in HIDDEN_FOLDERS]
        for name in names:
            if name == outs.PIPELINE or (name.endswith(dvcfile.SUFFIX) and name != dvcfile.SUFFIX):
                yield os.path.join(above, name)


def _check_objects(
    repository: Repository,
    label: str,
    folder: str,
    chosen: Callable[[str], bool] | None,
    needed: dict[str, TrackedOut],
    found: Checked,
    meter: progress.Meter,
) -> None:
    objects = list(objects_in(folder))
    found.objects += len(objects)
    found.size += sum(facts.st_size for _, _, facts in objects)
    is_shared = repository.settings.get("cache", "shared") == "group"
    todo: list[tuple[str, str]] = []
    doubtful: dict[str, Problem] = {}
    for name, key, facts in objects:
        path = f"{folder}/{key}"
        if facts.st_mode & 0o222 and not is_shared:
            found.add("mode", name, label, stat.filemode(facts.st_mode))
        out = needed.get(name)
        if out is not None and out.md5 == name and not out.is_dir and out.size not in (None, facts.st_size):
            detail = f"{facts.st_size} bytes; {repository.relative(out.dvc_file)} says {out.size}"
            doubtful[name] = found.add("size", name, label, detail)
        if layout.is_dir(name) or name in doubtful or (chosen is not None and chosen(name)) or facts.st_mode & 0o222:
            todo.append((name, path))
    _read(repository, label, todo, needed, found, meter)
    corrupt = {problem.name for problem in found.problems if problem.kind == "corrupt" and problem.where == label}
    for name in corrupt.intersection(doubtful):
        found.problems.remove(doubtful[name])  # the object is wrong, not the record


def _read(
    repository: Repository,
    label: str,
    todo: Sequence[tuple[str, str]],
    needed: dict[str, TrackedOut],
    found: Checked,
    meter: progress.Meter,
) -> None:
    """Hash objects; compare with their names, and with what the state believes of them."""
    is_legacy = label != "cache"

    def read(item: tuple[str, str]) -> tuple[str, FileKey | None]:
        name, path = item
        try:
            if is_legacy and not layout.is_dir(name):
                return name_of_file(path), None
            hashed = hash_file(path)
            return hashed.md5, hashed.key
        except FileNotFoundError:
            return "", None
        except OSError as error:
            return f"cannot be read: {error.strerror}", None

    total = sum(_size(path) for _, path in todo)
    with meter(total, "B", f"reading the {label}") as advance:
        for (name, path), (md5, key) in zip(todo, each(read, todo), strict=True):
            size = _size(path)
            advance(size)
            found.read += 1
            found.read_size += size
            if md5 != name[:32]:
                user = needed.get(name)
                found.add("corrupt", name, label, f"{_data(repository, user)}{'' if len(md5) == 32 else md5}")
                if key is not None and repository.state.files([key]).get((key.dev, key.ino)) == name[:32]:
                    found.add("state", name, label, "it is trusted, though its bytes are others")
            elif layout.is_dir(name):
                _check_listing(name, path, label, found)


def _check_listing(name: str, path: str, label: str, found: Checked) -> None:
    try:
        with open(path, "rb") as file:
            body = file.read()
        if not listing.is_of_tags(body):
            listing.decode(body, name)
    except (CorruptData, InvalidInput) as error:
        found.add("listing", name, label, error.message)
    except OSError:
        return


def _data(repository: Repository, out: TrackedOut | None) -> str:
    return f"needed by {repository.relative(out.path)}" if out is not None else "nothing in the workspace needs it"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _check_presence(repository: Repository, needed: dict[str, TrackedOut], found: Checked) -> None:
    for name, out in needed.items():
        path = f"{repository.cache.folder}/{name[:2]}/{name[2:]}" if out.is_legacy else repository.cache.path(name)
        if not os.path.exists(path):
            found.add("missing", name, "legacy cache" if out.is_legacy else "cache", _data(repository, out))


def _check_leftovers(repository: Repository, found: Checked) -> None:
    for top in (repository.cache.folder, repository.private_dir):
        area = os.path.join(top, STAGING)
        for folder in list(abandoned(area)) if os.path.isdir(area) else ():
            found.add("staging", folder, "cache" if top == repository.cache.folder else "workspace")
    for path in beside.left(repository, _records(repository, Checked())):
        found.add("staging", path, "workspace")
    for number in range(256):
        folder = f"{repository.cache.objects}/{number:02x}"
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if not layout.is_name(f"{number:02x}{entry.name}") or not entry.is_file(follow_symlinks=False):
                found.add("stray", entry.path, "cache")
    aside = os.path.join(repository.private_dir, "damaged")
    if os.path.isdir(aside) and (count := len(os.listdir(aside))):
        found.notes.append(f"Objects that were wrong and set aside, in {aside}: {count}.")


def _check_state(repository: Repository, chosen: Callable[[str], bool], found: Checked, meter: progress.Meter) -> None:
    """Hash workspace files that are believed to be unchanged."""
    todo: list[tuple[str, str]] = []
    for out in {out.path: out for out in _records(repository, Checked())}.values():
        paths = list(_files_at(out.path))
        keys = {path: key_of(os.stat(path)) for path in paths}
        known = repository.state.files(list(keys.values()))
        todo += [(path, md5) for path, key in keys.items() if (md5 := known.get((key.dev, key.ino))) and chosen(md5)]
    with meter(sum(_size(path) for path, _ in todo), "B", "reading the workspace") as advance:
        for (path, md5), hashed in zip(todo, each(lambda item: hash_file(item[0]), todo), strict=True):
            advance(hashed.key.size)
            if hashed.md5 != md5 and repository.state.files([hashed.key]).get((hashed.key.dev, hashed.key.ino)) == md5:
                found.add("state", path, "workspace", f"believed to be {md5}, is {hashed.md5}")


def _files_at(path: str) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
    for above, _, names in os.walk(path):
        yield from (one for name in names if os.path.isfile(one := os.path.join(above, name)))


def count_orphans(repository: Repository, roots: Roots, runs: Iterable[uses.Root], found: Checked) -> None:
    """Count what no commit, work tree, stash or run needs: no problem, but space."""
    if roots.failed:
        names = ", ".join(failed.label for failed in roots.failed[:3])
        found.notes.append(f"What nothing needs is not counted: the records of {names} cannot be read.")
        return
    listings = Listings(repository.cache)
    live = {need.name: need for root in roots.found if root.is_live for need in root.needs if not need.is_listed}
    unread = next(
        (need for name, need in live.items() if layout.is_dir(name) and _files_of(listings, name) is None), None
    )
    if unread is not None:  # nobody can tell what it names, and a garbage collection refuses for the same reason
        found.notes.append(f"What nothing needs is not counted: the listing of {unread.path} is missing or damaged.")
        return
    needed = {need.name for root in itertools.chain(roots.found, runs) for need in root.needs}
    used = {name for one in needed for name in listings.names(one)}
    for folder in (repository.cache.objects, repository.cache.folder):
        for name, _, facts in objects_in(folder):
            if name not in used:
                found.orphans += 1
                found.orphans_size += facts.st_size


def all_roots(repository: Repository) -> Roots:
    """Everything that may need an object, but for runs: work trees, every commit, stashes."""
    roots = Roots()
    uses.in_workspace(roots, repository)
    uses.in_worktrees(roots, repository)
    uses.in_stashes(roots, repository)
    uses.in_queue(roots, repository)
    if repository.git_root is not None:
        found = [*commits(repository, every=True), *uses.experiments(repository)]
        uses.in_commits(roots, repository, list(dict.fromkeys(found)))
    return roots
