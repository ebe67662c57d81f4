"""Data at an address that is no repository: a path of this machine, a web address, an object store."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, BinaryIO, Protocol

from madang.domain.values import mutable, value
from madang.errors import Incompatible, InvalidInput, NotFound, Refused
from madang.formats.dvc import listing, source_versions
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.ignore import Ignore
from madang.formats.dvc.source_versions import Version
from madang.ports.objects import Objects, Tagged, Versioned
from madang.workspace.data import progress
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.objects.reading import CHUNK, Hashed, create_object, write_and_hash
from madang.workspace.data.objects.taking import store
from madang.workspace.data.repo.scan import scan_tree
from madang.workspace.data.repo.settings import RemoteConfig, Settings

OpenRemote = Callable[[RemoteConfig], Objects]

_THREADS = 16


@value
class Look:
    """What stands at an address, without its bytes."""

    is_dir: bool
    files: Mapping[str, int]  # path below it ("" for a file itself) → bytes
    tag: str | None = None  # what its server changes when the bytes change; of a folder all its tags, as dvc sums them
    is_exec: bool = False
    versions: Mapping[str, Version] | None = None  # of each file, where they are asked for
    version: str = ""  # of a file in a bucket of S3 that keeps versions: dvc notes it unasked

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())


@mutable
class Taken:
    """Files whose bytes are in a cache now."""

    is_dir: bool
    files: dict[str, str] = field(default_factory=dict)  # path below it ("" for a file) → MD5
    size: int = 0

    def content(self) -> Content:
        """What a record says of them."""
        if not self.is_dir:
            return Content(self.files[""], self.size)
        name = listing.name_of_bytes(listing.encode(self.files))
        return Content(name, self.size, len(self.files))

    def store_listing(self, cache: Cache) -> None:
        """Put the listing of a folder into the cache, too."""
        if self.is_dir:
            body = listing.encode(self.files)
            with cache.staging() as staging:
                cache.add_bytes(staging, listing.name_of_bytes(body), body)


class Address(Protocol):
    """Data somewhere."""

    kind: str  # the key of its tag in a record: "md5", "etag" or "checksum"

    def look(self) -> Look:
        """What stands there. Raises `NotFound`."""
        ...

    def take(self, cache: Cache, meter: progress.Meter, versions: Mapping[str, Version] | None = None) -> Taken:
        """Bring its bytes, and the listing of a folder, into a cache; with ``versions`` those that it had then.

        Raises `NotFound`, `Conflict`.
        """
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


def name_of(url: str) -> str:
    """The name that data at an address has by itself."""
    plain = source_versions.split(url)[0].partition("?")[0] if "://" in url else url
    name = os.path.basename(os.path.normpath(plain))
    return _unquoted(name) if url.startswith(("http://", "https://")) else name


def open_address(
    url: str,
    open_remote: OpenRemote,
    *,
    settings: Settings | None = None,
    options: Mapping[str, Any] | None = None,
    to_track: bool = True,
    is_versioned: bool = False,
) -> Address:
    """The data at a URL or path; ``remote://NAME/path`` lies in a configured remote.

    With ``is_versioned``, the option ``version_aware`` or a version in the address its versions are told.
    ``to_track`` leaves out, or refuses, what tracked data may not hold: repositories, ``.dvcignore``.

    Raises:
        ConfigError: no such remote, or a kind of address that is not spoken. InvalidInput: an address of nothing.
    """
    given = {str(key): str(value) for key, value in (options or {}).items()}
    if url.startswith("remote://"):
        name, _, rest = url.removeprefix("remote://").partition("/")
        if settings is None:
            raise InvalidInput(f"{url}: there are no remotes outside a repository.", hint="Name the whole address.")
        remote = settings.remote(name)
        if "://" not in remote.url:
            return LocalAddress(os.path.join(remote.url, rest), to_track=to_track)
        url, given = f"{remote.url.rstrip('/')}/{rest}", {**remote.options, **given}
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    if "://" not in url:
        return LocalAddress(os.path.abspath(url), to_track=to_track)
    return StoreAddress(url, given, open_remote, is_versioned=is_versioned)


class LocalAddress:
    """A file or folder of this machine."""

    kind = "md5"

    def __init__(self, path: str, *, to_track: bool = True) -> None:
        self.path = path
        self._to_track = to_track

    def look(self) -> Look:
        """See `Address.look`."""
        found = self._stat()
        if stat.S_ISDIR(found.st_mode) and not self._to_track:
            return Look(True, dict(_everything(self.path)))
        if stat.S_ISDIR(found.st_mode):
            tree = scan_tree(self.path, self.path, Ignore())
            return Look(True, {name: tree.key(index).size for index, name in enumerate(tree.paths)})
        return Look(False, {"": found.st_size}, is_exec=bool(found.st_mode & 0o111))

    def take(self, cache: Cache, meter: progress.Meter, versions: Mapping[str, Version] | None = None) -> Taken:
        """See `Address.take`. A disk keeps no versions."""
        look = self.look()
        taken = Taken(look.is_dir)
        names = list(look.files)
        paths = [os.path.join(self.path, name) if look.is_dir else self.path for name in names]

        def note(position: int, hashed: Hashed) -> None:
            taken.files[names[position]] = hashed.md5
            taken.size += hashed.key.size

        with cache.staging() as staging, meter(look.size, "B", f"reading {name_of(self.path)}") as advance:
            store(cache, staging, paths, advance, note)
        taken.store_listing(cache)
        return taken

    def close(self) -> None:
        """Nothing is open."""

    def _stat(self) -> os.stat_result:
        try:
            return os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"There is nothing at {self.path}.", hint="Check the path.") from None


def _everything(top: str) -> Iterator[tuple[str, int]]:
    """All files below a folder; links to folders are not followed, links to nothing left out."""
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            try:
                found = os.stat(path)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield os.path.relpath(path, top).replace(os.sep, "/"), found.st_size


class StoreAddress:
    """An object, or the objects below a prefix, of a store."""

    def __init__(
        self, url: str, options: Mapping[str, str], open_remote: OpenRemote, *, is_versioned: bool = False
    ) -> None:
        """Raises `InvalidInput` for an address without a path on a web server."""
        url, self._version = source_versions.split(url)
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        self.kind = "checksum" if scheme in ("http", "https") else "etag"
        self._is_web = scheme in ("http", "https")
        self._is_s3 = scheme == "s3"
        self._quotes = '"' if scheme == "azure" else ""  # dvc records tags of Azure with them
        path, mark, query = path.partition("?") if self._is_web else (path, "", "")
        path = path.rstrip("/")
        above, _, self._key = path.rpartition("/")
        if self._is_web:
            if not self._key:
                raise InvalidInput(f"{url} does not name a file.", hint="Write http://HOST/FOLDER/FILE.")
            self._key = _unquoted(self._key)
        self._url = url
        self._is_versioned = is_versioned or bool(self._version) or source_versions.is_wanted(options)
        base = f"{scheme}://{host}/{above}".rstrip("/") + mark + query
        self._store = open_remote(RemoteConfig("given", base, dict(options)))

    def look(self) -> Look:
        """See `Address.look`. Raises `Incompatible` when versions are asked for that are not kept there."""
        if self._is_versioned:
            return self._versioned_look()
        if self._is_s3 and isinstance(self._store, Versioned):
            told = self._store.version(self._key) if self._key else None
            if told is not None:
                mark, size, version = told
                return Look(False, {"": size}, self._tag(mark), version=version)
        elif self._key and (found := self._store.stat(self._key)) is not None:
            tag = self._store.tag(self._key) if isinstance(self._store, Tagged) else None
            return Look(False, {"": max(0, found.size)}, self._tag(tag))
        files = dict(self._listed())
        if not files:
            raise NotFound(f"There is nothing at {self._url}.", hint="Check the address.")
        return Look(True, files, self._folder_tag(files))

    def _versioned_look(self) -> Look:
        store = self._store
        if not isinstance(store, Versioned):
            raise Incompatible(f"No versions are kept at {self._url}.", hint="Leave out version_aware.")
        found = self._told(store, self._key, self._version) if self._key else None
        versions: dict[str, Version] = {}
        if found is not None:
            versions = {"": found}
        elif not self._version:
            names = [name for name, _ in self._listed()]
            told = each(lambda name: self._told(store, self._below(name)), names, threads=_THREADS, chunk=1)
            versions = {name: one for name, one in zip(names, told, strict=True) if one is not None}
        if not versions:
            raise NotFound(f"There is nothing at {self._url}.", hint="Check the address.")
        if not all(one.version for one in versions.values()):
            raise Incompatible(
                f"The store of {self._url} keeps no versions.", hint="Switch them on there, or leave out version_aware."
            )
        files = {name: one.size for name, one in versions.items()}
        return Look(found is None, files, versions=versions)

    def _told(self, store: Versioned, key: str, version: str = "") -> Version | None:
        found = store.version(key, version)
        return None if found is None else Version(self._tag(found[0]) or "", *found[1:])

    def _tag(self, mark: str | None) -> str | None:
        return f"{self._quotes}{mark}{self._quotes}" if mark else None

    def _below(self, name: str) -> str:
        """The key of a file below the address; of the address itself for an empty name."""
        return f"{self._key}/{name}" if name and self._key else name or self._key

    def _folder_tag(self, files: Mapping[str, int]) -> str | None:
        """The name of the listing that holds tags in place of MD5s; None when a file has none."""
        if not isinstance(self._store, Tagged):
            return None
        try:
            found = self._store.tags(self._key)
        except Refused:
            return None
        cut = len(self._key) + 1 if self._key else 0
        tags = {key[cut:]: f"{self._quotes}{tag}{self._quotes}" for key, tag in found.items()}
        if not files.keys() <= tags.keys():
            return None
        entries = [{"etag": tags[name], "relpath": name} for name in sorted(files)]
        return listing.name_of_bytes(json.dumps(entries).encode())

    def _listed(self) -> Iterator[tuple[str, int]]:
        cut = len(self._key) + 1 if self._key else 0
        try:
            for one in self._store.list(self._key):
                if not one.key.endswith("/"):
                    yield one.key[cut:], one.size
        except Refused:
            return  # a store that does not list

    def take(self, cache: Cache, meter: progress.Meter, versions: Mapping[str, Version] | None = None) -> Taken:
        """See `Address.take`."""
        if versions is None:
            look = self.look()
        else:
            look = Look(set(versions) != {""}, {name: max(0, one.size) for name, one in versions.items()}, None)
        wanted = versions or look.versions or {}
        taken = Taken(look.is_dir)
        if look.is_dir:
            listing.decode(
                listing.encode(dict.fromkeys(look.files, "0" * 32)), f"of {self._url}"
            )  # names are a stranger's
        names = list(look.files)
        with cache.staging() as staging, meter(look.size, "B", f"fetching {self._url}") as advance:

            def receive(name: str) -> tuple[str, str, int]:
                aside = staging.new_path()
                descriptor = create_object(aside)
                try:
                    with self._opened(name, wanted) as source:
                        md5 = write_and_hash(_filling(source), descriptor, advance)
                    return aside, md5, os.fstat(descriptor).st_size
                finally:
                    os.close(descriptor)

            for name, (aside, md5, size) in zip(names, each(receive, names, threads=_THREADS, chunk=1), strict=True):
                staging.add(aside, cache.path(md5))
                taken.files[name] = md5
                taken.size += size
        cache.remember(set(taken.files.values()))
        taken.store_listing(cache)
        return taken

    def _opened(self, name: str, versions: Mapping[str, Version]) -> BinaryIO:
        key = self._below(name)
        if name not in versions:
            return self._store.open(key)
        if not isinstance(self._store, Versioned):
            raise Incompatible(f"No versions are kept at {self._url}.", hint="Import it anew, without version_aware.")
        return self._store.open_version(key, versions[name].version)

    def close(self) -> None:
        """See `Address.close`."""
        self._store.close()


def _filling(source: BinaryIO) -> Callable[[memoryview], int]:
    def fill(buffer: memoryview) -> int:
        body = source.read(min(len(buffer), CHUNK))
        buffer[: len(body)] = body
        return len(body)

    return fill


def listed(
    url: str, open_remote: OpenRemote, *, settings: Settings | None, options: Mapping[str, str], depth: int | None = 1
) -> Sequence[tuple[str, bool, int | None]]:
    """(path, is folder, bytes) of what stands at an address, by name: of a folder what it holds, of a file itself.

    ``depth`` is how many folders down is looked; what lies deeper shows as its folder; None: all files.

    Raises:
        NotFound: nothing is there.
    """
    address = open_address(url, open_remote, settings=settings, options=options, to_track=False)
    try:
        look = address.look()
    finally:
        address.close()
    if not look.is_dir:
        return [(name_of(url), False, look.size)]
    found: dict[str, tuple[bool, int | None]] = {}
    for name, size in look.files.items():
        parts = name.split("/")
        is_deeper = depth is not None and len(parts) > depth
        shown = "/".join(parts[:depth]) if is_deeper else name
        found[shown] = (is_deeper, None if is_deeper else size)
    return [(name, is_dir, size) for name, (is_dir, size) in sorted(found.items())]


def _unquoted(name: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415 - for addresses on the web alone

    return unquote(name)
