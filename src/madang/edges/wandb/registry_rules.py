"""What a registry says of itself: who sees it, and which types of artifacts it takes."""

from __future__ import annotations

import json
from typing import Any

from madang.domain.projects import RegisteredProject
from madang.errors import InvalidInput

TYPES_TAG, ACCESS_TAG = "wandb.types", "wandb.access"
_OPEN = "PRIVATE"  # to the whole organization, in the words of the service


def said_tags(found: RegisteredProject, said: dict[str, Any]) -> dict[str, str]:
    """The tags of a project that keep what a client says of its registry. Types are only ever added to a list."""
    tags = {}
    if said.get("access"):
        tags[ACCESS_TAG] = str(said["access"])
    if said.get("allowAllArtifactTypesInRegistry"):
        tags[TYPES_TAG] = ""
    elif said.get("artifactTypes") or said.get("allowAllArtifactTypesInRegistry") is False:
        names = [*(allowed_types(found) or []), *(item["name"] for item in said.get("artifactTypes") or [])]
        tags[TYPES_TAG] = json.dumps(list(dict.fromkeys(names)))
    return {name: text for name, text in tags.items() if found.tags.get(name, "") != text}


def access_of(found: RegisteredProject) -> str:
    """Who sees it, in the words of the service. What the callers of this server may is up to their tokens."""
    return found.tags.get(ACCESS_TAG, _OPEN)


def allowed_types(found: RegisteredProject) -> list[str] | None:
    """The types that a registry takes; None: all."""
    try:
        names = json.loads(found.tags.get(TYPES_TAG) or "null")
    except ValueError:  # anyone may set a tag
        return None
    return [str(name) for name in names] if isinstance(names, list) else None


def check_type(found: RegisteredProject, type: str) -> None:
    """Raise `InvalidInput` for a type that a registry does not take."""
    names = allowed_types(found)
    if names is not None and type not in names:
        raise InvalidInput(
            f"The registry {found.name!r} takes no artifacts of type {type!r}.",
            hint=f"It takes {', '.join(names) or 'none yet'}: add the type to it first.",
        )
