"""``list``, ``du`` and ``get``: look at another repository, and copy something out of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from madang.domain.values import value
from madang.durable import remove_tree, sync_all, sync_folder, unlink
from madang.errors import Conflict, InvalidInput, NotFound, StorageError
from madang.formats.dvc import dvcfile
from madang.formats.dvc.layout import key_of
from madang.staging import STAGING, Staging
from madang.workspace.data import progress
from madang.workspace.data.files import undoing
from madang.workspace.data.imports.bringing import Bringer, OpenRemote
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.copying import copy
from madang.workspace.data.records.outs import PIPELINE
from madang.workspace.data.records.placing import check_names
from madang.workspace.data.repo.repository import Repository, find_root
from madang.workspace.data.repo.settings import Settings
from madang.workspace.data.sources.addresses import open_address
from madang.workspace.data.sources.foreign import Node, Source, is_record
from madang.workspace.data.sources.opening import Access
from madang.workspace.data.sources.passing import PassingCache
from madang.workspace.data.sources.sizes import Sizes

_MODE = 0o666


@value
class Listed:
    """One line of a listing."""

    node: Node
    path: str  # relative to what was listed
    size: int | None  # bytes; None when nothing here tells


def listed(
    source: Source,
    path: str = "",
    *,
    recursive: bool = False,
    dvc_only: bool = False,
    depth: int | None = None,
    with_sizes: bool = True,
) -> Iterator[Listed]:
    """What a folder holds by name, or the file itself. ``recursive`` goes down, to ``depth`` levels, and shows files.

    Raises:
        NotFound: no such path.
    """
    top = source.node(path)
    if top is None:
        raise NotFound(f"{path!r} is not in {source.url!r}.", hint=f"madang list {source.url}")
    sizes = Sizes(source)
    if not top.is_dir or (recursive and depth == 0):
        yield Listed(top, top.name or ".", sizes.of(top))
        return
    found = list(_below(source, top, recursive, dvc_only, depth))
    cut = len(top.path) + 1 if top.path else 0
    for node in sorted(found, key=lambda node: node.path[cut:]):
        yield Listed(node, node.path[cut:], sizes.of(node) if with_sizes else None)


def shown_children(source: Source, folder: Node, *, dvc_only: bool) -> list[Node]:
    """What a folder holds; with ``dvc_only`` tracked data and the folders that it lies in."""
    found = source.children(folder)
    if not dvc_only:
        return found
    return [one for one in found if one.out is not None or (one.is_dir and _holds_data(source, one))]


def _below(source: Source, folder: Node, recursive: bool, dvc_only: bool, depth: int | None) -> Iterator[Node]:
    for child in shown_children(source, folder, dvc_only=dvc_only):
        if recursive and child.is_dir and depth != 1:
            yield from _below(source, child, recursive, dvc_only, None if depth is None else depth - 1)
        else:
            yield child


def _holds_data(source: Source, folder: Node) -> bool:
    return any(
        child.out is not None or (child.is_dir and _holds_data(source, child)) for child in source.children(folder)
    )


def total_size(source: Source, node: Node, sizes: Sizes) -> int:
    """Bytes of a file, or of all files in a folder; what nothing tells of counts as nothing.

    A tracked folder is as large as its record says: its listing may be far away, or nowhere.
    """
    if not node.is_dir or (node.out is not None and node.md5 is not None and node.size is not None):
        return sizes.of(node) or 0
    if node.out is None:
        return sum(total_size(source, one, sizes) for one in source.children(node) if not is_record(one))
    return sum(sizes.of(one) or 0 for one in source.files(node))


def usage(source: Source, path: str = "", *, summarize: bool = False) -> list[tuple[str, int]]:
    """(path, bytes) of each entry of a folder and of the folder itself, which comes last and is ``path``.

    Raises:
        NotFound: no such path.
    """
    top = source.node(path)
    if top is None:
        raise NotFound(f"{path!r} is not in {source.url!r}.", hint=f"madang list {source.url}")
    sizes = Sizes(source)
    if summarize or not top.is_dir:
        return [(path, total_size(source, top, sizes))]
    found = [(child.path, total_size(source, child, sizes)) for child in source.children(top) if not is_record(child)]
    return [*found, (path, sum(size for _, size in found))]


def storage_url(source: Source, path: str) -> str:
    """Address of the object of tracked data in the source's remote.

    Raises:
        NotFound: no such path, no tracked data, or no remote.
    """
    node = source.node(path)
    if node is None or node.out is None or node.md5 is None:
        raise NotFound(f"{path!r} is no tracked data of {source.url}.", hint=f"madang list --dvc-only {source.url}")
    project = source.project_of(node.path)[0]
    settings = project.repository.settings
    name = node.out.entry.remote or settings.default_remote()
    if name is None and project.local_cache is None:
        raise NotFound(f"{source.url} names no remote.", hint="Name one with --remote.")
    place = settings.remote(name).url if name else str(project.local_cache)
    key = f"{node.md5[:2]}/{node.md5[2:]}" if node.out.is_legacy else key_of(node.md5)
    return f"{place.rstrip('/')}/{key}"


def check_target(target: str, *, force: bool) -> str:
    """Absolute path of where a copy may be put.

    Raises:
        Conflict: something is there and not ``force``. InvalidInput: a name that means a record.
    """
    path = os.path.abspath(target)
    name = os.path.basename(path)
    if name.endswith(dvcfile.SUFFIX) or name == PIPELINE:
        raise InvalidInput(f"{name} describes data.", hint="Name the data itself.")
    if os.path.lexists(path) and not force:
        raise Conflict(f"{path} exists already.", hint="Choose another destination, or replace it with --force.")
    return path


def get(
    url: str,
    revision: str | None,
    path: str,
    target: str,
    open_remote: OpenRemote,
    *,
    access: Access | None = None,
    force: bool = False,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> int:
    """Copy a file or folder of another repository to ``target``, each file verified. Returns the number of files.

    It appears in one rename; what is replaced by ``force`` goes only then.

    Raises:
        Conflict: something is there. NotFound, CorruptData: see `Bringer.bring`.
    """
    place = check_target(target, force=force)
    with _beside(place) as staging:
        area = staging.new_path()
        os.makedirs(area)
        cache = PassingCache(area)
        bringer = Bringer(cache, area, open_remote, jobs=jobs, meter=meter)
        with bringer.open(url, revision, access=access) as source:
            brought = bringer.bring(source, path)
        whole = f"{area}/whole"
        check_names(place, brought.files)
        _lay_out(cache, brought.files, whole, is_dir=brought.is_dir)
        put(whole, place, "get --force" if force else "")
    return len(brought.files)


def get_url(
    url: str,
    target: str,
    open_remote: OpenRemote,
    *,
    settings: Settings | None = None,
    options: Mapping[str, str] | None = None,
    force: bool = False,
    meter: progress.Meter = progress.silent,
) -> int:
    """Copy a file or folder from an address; otherwise as `get`."""
    place = check_target(target, force=force)
    address = open_address(url, open_remote, settings=settings, options=options, to_track=False)
    try:
        with _beside(place) as staging:
            area = staging.new_path()
            os.makedirs(area)
            cache = PassingCache(area)
            taken = address.take(cache, meter)
            whole = f"{area}/whole"
            _lay_out(cache, taken.files, whole, is_dir=taken.is_dir)
            put(whole, place, "get-url --force" if force else "")
    finally:
        address.close()
    return len(taken.files)


@contextmanager
def _beside(place: str) -> Iterator[Staging]:
    """A folder on the disk of ``place``, beside it, that leaves nothing behind."""
    folder = os.path.dirname(place)
    try:
        with Staging(folder) as staging:
            yield staging
    finally:
        with suppress(OSError):  # another process may be at work there
            os.rmdir(os.path.join(folder, STAGING))


def _lay_out(cache: Cache, files: Mapping[str, str], whole: str, *, is_dir: bool) -> None:
    """Make the files, durably, out of the objects of a cache that is not needed any longer."""
    left = Counter(files.values())
    mask = os.umask(0)
    os.umask(mask)
    if is_dir:
        os.makedirs(whole)
    for name, md5 in files.items():
        target = f"{whole}/{name}" if is_dir else whole
        os.makedirs(os.path.dirname(target), exist_ok=True)
        left[md5] -= 1
        if left[md5]:
            copy(cache.path(md5), target)
        else:
            os.rename(cache.path(md5), target)
            os.chmod(target, _MODE & ~mask)
    made = [f"{whole}/{name}" if is_dir else whole for name in files]
    folders = {whole} if is_dir else set[str]()
    folders.update(os.path.dirname(path) for path in made if is_dir)
    sync_all([*made, *sorted(folders)], os.path.dirname(whole))


def put(made: str, place: str, command: str = "") -> None:
    """Give what was made aside its place. What is there goes when a forced ``command`` is named, and only when the new
    stands ready: inside a data repository it is kept for `undoing`.

    Raises:
        Conflict: something is there. StorageError: the disk refused.
    """
    folder, name = os.path.split(place)
    try:
        if os.path.lexists(place):
            if not command:
                raise Conflict(f"{place} exists already.", hint="Replace it with --force.")
            root = find_root(folder)
            if root is not None:
                undoing.keep(Repository(root), [place], command)
            elif os.path.isdir(made) or (os.path.isdir(place) and not os.path.islink(place)):
                old = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.replaced")
                os.rename(place, old)  # killed now, it lies there still
                os.rename(made, place)
                remove_tree(old) if os.path.isdir(old) and not os.path.islink(old) else unlink(old)
                return
        os.rename(made, place)
        sync_folder(folder)
    except OSError as error:
        raise StorageError(f"{place} cannot be written: {error.strerror}.", hint="Free space, then repeat.") from error
