"""The manifest of a W&B artifact: its files and references, and the digest over them.

Version 1, JSON: `contents` maps a path to `digest` (base64 of the MD5 of a file; of a reference what its source said,
such as an ETag), `size`, and where it applies `ref`, `extra` and `birthArtifactID`. The digest of an artifact is the
MD5 of the line ``wandb-artifact-manifest-v1`` and a line ``path:digest`` for each path in their order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from madang.domain.versions import Entry
from madang.errors import InvalidInput

NAME = "wandb_manifest.json"
POLICY = "wandb-storage-policy-v1"
ARTIFACT = "wandb-artifact"
"""The scheme of references to files of other artifacts: ``wandb-artifact://HEX OF THE ID/path``."""
_HEAD = b"wandb-artifact-manifest-v1\n"


class File(msgspec.Struct, omit_defaults=True, rename={"birth": "birthArtifactID"}):
    """One path of a manifest. Where a file lay on its client's machine is passed over."""

    digest: str
    size: int | None = None
    ref: str | None = None
    birth: str | None = None
    extra: dict[str, Any] = {}


class _Manifest(msgspec.Struct):
    version: int
    contents: dict[str, File]
    storagePolicy: str = POLICY
    storagePolicyConfig: dict[str, Any] = msgspec.field(default_factory=lambda: {"storageLayout": "V2"})


_READ = msgspec.json.Decoder(_Manifest)


def read(data: bytes) -> dict[str, File]:
    """The paths of a manifest.

    Raises:
        InvalidInput: it is none, or one of a later version.
    """
    try:
        found = _READ.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"The manifest cannot be read: {error}") from None
    if found.version != 1:
        raise InvalidInput(f"Version {found.version} of manifests is not known here.")
    return found.contents


def write(files: Mapping[str, File]) -> bytes:
    """A manifest."""
    return msgspec.json.encode(_Manifest(1, dict(files)))


def digest_of(files: Mapping[str, File]) -> str:
    """The digest of an artifact with these files, in hex."""
    found = hashlib.md5(_HEAD, usedforsecurity=False)
    for path in sorted(files):
        found.update(f"{path}:{files[path].digest}\n".encode())
    return found.hexdigest()


def hex_of(digest: str) -> str:
    """The MD5 that a digest of the wire means, in hex; empty when it is none."""
    try:
        plain = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return plain.hex() if len(plain) == 16 else ""


def digest_of_hex(md5: str) -> str:
    """As the wire writes an MD5."""
    return base64.b64encode(bytes.fromhex(md5)).decode()


def entry_of(path: str, file: File) -> Entry:
    """A reference of a manifest as an entry of ours."""
    md5 = hex_of(file.digest)
    about = msgspec.json.encode(file.extra, order="sorted").decode() if file.extra else ""
    return Entry(path, f"md5:{md5}" if md5 else f"etag:{file.digest}", file.size or 0, file.ref or "", about)


def file_of(entry: Entry, md5: str, birth: str = "") -> File:
    """An entry of ours in a manifest; ``md5`` (hex) is that of the bytes where this store has them."""
    kind, _, told = entry.digest.partition(":")
    digest = digest_of_hex(md5 or told) if md5 or kind == "md5" else told
    if not entry.uri:
        return File(digest, entry.size, None, birth or None)
    return File(digest, entry.size, entry.uri, None, _object(entry.about))


def target_of(uri: str) -> tuple[str, str] | None:
    """(artifact's id on the wire, path) that a reference to another artifact means; None for other references."""
    scheme, _, rest = uri.partition("://")
    if scheme != ARTIFACT:
        return None
    number, _, path = rest.partition("/")
    try:
        return base64.b64encode(bytes.fromhex(number)).decode(), path
    except ValueError:
        raise InvalidInput(f"The reference {uri[:200]!r} names no artifact.") from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
