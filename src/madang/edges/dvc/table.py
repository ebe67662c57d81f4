"""The routes of a project's data remote. The address to configure is ``http://HUB/dvc/PROJECT``."""

from __future__ import annotations

from typing import Any

from madang.domain.access import Permission
from madang.edges.dvc import objects
from madang.formats import hub_data
from madang.http.routes import Param, Route, RouteTable

PREFIX = "/dvc"
READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
_PLACES = ("/files/md5/{head}/{rest}", "/{head}/{rest}", "/runs/{prefix}/{inputs}/{entry}")
_BYTES = "application/octet-stream"


def _route(method: str, pattern: str, handler: Any, permission: Permission, summary: str, **more: Any) -> Route:
    return Route(
        method=method, pattern="/{project}" + pattern, handler=handler, permission=permission, summary=summary, **more
    )


def _plain() -> list[Route]:
    """What a stock dvc asks for: one object a request."""
    routes = []
    for place in _PLACES:
        routes += [
            _route("HEAD", place, objects.head, READ, "Whether an object is there, and its size"),
            _route("GET", place, objects.get, READ, "An object's bytes", answer=_BYTES),
            _route("PUT", place, objects.put, WRITE, "Store an object; its MD5 is checked", status=201),
            _route("POST", place, objects.put, WRITE, "The same, by dvc's usual method", status=201),
        ]
    return routes


def _cut() -> list[Route]:
    """Large objects whose sending may break off."""
    routes = []
    for place in _PLACES[:2]:
        routes += [
            _route("HEAD", f"/uploads{place}", objects.arrived, WRITE, "How much of an upload that was cut is here"),
            _route("PATCH", f"/uploads{place}", objects.append, WRITE, "Go on with an upload", status=201),
        ]
    return routes


def _many() -> list[Route]:
    """What madang asks for."""
    pack, keys = hub_data.Pack, hub_data.Keys
    return [
        _route("GET", "/objects", objects.listing, READ, "Objects by key", answer=hub_data.Listing,
               query=(Param("prefix"), Param("after"), Param("limit", "integer"))),
        _route("POST", "/objects/sizes", objects.sizes, READ, "Sizes of many objects", body=keys,
               answer=hub_data.Sizes),
        _route("POST", "/objects/get", objects.get_many, READ, "Many small objects", body=keys, answer=pack),
        _route("POST", "/objects/put", objects.put_many, WRITE, "Store many small objects", body=pack,
               answer=hub_data.Stored, limit=hub_data.PACK_LIMIT),
        _route("POST", "/objects/delete", objects.delete, ADMIN, "Take objects out", body=keys, answer={}),
    ]  # fmt: skip


def table() -> RouteTable:
    """All routes of the edge."""
    return RouteTable(PREFIX, [*_many(), *_cut(), *_plain()])
