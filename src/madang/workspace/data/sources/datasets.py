"""Data sets of ``dvc.yaml``: names for data elsewhere that stages depend on by ``ds://NAME``. No bytes are brought.

Source of the rules: dvc 3.67 (docs/formats/dvc.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import Incompatible, InvalidInput, NotFound, Refused
from madang.formats.dvc import dataset_editing, lockfile
from madang.formats.dvc.dataset_editing import SPEC_KEYS
from madang.workspace.data.files.committing import record_text
from madang.workspace.data.records.outs import PIPELINE, survey
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources import opening
from madang.workspace.data.sources.addresses import OpenRemote, open_address

DVC, URL = "dvc", "url"


@value
class Dataset:
    """One data set."""

    file: str  # absolute path of its dvc.yaml
    spec: Mapping[str, Any]  # as in dvc.yaml
    found: Mapping[str, Any] | None = None  # as in dvc.lock; None when that is not of this spec

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec["name"])

    @property
    def kind(self) -> str:
        """``dvc``, ``url``, or ``dc`` (which only dvc knows)."""
        return str(self.spec.get("type", ""))

    @property
    def lock(self) -> str:
        """Absolute path of its ``dvc.lock``."""
        return os.path.join(os.path.dirname(self.file), lockfile.FILE_NAME)


def datasets(repository: Repository) -> dict[str, Dataset]:
    """All data sets of the repository, by name. Raises `InvalidInput`."""
    found: dict[str, Dataset] = {}
    for one in survey(repository)[1]:
        locked = {str(item.get("name")): item for item in one.lock.datasets()}
        for item in one.pipeline.section("datasets"):
            spec = {key: item[key] for key in SPEC_KEYS if item.get(key)}
            held = locked.get(str(item["name"]))
            fits = held is not None and all(held.get(key) == spec.get(key) for key in SPEC_KEYS)
            found[str(item["name"])] = Dataset(one.file, spec, held if fits else None)
    return found


def add(repository: Repository, spec: Mapping[str, Any], open_remote: OpenRemote, *, force: bool) -> Dataset:
    """Name data elsewhere in the ``dvc.yaml`` of the present folder, as it is now. Keys of ``spec``: `SPEC_KEYS`.

    Raises:
        Refused: there is one of this name, and not ``force``. NotFound: nothing is there, or no such revision.
        Incompatible: a store that keeps no versions.
    """
    new = Dataset(os.path.abspath(PIPELINE), {key: spec[key] for key in SPEC_KEYS if spec.get(key)})
    with hold(repository):
        present = datasets(repository).get(new.name)
        if present is not None and not force:
            where = os.path.relpath(present.file)
            raise Refused(f"The data set {new.name!r} is in {where} already.", hint="--force replaces it.")
        return _written(_looked_up(repository, new, open_remote), old=None)


def update(
    repository: Repository, name: str, open_remote: OpenRemote, *, revision: str | None = None
) -> tuple[Dataset, Dataset]:
    """Look again what a data set is now, at another ``revision`` of its repository if one is named. Returns old, new.

    Raises:
        NotFound: there is none of this name. InvalidInput: a revision of what is no repository. Others as `add`.
    """
    with hold(repository):
        known = datasets(repository)
        if name not in known:
            hint = f"There are {', '.join(known)}." if known else f"madang dataset add {name} makes one."
            raise NotFound(f"No dvc.yaml has a data set {name!r}.", hint=hint)
        old = known[name]
        if revision and old.kind != DVC:
            raise InvalidInput(f"The data set {name!r} is no repository: it has no revisions.")
        spec = {**old.spec, "rev": revision} if revision else old.spec
        return old, _written(_looked_up(repository, Dataset(old.file, spec), open_remote), old)


def _looked_up(repository: Repository, one: Dataset, open_remote: OpenRemote) -> Dataset:
    if one.kind == DVC:
        found = {"rev_lock": opening.commit_at(str(one.spec["url"]), one.spec.get("rev"))}
    elif one.kind == URL:
        found = _versions(repository, str(one.spec["url"]), open_remote)
    else:
        raise Incompatible(f"madang knows no data sets of the type {one.kind!r}.", hint="--dvc or --url.")
    return Dataset(one.file, one.spec, {**one.spec, **found})


def _versions(repository: Repository, url: str, open_remote: OpenRemote) -> dict[str, Any]:
    """What ``dvc.lock`` says of an address."""
    if "://" not in url or url.startswith("file://"):
        raise Incompatible(f"No versions are kept at {url}.", hint="madang import-url tracks its data.")
    address = open_address(url, open_remote, settings=repository.settings, options={"version_aware": "true"})
    try:
        look = address.look()
    finally:
        address.close()
    if look.versions is None:
        raise Incompatible(f"No versions are kept at {url}.", hint="madang import-url tracks its data.")
    if not look.is_dir:
        one = look.versions[""]
        return {"meta": {"size": one.size, "version_id": one.version, "etag": one.etag}}
    files = [
        {"relpath": path, "meta": {"size": one.size, "version_id": one.version, "etag": one.etag}}
        for path, one in sorted(look.versions.items())
    ]
    return {"meta": {"isdir": True, "size": look.size, "nfiles": len(files)}, "files": files}


def _written(new: Dataset, old: Dataset | None) -> Dataset:
    assert new.found is not None
    if old is None or old.spec != new.spec:
        text = dataset_editing.with_wanted(record_text(new.file), os.path.relpath(new.file), new.spec)
        write_file(new.file, text.encode())
    if old is None or old.found != new.found:
        text = dataset_editing.with_found(record_text(new.lock), os.path.relpath(new.lock), new.found)
        write_file(new.lock, text.encode())
    return new
