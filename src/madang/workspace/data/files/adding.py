"""``add``: take files and folders into the cache and write what they are into ``.dvc`` files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable, value
from madang.durable import write_file
from madang.errors import Conflict, InvalidInput, NotFound, Refused
from madang.formats.dvc import dvcfile, listing
from madang.formats.dvc.dvcfile import Content
from madang.staging import Staging
from madang.workspace.data import progress
from madang.workspace.data.files import hashing, leftovers, links
from madang.workspace.data.files import inside as inside_folder
from madang.workspace.data.files.addable import addable
from madang.workspace.data.files.hashing import Hashes
from madang.workspace.data.files.inside import Elsewhere
from madang.workspace.data.files.legacy import is_unchanged
from madang.workspace.data.objects.reading import Hashed
from madang.workspace.data.objects.state import FileKey, Rows, key_of
from madang.workspace.data.objects.taking import store
from madang.workspace.data.records.outs import TrackedOut, check_supported, outs_of, owner_of, tracked
from madang.workspace.data.repo import git, gitignores
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree
from madang.workspace.data.repo.visible import Visibility


@mutable
class Added:
    """What an add did."""

    dvc_files: list[str] = field(default_factory=list)  # written or found up to date, absolute
    git_files: list[str] = field(default_factory=list)  # changed files that belong into git, absolute
    contents: dict[str, Content] = field(default_factory=dict)  # by absolute path


@value
class Manner:
    """How data is added."""

    commit: bool = True  # False: only hash it; its bytes come into the cache with ``commit``
    relink: bool = True  # False: leave the work tree's files as they are, whatever the configured links
    notes: Mapping[str, Any] = field(default_factory=dict)  # more keys of the record: desc, type, labels, meta


class _Work(Added):
    """An add in progress: small files are written aside first, in a folder that git does not see."""

    def __init__(self, repository: Repository, paths: Sequence[str], aside: Staging, manner: Manner) -> None:
        super().__init__()
        self.aside = aside
        self.manner = manner
        self.in_git: set[str] = set()
        self.ignored: set[str] = set()
        if repository.git_root is not None:
            self.in_git = git.holding(repository.git_root, paths)
            self.ignored = git.ignored(repository.git_root, [*paths, *(path + dvcfile.SUFFIX for path in paths)])


def add(
    repository: Repository,
    paths: Sequence[str],
    *,
    manner: Manner | None = None,
    elsewhere: Elsewhere | None = None,
    meter: progress.Meter = progress.silent,
) -> Added:
    """Track files or folders; a path inside a tracked folder updates that folder's entry for this path only.

    ``elsewhere`` is asked for the listing of such a folder when the cache lacks it.

    The order makes any crash harmless: objects, then the ``.dvc`` file, then ``.gitignore``. The data itself is only
    read (with link types other than copies it is replaced by links to the cache, after it is safe there).

    Raises:
        NotFound: a path, or the target of a link in it, does not exist.
        Refused: a path that must not be tracked: outside the repository, ``.dvc`` itself, in git, behind a link.
        Conflict: a file changed while it was read, or another command holds the repository.
    """
    wanted = addable(repository, paths)
    visible = Visibility(repository)
    for path in wanted:
        visible.check(path)
    os.makedirs(repository.private_dir, exist_ok=True)
    with hold(repository, wanted), Staging(repository.private_dir) as aside:
        done = _Work(repository, wanted, aside, manner or Manner())
        everything = tracked(repository)
        owners = {path: _owner(path, everything) for path in wanted}
        for path, owner in owners.items():
            if owner is None or owner.path == path:
                _check_whole(owner, path, done)
        for path, owner in owners.items():
            if owner is not None and owner.path != path:
                _add_inside(repository, owner, path, done, elsewhere, meter)
            else:
                _add_whole(repository, owner, path, done, meter)
        leftovers.note(repository, done.contents)
    return done


def _owner(path: str, everything: Sequence[TrackedOut]) -> TrackedOut | None:
    owner = owner_of(path, everything)
    if owner is not None:
        check_supported(owner)
        if owner.stage:
            raise Refused(
                f"{owner.path} is made by the stage {owner.stage}.", hint=f"madang commit {owner.stage} records it."
            )
    for out in everything if owner is None or owner.path == path else ():
        if out.path.startswith(path + os.sep):
            raise Refused(f"{path} holds {out.path}, tracked on its own.", hint=f"Remove {out.dvc_file} first.")
        if out.path == path and owner is not None and out.dvc_file != owner.dvc_file:
            raise Refused(f"{path} is tracked by {owner.dvc_file} and by {out.dvc_file}.", hint="Remove one of them.")
    record = path + dvcfile.SUFFIX
    if owner is None and os.path.isfile(record):  # one that .dvcignore hides, though not the data
        owner = next((out for out in outs_of(record) if out.path == path), None)
    return owner


def _check_whole(owner: TrackedOut | None, path: str, done: _Work) -> None:
    if owner is not None and not owner.entry.cache:
        raise Refused(f"{path} is kept out of the cache (cache: false in {owner.dvc_file}).", hint="Change the entry.")
    if path in done.in_git:
        raise Refused(
            f"{path} is tracked by git.", hint=f"git rm -r --cached {os.path.relpath(path)} && git commit, then add it."
        )
    record = path + dvcfile.SUFFIX
    if owner is None and record in done.ignored:
        raise Refused(f"git ignores {record}, so the record would be lost.", hint="Change the rule in .gitignore.")


def _add_whole(repository: Repository, owner: TrackedOut | None, path: str, done: _Work, meter: progress.Meter) -> None:
    dvc_file = owner.dvc_file if owner is not None else path + dvcfile.SUFFIX
    if owner is not None and not done.manner.notes and is_unchanged(repository, owner, meter):
        entry = owner.entry
        content = Content(str(entry.md5), entry.size, entry.nfiles, entry.isexec)
        done.dvc_files.append(dvc_file)
    else:
        content = take(repository, path, done.manner, meter)
        _write(dvc_file, owner, content, os.path.basename(path), done)
    done.contents[path] = content
    if repository.git_root is not None and path not in done.ignored:
        done.git_files.extend(gitignores.hide(path, done.aside.new_path()))


def _write(dvc_file: str, owner: TrackedOut | None, content: Content, name: str, done: _Work) -> None:
    done.dvc_files.append(dvc_file)
    if owner is None:
        if os.path.lexists(dvc_file):
            raise Conflict(
                f"{dvc_file} exists and tracks something else: {', '.join(out.path for out in outs_of(dvc_file))}."
            )
        text, before = dvcfile.new(name, content, done.manner.notes), None
    else:
        with open(dvc_file, encoding="utf-8") as file:
            before = file.read()
        entry = owner.entry
        recorded = (entry.md5, entry.size, entry.nfiles, entry.isexec)
        is_same = not owner.is_legacy and recorded == (content.md5, content.size, content.nfiles, content.isexec)
        if is_same and not done.manner.notes:
            return
        text = dvcfile.updated(before, dvc_file, {entry.path: content}, done.manner.notes)
    write_file(dvc_file, text.encode(), aside=done.aside.new_path())
    done.git_files.append(dvc_file)


def take(repository: Repository, path: str, manner: Manner, meter: progress.Meter) -> Content:
    """Bring a file or folder into the cache; without ``commit`` only hash it. The caller holds the repository."""
    if not manner.commit:
        content = hashing.current_content(repository, path, meter)
        if content is None:
            raise NotFound(f"{path} is a link to nothing.", hint="Remove the link, or give it a target.")
        return content
    if os.path.isdir(path):
        return _take_folder(repository, path, meter, relink=manner.relink)
    return _take_file(repository, path, meter, relink=manner.relink)


def _take_file(repository: Repository, path: str, meter: progress.Meter, *, relink: bool = True) -> Content:
    return take_files(repository, [path], Manner(relink=relink), meter)[path]


def take_files(
    repository: Repository, paths: Sequence[str], manner: Manner, meter: progress.Meter
) -> dict[str, Content]:
    """Bring single files into the cache, all at once. The caller holds the repository. Raises as `add`."""
    cache, state = repository.cache, repository.state
    found = {path: os.stat(path) for path in paths}
    odd = next((path for path, one in found.items() if not stat.S_ISREG(one.st_mode)), None)
    if odd is not None:
        raise InvalidInput(f"{odd} is neither a file nor a folder, so it cannot be tracked.")
    keys = {path: key_of(one) for path, one in found.items()}
    known = state.files(list(keys.values()))
    md5s = {path: known.get((key.dev, key.ino)) for path, key in keys.items()}
    there = cache.look({md5 for md5 in md5s.values() if md5 is not None})
    lost = cache.verify(there.keys, lambda _: None).union(there.missing)
    todo = [path for path, md5 in md5s.items() if md5 is None or md5 in lost]
    rows: list[tuple[FileKey, str]] = []

    def note(position: int, hashed: Hashed) -> None:
        keys[todo[position]], md5s[todo[position]] = hashed.key, hashed.md5
        if hashed.lasting:
            rows.append((hashed.key, hashed.md5))

    if todo:
        label = f"adding {os.path.basename(todo[0])}" if len(todo) == 1 else "adding files"
        with cache.staging() as staging, meter(sum(keys[one].size for one in todo), "B", label) as advance:
            store(cache, staging, todo, advance, note)
        state.add_files(rows)
    if manner.relink:
        for path, md5 in md5s.items():
            links.relink_file(repository, path, str(md5), keys[path], is_exec=bool(found[path].st_mode & 0o111))
    return {
        path: Content(str(md5s[path]), keys[path].size, isexec=bool(one.st_mode & 0o111)) for path, one in found.items()
    }


def _take_folder(repository: Repository, path: str, meter: progress.Meter, *, relink: bool = True) -> Content:
    cache, state = repository.cache, repository.state
    tree = scan_tree(repository.root, path, rules_above(repository.root, path))
    row = state.tree(path)
    if row is not None and row.print == tree.fingerprint() and cache.holds_all(row.name):
        return Content(row.name, row.size, row.nfiles)
    hashes = hashing.known_hashes(state, tree)
    listed: list[tuple[Content, bytes]] = []
    with cache.staging() as staging:
        _store_tree(repository, path, hashes, staging, meter, lambda: listed.append(hashing.tree_content(hashes)))
        content, body = listed[0]
        cache.add_bytes(staging, content.md5, body)
    if not relink or not links.relink_tree(repository, path, hashes):
        hashing.remember_tree(state, path, tree, content)
    cache.note_complete(content.md5, {md5 for md5 in hashes.md5s if md5 is not None})
    return content


def _store_tree(
    repository: Repository,
    folder: str,
    hashes: Hashes,
    staging: Staging,
    meter: progress.Meter,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Bring every file of the folder into the cache; afterwards all MD5s are known.

    ``meanwhile`` is called when they are, and the files have yet to become durable.
    """
    cache, tree = repository.cache, hashes.tree
    known = {md5 for md5 in hashes.md5s if md5 is not None}
    found = cache.look(known)
    wrong = cache.verify(found.keys, lambda _: None)
    absent = wrong.union(found.missing)
    todo = [index for index, md5 in enumerate(hashes.md5s) if md5 is None or md5 in absent]
    rows = Rows(repository.state)

    def then() -> None:
        rows.write()
        meanwhile()

    def note(position: int, hashed: Hashed) -> None:
        index = todo[position]
        if hashed.key[:4] != tuple(tree.numbers[5 * index : 5 * index + 4]):
            raise Conflict(f"{folder}/{tree.paths[index]} changed while it was added.", hint="Repeat the command.")
        hashes.md5s[index] = hashed.md5
        if hashed.lasting:
            rows.add(hashed.key, hashed.md5)

    total = sum(tree.numbers[5 * index + 2] for index in todo)
    try:
        with meter(total, "B", f"adding {os.path.basename(folder)}") as advance:
            names = [tree.paths[index] for index in todo]
            store(cache, staging, names, advance, note, folder=folder, meanwhile=then)
    finally:
        rows.end()


