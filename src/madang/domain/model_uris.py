"""How models are named: by us, by MLflow's URIs, by a digest."""

from __future__ import annotations

import re

from madang.domain.values import value
from madang.domain.versions import STAGES, check_name, check_path, parse_ref
from madang.errors import InvalidInput

_DIGEST = re.compile(r"(?:blake3:)?([0-9a-f]{12,64})\Z")
_LOGGED = re.compile(r"m-([0-9a-f]{32})\Z")
_NUMBER = re.compile(r"v?(\d{1,18})\Z")


@value
class ModelUri:
    """A version (``ref``), or files of a run (``run``, ``path``), or a tree of files by the beginning of its digest.

    A logged model of MLflow 3 is kept as a run is; it has no ``path``.
    """

    name: str = ""
    ref: str = ""  # name:v3, name@alias or name, as `versions.parse_ref` reads it
    run: str = ""
    path: str = ""
    digest: str = ""
    is_fixed: bool = True  # what it means never changes


def parse(text: str) -> ModelUri:
    """Read ``NAME``, ``NAME:v3``, ``NAME@alias``, ``NAME/3``, ``NAME/Stage``, ``models:/…``, ``runs:/…``, a digest.

    Raises:
        InvalidInput: it is none of these.
    """
    if text.startswith("runs:/"):
        run, _, path = text.removeprefix("runs:/").lstrip("/").partition("/")
        if not run or not path:
            raise InvalidInput(f"{text[:200]!r} names no files of a run.", hint="Write runs:/RUN/path.")
        return ModelUri(run=run, path=check_path(path.strip("/")))
    text = text.removeprefix("models:/").strip("/") if text.startswith("models:/") else text
    if found := _LOGGED.match(text):
        return ModelUri(run=found[1])
    if found := _DIGEST.match(text):
        return ModelUri(digest=f"blake3:{found[1]}")
    name, slash, last = text.rpartition("/")
    if slash and name and "@" not in last and ":" not in last:
        number = _NUMBER.match(last)
        if number:
            return ModelUri(check_name(name), f"{check_name(name)}:v{int(number[1])}")
        if last.lower() in (*STAGES, "latest"):
            return ModelUri(check_name(name), f"{check_name(name)}@{last.lower()}", is_fixed=False)
    parsed = parse_ref(text)
    if parsed.number is not None:
        return ModelUri(parsed.name, f"{parsed.name}:v{parsed.number}")
    return ModelUri(parsed.name, f"{parsed.name}@{parsed.alias}", is_fixed=False)
