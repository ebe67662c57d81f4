"""Versions that a run writes, and inputs that it declares."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from madang.domain.versions import check_name, check_path, parse_ref
from madang.errors import MadangError, NotFound
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import blobs
from madang.sdk.config import plain
from madang.sdk.reading import open_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from madang.ports.reader import Reader
    from madang.sdk.run import Run

_HASHED = 256 << 20  # bytes; larger inputs get their digest from the data they are tracked by


class LoggedVersion(NamedTuple):
    """A version as the run wrote it. Its number is given when the segment is applied."""

    name: str
    type: str
    files: int
    size: int  # bytes


def log_artifact(
    run: Run,
    path: str | os.PathLike[str],
    name: str | None,
    type: str,
    aliases: Iterable[str],
    *,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> LoggedVersion:
    """Copy a file or folder into the store and record it as a version.

    Raises:
        NotFound: nothing is at the path.
        InvalidInput: a wrong name, or an empty folder.
        StorageError: the disk refused.
    """
    source = os.fspath(path)
    if not os.path.exists(source):
        raise NotFound(f"There is no file or folder {source!r} to log.", hint=f"The present folder is {os.getcwd()}.")
    name = check_name(name or os.path.basename(os.path.abspath(source)))
    if run.mode == "disabled":
        return LoggedVersion(name, type, 0, 0)
    entries = blobs.put_tree(run.places.store, source)
    return write_version(run, name, type, entries, aliases, description=description, metadata=metadata)


def write_version(
    run: Run,
    name: str,
    type: str,
    entries: list[blobs.Entry],
    aliases: Iterable[str] = (),
    *,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> LoggedVersion:
    """Record stored files as a version."""
    for path, _, _ in entries:
        check_path(path)
    body: dict[str, Any] = {"name": name, "type": check_name(type, "type"), "entries": entries}
    given = [check_name(alias, "alias").lower() for alias in ([aliases] if isinstance(aliases, str) else aliases)]
    if given:
        body["aliases"] = given
    if metadata:
        body["metadata"] = plain(metadata)
    if description:
        body["description"] = description
    if "MADANG_REPRODUCES" in os.environ:  # a repetition is compared; it must not move what `latest` means
        outputs = [{"path": f"{name}/{path}", "digest": digest, "size": size} for path, digest, size in entries]
        run.append(codec.OUTPUTS, {"items": outputs})
    else:
        run.append(codec.VERSION, body)
    return LoggedVersion(name, type, len(entries), sum(size for _, _, size in entries))


def use(run: Run, ref: str | os.PathLike[str]) -> str:
    """Declare an input, and return a path to read it from: a file of the work tree, or a version's files.

    Raises:
        NotFound: it is neither a path nor a version.
    """
    text = os.fspath(ref)
    if os.path.exists(text):
        run.append(codec.USE, _path_used(run, text))
        return text
    try:
        parse_ref(text)
    except MadangError as error:
        raise NotFound(f"There is no file {text!r} to use.", hint=f"The present folder is {os.getcwd()}.") from error
    reader = open_reader(run.places.store)
    try:
        version = reader.resolve(run.project, text)
        path = materialize(reader, run.project, version.ref, run.places.store)
    except NotFound as error:
        raise NotFound(f"{text!r} is neither a file nor a version of the project {run.project}.") from error
    finally:
        reader.close()
    run.append(codec.USE, {"ref": text, "version": version.ref, "digest": version.digest, "size": version.size})
    return path


def _path_used(run: Run, text: str) -> dict[str, Any]:
    absolute = os.path.abspath(text)
    root = run.places.root.rstrip("/") + "/"
    path = absolute[len(root) :] if run.places.root and absolute.startswith(root) else absolute
    body: dict[str, Any] = {"ref": text, "path": path}
    if os.path.isfile(absolute):
        size = os.path.getsize(absolute)
        body["size"] = size
        if size <= _HASHED:
            body["digest"] = blobs.digest_of(absolute)
    return body


def materialize(reader: Reader, project: str, ref: str, store: str) -> str:
    """Write a version's files below ``<store>/versions`` unless they lie there; the path of its file or folder.

    The files are copies: what a program does to them does not touch the stored bytes.

    Raises:
        StorageError: the disk refused.
    """
    entries = reader.manifest(project, ref)
    digest = blobs.tree_digest([(entry.path, entry.digest, entry.size) for entry in entries])
    folder = f"{store}/versions/{digest[7:9]}/{digest[9:]}"
    if not os.path.isdir(folder):
        aside = layout.aside_path(store)
        try:
            for entry in entries:
                _copy(reader, project, entry.digest, os.path.join(aside, *check_path(entry.path).split("/")))
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            os.rename(aside, folder)
        except OSError as error:
            if not os.path.isdir(folder):  # otherwise another process was faster
                raise layout.refused(folder, error) from error
    return os.path.join(folder, entries[0].path) if len(entries) == 1 and "/" not in entries[0].path else folder


def _copy(reader: Reader, project: str, digest: str, path: str) -> None:
    import shutil

    os.makedirs(os.path.dirname(path), exist_ok=True)
    with reader.open_blob(project, digest) as source, open(path, "xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
