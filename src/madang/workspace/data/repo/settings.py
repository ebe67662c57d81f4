"""The DVC configuration of a repository: its four files, one view, changes to one file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import field

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import ConfigError
from madang.formats.dvc import config
from madang.formats.dvc.config_keys import link_types
from madang.staging import scratch

LEVELS = ("system", "global", "project", "local")
_REFERENCE = "remote://"
DEFAULT_LINKS = ("reflink", "copy")


class UnreadableConfig(ConfigError):
    """A file of the configuration cannot be read, or says what dvc would refuse: nothing can be done here."""


@value
class RemoteConfig:
    """A remote as configured: its address and options, by DVC's names."""

    name: str
    url: str
    options: dict[str, str] = field(default_factory=dict)


def files(dvc_dir: str) -> dict[str, str]:
    """Path of the file of each level."""
    return {
        "system": os.path.join(_system_folder(), "config"),
        "global": os.path.join(_global_folder(), "config"),
        "project": os.path.join(dvc_dir, "config"),
        "local": os.path.join(dvc_dir, "config.local"),
    }


def _system_folder() -> str:
    if folder := os.environ.get("DVC_SYSTEM_CONFIG_DIR"):
        return folder
    if sys.platform == "darwin":
        return "/Library/Application Support/dvc"
    return os.path.join((os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)[0], "dvc")


def _global_folder() -> str:
    if folder := os.environ.get("DVC_GLOBAL_CONFIG_DIR"):
        return folder
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/dvc")
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "dvc")


class Settings:
    """Everything the four files say. Read once, when made."""

    def __init__(self, dvc_dir: str, *, texts: Mapping[str, str] | None = None, over: config.Sections | None = None):
        """``texts`` are what the files of some levels hold instead of those on disk; ``over`` wins over all of them.

        Raises:
            UnreadableConfig: a file cannot be read or says what dvc would refuse.
        """
        self.dvc_dir = dvc_dir
        self._files = files(dvc_dir)
        given = texts or {}
        try:
            self._levels = {
                level: config.parse(given[level] if level in given else _read(path), path)
                for level, path in self._files.items()
            }
        except ConfigError as error:
            raise UnreadableConfig(error.message, hint=error.hint) from error
        self.sections = config.merged([*(self._levels[level] for level in LEVELS), over or {}])

    def get(self, section: str, key: str) -> str | None:
        """One value, or None."""
        return self.sections.get(section, {}).get(key)

    def is_true(self, section: str, key: str) -> bool:
        """Whether a boolean is set."""
        return (self.get(section, key) or "false").lower() == "true"

    def link_types(self) -> tuple[str, ...]:
        """Kinds of links from the cache to the workspace, in the order in which they are tried."""
        return tuple(link_types(self.get("cache", "type") or "")) or DEFAULT_LINKS

    def cache_folder_mode(self) -> int | None:
        """Mode of the cache's folders when a group of users shares it (``cache.shared``), as dvc sets it."""
        return 0o2775 if self.get("cache", "shared") == "group" else None

    def cache_dir(self, dvc_dir: str) -> str:
        """The cache's folder."""
        return self.get("cache", "dir") or os.path.join(dvc_dir, "cache")

    def remotes(self, level: str | None = None) -> dict[str, RemoteConfig]:
        """All remotes by name, or those of one level."""
        found = {}
        for section, values in (self.sections if level is None else self._levels[level]).items():
            name = config.remote_name(section)
            if name is not None and "url" in values:
                found[name] = RemoteConfig(name, values["url"], {k: v for k, v in values.items() if k != "url"})
        return found

    def default_remote(self) -> str | None:
        """Name of the default remote."""
        name = self.get("core", "remote")
        return name.lower() if name else None

    def remote(self, name: str | None) -> RemoteConfig:
        """The named remote, or the default one.

        Raises:
            ConfigError: there is none.
        """
        wanted = name.lower() if name else self.default_remote()
        if wanted is None:
            raise ConfigError("No remote is named and there is no default.", hint="madang remote add -d NAME URL")
        found = self.remotes().get(wanted)
        if found is None:
            known = ", ".join(sorted(self.remotes())) or "none"
            raise ConfigError(f"The remote {wanted!r} does not exist.", hint=f"Remotes here: {known}.")
        return self._resolved(found, ())

    def _resolved(self, remote: RemoteConfig, above: tuple[str, ...]) -> RemoteConfig:
        """A remote as it is when its url is a path in another one, ``remote://NAME/path``: with that one's options."""
        if not remote.url.startswith(_REFERENCE):
            return remote
        name, _, path = remote.url.removeprefix(_REFERENCE).partition("/")
        base = self.remotes().get(name.lower())
        if base is None or name.lower() in (*above, remote.name):
            raise ConfigError(f"The remote {remote.name!r} refers to {name!r}, which is no other remote.")
        whole = self._resolved(base, (*above, remote.name))
        url = f"{whole.url.rstrip('/')}/{path.lstrip('/')}".rstrip("/")
        return RemoteConfig(remote.name, url, {**whole.options, **remote.options})

    def holds(self, level: str, section: str) -> bool:
        """Whether one level has a section."""
        return section in self._levels[level]

    def level_value(self, level: str, section: str, key: str) -> str | None:
        """What one level says."""
        return self._levels[level].get(section, {}).get(key)

    def keys_of(self, level: str, section: str) -> list[str]:
        """The keys that one level sets."""
        return list(self._levels[level].get(section, {}))

    def write(self, level: str, changes: list[tuple[str, str, str | None]]) -> str:
        """Set (or with None remove) ``(section, key, value)`` in one file, all or nothing. Returns the file's path."""
        path = self._files[level]
        text = _read(path)
        for section, key, wanted in changes:
            text = config.with_value(text, path, section, key, wanted)
        return self._store(path, text)

    def drop_section(self, level: str, section: str) -> str:
        """Remove a section from one file. Returns the file's path."""
        path = self._files[level]
        return self._store(path, config.without_section(_read(path), path, section))

    def rename_section(self, level: str, old: str, new: str) -> str:
        """Give a section of one file another name. Returns the file's path.

        Raises:
            ConfigError: the file has no such section.
        """
        path = self._files[level]
        return self._store(path, config.with_renamed_section(_read(path), path, old, new))

    def stored_path(self, level: str, path: str, working: str) -> str:
        """A path typed in the folder ``working`` as the file of a level stores it."""
        return config.stored(path, os.path.dirname(self._files[level]), working)

    def _store(self, path: str, text: str) -> str:
        store(path, text)
        return path


def write_option(path: str, section: str, key: str, value: str | None) -> None:
    """Set (or with None remove) one option in one file.

    Raises:
        ConfigError: dvc would refuse the file as it would be; or there is nothing to remove.
    """
    store(path, config.with_value(_read(path), path, section, key, value))


def store(path: str, text: str) -> None:
    """Replace one file, when dvc would accept it. Raises `ConfigError`."""
    config.parse(text, path)
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    tmp = os.path.join(folder, "tmp")
    with scratch(os.path.join(tmp, "madang")) if os.path.isdir(tmp) else nullcontext():
        write_file(path, text.encode())


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Correct the file.") from error
