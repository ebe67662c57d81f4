"""Find a source: a folder of this machine that is read where it is, or any other repository through a copy."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from madang.domain.values import value
from madang.errors import ConfigError, NotFound, Refused
from madang.formats.dvc.config import Sections, parse, remote_name, remote_section
from madang.formats.store import find_repository
from madang.workspace.data.records.trees import FileTree, GitTree, TreeEntry, WorkTree
from madang.workspace.data.repo import git
from madang.workspace.data.repo.git import GitObjects
from madang.workspace.data.repo.repository import DVC_DIR, Repository, find_root
from madang.workspace.data.repo.settings import Settings
from madang.workspace.data.sources import clones
from madang.workspace.data.sources.foreign import MakeTree

_RECEIVES_TOKENS = ("gs://", "azure://")


@value
class Access:
    """How the source's remotes are reached, where that differs from what the source says."""

    remote: str | None = None  # the remote to use
    options: Mapping[str, str] = field(default_factory=dict)  # of that (or the default) remote
    config: str | None = None  # a configuration file that is added
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # configuration that is added


@value
class Place:
    """Where a source lies and how its files are read."""

    url: str
    root: str  # of its main data repository; for a copy a name where nothing is
    commit: str  # full name; empty for files on disk without git
    make_tree: MakeTree
    is_here: bool  # a folder of this machine
    close: Callable[[], None]


def find(url: str, revision: str | None, *, committed: bool = False) -> Place:
    """The repository at an address: a folder of this machine, or anything that Git can fetch.

    A folder without ``revision`` is read as its files lie there; with ``committed``, at its present commit.

    Raises:
        NotFound: no repository, or no such revision. Unavailable, Refused: see `clones`.
        Refused: ``committed``, and there is no commit.
    """
    if not clones.is_remote(url):
        if not os.path.exists(url):
            raise NotFound(f"There is no repository at {url!r}.", hint="Name a folder, or an address that Git fetches.")
        found = _here(os.path.abspath(url), revision, committed) if os.path.isdir(url) else None
        if found is not None:
            return found
    folder, commit = clones.resolved(url, revision)
    objects = GitObjects(folder)

    def make(below: str) -> FileTree:
        return GitTree(objects, commit, below)

    return Place(url, os.path.join(folder, "tree"), commit, make, False, objects.close)


def commit_at(url: str, revision: str | None) -> str:
    """Full name of the commit that a revision (by default the newest) means in a repository. Raises as `find`."""
    place = find(url, revision, committed=True)
    place.close()
    return place.commit


def address_of(url: str, root: str, dvc_file: str) -> str:
    """The address in the record of an import, from the present folder.

    A relative path is tried from here, as dvc reads it, from the repository's ``root`` and from the record's folder.
    """
    if clones.is_remote(url) or os.path.isabs(url):
        return url
    places = (os.path.join(base, url) for base in (os.getcwd(), root, os.path.dirname(dvc_file)))
    return next((place for place in places if os.path.exists(place)), url)


def settings_of(dvc_dir: str, tree: FileTree, is_here: bool, access: Access) -> Settings:
    """The configuration of a data repository of a source, with what its user says about it.

    Raises:
        ConfigError: a file that cannot be read or says what dvc would refuse.
    """
    over = _overrides(access)
    if is_here:
        found = Settings(dvc_dir, over=over)
    else:
        text = (tree.read(f"{DVC_DIR}/config") or b"").decode("utf-8", "replace")
        found = Settings(dvc_dir, texts={"project": text, "local": ""}, over=over)
        _guard_credentials(found, text, dvc_dir)
    if access.options:
        name = access.remote or found.default_remote() or "given"
        found.sections.setdefault(remote_section(name), {}).update(access.options)
        found.sections.setdefault("core", {})["remote"] = name.lower()
    return found


def _overrides(access: Access) -> Sections:
    over: Sections = {}
    if access.config:
        try:
            with open(access.config, encoding="utf-8") as file:
                over = parse(file.read(), access.config)
        except FileNotFoundError:
            raise ConfigError(f"{access.config} does not exist.", hint="Name a configuration file.") from None
    for section, values in access.sections.items():
        over.setdefault(section, {}).update(values)
    if access.remote:
        over.setdefault("core", {})["remote"] = access.remote.lower()
    return over


def _guard_credentials(settings: Settings, text: str, dvc_dir: str) -> None:
    """A stranger's remote with an endpoint of its own is asked without this user's credentials."""
    for section, values in parse(text, os.path.join(dvc_dir, "config")).items():
        if remote_name(section) is None or "endpointurl" not in values:
            continue
        own = settings.sections[section]
        if own.get("url", "").startswith(_RECEIVES_TOKENS):
            own["allow_anonymous_login"] = "true"


def _here(folder: str, revision: str | None, committed: bool) -> Place | None:
    data_root, git_root = find_root(folder), find_repository(folder)[0]
    root = data_root or git_root
    if not root:
        return None
    commit = git.commit(git_root, "HEAD") if git_root else None
    if revision:
        commit = _local_commit(git_root, revision, folder)
    elif committed and commit is None:
        raise Refused(f"{folder} has no commit that an import could name.", hint="git commit there.")
    if revision or committed:
        assert commit is not None
        objects = GitObjects(git_root)
        below_git = os.path.relpath(root, git_root).replace(os.sep, "/")
        base = "" if below_git == "." else below_git
        full = commit

        def at_commit(below: str) -> FileTree:
            return GitTree(objects, full, posixpath.join(base, below) if below else base)

        return Place(folder, root, commit, at_commit, True, objects.close)

    def on_disk(below: str) -> FileTree:
        return _DiskTree(Repository(os.path.join(root, below) if below else root))

    return Place(folder, root, commit or "", on_disk, True, lambda: None)


def _local_commit(git_root: str, revision: str, folder: str) -> str:
    found = git.commit(git_root, revision) if git_root else None
    if found is None and git_root:
        names: Sequence[str] = git.refs(git_root, f"refs/exps/*/*/{revision}") if revision.isidentifier() else ()
        found = git.commit(git_root, names[0]) if len(names) == 1 else None
    if found is None:
        raise NotFound(f"{folder} has no commit {revision!r}.", hint="Name a branch, a tag or a commit.")
    return found


class _DiskTree(WorkTree):
    """A work tree whose links may not lead out of it."""

    def __init__(self, repository: Repository) -> None:
        super().__init__(repository)
        self._real = os.path.realpath(repository.root)
        self._root = repository.root

    def read(self, path: str) -> bytes | None:
        real = os.path.realpath(os.path.join(self._root, path))
        return super().read(path) if real.startswith(self._real + os.sep) else None

    def entries(self, folder: str) -> Sequence[TreeEntry]:
        found = super().entries(folder)
        above = os.path.join(self._root, folder)
        return [
            entry if entry.is_dir else entry._replace(is_exec=os.access(os.path.join(above, entry.name), os.X_OK))
            for entry in found
        ]
