"""Another data or Git repository as a source: its files at a commit (or as they lie on disk), tracked data included.

A folder on this machine is read where it is; any other repository through a copy (`clones`). The source may be a
stranger's: names that leave their folder are refused, its records may only speak of places inside it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from madang.domain.values import value
from madang.errors import CorruptData, Incompatible, InvalidInput, NotFound
from madang.formats.dvc import dvcfile
from madang.formats.dvc.digest import sha256_of
from madang.formats.dvc.ignore import FILE_NAME as IGNORE_FILE
from madang.formats.dvc.ignore import Ignore
from madang.formats.store import find_repository
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.state import State
from madang.workspace.data.records.outs import PIPELINE, TrackedOut, tracked
from madang.workspace.data.records.trees import FileTree, TreeEntry
from madang.workspace.data.repo.repository import DVC_DIR, Repository
from madang.workspace.data.repo.settings import Settings, UnreadableConfig

_HIDDEN = {".git", ".hg", DVC_DIR}
_MANY = 100_000  # folders that are remembered
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n")
_LFS_MOST = 1024  # bytes of a pointer of Git LFS


@value
class Node:
    """A file or folder of a source."""

    path: str  # relative to the source's root, "" for the root
    is_dir: bool
    is_exec: bool = False
    out: TrackedOut | None = None  # the tracked data that it is, or lies in
    md5: str | None = None  # of tracked data
    size: int | None = None  # bytes, where the record tells

    @property
    def name(self) -> str:
        """The last part."""
        return posixpath.basename(self.path)


class ForeignRepository(Repository):
    """A data repository of a source; its objects are brought into the cache of whoever reads it."""

    def __init__(self, root: str, cache: Cache, settings: Settings, private_dir: str) -> None:
        super().__init__(root)
        self.cache = cache
        self.state = cache.state
        self.folded_state = State(":memory:", folds=True)
        self.private_dir = private_dir
        self.settings = settings


class Project:
    """One data repository of a source: the source's own, or one in a folder of it."""

    def __init__(self, folder: str, tree: FileTree, repository: ForeignRepository, local_cache: str | None) -> None:
        self.folder = folder  # relative to the source's root
        self.tree = tree
        self.repository = repository
        self.local_cache = local_cache  # its own cache, when that is on this machine

    @cached_property
    def outs(self) -> dict[str, TrackedOut]:
        """Tracked data by path relative to the project's root, but for what lies outside of it or is kept by git."""
        if not self.tree.exists(DVC_DIR):
            return {}
        root = self.repository.root + os.sep
        found = tracked(self.repository, tree=self.tree)
        return {
            out.path[len(root) :].replace(os.sep, "/"): out
            for out in found
            if out.entry.cache and out.path.startswith(root)
        }

    @cached_property
    def _folders(self) -> dict[str, dict[str, None]]:
        """Names in folders that tracked data lies in, also where the tree has no such folder."""
        found: dict[str, dict[str, None]] = {}
        for path in self.outs:
            while path:
                above, _, name = path.rpartition("/")
                found.setdefault(above, {})[name] = None
                path = above
        return found

    def names_below(self, folder: str) -> list[str]:
        """What tracked data puts into a folder."""
        return list(self._folders.get(folder, ()))

    def owner(self, path: str) -> tuple[TrackedOut, str] | None:
        """The tracked data that a path (relative to the project) is or lies in, and the path inside it."""
        head = path
        while head:
            if head in self.outs:
                return self.outs[head], path[len(head) + 1 :]
            head = head.rpartition("/")[0]
        return None


MakeTree = Callable[[str], FileTree]
"""The files at and below a folder of the source."""

SettingsOf = Callable[[str, FileTree, bool], Settings]
"""The configuration of a data repository of the source: its ``.dvc`` folder, its files, whether it is on this disk."""

Lister = Callable[["Source", Project, TrackedOut], Mapping[str, str]]
"""The files of a tracked folder, brought from wherever the source keeps them."""


