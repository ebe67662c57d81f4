"""``.dvc/config`` and its siblings: INI files of four levels, read as configobj reads them for dvc.

Later levels win: system < global < repository < local. Sections, keys and names of remotes are lower-cased. A path in a
file is relative to that file's folder and is given out absolute.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from madang.errors import ConfigError
from madang.formats.dvc import plainconfig
from madang.formats.dvc.config_keys import PATH_KEYS, check_section

Sections = dict[str, dict[str, str]]
"""Section name (``core``, ``cache``, ``remote "x"`` as the pair's text) → key → value."""

_NAMED = re.compile(r'\s*(remote|machine|db)\s*"(.*)"\s*\Z', re.S)
_URL = re.compile(r"\w+://")


def remote_section(name: str) -> str:
    """Name of the section of a remote."""
    return f'remote "{name.lower()}"'


def section_name(kind: str, name: str) -> str:
    """Name of the section of a ``remote`` or ``db``; of a plain section when ``kind`` is empty."""
    return f'{kind} "{name.lower()}"' if kind else name.lower()


def remote_name(section: str) -> str | None:
    """The remote that a section describes, or None."""
    match = _NAMED.match(section)
    return match[2] if match and match[1] == "remote" else None


def parse(text: str, where: str) -> Sections:
    """Sections of one file, names lower-cased; ``where`` is its path, for messages and for relative paths.

    Raises:
        ConfigError: not an INI file, an unknown section or key, a value of the wrong kind.
    """
    sections = read(text, where)
    for name, values in sections.items():
        check_section(name, values, where)
    return sections


def read(text: str, where: str) -> Sections:
    """The same without a look at what the sections, keys and values are: to show or repair a file.

    Raises:
        ConfigError: not an INI file.
    """
    document: Mapping[str, Any] | None = plainconfig.load(text)
    if document is None:
        document = _document(text, where)
    sections: Sections = {}
    for section, values in document.items():
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where}: {section!r} stands outside a section.")
        name = _normal(section)
        sections[name] = {str(key).lower(): _plain(value) for key, value in values.items()}
    folder = os.path.dirname(os.path.abspath(where))
    for name, values in sections.items():
        for key in PATH_KEYS.get(name.split(" ")[0], ()):
            if key in values:
                values[key] = resolved(values[key], folder)
    return sections


def merged(levels: Iterable[Sections]) -> Sections:
    """One view of all levels; later ones win key by key."""
    result: Sections = {}
    for sections in levels:
        for name, values in sections.items():
            result.setdefault(name, {}).update(values)
    return result


def resolved(path: str, folder: str) -> str:
    """A path in a config file of ``folder`` as an absolute one; URLs stay as they are."""
    if _URL.match(path) or os.path.isabs(path):
        return path
    expanded = os.path.expanduser(path)
    return expanded if os.path.isabs(expanded) else os.path.abspath(os.path.join(folder, path))


def stored(path: str, folder: str, working: str) -> str:
    """A path typed in ``working`` as it is stored in a config file of ``folder``: relative ones stay relative."""
    if _URL.match(path) or os.path.isabs(path) or os.path.expanduser(path) != path:
        return path
    return os.path.relpath(os.path.join(working, path), folder).replace(os.sep, "/")


def with_value(text: str, where: str, section: str, key: str, value: str | None) -> str:
    """The text with one key set, or without it when ``value`` is None. Comments and order stay.

    A section that becomes empty goes, as dvc drops it.

    Raises:
        ConfigError: the file cannot be read, or the key or value is not allowed.
    """
    document = _document(text, where)
    found = _find(document, section)
    if value is None:
        if found is None or _find(document[found], key) is None:
            raise ConfigError(f"{where} has no {key!r} in {section}.", hint="madang config --list --show-origin")
        del document[found][_find(document[found], key)]
        if not document[found]:
            del document[found]
        return _text(document)
    if found is None:
        found = section
        _insert_section(document, found)
    document[found][_find(document[found], key) or key] = value
    whole = {str(name).lower(): _plain(item) for name, item in document[found].items()}
    check_section(_normal(found), whole, where)
    return _text(document)


def without_section(text: str, where: str, section: str) -> str:
    """The text without a section; unchanged when there is none. Raises `ConfigError` when it cannot be read."""
    document = _document(text, where)
    found = _find(document, section)
    if found is None:
        return text
    del document[found]
    return _text(document)


def with_renamed_section(text: str, where: str, old: str, new: str) -> str:
    """The text with another name for a section, which then stands last, as dvc writes it; its comments stay.

    Raises:
        ConfigError: the file cannot be read or has no such section.
    """
    document = _document(text, where)
    found = _find(document, old)
    if found is None:
        raise ConfigError(f"{where} has no {old}.")
    document.rename(found, new)
    document.sections = [*(name for name in document.sections if name != new), new]
    return _text(document)


def _insert_section(document: Any, name: str) -> None:
    """Plain sections stand before the named ones, as dvc writes them."""
    document[name] = {}
    if not _NAMED.match(name.strip("'")):
        names = [section for section in document.sections if section != name]
        at = next((index for index, section in enumerate(names) if _NAMED.match(section)), len(names))
        document.sections = [*names[:at], name, *names[at:]]


def _document(text: str, where: str) -> Any:
    from configobj import ConfigObj, ConfigObjError  # noqa: PLC0415 - loaded when a config is read

    try:
        document = ConfigObj(text.removesuffix("\n").split("\n") if text else [], interpolation=False, encoding=None)
    except ConfigObjError as error:
        raise ConfigError(
            f"{where} cannot be read: {error}", hint="Correct the line, or bring the file back from git."
        ) from error
    document.indent_type = "    "
    return document


def _text(document: Any) -> str:
    lines = document.write()
    return "".join(f"{line}\n" for line in lines)


def _find(document: Any, name: str) -> Any:
    wanted = _normal(name)
    return next((key for key in document if _normal(key) == wanted), None)


def _normal(name: str) -> str:
    match = _NAMED.match(name.lower())
    return f'{match[1]} "{match[2]}"' if match else name.lower()


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
