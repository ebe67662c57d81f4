"""Bring the data of a source into a cache: from the source's own cache, its remotes, Git, or the source behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from madang.domain.values import mutable
from madang.errors import CorruptData, Incompatible, InvalidInput, NotFound, Refused
from madang.formats.dvc import listing
from madang.formats.dvc.config import remote_section
from madang.formats.dvc.digest import md5_of
from madang.formats.dvc.dvcfile import Content
from madang.ports.objects import Objects
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import LegacyCache
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.taking import store
from madang.workspace.data.records.outs import TrackedOut, read_file
from madang.workspace.data.records.trees import FileTree
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.repo.settings import RemoteConfig, Settings
from madang.workspace.data.sources import clones, opening
from madang.workspace.data.sources.foreign import Node, Project, Source, is_record
from madang.workspace.data.sources.opening import Access

OpenRemote = Callable[[RemoteConfig], Objects]

_THREADS = 16
_DEEP = 8  # imports behind imports that are followed


@mutable
class Brought:
    """Files of a source whose bytes are in the cache now."""

    is_dir: bool
    files: dict[str, str] = field(default_factory=dict)  # path below what was asked for ("" for a file) → MD5


class Bringer:
    """Opens sources and brings their data into one cache."""

    def __init__(
        self,
        cache: Cache,
        private_dir: str,
        open_remote: OpenRemote,
        *,
        jobs: int | None = None,
        meter: progress.Meter = progress.silent,
    ) -> None:
        """``private_dir`` is where damaged objects are put aside."""
        self.cache = cache
        self._private_dir = private_dir
        self._open_remote = open_remote
        self._jobs = jobs or _THREADS
        self._meter = meter
        self._depth = 0
        self.files = 0  # objects that came into the cache, listings included
        self.size = 0  # bytes of them

    def open(self, url: str, revision: str | None, *, access: Access | None = None, committed: bool = False) -> Source:
        """Open a repository; arguments and errors as `opening.find`. The caller closes it."""
        how = access or Access()
        place = opening.find(url, revision, committed=committed)

        def settings_of(dvc_dir: str, tree: FileTree, is_here: bool) -> Settings:
            return opening.settings_of(dvc_dir, tree, is_here, how)

        source = Source(
            url, place.root, place.commit, self.cache, is_here=place.is_here,
            private_dir=self._private_dir, make_tree=place.make_tree, settings_of=settings_of, lister=self.listing,
        )  # fmt: skip
        source.on_close(place.close)
        return source

    def bring(self, source: Source, path: str) -> Brought:
        """Have the bytes of a file, or of everything in a folder, in the cache. Records of data are left out.

        Raises:
            NotFound: no such path, or its bytes are nowhere. CorruptData: bytes that are not what their name says.
        """
        node = source.node(path)
        if node is None:
            raise NotFound(f"{path!r} is not in {source.url!r}.", hint=f"madang list {source.url}")
        top = node.path
        nodes = [one for one in source.files(node) if not is_record(one) or one == node]
        self._bring_tracked(source, [one for one in nodes if one.out is not None])
        files: dict[str, str] = {}
        for one in nodes:
            name = one.path[len(top) + 1 :] if top else one.path
            if one.out is not None:
                files[name if node.is_dir else ""] = self._md5(source, one)
        self._take_blobs(source, [one for one in nodes if one.out is None], top, files, node.is_dir)
        if node.is_dir and files:
            listing.decode(listing.encode(files), f"of {path}")  # a stranger's names are checked before they are used
        return Brought(node.is_dir, files)

    def content(self, brought: Brought) -> Content:
        """What a record says of brought files; the listing of a folder is stored."""
        sizes = {name: key.size for name, key in self.cache.look(set(brought.files.values())).keys.items()}
        total = sum(sizes[md5] for md5 in brought.files.values())
        if not brought.is_dir:
            return Content(brought.files[""], total)
        return Content(self.store_listing(brought.files), total, len(brought.files))

    def store_listing(self, files: Mapping[str, str]) -> str:
        """Put the listing of a folder into the cache. Returns its name."""
        body = listing.encode(files)
        name = listing.name_of_bytes(body)
        if self.cache.look([name]).missing:
            self.files += 1
            self.size += len(body)
        with self.cache.staging() as staging:
            self.cache.add_bytes(staging, name, body)
        return name

    def listing(self, source: Source, project: Project, out: TrackedOut) -> Mapping[str, str]:
        """The files of a tracked folder of a source."""
        assert out.md5 is not None
        cache = self._cache_of(project, out)
        if cache.look([out.md5]).missing:
            self._fetch(source, project, out, [out.md5])
        return cache.listing(out.md5)

    def _cache_of(self, project: Project, out: TrackedOut) -> Cache:
        return LegacyCache(project.repository) if out.is_legacy else self.cache

    def _bring_tracked(self, source: Source, nodes: Sequence[Node]) -> None:
        groups: dict[tuple[str, bool, str, bool], tuple[Project, TrackedOut, dict[str, None]]] = {}
        for node in nodes:
            assert node.out is not None
            if node.md5 is None:
                raise NotFound(
                    f"{node.path} in {source.url} was never recorded, so there are no bytes of it.",
                    hint="madang commit (or run its stage) there.",
                )
            if node.out.entry.per_file:
                raise Incompatible(f"{node.path} in {source.url} belongs to a version-aware remote.", hint="Use dvc.")
            project = source.project_of(node.path)[0]
            key = (project.folder, node.out.is_legacy, node.out.entry.remote or "", node.out.is_import)
            if node.out.is_import:
                key = (node.out.dvc_file, *key[1:])
            groups.setdefault(key, (project, node.out, {}))[2][node.md5] = None
        for project, out, names in groups.values():
            self._fetch(source, project, out, list(names))

    def _fetch(self, source: Source, project: Project, out: TrackedOut, names: Sequence[str]) -> None:
        """Bring objects that belong to one out, or to outs that are kept in the same places."""
        cache = self._cache_of(project, out)
        absent = cache.look(names).missing
        damaged: list[str] = []
        for config in self._places(project, out) if absent else ():
            store = self._open_remote(config)
            try:
                side = RemoteObjects(store, cache, self._jobs)
                there = side.sizes(absent)
                with self._meter(sum(max(0, size) for size in there.values()), "B", "fetching") as advance:
                    brought = side.bring(there, advance)
                self.files += len(brought.got)
                self.size += brought.size
                damaged += brought.damaged
            finally:
                store.close()
            absent = cache.look(absent).missing
            if not absent:
                return
        if absent and out.is_import:
            self._from_behind(source, project, out)
            absent = cache.look(absent).missing
        if not absent:
            return
        if damaged:
            raise CorruptData(f"{source.url} gives wrong bytes for {damaged[0]}.", hint="Tell whoever keeps it.")
        raise NotFound(
            f"{len(absent)} objects of {project.repository.relative(out.path)} in {source.url} are in none of its "
            f"remotes ({absent[0]}{', …' if len(absent) > 1 else ''}).",
            hint="Whoever has them must push them; or name another remote with --remote.",
        )

    def _places(self, project: Project, out: TrackedOut) -> Iterable[RemoteConfig]:
        """Where the objects may be, nearest first."""
        if project.local_cache is not None and os.path.isdir(project.local_cache):
            yield RemoteConfig("cache", project.local_cache)
        settings = project.repository.settings
        if out.entry.remote or settings.default_remote():
            yield settings.remote(out.entry.remote)

    def _from_behind(self, source: Source, project: Project, out: TrackedOut) -> None:
        """Bring what the source itself imports from a third repository."""
        body = project.tree.read(os.path.relpath(out.dvc_file, project.repository.root).replace(os.sep, "/"))
        if body is None:
            return
        dep = read_file(out.dvc_file, body).deps[0]
        if self._depth >= _DEEP:
            raise Refused(
                f"{source.url} imports {out.path} over more than {_DEEP} repositories.", hint="Import it there."
            )
        url = str(dep["repo"].get("url", ""))
        if not clones.is_remote(url):
            if not source.is_here:
                raise Refused(
                    f"{source.url} imports from {url!r}, a folder of another machine.", hint="Import it there."
                )
            url = os.path.join(os.path.dirname(out.dvc_file), url)
        self._depth += 1
        try:
            self.bring_import(dep, url)
        finally:
            self._depth -= 1

    def bring_import(self, dep: Mapping[str, object], url: str) -> Brought:
        """Bring what the dependency of an import names, from the repository at ``url``; a folder with its listing."""
        repo = dep["repo"]
        if not isinstance(repo, Mapping) or not isinstance(dep.get("path"), str):
            raise InvalidInput("An import does not say what it imports.", hint="Correct its .dvc file.")
        revision = repo.get("rev_lock") or repo.get("rev")
        with self.open(url, str(revision) if revision else None, access=access_of(repo), committed=True) as source:
            brought = self.bring(source, str(dep["path"]))
        if brought.is_dir:
            self.store_listing(brought.files)
        return brought

    def _md5(self, source: Source, node: Node) -> str:
        """The name of a tracked file's bytes, which are in the cache; those of dvc 2 are taken over."""
        assert node.out is not None
        assert node.md5 is not None
        if not node.out.is_legacy:
            return node.md5
        old = self._cache_of(source.project_of(node.path)[0], node.out)
        with self.cache.staging() as staging:
            names: list[str] = []
            store(self.cache, staging, [old.path(node.md5)], lambda _: None, lambda _, hashed: names.append(hashed.md5))
        return names[0]

    def _take_blobs(self, source: Source, nodes: Sequence[Node], top: str, files: dict[str, str], is_dir: bool) -> None:
        """Take files that Git tracks."""
        names = set[str]()
        with self.cache.staging() as staging, self._meter(len(nodes), "files", "reading") as advance:
            for node in nodes:
                body = source.read(node)
                name = md5_of(body)
                if name not in names and self.cache.look([name]).missing:
                    self.cache.add_bytes(staging, name, body)
                    self.files += 1
                    self.size += len(body)
                names.add(name)
                files[(node.path[len(top) + 1 :] if top else node.path) if is_dir else ""] = name
                advance(1)
                staging.relieve()
        if names:
            self.cache.remember(names)


def access_of(repo: Mapping[str, object]) -> Access:
    """How the record of an import says that its source's remotes are reached."""
    remote, config = repo.get("remote"), repo.get("config")
    options = {str(key): str(value) for key, value in remote.items()} if isinstance(remote, Mapping) else {}
    return Access(
        remote=remote if isinstance(remote, str) else None,
        options=options,
        config=config if isinstance(config, str) else None,
        sections=_sections(config) if isinstance(config, Mapping) else {},
    )


def _sections(config: Mapping[object, object]) -> dict[str, dict[str, str]]:
    """Configuration as dvc nests it: remotes stand below ``remote`` by name."""
    found: dict[str, dict[str, str]] = {}
    for section, values in config.items():
        for key, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, Mapping):
                named = found.setdefault(remote_section(str(key)), {})
                named.update({str(name): str(one) for name, one in value.items()})
            else:
                found.setdefault(str(section).lower(), {})[str(key)] = str(value)
    return found
