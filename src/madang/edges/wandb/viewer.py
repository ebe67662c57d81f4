"""Who calls, which entities there are, and what this server can do."""

from __future__ import annotations

from typing import Any

from madang.domain.access import ANONYMOUS
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.services import WandbCall
from madang.errors import Unauthenticated
from madang.formats.wandb.ids import ENTITY, node_id

OFFERED = (
    "LARGE_FILENAMES", "ARTIFACT_TAGS", "CLIENT_IDS", "ARTIFACT_REGISTRY_SEARCH", "STRUCTURED_CONSOLE_LOGS",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES", "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION", "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP", "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "TOTAL_COUNT_IN_FILE_CONNECTION", "ARTIFACT_COLLECTIONS_FILTERING_SORTING", "MARK_RUN_FILES_UPLOADED",
    "SWEEPS_QUERY_FILTERING",
)  # fmt: skip
"""The parts of W&B's API that a client asks for by name before it uses them."""


def viewer(_: Any, call: WandbCall, __: dict[str, Any]) -> dict[str, Any]:
    """The caller."""
    if call.who == ANONYMOUS:
        raise Unauthenticated("This needs a credential.", hint="Log in with a key of this hub.")
    return user(call.who.name)


def user(name: str) -> dict[str, Any]:
    """Somebody by name."""
    return {
        "id": node_id("User", name),
        "name": name,
        "username": name,
        "email": "",
        "admin": False,
        "flags": "{}",
        "entity": ENTITY,
        "teams": {"edges": [{"node": entity(ENTITY)}]},
        "organizations": [],
        "apiKeys": {"edges": []},
    }


def users(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """People by name: a caller finds themselves."""
    asked = given.get("query")
    is_me = call.who != ANONYMOUS and asked in (None, "", call.who.name)
    return {"edges": [{"node": user(call.who.name)}] if is_me else []}


def entity(name: str) -> dict[str, Any]:
    """An entity: whose projects they are."""
    return {
        "id": node_id("Entity", name),
        "name": name,
        "available": False,
        "readOnlyAdmin": False,
        "isTeam": True,
        "entityType": "team",
        "privateOnly": False,
        "storageBytes": 0,
        "codeSavingEnabled": True,
        "defaultAccess": "PRIVATE",
        "members": [],
    }


def server_info(_: Any, __: WandbCall, ___: dict[str, Any]) -> dict[str, Any]:
    """What this server can do."""
    return {
        "cliVersionInfo": {"max_cli_version": "99.0.0"},
        "latestLocalVersionInfo": None,
        "features": [{"name": name, "isEnabled": True} for name in OFFERED],
    }


RESOLVERS: dict[str, Resolver] = {
    "Query.viewer": viewer,
    "Query.serverInfo": server_info,
    "Query.users": users,
    "Query.entity": lambda _, __, given: entity(given.get("name") or ENTITY),
}