class Source:
    """A repository that was opened; `close` gives back what it holds."""

    def __init__(
        self, url: str, root: str, commit: str, cache: Cache, *, is_here: bool, private_dir: str,
        make_tree: MakeTree, settings_of: SettingsOf, lister: Lister,
    ) -> None:  # fmt: skip
        """``root`` is where the source lies, or a name where nothing is."""
        self.url = url
        self.commit = commit  # full name; empty for files on disk without git
        self.is_here = is_here  # a folder of this machine
        self.cache = cache
        self._root = root
        self._private_dir = private_dir
        self._make_tree, self._settings_of, self._lister = make_tree, settings_of, lister
        self._projects: dict[str, Project] = {}
        self._folders: dict[tuple[str, str], dict[str, dict[str, str | None]]] = {}  # of tracked data, by folder
        self._owners: dict[str, tuple[Project, str]] = {}  # what `project_of` found, by folder
        self._closing: list[Callable[[], None]] = []

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on_close(self, call: Callable[[], None]) -> None:
        """Have something done at the end."""
        self._closing.append(call)

    def close(self) -> None:
        """Give back what is open."""
        while self._closing:
            self._closing.pop()()

    def project(self, folder: str) -> Project:
        """The data repository whose root is a folder of the source."""
        if folder not in self._projects:
            root = os.path.join(self._root, folder) if folder else self._root
            tree = self._make_tree(folder)
            dvc_dir = os.path.join(root, DVC_DIR)
            is_here = self.is_here and os.path.isdir(dvc_dir)
            settings = self._settings(dvc_dir, tree, is_here)
            local = settings.cache_dir(dvc_dir) if is_here else None
            self._projects[folder] = Project(
                folder, tree, ForeignRepository(root, self.cache, settings, self._private_dir), local
            )
        return self._projects[folder]

    def _settings(self, dvc_dir: str, tree: FileTree, is_here: bool) -> Settings:
        try:
            return self._settings_of(dvc_dir, tree, is_here)
        except UnreadableConfig as error:
            if is_here:
                raise
            said = error.message.replace(os.path.join(self._root, ""), "")  # where the copy lies is nothing to its user
            raise UnreadableConfig(
                f"{self.url} cannot be used: {said}", hint="Its owner must correct it; --rev names another revision."
            ) from error

    def project_of(self, path: str) -> tuple[Project, str]:
        """The innermost data repository around a path, and the path relative to its root."""
        if path in self._owners:
            return self._owners[path]
        above, _, name = path.rpartition("/")
        root = self.project("")
        if not path:
            return root, ""
        if root.tree.exists(f"{path}/{DVC_DIR}"):
            found = (self.project(path), "")
        else:
            project, inner = self.project_of(above)
            found = (project, f"{inner}/{name}" if inner else name)
        if len(self._owners) < _MANY:
            self._owners[path] = found
        return found

    def node(self, path: str) -> Node | None:
        """What a path is; None when nothing is there.

        Raises:
            InvalidInput: a path that leaves the source, or a record that cannot be read.
        """
        path = checked(path)
        if not path:
            return Node("", is_dir=True)
        project, inner = self.project_of(path)
        if not inner:
            return Node(path, is_dir=True)
        owned = project.owner(inner)
        if owned is not None:
            return self._node_inside(project, path, *owned)
        entry = _entry(project.tree, inner)
        if entry is not None and not self._ignored(project, inner, entry.is_dir):
            return Node(path, is_dir=entry.is_dir, is_exec=entry.is_exec)
        return Node(path, is_dir=True) if project.names_below(inner) else None

    def _node_inside(self, project: Project, path: str, out: TrackedOut, inside: str) -> Node | None:
        if not inside:
            return self._out_node(project, path, out)
        if out.md5 is None or not out.is_dir:
            return None
        files = self.listing(project, out)
        if inside in files:
            return Node(path, is_dir=False, out=out, md5=files[inside])
        start = inside + "/"
        return Node(path, is_dir=True, out=out) if any(name.startswith(start) for name in files) else None

    def _out_node(self, project: Project, path: str, out: TrackedOut) -> Node:
        is_dir = out.is_dir or (out.md5 is None and os.path.isdir(out.path) and self.is_here)
        return Node(path, is_dir, bool(out.entry.isexec), out, out.md5, out.size)

    def children(self, node: Node) -> list[Node]:
        """What a folder holds, by name. Raises as `node`."""
        project, inner = self.project_of(node.path)
        owned = project.owner(inner) if inner else None
        if owned is not None:
            return self._inside_children(project, node, *owned)
        prefix = f"{node.path}/" if node.path else ""
        found: dict[str, Node] = {}
        for entry in project.tree.entries(inner):
            name = _safe(entry.name, self.url)
            path = f"{inner}/{name}" if inner else name
            if name in _HIDDEN or project.owner(path) or self._ignored(project, path, entry.is_dir, below=True):
                continue
            if entry.is_link and project.tree.read(path) is None:
                continue  # a link to a folder, or to nothing
            if entry.is_dir and project.tree.exists(f"{path}/{DVC_DIR}"):
                continue  # a data repository of its own: it is looked at by its name
            found[name] = Node(prefix + name, entry.is_dir, entry.is_exec)
        for name in project.names_below(inner):
            path = f"{inner}/{name}" if inner else name
            out = project.outs.get(path)
            if out is not None:
                found[name] = self._out_node(project, prefix + name, out)
            else:
                found.setdefault(name, Node(prefix + name, is_dir=True))
        return [found[name] for name in sorted(found)]

    def _inside_children(self, project: Project, node: Node, out: TrackedOut, inside: str) -> list[Node]:
        if not out.is_dir:
            return []
        key = (project.folder, out.path)
        if key not in self._folders:
            self._folders[key] = _by_folder(self.listing(project, out))
        found = self._folders[key].get(inside, {})
        return [Node(f"{node.path}/{name}", md5 is None, out=out, md5=md5) for name, md5 in sorted(found.items())]

    def files(self, node: Node) -> Iterator[Node]:
        """Every file that a node is or holds, folders of tracked data at one go. Raises as `node`."""
        if not node.is_dir:
            yield node
            return
        project, inner = self.project_of(node.path)
        owned = project.owner(inner) if inner else None
        if owned is None:
            for child in self.children(node):
                yield from self.files(child)
            return
        out, inside = owned
        start = f"{inside}/" if inside else ""
        above = node.path[: len(node.path) - len(inside)].rstrip("/")
        for name, md5 in self.listing(project, out).items() if out.is_dir else ():
            if name.startswith(start):
                yield Node(f"{above}/{name}", is_dir=False, out=out, md5=md5)

    def listing(self, project: Project, out: TrackedOut) -> Mapping[str, str]:
        """The files of a tracked folder, brought from wherever the source keeps them."""
        return self._lister(self, project, out)

    def read(self, node: Node) -> bytes:
        """The bytes of a file that Git tracks, or that lies on disk.

        Raises:
            NotFound: there are none. Incompatible: only a pointer of Git LFS is there.
        """
        project, inner = self.project_of(node.path)
        body = project.tree.read(inner)
        if body is None:
            raise NotFound(f"{node.path} in {self.url} cannot be read.", hint="It may be a link to nothing.")
        pointer = _LFS.match(body) if len(body) < _LFS_MOST else None
        return body if pointer is None else self._large(node, pointer[1].decode())

    def _large(self, node: Node, digest: str) -> bytes:
        """The bytes of a file that Git LFS keeps, when they are on this machine."""
        body = b""
        if self.is_here:
            folder = os.path.join(find_repository(self._root)[1], "lfs", "objects", digest[:2], digest[2:4])
            with suppress(OSError), open(os.path.join(folder, digest), "rb") as file:
                body = file.read()
        if sha256_of(body) != digest:
            raise Incompatible(
                f"{node.path} in {self.url} is kept by Git LFS, and its bytes are not here.",
                hint="Clone the repository with git-lfs (git lfs pull), and name the clone's folder.",
            )
        return body

    def _ignored(self, project: Project, path: str, is_dir: bool, *, below: bool = False) -> bool:
        """Whether ``.dvcignore`` hides a path of a project (with ``below`` the folders above are known to be seen)."""
        if not project.tree.exists(DVC_DIR):
            return False
        parts = path.split("/")
        depths = [len(parts)] if below else range(1, len(parts) + 1)
        rules = self._rules
        for depth in depths:
            head = "/".join(parts[:depth])
            ignore = rules(project, head.rpartition("/")[0])
            if ignore and ignore.hides(head, is_dir or depth < len(parts)):
                return True
        return False

    def _rules(self, project: Project, folder: str) -> Ignore:
        known: dict[str, Ignore] = project.__dict__.setdefault("_ignores", {})
        if folder not in known:
            above = self._rules(project, folder.rpartition("/")[0]) if folder else Ignore()
            text = project.tree.read(f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE)
            known[folder] = above if text is None else above.with_file(folder, text.decode("utf-8", "surrogateescape"))
        return known[folder]


