"""Requests in W&B's dialect: one GraphQL endpoint, and errors as its client reads them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from madang.edges.wandb.services import WandbCall, WandbServices
from madang.errors import MadangError
from madang.formats import wire
from madang.http.answers import STATUS
from madang.http.dispatch import Dispatcher
from madang.http.routes import MethodNotAllowed
from madang.http.threads import Readers, Threads

log = logging.getLogger("madang.wandb")


class WandbDispatcher(Dispatcher[WandbServices]):
    """The edge as an ASGI application."""

    async def guard(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """The answer of ``work``, or of the error it ended with."""
        try:
            return await work()
        except MethodNotAllowed as error:
            return refused(f"Use {', '.join(error.allowed)} here.", 405)
        except MadangError as error:
            return failure(error)
        except OSError:
            log.exception("storage failed")
            return refused("The server cannot write or read its storage now.", 503)
        except Exception:  # noqa: BLE001 - the outermost edge: a defect must reach the log and not the caller
            return _defect()

    def threads(self, call: WandbCall) -> Threads | Readers:
        """Where the handler of a call runs: a document of GraphQL writes where it has the keyword for that."""
        asks = getattr(call.body, "query", None)
        return super().threads(call) if asks is None or "mutation" in asks else self.readers

    def encoded(self, value: Any, call: WandbCall) -> Response:
        """What a handler gave, as JSON."""
        return Response(msgspec.json.encode({} if value is None else value), 200, None, wire.JSON)


def _defect() -> Response:
    log.exception("a handler failed")
    return refused("The server has a defect here; its log says more.", 500)


def failure(error: MadangError) -> Response:
    """An expected failure, with the status that tells the client whether to try again."""
    if error.code == "storage":  # the client goes on and tells nobody
        log.error("%s", error)
    if error.code == "unauthenticated":
        return refused("user is not logged in", 401)  # what the client looks for
    return refused(str(error), STATUS.get(error.code, 400))


def refused(message: str, status: int) -> Response:
    """An error."""
    return Response(msgspec.json.encode({"errors": [{"message": message}]}), status, None, wire.JSON)
