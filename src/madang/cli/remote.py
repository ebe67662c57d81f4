"""`madang remote`: where data is sent to and brought from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import LEVELS, DataCommand, DataGroup, PlainCommand, level_options, warn_beyond_ascii
from madang.errors import ConfigError

if TYPE_CHECKING:
    from madang.workspace.data.repo.settings import Settings


@click.group(cls=DataGroup)
def remote() -> None:
    """Manage remotes, in DVC's configuration.

    \b
    Examples:
      madang remote add -d storage s3://bucket/path
      madang remote add -d hub https://hub.example.org
      madang remote modify storage endpointurl http://minio:9000
      madang remote list
    """


@remote.command(cls=DataCommand)
@click.argument("name")
@click.argument("url")
@click.option("-d", "--default", "is_default", is_flag=True, help="Make it the default remote.")
@click.option("-f", "--force", is_flag=True, help="Replace a remote of this name.")
@output.quiet_option
@click.option("--hub-project", "project", default="", help="The project on a hub; otherwise named after the folder.")
@level_options
def add(name: str, url: str, is_default: bool, force: bool, quiet: bool, project: str, level: str | None) -> None:
    """Add a remote: a folder, s3://, gs://, azure://, ssh://, http(s):// or a hub.

    The address of a hub is completed to that of the project's data there, http://HUB/dvc/PROJECT. A stock dvc can use
    it as it is; where the hub wants a token, with auth=basic, any user, and the token as password.

    \b
    Examples:
      madang remote add -d storage /mnt/team/store
      madang remote add s3 s3://bucket/path --local
      madang remote add -d hub https://hub.example.org
    """
    from madang.formats.dvc.config import remote_section

    if not name.strip() or not url.strip():
        raise click.UsageError("A remote needs a name and an address.")
    where = level or "project"
    settings = _settings(where)
    section = remote_section(name)
    url = _completed(url, project, quiet)
    if settings.level_value(where, section, "url") and not force:
        raise ConfigError(f"The remote {name!r} exists already.", hint="Use --force to replace it.")
    changes: list[tuple[str, str, str | None]] = [(section, "url", settings.stored_path(where, url, os.getcwd()))]
    changes.extend((section, key, None) for key in settings.keys_of(where, section) if key != "url")
    if is_default:
        changes.insert(0, ("core", "remote", name.lower()))
    settings.write(where, changes)
    if quiet:
        return
    warn_beyond_ascii(name, url)
    if is_default:
        output.note(f"{name!r} is now the default remote.")


def _settings(level: str | None = None) -> Settings:
    from madang.workspace.data.repo.repository import settings_around

    return settings_around(".", level)


def _completed(url: str, project: str, quiet: bool) -> str:
    """The address of the project's data when ``url`` is that of a hub; else ``url`` itself."""
    from urllib.parse import quote, urlsplit

    if not url.startswith(("http://", "https://")):
        return url
    try:
        is_folder = bool(urlsplit(url).path.strip("/"))
    except ValueError as error:
        raise ConfigError(f"{url} is no address: {error}.", hint="Write http://HOST/PATH.") from error
    if is_folder and not project:
        return url
    from madang.client.http import HubClient
    from madang.errors import MadangError
    from madang.formats.store import find_repository
    from madang.sdk.init import project_name
    from madang.workspace.data.repo.repository import find_root

    try:
        HubClient(url, token="", attempts=1).account()
    except MadangError as error:
        if project:
            raise
        output.note(f"note: no hub of madang answers at {url}, so it is taken as it is. {error.message}")
        return url
    root = find_root(".") or os.getcwd()
    name = project_name(project or os.environ.get("MADANG_PROJECT", ""), find_repository(root)[0] or root)
    whole = f"{url.rstrip('/')}/dvc/{quote(name, safe='')}"
    if not quiet:
        output.note(f"The data of project {name!r} on this hub: {whole}")
    return whole


@remote.command(cls=PlainCommand)
@click.argument("name", required=False)
@click.option("-u", "--unset", is_flag=True, help="Have no default remote.")
@level_options
@click.pass_context
def default(context: click.Context, name: str | None, unset: bool, level: str | None) -> None:
    """Show, set or unset the default remote.

    \b
    Examples:
      madang remote default
      madang remote default storage
    """
    where = level or "project"
    settings = _settings(where if unset or name is not None else level)
    if unset:
        if settings.level_value(where, "core", "remote") is not None:
            settings.write(where, [("core", "remote", None)])
    elif name is None:
        found = settings.default_remote() if level is None else settings.level_value(level, "core", "remote")
        click.echo(found or "No default remote set")
        context.exit(0 if found else 1)
    else:
        settings.remote(name)
        settings.write(where, [("core", "remote", name.lower())])


