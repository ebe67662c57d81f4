"""Dependencies of stages that are no files here: data at an address, and data sets of dvc (``ds://NAME``)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from typing import Any

from madang.errors import Conflict, Incompatible, InvalidInput, Unavailable
from madang.formats.dvc import source_versions
from madang.workspace.data.records.stages import Dependency
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources.addresses import OpenRemote, open_address
from madang.workspace.data.sources.datasets import Dataset, datasets
from madang.workspace.data.sources.dep_entries import tag_key

DATASET = "ds://"


class ExternalDependencies:
    """Looks at them as they are now: a `LookExternal`. A server that does not answer is not asked again."""

    def __init__(self, repository: Repository, open_remote: OpenRemote) -> None:
        self._repository = repository
        self._open_remote = open_remote
        self._silent: dict[str, Unavailable] = {}  # server → what it came to

    def __call__(self, dep: Dependency) -> Mapping[str, Any]:
        """See `LookExternal`."""
        url = dep.path
        if url.startswith(DATASET):
            return {"dataset": self._dataset(url.removeprefix(DATASET))}
        server = "/".join(url.split("/")[:3])
        if server in self._silent:
            raise self._silent[server]
        try:
            return self._look(dep)
        except Unavailable as error:
            self._silent[server] = error
            raise

    def _look(self, dep: Dependency) -> Mapping[str, Any]:
        url = dep.path
        options = dep.source.get("fs_config") if dep.source is not None else None
        is_versioned = source_versions.is_recorded(dep.source)
        opened = open_address(
            url, self._open_remote, settings=self._repository.settings, options=options, is_versioned=is_versioned
        )
        with closing(opened) as address:
            look = address.look()
        if look.versions is not None:
            return source_versions.entry(dep.written, look.versions, options or {})
        if look.tag is None:
            raise Incompatible(
                f"The server of {url} tells nothing by which a change could be seen.",
                hint="madang import-url brings it.",
            )
        item = {"hash": "md5", tag_key(address, look): look.tag, "size": look.size}
        if look.version:
            return {**item, "version_id": look.version}
        return {**item, "nfiles": len(look.files)} if look.is_dir else item

    def _dataset(self, name: str) -> Mapping[str, Any]:
        one = self._datasets.get(name)
        if one is None:
            raise InvalidInput(f"No dvc.yaml has a data set {name!r}.", hint=f"madang dataset add {name} makes one.")
        if one.found is None:
            raise Conflict(f"The data set {name!r} is not as in dvc.lock.", hint=f"madang dataset update {name}")
        return one.found

    @cached_property
    def _datasets(self) -> dict[str, Dataset]:
        return datasets(self._repository)
