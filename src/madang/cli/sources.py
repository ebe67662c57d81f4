"""What the commands on other repositories share: their options, and how a source is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli.data_command import PlainCommand
from madang.errors import ConfigError, InvalidInput, MadangError

if TYPE_CHECKING:
    from madang.workspace.data.sources.foreign import Source
    from madang.workspace.data.sources.opening import Access

F = TypeVar("F", bound=Callable[..., Any])


class SourceCommand(PlainCommand):
    """A command that needs no repository of its own: also a configuration that cannot be used is 1, as for dvc."""

    def _code(self, error: MadangError) -> int:
        return self.failure_code if isinstance(error, ConfigError) else super()._code(error)


def access_options(function: F) -> F:
    """The options that say how the source's remotes are reached."""
    options = (
        click.option("--config", "config_file", type=click.Path(), help="A configuration file to add to the source's."),
        click.option("--remote", help="The remote of the source to bring data from."),
        click.option(
            "--remote-config", multiple=True, metavar="KEY=VALUE", help="An option of that remote. Repeatable."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def access(config_file: str | None, remote: str | None, remote_config: tuple[str, ...]) -> Access:
    """These options as one value. Raises `InvalidInput` for one that is not KEY=VALUE."""
    from madang.workspace.data.sources.opening import Access

    return Access(remote, pairs(remote_config), config_file)


def pairs(given: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE options. Raises `InvalidInput`."""
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidInput(f"{text!r} is not of the form KEY=VALUE.")
        found[key.lower()] = value
    return found


@contextmanager
def opened(url: str, revision: str | None, how: Access) -> Iterator[Source]:
    """A source to look at; the listings that it needs are brought into a folder that goes again."""
    import tempfile

    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.bringing import Bringer
    from madang.workspace.data.sources.passing import PassingCache

    with (
        tempfile.TemporaryDirectory(prefix="madang-") as area,
        Bringer(PassingCache(area), area, open_remote).open(url, revision, access=how) as source,
    ):
        yield source


def human(size: int) -> str:
    """Bytes as dvc shows them: ``1.08k``, ``4.00M``."""
    if size < 1024:
        return str(size)
    value, units = float(size), iter("kMGTPEZ")
    unit = ""
    while value >= 999.5:
        value /= 1024
        unit = next(units)
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}{unit}"
