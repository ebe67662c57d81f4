"""Records of data that comes from elsewhere, and the work tree brought to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import Conflict
from madang.formats.dvc import dvcfile
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files import leftovers
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.records.outs import Target, outs_of
from madang.workspace.data.repo import gitignores
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository

Text = Callable[[Mapping[str, Any]], str]
"""Makes the text of a record; it is given more keys of the out: what people wrote about the data."""

_KEPT_KEYS = ("remote", "desc", "type", "labels", "meta")


@mutable
class Imported:
    """What an import or update did; absolute paths."""

    path: str
    dvc_file: str
    content: Content | None = None
    is_changed: bool = True
    git_files: list[str] = field(default_factory=list)
    kept: str | None = None  # folder that holds what --force replaced


def record(
    repository: Repository, place: str, content: Content | None, text: Text, extra: Mapping[str, Any] | None = None
) -> Imported:
    """Write the record of data at ``place`` (absolute). What people wrote in a record that it replaces stays.

    The caller holds the place.
    """
    done = Imported(place, place + dvcfile.SUFFIX, content)
    write_file(done.dvc_file, text({**_kept_keys(done.dvc_file), **(extra or {})}).encode())
    done.git_files += [done.dvc_file, *gitignores.protect(repository, place)]
    return done


def track(
    repository: Repository,
    place: str,
    content: Content | None,
    text: Text,
    *,
    command: str,
    force: bool = False,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """Write the record of new data whose objects (if it has a ``content``) are in the cache, and check it out.

    Raises:
        Conflict: a record was made there meanwhile, and not ``force``.
    """
    with hold(repository, [place]):
        file = place + dvcfile.SUFFIX
        if os.path.lexists(file) and not force:
            raise Conflict(f"{file} was made meanwhile.", hint="Look at it, then choose another destination.")
        done = record(repository, place, content, text, extra)
    if content is not None:
        targets = [Target(out) for out in outs_of(done.dvc_file)]
        done.kept = checkout(repository, targets, force=force, command=command, meter=meter).kept
        leftovers.note(repository, [place])
    return done


def _kept_keys(dvc_file: str) -> dict[str, Any]:
    """What people wrote about data whose record is replaced."""
    try:
        with open(dvc_file, encoding="utf-8") as file:
            document = dvcfile.parse(file.read(), dvc_file).document
    except FileNotFoundError:
        return {}
    return {key: document["outs"][0][key] for key in _KEPT_KEYS if document["outs"][0].get(key)}
