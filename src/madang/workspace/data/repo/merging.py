"""Merge two ``.dvc`` files of one folder, from their listings: what git's merge driver does with them."""

from __future__ import annotations

from collections.abc import Mapping

from madang.durable import write_file
from madang.errors import Conflict, Refused
from madang.formats.dvc import dvcfile, listing
from madang.formats.dvc.dvcfile import Content, DvcFile, OutEntry
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository

Files = Mapping[str, str]
"""Path below the folder → MD5."""


def merged(ancestor: Files, our: Files, their: Files) -> dict[str, str]:
    """The files after both sides' changes.

    Raises:
        Conflict: both changed one path differently; it names the paths. (Both made the same change: no conflict.)
    """
    result, clashes = {}, []
    for path in sorted({*ancestor, *our, *their}):
        before, ours, theirs = ancestor.get(path), our.get(path), their.get(path)
        if ours != theirs and before not in (ours, theirs):
            clashes.append(path)
        chosen = theirs if ours == before else ours
        if chosen is not None:
            result[path] = chosen
    if clashes:
        shown = ", ".join(clashes[:5]) + (f" and {len(clashes) - 5} more" if len(clashes) > 5 else "")
        raise Conflict(f"Both sides changed: {shown}.", hint="Check one of them out, merge by hand, madang add it.")
    _check_no_file_is_a_folder(result)
    return result


def _check_no_file_is_a_folder(files: Files) -> None:
    for path in files:
        above = path.rpartition("/")[0]
        while above:
            if above in files:
                raise Conflict(f"{above} is a file on one side and a folder on the other.", hint="Merge by hand.")
            above = above.rpartition("/")[0]


def merge_files(repository: Repository, ancestor: str, our: str, their: str) -> None:
    """Merge three versions of a ``.dvc`` file (paths) into ``our``; the new listing goes into the cache.

    Raises:
        Conflict: both sides changed one path. Refused: not the ``.dvc`` file of one folder, or an import.
        NotFound: a listing is not in the cache. InvalidInput: a file that is no ``.dvc`` file.
    """
    before, ours, theirs = (_parsed(path) for path in (ancestor, our, their))
    entry, other = _folder(ours, our), _folder(theirs, their)
    with hold(repository):
        files = merged(
            _files(repository, _folder(before, ancestor)) if before.outs else {},
            _files(repository, entry),
            _files(repository, other),
        )
        body = listing.encode(files)
        name = listing.name_of_bytes(body)
        cache = repository.cache
        with cache.staging() as staging:
            cache.add_bytes(staging, name, body)
        found = cache.look(set(files.values()))
        sizes = {md5: key.size for md5, key in found.keys.items()}
        if found.missing:
            raise Refused(
                f"{len(found.missing)} objects of the merged folder are not in the cache, so its size is not known.",
                hint="madang fetch both branches, then repeat the merge.",
            )
        content = Content(name, sum(sizes[md5] for md5 in files.values()), len(files))
        with open(our, encoding="utf-8") as file:
            text = file.read()
        write_file(our, dvcfile.updated(text, our, {entry.path: content}).encode())


def _parsed(path: str) -> DvcFile:
    with open(path, encoding="utf-8") as file:
        return dvcfile.parse(file.read(), path)


def _folder(parsed: DvcFile, path: str) -> OutEntry:
    if parsed.is_import or len(parsed.outs) != 1:
        raise Refused(f"{path} does not track one folder, so it is not merged.", hint="Merge by hand.")
    entry = parsed.outs[0]
    if entry.md5 is None or not entry.md5.endswith(".dir") or entry.hash_name is None:
        raise Refused(f"{path} does not track a folder, so it is not merged.", hint="Keep one side, or merge by hand.")
    return entry


def _files(repository: Repository, entry: OutEntry) -> Files:
    assert entry.md5 is not None
    return repository.cache.listing(entry.md5)
