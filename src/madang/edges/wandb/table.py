"""All routes of the edge."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from madang.domain.access import Permission
from madang.edges.wandb import artifact_transfer, fetching, file_stream, uploading
from madang.edges.wandb.services import WandbCall
from madang.http.routes import Route, RouteTable
from madang.http.signing import CLAIMS

if TYPE_CHECKING:
    from madang.edges.wandb.executor import Executor

_DOCUMENT = 64 << 20  # bytes; a run's config and summary travel in variables


class Question(msgspec.Struct):
    """The body of POST /graphql."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None


@cache
def _graphql() -> Executor:
    from madang.edges.wandb.schema import executor  # a server that no such client calls does not load GraphQL

    return executor()


def answer(call: WandbCall) -> Any:
    """POST /graphql."""
    asked: Question = call.body
    return _graphql().run(asked.query, asked.variables or {}, asked.operationName or None, call)


def table() -> RouteTable:
    """All routes of the edge."""
    return RouteTable(
        "",
        [
            Route(
                method="POST",
                pattern="/graphql",
                handler=answer,
                permission=Permission.NONE,  # each resolver asks a service, which asks for the exact project
                summary="W&B's GraphQL",
                body=Question,
                limit=_DOCUMENT,
            ),
            Route(
                method="GET",
                pattern="/files/{entity}/{project}/{run}/{path...}",
                handler=fetching.fetch,
                permission=Permission.READ,
                summary="A file of a W&B run",
            ),
            Route(
                method="PUT",
                pattern="/files/{entity}/{project}/{run}/{path...}",
                handler=uploading.put,
                permission=Permission.NONE,  # the address is signed
                summary="The bytes of a file of a W&B run",
                query=CLAIMS,
            ),
            Route(
                method="POST",
                pattern="/files/{entity}/{project}/{run}/file_stream",
                handler=file_stream.file_stream,
                permission=Permission.WRITE,
                summary="Lines of a W&B run",
            ),
            *artifact_transfer.routes(),
        ],
    )


def is_ours(path: bytes) -> bool:
    """Whether a request's path (undecoded) belongs to this edge."""
    return path == b"/graphql" or path.startswith(b"/files/") or artifact_transfer.is_ours(path)