def _add_inside(
    repository: Repository,
    owner: TrackedOut,
    path: str,
    done: _Work,
    elsewhere: Elsewhere | None,
    meter: progress.Meter,
) -> None:
    """Update a tracked folder's entry for one file or folder inside it."""
    if not done.manner.commit or done.manner.notes:
        raise Refused(
            f"{path} is part of {owner.path}: neither --no-commit nor notes can be for it alone.",
            hint=f"madang add {os.path.relpath(owner.path)}",
        )
    cache = repository.cache
    # Read again: a path that was added just before may have changed it.
    owner = next(out for out in outs_of(owner.dvc_file) if out.path == owner.path)
    if owner.is_legacy:
        raise Refused(
            f"{owner.dvc_file} was written by dvc 2.", hint=f"madang add {os.path.relpath(owner.path)} converts it."
        )
    if owner.md5 is None or not owner.is_dir:
        raise Refused(f"{path} is inside {owner.path}, which is tracked as one file.")
    inside = path[len(owner.path) + 1 :]
    try:
        recorded = inside_folder.recorded(cache, owner, elsewhere)
    except NotFound:
        present = hashing.current_content(repository, owner.path, meter)
        if present is None or present.md5 != owner.md5:
            raise
        _add_whole(repository, owner, owner.path, done, meter)  # recorded without a commit, and unchanged since
        return
    kept = {
        name: md5
        for name, md5 in recorded.items()
        if name != inside and not name.startswith(inside + "/") and not inside.startswith(name + "/")
    }
    if len(kept) == len(recorded) and not os.path.lexists(path):
        raise NotFound(f"{path} does not exist, and {owner.dvc_file} knows nothing of it.", hint="Check the name.")
    files = {**kept, **_files_at(repository, path, inside, meter)}
    body = listing.encode(files)
    name = listing.name_of_bytes(body)
    with cache.staging() as staging:
        cache.add_bytes(staging, name, body)
    content = Content(name, inside_folder.size(cache, owner.entry.size, recorded, files), len(files))
    _write(owner.dvc_file, owner, content, os.path.basename(owner.path), done)
    done.contents[owner.path] = content


def _files_at(repository: Repository, path: str, inside: str, meter: progress.Meter) -> dict[str, str]:
    """Take a path inside a tracked folder into the cache: MD5s by the names in that folder; none where it is gone."""
    if not os.path.lexists(path):
        return {}
    if not os.path.isdir(path):
        return {inside: _take_file(repository, path, meter).md5}
    tree = scan_tree(repository.root, path, rules_above(repository.root, path))
    hashes = hashing.known_hashes(repository.state, tree)
    with repository.cache.staging() as staging:
        _store_tree(repository, path, hashes, staging, meter)
    links.relink_tree(repository, path, hashes)
    return {f"{inside}/{name}": md5 for name, md5 in hashes.files().items()}
