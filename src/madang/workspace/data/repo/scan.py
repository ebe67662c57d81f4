"""Walk a folder as fast as the system allows: one ``scandir`` a folder, one ``stat`` a file."""

from __future__ import annotations

import os
import stat
import time
from array import array
from collections.abc import Iterator

from madang.errors import InvalidInput, NotFound
from madang.formats.dvc.ignore import FILE_NAME, Ignore, UnusableRules
from madang.formats.dvc.listing import check_text
from madang.workspace.data.objects.state import FileKey, settled, signed

HIDDEN_FOLDERS = frozenset((".git", ".hg", ".dvc"))
FILES_OF_GIT = frozenset(("dvc.yaml", "dvc.lock", ".dvcignore", ".gitignore"))  # tracked, git would not see them


class Tree:
    """The files of a folder: relative paths, and of each device, inode, size, mtime and ctime."""

    __slots__ = ("links", "numbers", "paths", "seen")

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.numbers = array("q")  # five for each path, in FileKey's order
        self.links: set[int] = set()  # positions of paths that are links to files
        self.seen = time.time_ns()

    def key(self, index: int) -> FileKey:
        """What identifies the state of one file."""
        return FileKey(*self.numbers[5 * index : 5 * index + 5])

    def keys(self) -> Iterator[FileKey]:
        """The keys of all files, in the order of the paths."""
        numbers = iter(self.numbers)
        return map(FileKey, numbers, numbers, numbers, numbers, numbers)

    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.numbers[2::5])

    def fingerprint(self) -> bytes:
        """One hash over names, inodes, sizes and times: equal means that nothing was touched."""
        from blake3 import blake3  # noqa: PLC0415 - for folders alone

        digest = blake3("\0".join(self.paths).encode("utf-8", "surrogateescape"))
        digest.update(self.numbers.tobytes())
        return digest.digest()

    def is_settled(self) -> bool:
        """Whether a change after the walk would show in the fingerprint."""
        if not self.paths:
            return True
        return settled(max(self.numbers[3::5]), max(self.numbers[4::5]), self.seen)


def scan_tree(root: str, top: str, ignore: Ignore) -> Tree:
    """Every file below the folder ``top`` that data commands see; ``root`` is the repository's root.

    Links to files count as their targets; links to folders are left out, as dvc leaves them out.

    Raises:
        NotFound: a link whose target does not exist.
        InvalidInput: a device, pipe or socket, a name that is not UTF-8, or a ``.dvcignore`` inside (as in dvc).
    """
    tree = Tree()
    _Walk(tree, root, top, ignore).folder(top, "")
    return tree


class _Walk:
    def __init__(self, tree: Tree, root: str, top: str, ignore: Ignore) -> None:
        self.tree = tree
        self.ignore = ignore
        self.below_root = len(root.rstrip("/")) + 1 if top.startswith(root) else 0
        self.folders: list[tuple[str, str]] = []

    def folder(self, top: str, prefix: str) -> None:
        self.folders.append((top, prefix))
        while self.folders:
            self._one(*self.folders.pop())

    def _one(self, folder: str, prefix: str) -> None:
        # Through a descriptor the system does not have to walk down the whole path for each file.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._entries(descriptor, folder, prefix)
        finally:
            os.close(descriptor)

    def _entries(self, descriptor: int, folder: str, prefix: str) -> None:
        paths, numbers, ignore = self.tree.paths, self.tree.numbers, self.ignore or None
        below: list[tuple[str, str]] = []
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = entry.name
                if not name.isascii():
                    check_text(name)
                if ignore is not None and ignore.hides(f"{folder}/{name}"[self.below_root :], entry.is_dir()):
                    continue
                if not entry.is_file(follow_symlinks=False) or name in (FILE_NAME, ".git"):
                    self._other(entry, folder, prefix, below)
                    continue
                found = entry.stat(follow_symlinks=False)
                paths.append(prefix + name)
                inode = found.st_ino
                if inode >> 63:
                    inode = signed(inode)
                numbers.extend((found.st_dev, inode, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        self.folders.extend(reversed(below))

    def _other(self, entry: os.DirEntry[str], folder: str, prefix: str, below: list[tuple[str, str]]) -> None:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            if name not in HIDDEN_FOLDERS and not os.path.isdir(f"{folder}/{name}/.dvc"):
                below.append((f"{folder}/{name}", f"{prefix}{name}/"))
        elif entry.is_symlink():
            self._link(entry, folder, prefix)
        elif name != ".git":
            raise _unusable(folder, name)

    def _link(self, entry: os.DirEntry[str], folder: str, prefix: str) -> None:
        try:
            found = entry.stat()
        except OSError as error:
            path = f"{folder}/{entry.name}"
            raise NotFound(
                f"{path} is a link to {os.readlink(path)!r}, which cannot be read: {error.strerror}.",
                hint="Remove the link, or give it a target.",
            ) from None
        if stat.S_ISDIR(found.st_mode) or entry.name == ".git":
            return
        if not stat.S_ISREG(found.st_mode) or entry.name == FILE_NAME:
            raise _unusable(folder, entry.name)
        self.tree.links.add(len(self.tree.paths))
        self.tree.paths.append(prefix + entry.name)
        self.tree.numbers.extend(
            (found.st_dev, signed(found.st_ino), found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        )


def _unusable(folder: str, name: str) -> InvalidInput:
    path = f"{folder}/{name}"
    if name == FILE_NAME:
        return UnusableRules(f"{path}: a {FILE_NAME} inside tracked data is not allowed.", hint="Move it above.")
    return InvalidInput(f"{path} is neither a file nor a folder, so it cannot be tracked.", hint="Remove it.")


def rules_above(root: str, folder: str) -> Ignore:
    """The ``.dvcignore`` rules in force inside ``folder``: those of the root down to the folder itself.

    Raises:
        InvalidInput: a rule that cannot be read.
    """
    ignore = Ignore()
    relative = os.path.relpath(folder, root)
    parts = [] if relative == "." else relative.split(os.sep)
    for depth in range(len(parts) + 1):
        above = "/".join(parts[:depth])
        ignore = with_rules_of(ignore, root, above)
    return ignore


def with_rules_of(ignore: Ignore, root: str, folder: str) -> Ignore:
    """The rules with those of one more folder (relative to the root)."""
    if not ignore.counts(folder):
        return ignore
    try:
        with open(os.path.join(root, folder, FILE_NAME), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ignore
    return ignore.with_file(folder, text)
