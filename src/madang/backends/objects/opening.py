"""Addresses of stores to stores: the schemes madang speaks, and the refusal of those it does not."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from madang.backends.objects.local import LocalObjects
from madang.backends.objects.memory import MemoryObjects
from madang.errors import ConfigError
from madang.ports.objects import Objects

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)\Z", re.S)
_CLOUD = ("s3", "gs", "azure")
_REFUSED = {"ssh", "sftp", "webdav", "webdavs", "hdfs", "webhdfs", "oss", "gdrive", "http", "https"}


def open_objects(url: str, options: Mapping[str, str] | None = None) -> Objects:
    """Open the store at ``url``: a folder, ``s3://bucket/prefix``, ``gs://…``, ``azure://container/prefix``, ``memory://``.

    ``options`` are named as in a DVC remote (endpointurl, region, profile, access_key_id, …). Nothing is contacted yet.

    Raises:
        ConfigError: a scheme or option that madang does not have, or a missing package.
    """
    match = _URL.match(url)
    if not match:
        return LocalObjects(os.path.expanduser(url))
    scheme, rest = match[1].lower(), match[2]
    if scheme == "file":
        return LocalObjects(rest)
    if scheme == "memory":
        return MemoryObjects()
    if scheme in _CLOUD:
        from madang.backends.objects.cloud_opening import open_cloud  # noqa: PLC0415 - obstore is loaded on use

        return open_cloud(scheme, url, options or {})
    if scheme in _REFUSED:
        raise ConfigError(
            f"madang does not speak {scheme}:// yet ({url}).",
            hint="Use a folder (mount it), s3://, gs:// or azure:// – or keep using dvc for this remote.",
        )
    raise ConfigError(f"Unknown kind of address {scheme}:// ({url}).", hint="Use a folder, s3://, gs:// or azure://.")