@remote.command(cls=DataCommand)
@click.argument("name")
@click.argument("option")
@click.argument("value", required=False)
@click.option("-u", "--unset", is_flag=True, help="Remove the option.")
@level_options
def modify(name: str, option: str, value: str | None, unset: bool, level: str | None) -> None:
    """Set or remove an option of a remote. Keep secrets out of git with --local.

    \b
    Examples:
      madang remote modify storage endpointurl http://minio:9000
      madang remote modify --local storage secret_access_key KEY
      madang remote modify storage region --unset
    """
    from madang.formats.dvc.config import remote_section
    from madang.formats.dvc.config_keys import PATH_KEYS, check_section

    where, key = level or "project", option.lower()
    if (value is None) != unset:
        raise click.UsageError("Give a value, or --unset.")
    settings = _settings(where)
    known = settings.remote(name)
    section = remote_section(name)
    if value is not None:
        check_section(section, {**known.options, "url": known.url, key: value}, where)
        if key in PATH_KEYS["remote"]:
            value = settings.stored_path(where, value, os.getcwd())
    elif settings.level_value(where, section, key) is None:
        return  # as dvc: nothing to unset is no error
    settings.write(where, [(section, key, value)])
    warn_beyond_ascii(value)


@remote.command("list", cls=DataCommand)
@output.json_option
@level_options
def list_(as_json: bool, level: str | None) -> None:
    """List remotes.

    \b
    Examples:
      madang remote list
      madang remote list --json
    """
    settings = _settings(level)
    chosen = settings.default_remote() if level is None else settings.level_value(level, "core", "remote")
    found = settings.remotes(level).values()
    if as_json:
        output.data([{"name": one.name, "url": one.url, "default": one.name == chosen} for one in found])
        return
    for one in found:
        click.echo(f"{one.name}\t{one.url}" + ("\t(default)" if one.name == chosen else ""))


@remote.command(cls=DataCommand)
@click.argument("name")
@level_options
def remove(name: str, level: str | None) -> None:
    """Remove a remote from the configuration; its data stays where it is.

    \b
    Examples:
      madang remote remove storage
    """
    from madang.formats.dvc.config import remote_section

    where = level or "project"
    settings = _settings(where)
    if not settings.holds(where, remote_section(name)):
        raise ConfigError(
            f"The remote {name!r} does not exist in the {where} configuration.", hint="madang remote list"
        )
    settings.drop_section(where, remote_section(name))
    _forget(settings.dvc_dir, name.lower(), where)


def _forget(dvc_dir: str, name: str, where: str) -> None:
    """Take away what later levels say of a remote that is gone: the default, and options without an address."""
    from madang.formats.dvc.config import remote_section
    from madang.workspace.data.repo.settings import Settings

    for level in LEVELS[LEVELS.index(where) :]:
        settings, section = Settings(dvc_dir), remote_section(name)
        if (settings.level_value(level, "core", "remote") or "").lower() == name:
            settings.write(level, [("core", "remote", None)])
        if settings.holds(level, section) and not settings.get(section, "url"):  # dvc cannot read such a rest
            Settings(dvc_dir).drop_section(level, section)


@remote.command(cls=DataCommand)
@click.argument("name")
@click.argument("new")
@level_options
def rename(name: str, new: str, level: str | None) -> None:
    """Rename a remote, and the default with it.

    \b
    Examples:
      madang remote rename origin storage
    """
    from madang.formats.dvc.config import remote_section

    where = level or "project"
    old, section = name.lower(), remote_section(name)
    settings = _settings(where)
    if new.lower() in settings.remotes():
        raise ConfigError(f"The remote {new!r} exists already.", hint="Choose another name.")
    if not settings.holds(where, section):
        raise ConfigError(
            f"The remote {name!r} does not exist in the {where} configuration.", hint="madang remote list"
        )
    warn_beyond_ascii(new)
    for one in LEVELS[LEVELS.index(where) :]:  # what a later level adds to it, such as a password, goes along
        if settings.holds(one, section):
            settings.rename_section(one, section, remote_section(new))
        if (settings.level_value(one, "core", "remote") or "").lower() == old:
            settings.write(one, [("core", "remote", new.lower())])
