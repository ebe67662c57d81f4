"""Addresses of stores to stores: the schemes madang speaks, and the refusal of those it does not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from madang.backends.objects.local import LocalObjects
from madang.backends.objects.memory import MemoryObjects
from madang.errors import ConfigError
from madang.ports.objects import Objects

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)\Z", re.S)
_CLOUD = ("s3", "gs", "azure")
_MOUNT = "Mount it (rclone mount) and use the folder"
_OTHERWISE = {
    "webdav": _MOUNT,
    "webdavs": _MOUNT,
    "gdrive": _MOUNT,
    "hdfs": "Mount it (NFS gateway) and use the folder",
    "webhdfs": "Mount it (NFS gateway) and use the folder",
    "oss": "Use its S3 interface: s3://bucket with endpointurl https://s3.oss-REGION.aliyuncs.com",
    "http": "Only remotes of data lie on a web server",
    "https": "Only remotes of data lie on a web server",
    "sftp": "Write ssh://user@host/path",
}
Ask = Callable[[str], str]
"""Asks somebody at the terminal for a secret."""


def _nobody(prompt: str) -> str:
    raise ConfigError(f"{prompt}: nobody can be asked here.", hint="Set the password in the options.")


def open_objects(url: str, options: Mapping[str, str] | None = None, ask: Ask = _nobody) -> Objects:
    """Open the store at ``url``: a folder, ``s3://bucket/prefix``, ``gs://…``, ``azure://…``, ``ssh://…``, ``memory://``.

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
    if scheme == "ssh":
        from madang.backends.objects.sftp_opening import open_ssh  # noqa: PLC0415 - loaded on use

        return open_ssh(url, options or {}, ask)
    if scheme in _OTHERWISE:
        raise ConfigError(
            f"madang does not speak {scheme}:// ({url}).",
            hint=f"{_OTHERWISE[scheme]}, or keep using dvc for this remote.",
        )
    raise ConfigError(
        f"Unknown kind of address {scheme}:// ({url}).",
        hint="Use a folder, s3://, gs://, azure://, ssh:// or http(s)://.",
    )
