"""The composition root of the data commands: opens remotes. Apart from `wiring`, so that they load no record store."""

from __future__ import annotations

from madang.backends.objects.opening import open_objects
from madang.ports.objects import Objects
from madang.workspace.data.settings import RemoteConfig


def open_remote(config: RemoteConfig) -> Objects:
    """Open a configured remote. Nothing is contacted yet.

    Raises:
        ConfigError: a kind of address that madang does not speak, or a missing package.
    """
    return open_objects(config.url, config.options)