def is_record(node: Node) -> bool:
    """Whether a file only says something about data: it is not part of what is copied out of a repository."""
    name = node.name
    return node.out is None and (name.endswith(dvcfile.SUFFIX) or name in (PIPELINE, IGNORE_FILE))


def _by_folder(files: Mapping[str, str]) -> dict[str, dict[str, str | None]]:
    """Folder → name → MD5 of a file, None for a folder."""
    found: dict[str, dict[str, str | None]] = {"": {}}
    for path, md5 in files.items():
        folder, _, name = path.rpartition("/")
        while folder not in found:
            found[folder] = {}
            folder = folder.rpartition("/")[0]
        found[path[: -len(name) - 1]][name] = md5
    for folder in [folder for folder in found if folder]:
        above, _, name = folder.rpartition("/")
        found[above][name] = None
    return found


def checked(path: str) -> str:
    """A path inside a source in its plain form, ``""`` for the root.

    Raises:
        InvalidInput: it is absolute or leaves the source.
    """
    plain = posixpath.normpath(path.replace(os.sep, "/")) if path else "."
    if plain.startswith(("/", "../")) or plain == ".." or "\0" in plain:
        raise InvalidInput(
            f"{path!r} is no path inside a repository.", hint="Name it relative to the repository's top."
        )
    return "" if plain == "." else plain


def _safe(name: str, url: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise CorruptData(f"{url} holds the name {name!r}, which leaves its folder.", hint="Do not use it.")
    return name


def _entry(tree: FileTree, path: str) -> TreeEntry | None:
    folder, _, name = path.rpartition("/")
    if any(part in _HIDDEN for part in path.split("/")):
        return None
    return next((entry for entry in tree.entries(folder) if entry.name == name), None)
