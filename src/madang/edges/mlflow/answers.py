"""Answers in MLflow's shapes: JSON values and errors with its codes and statuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from madang.errors import (
    AccessDenied,
    Conflict,
    CorruptData,
    InvalidInput,
    MadangError,
    NotFound,
    StorageError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from madang.http.answers import log
from madang.http.routes import MethodNotAllowed, NoSuchRoute

JSON = "application/json"
_CODES: tuple[tuple[type[Exception], str, int], ...] = (
    (NoSuchRoute, "ENDPOINT_NOT_FOUND", 404),
    (NotFound, "RESOURCE_DOES_NOT_EXIST", 404),
    (Conflict, "RESOURCE_ALREADY_EXISTS", 400),
    (Unauthenticated, "UNAUTHENTICATED", 401),
    (AccessDenied, "PERMISSION_DENIED", 403),
    (TooLarge, "INVALID_PARAMETER_VALUE", 413),
    (InvalidInput, "INVALID_PARAMETER_VALUE", 400),
    (Unavailable, "TEMPORARILY_UNAVAILABLE", 503),
    (StorageError, "TEMPORARILY_UNAVAILABLE", 503),
    (CorruptData, "DATA_LOSS", 500),
    (MethodNotAllowed, "ENDPOINT_NOT_FOUND", 405),
)


def answer(value: Any) -> Response:
    """A value as JSON; bytes are JSON already."""
    return Response(value if isinstance(value, bytes) else msgspec.json.encode(value), 200, None, JSON)


def failed(code: str, message: str, status: int) -> Response:
    """An error that MLflow's client understands."""
    headers = {"www-authenticate": 'Basic realm="madang", Bearer'} if status == 401 else None
    return Response(msgspec.json.encode({"error_code": code, "message": message}), status, headers, JSON)


def failure(error: MadangError | MethodNotAllowed) -> Response:
    """An expected failure."""
    for kind, code, status in _CODES:
        if isinstance(error, kind):
            return failed(code, str(error), status)
    return failed("INVALID_PARAMETER_VALUE", str(error), 400)


async def guarded(work: Callable[[], Awaitable[Response]]) -> Response:
    """The answer of ``work``, or of the error it ended with."""
    try:
        return await work()
    except (MadangError, MethodNotAllowed) as error:
        return failure(error)
    except OSError as error:
        log.error("the operating system refused: %s", error)
        return failed("TEMPORARILY_UNAVAILABLE", "The server's disk refused. Tell its admin.", 503)
    except Exception:  # noqa: BLE001 - the outermost edge: a defect must reach the log and not the caller
        log.exception("a handler failed")
        return failed("INTERNAL_ERROR", "The server made a mistake; its log has the details.", 500)
