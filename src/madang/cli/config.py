"""`madang config`: read and change DVC's configuration."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import CONFIGURATION, DataCommand, level_options, warn_beyond_ascii
from madang.errors import ConfigError, InvalidInput, UsageError

if TYPE_CHECKING:
    from madang.formats.dvc.config import Sections

_NAME = re.compile(r"(?:(?P<kind>remote|db)\.)?(?P<section>[^.]*)\.(?P<key>[^.]*)\Z")
_IN_REPOSITORY = ("project", "local")


class _ConfigCommand(DataCommand):
    """Misused options exit with 1, as dvc's do."""

    def _code(self, error: Exception) -> int:
        return CONFIGURATION if isinstance(error, ConfigError) else 1


@click.command(cls=_ConfigCommand)
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.option("-l", "--list", "is_list", is_flag=True, help="Print everything that is set.")
@click.option("-u", "--unset", is_flag=True, help="Remove an option.")
@click.option("--show-origin", is_flag=True, help="Print the file before each value.")
@level_options
@output.json_option
def config(
    name: str | None,
    value: str | None,
    is_list: bool,
    unset: bool,
    show_origin: bool,
    level: str | None,
    as_json: bool,
) -> None:
    """Read or change the configuration that madang shares with dvc. NAME is section.option or remote.NAME.option.

    Without --system, --global, --project or --local all files are read, and .dvc/config is changed.

    \b
    Examples:
      madang config core.autostage true
      madang config cache.type reflink,hardlink,copy
      madang config --local remote.storage.access_key_id KEY
      madang config --list --show-origin
      madang config --unset core.remote
    """
    if show_origin and (value is not None or unset):
        raise InvalidInput("--show-origin only goes with reading.")
    if is_list and (name is not None or unset):
        raise InvalidInput("--list goes with neither a name nor --unset.")
    if not is_list and name is None:
        raise InvalidInput("A name is needed, such as core.remote.", hint="madang config --list shows all.")
    found = _Files(level)
    if is_list:
        found.show(show_origin, as_json)
        return
    assert name is not None
    match = _NAME.match(name)
    if match is None:
        wrong = UsageError(f"{name!r} is no name of an option.", hint="Write section.option or remote.NAME.option.")
        raise click.UsageError(str(wrong))
    section, key = _section(match), match["key"].lower()
    if value is None and not unset:
        found.get(section, key, show_origin, as_json)
    else:
        found.change(section, key, None if unset else value)


def _section(match: re.Match[str]) -> str:
    from madang.formats.dvc.config import section_name

    return section_name(match["kind"] or "", match["section"])


class _Files:
    """The configuration files that a call is about."""

    def __init__(self, level: str | None) -> None:
        from madang.workspace.data.repo.repository import DVC_DIR, find_root
        from madang.workspace.data.repo.settings import LEVELS, files

        self._root = find_root(".")
        self._level = level
        if self._root is None and level in _IN_REPOSITORY:
            raise ConfigError("This is not inside a data repository.", hint="madang init makes one.")
        usable = LEVELS if self._root is not None else tuple(one for one in LEVELS if one not in _IN_REPOSITORY)
        self._levels = (level,) if level else usable
        self._dvc_dir = os.path.join(self._root or "/", DVC_DIR)
        self._paths = files(self._dvc_dir)

    def _read(self, level: str) -> Sections:
        from madang.formats.dvc.config import read

        path = self._paths[level]
        try:
            with open(path, encoding="utf-8") as file:
                return read(file.read(), path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not UTF-8 text.", hint="Correct the file.") from error

    def _origin(self, level: str) -> str:
        path = self._paths[level]
        return os.path.relpath(path, self._root) if level in _IN_REPOSITORY else path

    def show(self, show_origin: bool, as_json: bool) -> None:
        """Print everything, lower levels first."""
        everything = [
            (self._origin(level), _dotted(section), key, value)
            for level in self._levels
            for section, values in sorted(self._read(level).items(), key=lambda item: " " not in item[0])
            for key, value in values.items()
        ]
        if as_json:
            output.data([{"name": f"{s}.{k}", "value": v, "origin": origin} for origin, s, k, v in everything])
            return
        for origin, section, key, value in everything:
            click.echo(f"{origin}\t{section}.{key}={value}" if show_origin else f"{section}.{key}={value}")

    def get(self, section: str, key: str, show_origin: bool, as_json: bool) -> None:
        """Print one value, of the highest level that sets it; nothing when none does."""
        for level in reversed(self._levels):
            value = self._read(level).get(section, {}).get(key)
            if value is not None:
                if as_json:
                    output.data({"name": f"{_dotted(section)}.{key}", "value": value, "origin": self._origin(level)})
                else:
                    click.echo(f"{self._origin(level)}\t{value}" if show_origin else value)
                return
        if self._level:
            raise ConfigError(f"{self._paths[self._level]} does not set {_dotted(section)}.{key}.")

    def change(self, section: str, key: str, value: str | None) -> None:
        """Set, or with None remove, one option in one file."""
        from madang.formats.dvc.config import stored
        from madang.formats.dvc.config_keys import PATH_KEYS
        from madang.workspace.data.repo.settings import write_option

        level = self._level or "project"
        if self._root is None and level in _IN_REPOSITORY:
            raise ConfigError("This is not inside a data repository.", hint="madang init, or --global.")
        path = self._paths[level]
        if value is not None and key in PATH_KEYS.get(section.split(" ")[0], ()):
            value = stored(value, os.path.dirname(path), os.getcwd())
        write_option(path, section, key, value)
        warn_beyond_ascii(section, value)
        if value is not None and (section, key) == ("cache", "type"):
            output.note("Files in the workspace stay as they are; madang checkout --relink links them anew.")


def _dotted(section: str) -> str:
    kind, _, name = section.partition(" ")
    return f"{kind}.{name.strip(chr(34))}" if name else section
