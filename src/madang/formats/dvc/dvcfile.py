"""``.dvc`` files: which data a folder or file stands for.

Source of the format: docs/formats/dvc.md. An update keeps comments, the order of keys and everything that madang does
not change (descriptions, labels, metadata, remotes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import value
from madang.errors import Incompatible, InvalidInput
from madang.formats.dvc import listing, yamltext
from madang.formats.dvc.layout import check_name
from madang.formats.dvc.versions import CloudFile, cloud_files, listing_of

SUFFIX = ".dvc"

_TOP_KEYS = {
    "outs": list,
    "deps": list,
    "md5": (str, int),
    "wdir": str,
    "frozen": bool,
    "locked": bool,
    "always_changed": bool,
    "desc": str,
    "meta": object,
}
_OUT_KEYS = {
    "md5": (str, int),
    "etag": (str, int),
    "checksum": (str, int),
    "size": int,
    "nfiles": int,
    "isexec": bool,
    "version_id": str,
    "hash": str,
    "path": str,
    "cache": bool,
    "persist": bool,
    "remote": str,
    "push": bool,
    "desc": str,
    "type": str,
    "labels": list,
    "meta": object,
    "metric": object,
    "plot": object,
    "files": list,
    "cloud": dict,
    "fs_config": dict,
}
_DEP_KEYS = {"path": str, "md5": (str, int), "hash": str, "repo": dict, "files": list, "fs_config": dict}
_REPO_KEYS = {"url": str, "rev": str, "rev_lock": str}
_CONTENT_KEYS = ("md5", "size", "nfiles", "isexec", "hash")
_OLD_STAGE = (
    "Stages are no longer kept in .dvc files, as DVC 0 and 1 did: madang stage add writes one, then remove the file."
)


@value
class Content:
    """What a tracked path holds: the part of an entry that changes when the data does."""

    md5: str  # of the bytes, or of the listing and then with ".dir"
    size: int | None  # bytes, of all files; None: not known
    nfiles: int | None = None  # folders only
    isexec: bool = False  # single files only

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.md5.endswith(".dir")


@value
class OutEntry:
    """One tracked path of a ``.dvc`` file."""

    path: str  # relative to the file's working folder, as written
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    hash_name: str | None = "md5"  # None: written by dvc 2, the MD5 is of bytes with folded line ends
    cache: bool = True
    push: bool = True
    remote: str | None = None
    files: tuple[CloudFile, ...] = ()  # in a version-aware remote, named one by one; a folder's MD5 is made of them
    persist: bool = False  # of a pipeline: not removed before its stage runs
    kind: str = "out"  # of a pipeline: "out", "metric" or "plot"

    @property
    def per_file(self) -> bool:
        """Whether its files are named one by one (version-aware remotes)."""
        return bool(self.files)


@value
class DvcFile:
    """A parsed ``.dvc`` file."""

    outs: tuple[OutEntry, ...] = ()
    wdir: str = "."
    frozen: bool = False
    deps: tuple[Mapping[str, Any], ...] = field(default=())
    always_changed: bool = False
    document: Mapping[str, Any] = field(default_factory=dict)  # all that the file says

    @property
    def is_import(self) -> bool:
        """Whether the data comes from another place that is named in it."""
        return bool(self.deps)


def parse(text: str, where: str) -> DvcFile:
    """Read a ``.dvc`` file; ``where`` names it in messages.

    Raises:
        InvalidInput: not YAML, or a key or value that dvc would refuse.
    """
    value = yamltext.load(text, where)
    if value is None:
        return DvcFile()
    _check_keys(value, _TOP_KEYS, where)
    outs = tuple(_parse_out(entry, where) for entry in value.get("outs") or ())
    deps = tuple(value.get("deps") or ())
    for dep in deps:
        _check_dep(dep, where)
    frozen = bool(value.get("frozen") or value.get("locked"))
    return DvcFile(outs, value.get("wdir") or ".", frozen, deps, bool(value.get("always_changed")), value)


def _check_dep(dep: Any, where: str) -> None:
    """What others rely on; of the other keys of a dependency each says itself what it cannot use."""
    if not isinstance(dep, dict):
        raise InvalidInput(f"{where}: a dependency must be a mapping.")
    _check_types(dep, _DEP_KEYS, where)
    if "repo" in dep:
        _check_types(dep["repo"] or {}, _REPO_KEYS, where)
        if not (dep.get("path") and dep["repo"] and dep["repo"].get("url")):
            raise InvalidInput(f"{where}: an import needs a path, and a repo with a url.", hint="Correct it.")


def _parse_out(entry: Any, where: str) -> OutEntry:
    _check_keys(entry, _OUT_KEYS, where)
    path = entry.get("path")
    if not path or "\0" in path:
        raise InvalidInput(f"{where}: an entry of outs has no path.")
    md5 = str(entry["md5"]).lower() if entry.get("md5") not in (None, "") else None
    if md5 is not None:
        check_name(md5, where)
    files = cloud_files(entry, where)
    if files and files[0].path:
        whole = listing_of(files)
        md5 = listing.name_of_bytes(whole) if whole is not None else None
    return OutEntry(
        path=path,
        md5=md5,
        size=entry.get("size"),
        nfiles=entry.get("nfiles"),
        isexec=entry.get("isexec", False),
        hash_name=entry.get("hash"),
        cache=entry.get("cache", True),
        push=entry.get("push", True),
        remote=entry.get("remote"),
        files=files,
    )


def _check_keys(value: Any, allowed: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, dict):
        raise InvalidInput(
            f"{where} does not look like a .dvc file: a mapping is expected.",
            hint="Correct it, or bring it back by `git checkout`.",
        )
    for key in value:
        if key not in allowed:
            raise InvalidInput(
                f"{where} holds the unknown key {key!r}.",
                hint=_OLD_STAGE if key == "cmd" else "Correct the name, or remove it.",
            )
    _check_types(value, allowed, where)


def _check_types(value: Mapping[str, Any], wanted_of: Mapping[str, Any], where: str) -> None:
    """Of the keys that are known; null is as if the key were not there."""
    for key, item in value.items():
        wanted = wanted_of.get(key, object)
        wrong_bool = isinstance(item, bool) and wanted is int
        if item is not None and (wrong_bool or not isinstance(item, wanted)):
            raise InvalidInput(f"{where}: the value of {key!r} has the wrong type ({type(item).__name__}).")


def new(path: str, content: Content, extra: Mapping[str, Any] | None = None) -> str:
    """Text of the ``.dvc`` file of newly tracked data."""
    return yamltext.dump({"outs": [{**written(content), "path": path, **(extra or {})}]})


def updated(text: str, where: str, contents: Mapping[str, Content], notes: Mapping[str, Any] | None = None) -> str:
    """The text with new contents (and ``notes``, more keys) for the outs of these paths; the rest stays as it is.

    Raises:
        InvalidInput: not a ``.dvc`` file, or a path that it does not hold.
        Incompatible: an entry whose files are named one by one.
    """
    parse(text, where)
    if not notes and _says(yamltext.load(text, where), contents):
        return text
    document = yamltext.load_for_update(text, where)
    outs: Sequence[Any] = document["outs"] if document else ()
    left = dict(contents)
    for entry in outs:
        content = left.pop(entry["path"], None)
        if content is None:
            continue
        if "files" in entry:
            raise Incompatible(
                f"{where}: the files of {entry['path']!r} are named one by one, for a version-aware remote.",
                hint="Use dvc to change this entry.",
            )
        values = written(content)
        if entry.get("md5") != values["md5"]:
            entry.pop("cloud", None)  # what the remote knows is of the content before
        for key in _CONTENT_KEYS:
            if key not in values:
                entry.pop(key, None)
            elif entry.get(key) != values[key] or key not in entry:
                entry[key] = values[key]
        entry.update(notes or {})
    if left:
        raise InvalidInput(f"{where} does not track {next(iter(left))!r}.")
    return yamltext.dump(document)


def _says(document: Mapping[str, Any] | None, contents: Mapping[str, Content]) -> bool:
    """Whether a file holds these contents already."""
    outs: Sequence[Mapping[str, Any]] = document["outs"] if document else ()
    said = {entry["path"]: {key: entry[key] for key in _CONTENT_KEYS if key in entry} for entry in outs}
    return all(said.get(path) == written(content) for path, content in contents.items())


def written(content: Content) -> dict[str, Any]:
    """The keys in the order in which dvc writes them."""
    values: dict[str, Any] = {"md5": content.md5}
    if content.size is not None:
        values["size"] = content.size
    if content.nfiles is not None:
        values["nfiles"] = content.nfiles
    if content.isexec:
        values["isexec"] = True
    values["hash"] = "md5"
    return values
