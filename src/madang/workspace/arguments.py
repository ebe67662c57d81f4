"""Parameters in a command line: what `--C 1.0`, `--lr=0.1` and `optimizer.lr=0.1` say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any

from madang.errors import UsageError

_OPTION = re.compile(r"--?([^\W\d][\w.\-/]*)\Z")
_ASSIGNMENT = re.compile(r"(?:--?|\+{0,2})([^\W\d][\w.\-/]*)=(.*)\Z", re.S)
_NEGATIVE = re.compile(r"-\.?\d")
_SCRIPTS = (".py", ".sh", ".r", ".R", ".jl", ".pl", ".rb", ".js")
_WORDS = {"true": True, "false": False, "none": None, "null": None}


def given_parameters(pairs: Sequence[str]) -> dict[str, Any]:
    """Parameters from ``-P key=value``.

    Raises:
        UsageError: a pair has no ``=`` or no key.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{pair!r} is not a parameter.", hint="Write -P key=value.")
        found[key.strip()] = parse_value(text)
    return found


def command_parameters(command: Sequence[str]) -> dict[str, Any]:
    """Parameters that a command line passes to its script: ``--key value``, ``--key=value``, ``key=value``, ``--flag``.

    What stands before the script (options of Python or torchrun) is not a parameter of the script. Dashes inside a
    key become underscores, as in `argparse`. The last of equal keys counts.
    """
    words = list(command[_script(command) + 1 :])
    found: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if word == "--":
            continue
        assigned = _ASSIGNMENT.match(word)
        if assigned:
            found[_key(assigned[1])] = parse_value(assigned[2])
            continue
        option = _OPTION.match(word)
        if not option:
            continue
        if words and (not words[0].startswith("-") or _NEGATIVE.match(words[0])):
            found[_key(option[1])] = parse_value(words.pop(0))
        elif word.startswith("--"):
            found[_key(option[1])] = True
    return found


def _script(command: Sequence[str]) -> int:
    """The place of the script or module in the command line; 0 when the program is itself the script."""
    first = os.path.basename(command[0]) if command else ""
    runs_scripts = first.startswith(
        ("python", "pypy", "torchrun", "accelerate", "deepspeed", "uv", "bash", "sh", "srun")
    )
    if not runs_scripts:
        return 0
    for place, word in enumerate(command[1:], 1):
        if word == "-m" and place + 1 < len(command) and not first.startswith("torchrun"):
            return place + 1
        if word == "-c":
            return place + 1
        if word.endswith(_SCRIPTS):
            return place
    return 0


def _key(name: str) -> str:
    return name.replace("-", "_")


def parse_value(text: str) -> Any:
    """A JSON value where the text is one, Python's and YAML's words for truth and nothing, else the text itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) > 10_000:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        pass
    except RecursionError:
        return text
    else:
        return value
    try:
        return float(text) if "_" not in text and text.strip() == text else text
    except ValueError:
        return text
