"""The route table: every route says what it is, what it takes and which permission it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, Literal

from madang.domain.access import Permission
from madang.errors import ConfigError, NotFound

NONE, READ, WRITE, ADMIN = Permission
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SAFE = frozenset({"GET", "HEAD"})
JSON_BODY = 4 << 20  # bytes; the limit of a decoded body unless the route sets its own
LARGE_BODY = 64 << 20  # bytes; of a body that lists the files of a version


@dataclass(frozen=True)
class Param:
    """One parameter of the query string."""

    name: str
    kind: Literal["string", "integer", "boolean"] = "string"
    repeated: bool = False
    help: str = ""


@dataclass(frozen=True)
class Route:
    """One method and path.

    ``pattern`` has parameters as ``{name}``; a last part ``{name...}`` takes the rest of the path. ``permission`` is
    the least level that anyone must hold somewhere; the service asks for the exact project. ``handler`` is a plain
    function (run in a thread) or an async one, taking a `Call`. ``body`` is what a JSON or MessagePack body becomes;
    without it the handler may stream the body itself. ``answer`` describes the answer: a type, or a media type.
    ``prompt``: the handler reads a little, then writes one thing, and may be called again where that was refused: the
    server need not hand it to a thread (`http.dispatch.Dispatcher.at_once`).
    """

    method: str
    pattern: str
    handler: Callable[..., Any]
    permission: Permission
    summary: str
    _: KW_ONLY
    query: tuple[Param, ...] = ()
    body: Any = None
    answer: Any = None
    status: int = 200
    limit: int = JSON_BODY
    prompt: bool = False

    @property
    def writes(self) -> bool:
        """Whether a call may change something, and so may wait for whoever else writes."""
        return self.method not in SAFE and self.permission is not Permission.READ

    @cached_property
    def names(self) -> list[str]:
        """The parameters of the pattern, in order."""
        return [part.strip("{}.") for part in pattern_parts(self.pattern) if part.startswith("{")]


class Node:
    """One position in the tree of paths."""

    __slots__ = ("fixed", "param", "rest", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, Node] = {}
        self.param: Node | None = None
        self.rest: Node | None = None
        self.routes: dict[str, Route] = {}


class RouteTable:
    """All routes of one edge.

    Raises:
        ConfigError: a route declares no permission, or two routes claim one method and path.
    """

    def __init__(self, prefix: str, routes: Iterable[Route]) -> None:
        self.prefix = prefix
        self.routes = tuple(routes)
        self._root = Node()
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        where = f"{route.method} {self.prefix}{route.pattern}"
        if not isinstance(route.permission, Permission):
            raise ConfigError(f"The route {where} declares no permission.", hint="Say which level it needs.")
        if route.method not in METHODS or not route.pattern.startswith("/"):
            raise ConfigError(f"The route {where} is not well formed.")
        node = self._root
        for part in pattern_parts(route.pattern):
            if part.startswith("{") and part.endswith("...}"):
                node.rest = node.rest or Node()
                node = node.rest
            elif part.startswith("{"):
                node.param = node.param or Node()
                node = node.param
            else:
                node = node.fixed.setdefault(part, Node())
        if route.method in node.routes:
            raise ConfigError(f"Two routes claim {where}.")
        node.routes[route.method] = route

    def match(self, method: str, parts: list[str]) -> tuple[Route, dict[str, str]]:
        """The route for decoded path parts (without the prefix's), and its path parameters.

        Raises:
            NotFound: there is no such path.
            MethodNotAllowed: there is, with other methods.
        """
        found = _find(self._root, parts, 0)
        if found is None:
            raise NoSuchRoute("There is nothing at this path.", hint=f"{self.prefix}/openapi.json lists what there is.")
        node, values = found
        route = node.routes.get(method) or (node.routes.get("GET") if method == "HEAD" else None)
        if route is None:
            raise MethodNotAllowed(sorted(node.routes))
        return route, dict(zip(route.names, values, strict=True)) if values else {}


class NoSuchRoute(NotFound):
    """The path does not exist."""


class MethodNotAllowed(Exception):
    """The path exists and the method does not."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__("method not allowed")
        self.allowed = allowed


def pattern_parts(pattern: str) -> list[str]:
    """The parts of a route's pattern."""
    return [part for part in pattern.split("/") if part]


def _find(node: Node, parts: list[str], at: int) -> tuple[Node, list[str]] | None:
    if at == len(parts):
        return (node, []) if node.routes else None
    fixed = node.fixed.get(parts[at])
    if fixed is not None:
        found = _find(fixed, parts, at + 1)
        if found is not None:
            return found
    if node.param is not None:
        found = _find(node.param, parts, at + 1)
        if found is not None:
            return found[0], [parts[at], *found[1]]
    if node.rest is not None:
        return node.rest, ["/".join(parts[at:])]
    return None
