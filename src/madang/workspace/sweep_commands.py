"""The command of a trial: W&B's words such as ${program} and ${args} with the trial's parameters (docs/sweeps.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from madang.errors import InvalidInput

_WORD = re.compile(r"\$\{(\w+)\}\Z")
_VARIABLE = re.compile(r"\$\{envvar:(\w+)\}")


def expanded(
    command: Sequence[str],
    program: str,
    parameters: Mapping[str, Any],
    *,
    interpreter: str,
    env: Mapping[str, str],
    json_file: Callable[[str], str],
) -> list[str]:
    """The words to execute. ``parameters`` are nested; ``json_file`` keeps a text in a file and gives its path.

    Raises:
        InvalidInput: an unknown word, a variable that is not set, or no program where one is asked for.
    """
    flat = list(flattened(parameters))
    words: dict[str, Callable[[], list[str]]] = {
        "env": lambda: ["/usr/bin/env"],
        "interpreter": lambda: [interpreter],
        "program": lambda: [_program(program)],
        "args": lambda: [f"--{name}={value}" for name, value in flat],
        "args_no_equals": lambda: [word for name, value in flat for word in (f"--{name}", str(value))],
        "args_no_hyphens": lambda: [f"{name}={value}" for name, value in flat],
        "args_no_boolean_flags": lambda: list(_switches(flat)),
        "args_append_hydra": lambda: [f"+{name}={value}" for name, value in flat],
        "args_override_hydra": lambda: [f"++{name}={value}" for name, value in flat],
        "args_json": lambda: [json.dumps(dict(parameters), ensure_ascii=False)],
        "args_json_file": lambda: [json_file(json.dumps(dict(parameters), ensure_ascii=False))],
    }
    found: list[str] = []
    for word in command:
        match = _WORD.match(word)
        if match is None:
            found.append(_VARIABLE.sub(lambda part: _variable(env, part[1]), word))
        elif match[1] in words:
            found += words[match[1]]()
        else:
            raise InvalidInput(f"The command of the sweep has the unknown word {word!r}.", hint="See docs/sweeps.md.")
    if not found:
        raise InvalidInput("The command of the sweep is empty.")
    return found


def flattened(parameters: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Names joined by dots, with their values."""
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{above}{name}.")
        else:
            yield above + name, value


def _switches(flat: Sequence[tuple[str, Any]]) -> Iterator[str]:
    """Arguments in which a true boolean is a bare name, and a false one is left out."""
    for name, value in flat:
        if value is True:
            yield f"--{name}"
        elif value is not False:
            yield f"--{name}={value}"


def _program(program: str) -> str:
    if not program:
        raise InvalidInput(
            "The sweep names no program.", hint="Add `program: train.py`, or use it with madang.agent(sweep, function)."
        )
    return program


def _variable(env: Mapping[str, str], name: str) -> str:
    if name not in env:
        raise InvalidInput(f"The command of the sweep asks for the variable {name}, which is not set here.")
    return env[name]
