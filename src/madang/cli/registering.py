"""Files of a run as a model: which stored bytes a path means, and the `MLmodel` beside them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from madang.domain.versions import Entry, VersionRecord
from madang.errors import NotFound
from madang.formats import mlmodel
from madang.workspace import model_files

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord
    from madang.ports.reader import Reader


def files_of(reader: Reader, run: RunRecord, path: str) -> list[Entry]:
    """The stored file or folder that a run wrote at ``path``: an output, a file of the run, or inside a version.

    Paths of the result are relative to the folder, or the file's own name. A version's name, or a part of one, means
    all of its files.

    Raises:
        NotFound: the run kept nothing there; the message names what it kept.
    """
    wanted = path.rstrip("/").removeprefix("./")
    own = [Entry(item.path, item.digest, item.size) for item in run.outputs]
    own += [Entry(item.path, item.digest, item.size) for item in run.files]
    found = _below(own, wanted)
    if found:
        return found
    names = [item.path for item in own]
    for ref in run.versions:
        entries = reader.manifest(run.project, ref)
        name = ref.rpartition(":")[0]
        if wanted in (ref, name):
            return entries
        found = _below(entries, wanted.removeprefix(name + "/"))
        if found:
            return found
        names += [f"{name}/{entry.path}" for entry in entries]
    known = ", ".join(names[:10]) or "nothing"
    raise NotFound(
        f"Run {run.id[:8]} kept no file {path!r}; it kept {known}.",
        hint="Keep it with `madang run --out PATH`, run.log_model or run.log_artifact.",
    )


def _below(entries: list[Entry], wanted: str) -> list[Entry]:
    """The file at a path, or the files in the folder at that path."""
    for entry in entries:
        if entry.path == wanted or os.path.basename(entry.path) == wanted:
            return [Entry(os.path.basename(entry.path), entry.digest, entry.size)]
    start = wanted + "/"
    return [Entry(item.path[len(start) :], item.digest, item.size) for item in entries if item.path.startswith(start)]


def register(reader: Reader, run: RunRecord, path: str, name: str, description: str) -> VersionRecord:
    """Make a version of type model of what a run wrote at ``path``; a single file gets an `MLmodel` beside it."""
    entries = files_of(reader, run, path)
    if not any(entry.path == mlmodel.FILE for entry in entries):
        if len(entries) != 1:
            raise NotFound(
                f"The folder {path!r} holds no file {mlmodel.FILE}, so it is not a model.",
                hint="Name the model's file, or log it with run.log_model.",
            )
        entries = [*entries, _described(reader, run, entries[0])]
    return reader.create(run.project, name, "model", entries, run=run.id, description=description)


def _described(reader: Reader, run: RunRecord, entry: Entry) -> Entry:
    with tempfile.TemporaryDirectory(prefix="madang-register-") as folder:
        with _local(reader, run.project, entry, folder) as local:
            text = model_files.description(entry.path, entry.size, run=run.id, local=local)
        target = os.path.join(folder, mlmodel.FILE)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        kept = reader.put_file(run.project, target)
    return Entry(mlmodel.FILE, kept.digest, kept.size)


@contextlib.contextmanager
def _local(reader: Reader, project: str, entry: Entry, folder: str) -> Iterator[str]:
    """A copy of the file to look into, only for the kind of file that is looked into."""
    if not entry.path.endswith(".skops"):
        yield ""
        return
    path = os.path.join(folder, "model.skops")
    with reader.open_blob(project, entry.digest) as source, open(path, "xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    yield path
