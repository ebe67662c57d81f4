"""Versions that a run writes, and inputs that it declares."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from madang.domain import redact
from madang.domain.versions import check_name, check_path, parse_ref
from madang.errors import MadangError, NotFound
from madang.formats import segment as codec
from madang.sdk import blobs
from madang.sdk.checkout import version_files
from madang.sdk.config import plain
from madang.sdk.describe import check_text, listed, path_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    source = path_text(path)
    check_text("description", description)
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
    given = [check_name(alias, "alias").lower() for alias in listed("aliases", aliases)]
    if given:
        body["aliases"] = given
    if metadata:
        body["metadata"] = redact.named("", plain(metadata))
    if description:
        body["description"] = redact.text(description)
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
    text = path_text(ref)
    if os.path.exists(text):
        run.append(codec.USE, _path_used(run, text))
        return text
    try:
        parse_ref(text)
    except MadangError as error:
        raise NotFound(f"There is no file {text!r} to use.", hint=f"The present folder is {os.getcwd()}.") from error
    try:
        path, version = version_files(run.project, text, run.places.store, run.hub)
    except NotFound as error:
        raise NotFound(f"{text!r} is neither a file nor a version of the project {run.project}.") from error
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
