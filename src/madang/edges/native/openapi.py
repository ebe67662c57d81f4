"""The OpenAPI 3.1 document, made from the route table and the types of bodies and answers."""

from __future__ import annotations

from typing import Any

import msgspec

from madang.domain.access import Permission
from madang.edges.native.services import NativeCall
from madang.http.answers import STATUS
from madang.http.routes import NONE, Param, Route, RouteTable, pattern_parts
from madang.version import __version__

_REF = "#/components/schemas/{name}"


class ErrorBody(msgspec.Struct):
    """Why a request was not done. ``code`` is stable; ``hint`` says the next step."""

    code: str
    message: str
    hint: str


class ErrorAnswer(msgspec.Struct, rename={"failure": "error"}):
    """The body of every answer that is not a success."""

    failure: ErrorBody


def document(call: NativeCall) -> dict[str, Any]:
    """GET /openapi.json."""
    table: RouteTable = call.request.scope["madang.table"]
    return describe(table)


def describe(table: RouteTable) -> dict[str, Any]:
    """The document for a route table."""
    types = [kind for route in table.routes for kind in (route.body, route.answer) if isinstance(kind, type)]
    schemas, components = msgspec.json.schema_components([*types, ErrorAnswer], ref_template=_REF)
    by_type = dict(zip([*types, ErrorAnswer], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in table.routes:
        path = table.prefix + route.pattern.replace("...}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "madang",
            "version": __version__,
            "description": "The rules are in docs/formats/native-api.md.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic", "description": "The token as password."},
            },
        },
    }


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": route.summary,
        "x-permission": route.permission.name.lower(),
        "security": [] if route.permission is Permission.NONE else [{"token": []}, {"password": []}],
        "parameters": [*_path_parameters(route), *(_parameter(param) for param in route.query)],
        "responses": {
            str(route.status): {"description": "Done.", **_content(route.answer, schemas)},
            "default": {
                "description": f"Not done; the codes are {', '.join(STATUS)}.",
                "content": {"application/json": {"schema": schemas[ErrorAnswer]}},
            },
        },
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas[route.body]}}}
    elif route.method in ("PUT", "PATCH"):
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _content(answer: Any, schemas: dict[Any, Any]) -> dict[str, Any]:
    if answer is None:
        return {}
    if isinstance(answer, str):
        return {"content": {answer: {}}}
    schema = schemas[answer] if isinstance(answer, type) else {"type": "object"}
    return {"content": {"application/json": {"schema": schema}, "application/x-msgpack": {"schema": schema}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part.strip("{}.") for part in pattern_parts(route.pattern) if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _parameter(param: Param) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": param.kind}
    schema = {"type": "array", "items": kind} if param.repeated else kind
    return {"name": param.name, "in": "query", "required": False, "schema": schema, "description": param.help}


def routes() -> list[Route]:
    """The route of this description."""
    return [Route("GET", "/openapi.json", document, NONE, "This description", answer={})]
