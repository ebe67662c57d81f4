"""MD5s of workspace files, through the state: only what changed is read."""

from __future__ import annotations

import os

from madang.domain.values import mutable
from madang.errors import NotFound
from madang.formats.dvc import listing
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files.folding import reader_of
from madang.workspace.data.objects.parallel import each_file
from madang.workspace.data.objects.reading import Hashed
from madang.workspace.data.objects.state import FileKey, State, TreeRow, key_of
from madang.workspace.data.progress import Advance
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import Tree, rules_above, scan_tree


@mutable
class Hashes:
    """The files of a folder with their MD5s, as far as known."""

    tree: Tree
    md5s: list[str | None]  # in the order of tree.paths

    def files(self) -> dict[str, str]:
        """``{relpath: md5}``; every MD5 is known."""
        return {path: md5 for path, md5 in zip(self.tree.paths, self.md5s, strict=True) if md5 is not None}

    def unknown(self) -> list[int]:
        """Positions whose MD5 is not known."""
        return [index for index, md5 in enumerate(self.md5s) if md5 is None]


def known_hashes(state: State, tree: Tree) -> Hashes:
    """What the state knows of a folder's files."""
    return Hashes(tree, state.md5s(tree.numbers))


def complete_hashes(state: State, folder: str, hashes: Hashes, advance: Advance) -> None:
    """Read the files whose MD5 is not known, and remember them. ``advance`` is told the bytes read.

    Raises:
        Conflict: a file changed while it was read. NotFound: one vanished.
    """
    unknown, paths = hashes.unknown(), hashes.tree.paths
    read_file = reader_of(state)
    rows: list[tuple[FileKey, str]] = []

    def read(index: int, advance: Advance) -> Hashed:
        path = f"{folder}/{paths[index]}"
        try:
            return read_file(path, advance)
        except FileNotFoundError:
            raise NotFound(f"{path} vanished while it was read.", hint="Repeat the command.") from None

    for index, hashed in zip(unknown, each_file(read, unknown, Hashed, advance), strict=True):
        hashes.md5s[index] = hashed.md5
        if hashed.lasting:
            rows.append((hashed.key, hashed.md5))
    state.add_files(rows)


def tree_content(hashes: Hashes) -> tuple[Content, bytes]:
    """What a folder with these files is recorded as, and the bytes of its listing."""
    files = hashes.files()
    body = listing.encode(files)
    return Content(listing.name_of_bytes(body), hashes.tree.size(), len(files)), body


def remember_tree(state: State, folder: str, tree: Tree, content: Content) -> None:
    """Remember a whole folder, when any later change would show."""
    if tree.is_settled():
        state.set_tree(folder, TreeRow(tree.fingerprint(), content.md5, tree.size(), content.nfiles or 0))


def current_content(repository: Repository, path: str, meter: progress.Meter = progress.silent) -> Content | None:
    """What a path holds now, or None when nothing is there. Unchanged files are not read.

    Raises:
        InvalidInput, NotFound, Conflict: as `scan_tree` and `complete_hashes`.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    state = repository.state
    if not os.path.isdir(path):
        return Content(file_md5(state, path, found), found.st_size, isexec=bool(found.st_mode & 0o111))
    tree = scan_tree(repository.root, path, rules_above(repository.root, path))
    row = state.tree(path)
    if row is not None and row.print == tree.fingerprint():
        return Content(row.name, row.size, row.nfiles)
    hashes = known_hashes(state, tree)
    total = sum(tree.key(index).size for index in hashes.unknown())
    with meter(total, "B", f"hashing {os.path.basename(path)}") as advance:
        complete_hashes(state, path, hashes, advance)
    content, _ = tree_content(hashes)
    remember_tree(state, path, tree, content)
    return content


def file_md5(state: State, path: str, found: os.stat_result | None = None) -> str:
    """MD5 of one file, through the state. Raises `Conflict` when it changes meanwhile, OSError when it is not there."""
    key = key_of(found or os.stat(path))
    known = state.files([key]).get((key.dev, key.ino))
    if known is not None:
        return known
    hashed = reader_of(state)(path, None)
    if hashed.lasting:
        state.add_files([(hashed.key, hashed.md5)])
    return hashed.md5
