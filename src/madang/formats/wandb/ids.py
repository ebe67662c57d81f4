"""Names of W&B and ours: an entity's project is a project, and a run's short name leads to a run's id.

A run's id is derived, not looked up. So the run that a training logs, the one that `wandb sync` sends from another
machine, and the one that `madang import wandb` reads from a folder are the same run, with no table of names between.
"""

from __future__ import annotations

import base64
import binascii
from _blake2 import blake2b  # hashlib loads OpenSSL for it

from madang.domain.ids import WANDB_TAG
from madang.errors import InvalidInput

ENTITY = "madang"
"""The entity of a store's own projects; those of other entities carry its name before theirs."""
UNCATEGORIZED = "uncategorized"
"""Where W&B puts runs for which nobody names a project."""
REGISTRY = "wandb-registry-"
"""Begins the names of the projects that W&B calls registries."""
MODEL_REGISTRY = f"{REGISTRY}model"
"""The registry whose collections are registered models."""
_OLDER_MODEL_REGISTRY = "model-registry"
ID_TAG = WANDB_TAG
"""The tag that keeps the name that a client gave its run."""


def project_name(entity: str | None, project: str | None) -> str:
    """The project of ours that a client means. The older registry of models is that of today, as with the service."""
    name = project or UNCATEGORIZED
    name = MODEL_REGISTRY if name == _OLDER_MODEL_REGISTRY else name
    return name if not entity or entity == ENTITY else f"{entity}/{name}"


def entity_and_project(name: str) -> tuple[str, str]:
    """The entity and the project that a client is told for a project of ours."""
    entity, slash, project = name.partition("/")
    return (entity, project) if slash and entity and project else (ENTITY, name)


def run_id(project: str, name: str, generation: int = 0, secret: bytes = b"") -> str:
    """The id of the run that a client calls ``name`` in a project of ours.

    A run that is begun under the name of one that was deleted is of the next ``generation``. With a store's ``secret``
    (at most 64 bytes) nobody else can find the id out.
    """
    text = f"wandb\0{project}\0{name}" + (f"\0{generation}" if generation else "")
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=secret).hexdigest()


def check_run_name(name: str) -> str:
    """The name that a client gives a run, where the client can send lines to it.

    Clients put it into addresses and escape no percent sign: ``100%`` leads nowhere, ``a%20b`` to the run ``a b``.

    Raises:
        InvalidInput: it is none that stands for itself in an address.
    """
    if any(sign in name for sign in "%\\\0") or any(part in ("", ".", "..") for part in name.split("/")):
        raise InvalidInput(
            f"A run cannot have the id {name[:80]!r}: its client does not escape `%` and backslashes, and would send "
            "its lines to another address.",
            hint="Choose another id; names may have these signs.",
        )
    return name


def node_id(kind: str, *parts: str) -> str:
    """An opaque id on the wire, standard base64 as clients expect: of a kind of thing and what names it."""
    return base64.b64encode("\0".join((kind, *parts)).encode()).decode()


def read_node_id(text: str, kind: str) -> list[str]:
    """What `node_id` was made of; a client may have lost the padding.

    Raises:
        InvalidInput: it is no id of this kind.
    """
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        plain = ""
    found, *parts = plain.split("\0")
    if found != kind or not parts:
        raise InvalidInput(f"{text[:80]!r} is not the id of a {kind.lower()}.")
    return parts
