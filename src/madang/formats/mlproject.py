"""MLflow's `MLproject` file: a project's environment, its entry points and their parameters.

Source of the format: MLflow's documentation, "MLflow Projects" (https://mlflow.org/docs/latest/ml/projects/).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import field
from io import StringIO
from typing import Any, Literal, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from madang.domain.values import value
from madang.errors import CorruptData, InvalidInput, NotFound

FILE = "MLproject"
Kind: TypeAlias = Literal["", "python", "conda", "docker"]

_ENVIRONMENTS: dict[str, Kind] = {"python_env": "python", "conda_env": "conda", "docker_env": "docker"}
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,^-]+\Z")  # no sign that means anything to a shell, wherever it stands
_SHELL = re.compile(r"[|&;<>()$`*?\[\]#~!\n\\]|^\s*(?:\w+=|\.\s|(?:cd|source|export|set|eval|exec|if|for|while)\b)")
_RUNNERS = {".py": ("python",), ".sh": ("bash",)}


@value
class Parameter:
    """A parameter of an entry point. ``type`` is `string`, `float`, `path` or `uri`; others count as `string`."""

    type: str = "string"
    default: str | None = None


@value
class EntryPoint:
    """A command with places for parameters."""

    name: str
    command: str
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """All parameters: those given, also ones that it does not declare, and the defaults of the others.

        Raises:
            InvalidInput: one has no value, or no number where a number is wanted, or no address where one is wanted.
        """
        missing = [name for name, one in self.parameters.items() if name not in given and one.default is None]
        if missing:
            raise InvalidInput(
                f"The entry point {self.name!r} needs the parameters {', '.join(missing)}.",
                hint=" ".join(f"-P {name}=…" for name in missing),
            )
        found = {name: given.get(name, one.default or "") for name, one in self.parameters.items()}
        for name, one in self.parameters.items():
            _check(name, found[name], one.type)
        return {**found, **given}


@value
class Project:
    """What a folder says of how it is run."""

    name: str = ""
    environment: Kind = ""
    file: str = ""  # of the environment, relative to the folder
    docker: dict[str, Any] = field(default_factory=dict)
    entry_points: dict[str, EntryPoint] = field(default_factory=dict)

    def entry_point(self, name: str) -> EntryPoint:
        """An entry point by its name, or a script of the project as one.

        Raises:
            NotFound: there is neither.
        """
        if name in self.entry_points:
            return self.entry_points[name]
        runner = next((words for ending, words in _RUNNERS.items() if name.endswith(ending)), None)
        if runner is None:
            listed = ", ".join(self.entry_points) or "none"
            raise NotFound(
                f"There is no entry point {name!r}: the project has {listed}.",
                hint="Name one with -e, or a script that ends in .py or .sh.",
            )
        escaped = shlex.quote(name).replace("{", "{{").replace("}", "}}")
        return EntryPoint(name, " ".join((*runner, escaped)))


def load(text: str, path: str = FILE) -> Project:
    """Read an `MLproject` file; ``path`` is for messages.

    Raises:
        CorruptData: it is not one.
    """
    try:
        body = YAML(typ="safe", pure=True).load(StringIO(text))
    except (YAMLError, ValueError, RecursionError) as error:
        raise CorruptData(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error
    if not isinstance(body, dict):
        raise CorruptData(f"{path} does not describe a project.")
    named = [key for key in _ENVIRONMENTS if body.get(key)]
    if len(named) > 1:
        raise CorruptData(f"{path} names several environments: {', '.join(named)}.", hint="Keep one of them.")
    kind = _ENVIRONMENTS[named[0]] if named else ""
    told = body[named[0]] if named else None
    if kind == "docker" and not (isinstance(told, dict) and isinstance(told.get("image"), str)):
        raise CorruptData(f"{path} has a docker_env without an image.")
    if kind in ("python", "conda") and not isinstance(told, str):
        raise CorruptData(f"{path}: {named[0]} is not the name of a file.")
    points = body.get("entry_points") or {}
    if not isinstance(points, dict):
        raise CorruptData(f"{path}: entry_points is not a mapping.")
    return Project(
        name=str(body.get("name") or ""),
        environment=kind,
        file=told if isinstance(told, str) else "",
        docker=_docker(told, path) if kind == "docker" else {},
        entry_points={str(name): _entry_point(str(name), one, path) for name, one in points.items()},
    )


def _docker(told: Any, path: str) -> dict[str, Any]:
    volumes, variables = told.get("volumes") or [], told.get("environment") or []
    are_pairs = isinstance(variables, list) and all(
        isinstance(one, str) or (isinstance(one, list) and len(one) == 2) for one in variables
    )
    if not are_pairs or not (isinstance(volumes, list) and all(isinstance(one, str) for one in volumes)):
        raise CorruptData(f"{path}: volumes and environment of docker_env are not lists of texts (or pairs of them).")
    return dict(told)


def _entry_point(name: str, told: Any, path: str) -> EntryPoint:
    if not isinstance(told, dict) or not isinstance(told.get("command"), str):
        raise CorruptData(f"{path}: the entry point {name!r} has no command.")
    declared = told.get("parameters") or {}
    if not isinstance(declared, dict):
        raise CorruptData(f"{path}: the parameters of {name!r} are not a mapping.")
    return EntryPoint(name, told["command"], {str(key): _parameter(one) for key, one in declared.items()})


def _parameter(told: Any) -> Parameter:
    if not isinstance(told, dict):
        return Parameter(str(told or "string"))
    default = told.get("default")
    return Parameter(str(told.get("type") or "string"), None if default is None else str(default))


def _check(name: str, text: str, kind: str) -> None:
    if kind == "float":
        try:
            float(text)
        except ValueError:
            raise InvalidInput(f"The parameter {name} is a number, and {text[:80]!r} is none.") from None
    if kind == "uri" and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        raise InvalidInput(
            f"The parameter {name} is an address, and {text[:80]!r} is none.", hint="Write s3://… or such."
        )


def command_line(entry: EntryPoint, values: Mapping[str, str]) -> list[str]:
    """The words to execute. Parameters that the entry point does not declare follow as `--name value`.

    A plain command is executed as it is; one with signs of a shell by bash. A value never becomes part of what bash
    reads as program text, unless it has letters, digits and harmless signs only: it is handed over as an argument of
    the script, which names it by number.

    Raises:
        InvalidInput: the command has a place for a parameter that has no value, or cannot be split into words.
    """
    extra = [(name, text) for name, text in values.items() if name not in entry.parameters]
    if any(not re.match(r"[\w.-]+\Z", name) for name, _ in extra):
        raise InvalidInput("A parameter that the project does not declare has a name of letters, digits, - and _.")
    options = [word for name, text in extra for word in (f"--{name}", text)]
    bare = _PLACE.sub("", entry.command)
    if not _SHELL.search(bare):
        try:
            words = shlex.split(entry.command)
        except ValueError as error:
            raise InvalidInput(f"The command of {entry.name!r} cannot be read: {error}.") from error
        return [*("".join(_filled(word, entry, values)) for word in words), *options]
    script, arguments = _script(entry, values)
    for word in options:
        script += " " + _reference(word, "", arguments)
    return ["bash", "-c", script, entry.name, *arguments] if arguments else ["bash", "-c", script]


def _filled(word: str, entry: EntryPoint, values: Mapping[str, str]) -> Iterator[str]:
    """The pieces of a word with its places filled."""
    at = 0
    for found in _PLACE.finditer(word):
        yield word[at : found.start()]
        yield _value(found, entry, values)
        at = found.end()
    yield word[at:]


def _value(found: re.Match[str], entry: EntryPoint, values: Mapping[str, str]) -> str:
    if found[1] is None:
        return found[0][0]
    if found[1] not in values:
        raise InvalidInput(
            f"The command of {entry.name!r} has a place for {found[1]!r}, which is no parameter.",
            hint="Write {{ and }} for braces.",
        )
    return values[found[1]]


def _script(entry: EntryPoint, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """A script for bash, and the arguments that it names by number."""
    script, arguments, quote, at = "", list[str](), "", 0
    for found in _PLACE.finditer(entry.command):
        piece = entry.command[at : found.start()]
        quote = _quote_after(piece, quote)
        value = _value(found, entry, values)
        script += piece + (value if found[1] is None else _reference(value, quote, arguments))
        at = found.end()
    return script + entry.command[at:], arguments


def _reference(text: str, quote: str, arguments: list[str]) -> str:
    """A value in a script: itself when it is plain, else the argument of a number, whatever quotes it stands in."""
    if _PLAIN.match(text):
        return text
    arguments.append(text)
    name = f"${{{len(arguments)}}}"
    return {"": f'"{name}"', '"': name, "'": f"'\"{name}\"'"}[quote]


def _quote_after(piece: str, quote: str) -> str:
    """The quotation mark that is open after a piece of a script."""
    at = 0
    while at < len(piece):
        sign = piece[at]
        if sign == "\\" and quote != "'":
            at += 1
        elif not quote and sign in "\"'":
            quote = sign
        elif sign == quote:
            quote = ""
        at += 1
    return quote
