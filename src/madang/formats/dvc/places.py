"""Keys in a remote: what lies there, and the check that bytes belong to a key.

Three kinds of objects lie in a remote of dvc: those of dvc 3 (``files/md5/ab/cdef…``), those of dvc 2 (``ab/cdef…``,
named by the MD5 of the text with its line ends folded), and entries of the run cache (``runs/<k[:2]>/<k>/<v>``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from madang.domain.values import value
from madang.errors import CorruptData, InvalidInput
from madang.formats.dvc import yamltext
from madang.formats.dvc.digest import new_md5, sha256_of
from madang.formats.dvc.dos2unix import Dos2UnixMD5

Kind = Literal["md5", "legacy", "run"]

MAX_RUN_ENTRY = 8 << 20  # bytes of an entry of the run cache
_KEY = re.compile(
    r"(?:(?P<new>files/md5/)?(?P<head>[0-9a-f]{2})/(?P<rest>[0-9a-f]{30}(?:\.dir)?)"
    r"|runs/(?P<short>[0-9a-f]{2})/(?P<run>[0-9a-f]{64})/(?P<value>[0-9a-f]{64}))\Z"
)


@value
class Place:
    """What a key stands for: an object's name, or the two digests of a run cache's entry joined by ``/``."""

    kind: Kind
    name: str

    @property
    def key(self) -> str:
        """The key in a store."""
        if self.kind == "run":
            return f"runs/{self.name[:2]}/{self.name}"
        return f"{'files/md5/' if self.kind == 'md5' else ''}{self.name[:2]}/{self.name[2:]}"


def place_of(key: str) -> Place | None:
    """The place of a key, or None when nothing of dvc lies there."""
    match = _KEY.match(key)
    if match is None:
        return None
    if match["run"] is not None:
        return Place("run", f"{match['run']}/{match['value']}") if match["run"].startswith(match["short"]) else None
    return Place("md5" if match["new"] else "legacy", match["head"] + match["rest"])


def check_place(key: str) -> Place:
    """The place of a key.

    Raises:
        InvalidInput: nothing of dvc lies there.
    """
    found = place_of(key)
    if found is None:
        raise InvalidInput(
            f"{key[:120]!r} is not the key of an object.", hint="Keys are files/md5/ab/cdef…, ab/cdef… and runs/…"
        )
    return found


class Check:
    """Takes the bytes of one object as they come, then tells whether they belong there."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._digest = Dos2UnixMD5() if _is_folded(place) else new_md5()
        self._body = bytearray()

    def update(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            CorruptData: there are more than such an object may have.
        """
        if self._place.kind != "run":
            self._digest.update(data)
            return
        self._body += data
        if len(self._body) > MAX_RUN_ENTRY:
            raise CorruptData(f"The entry {self._place.name} of a run cache is over {MAX_RUN_ENTRY} bytes.")

    def finish(self, digest: str = "") -> None:
        """Say that all bytes have come. Their own digest tells nothing here.

        Raises:
            CorruptData: they do not belong there.
        """
        if self._place.kind == "run":
            fits = run_name(bytes(self._body)) == self._place.name
        else:
            fits = self._digest.hexdigest() == self._place.name[:32]
        if not fits:
            raise CorruptData(
                f"The bytes that came are not those of {self._place.key}.", hint="Send the object again, unchanged."
            )


def _is_folded(place: Place) -> bool:
    return place.kind == "legacy" and not place.name.endswith(".dir")


def run_name(body: bytes) -> str:
    """The name of a run cache's entry with this content (empty when it is none): ``<k>/<v>``.

    ``v`` is the SHA-256 of the entry as JSON with sorted keys, sizes left out; ``k`` the same with the outputs' paths
    in place of the outputs.
    """
    try:
        return run_name_of(yamltext.load(body.decode(), "an entry of the run cache"))
    except (InvalidInput, ValueError, TypeError, KeyError, RecursionError):
        return ""


def run_name_of(entry: Mapping[str, Any]) -> str:
    """The same for an entry as a value. Raises TypeError, ValueError or KeyError for one that can have no name."""
    plain = _without_sizes(entry)
    inputs = {**plain, "outs": [out["path"] for out in plain.get("outs", ())]}
    return f"{_sha256(inputs)}/{_sha256(plain)}"


def _without_sizes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_sizes(item) for key, item in value.items() if key not in ("size", "nfiles")}
    return [_without_sizes(item) for item in value] if isinstance(value, list) else value


def _sha256(value: Any) -> str:
    return sha256_of(json.dumps(value, sort_keys=True).encode())
