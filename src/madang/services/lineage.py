"""The lineage graph around a run, some data or a version: what it was made of, and what it led to."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from madang.domain import lineage_graph as rules
from madang.domain.access import Permission, Principal, require
from madang.domain.lineage_graph import Graph, Link, Node, Thing
from madang.domain.pipelines import OUTS_TAG, STAGE_TAG, stage_outs
from madang.domain.query import Among, Compare, Field, Order, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.versions import SOURCE, VersionRecord
from madang.errors import Conflict, InvalidInput, NotFound
from madang.services.artifacts import Artifacts
from madang.services.search import Search

MAX_DEPTH = 10
MAX_NODES = 300
MAX_NEIGHBOURS = 30  # of one node in one direction, the newest
_LOOKED_AT = 200  # executions of stages that may have made some data


class Lineage:
    """Follows what was read and written, in both directions. Thread-safe."""

    def __init__(self, search: Search, artifacts: Artifacts) -> None:
        self._search = search
        self._artifacts = artifacts

    def around(self, who: Principal, project: str, start: str, above: int, below: int) -> Graph:
        """What ``start`` was made of, ``above`` steps far, and what it led to, ``below`` steps far.

        Raises:
            NotFound: there is no such thing. InvalidInput: ``start`` names nothing.
        """
        require(who, Permission.READ, project)
        walk = _Walk(self, who, project)
        first = walk.node(rules.parse(start))
        if first is None:
            raise NotFound(f"There is no {start[:200]} in project {project!r}.")
        walk.go(first, above, up=True)
        walk.go(first, below, up=False)
        return Graph(walk.start, list(walk.nodes.values()), list(walk.links), walk.is_cut)

    def node(self, who: Principal, project: str, thing: Thing) -> Node | None:
        """A thing as a node; None when it is not there."""
        if thing.kind == "data":
            return Node(thing.id, "data", thing.name, thing.version, thing.name)
        try:
            if thing.kind == "version":
                found = self.resolve(who, project, f"{thing.name}:{thing.version}")
                aliases = [alias for alias in found.aliases if alias != "latest"]
                return Node(
                    thing.id, "version", thing.name, thing.version, found.ref, found.type, "", found.created_at,
                    aliases, project="" if found.project == project else found.project,
                )  # fmt: skip
            return _node_of(self._search.run(who, thing.name), project)
        except (NotFound, Conflict):
            return None

    def neighbours(self, who: Principal, project: str, node: Node, *, up: bool) -> list[Thing | Node]:
        """What a node was made of, or with ``up`` false what it led to; newest first where runs are many."""
        if node.kind == "run":
            run = self._search.run(who, node.name)
            things = rules.read_by(run) if up else rules.written_by(run)
            return [self._seen_from(who, project, run.project, thing) for thing in things]
        if not up:
            return self._readers(who, project, node)
        if node.kind == "version":
            made = self.resolve(who, project, f"{node.name}:{node.version}")
            shown, _, number = made.tags.get(SOURCE, "").rpartition(":")
            found = [self._seen_from(who, project, made.project, Thing("version", shown, number))] if shown else []
            return [*([Thing("run", made.run)] if made.run else []), *found]
        return [_node_of(run, project) for run in self._makers(who, project, node)]

    def _seen_from(self, who: Principal, project: str, home: str, thing: Thing) -> Thing:
        """What project ``home`` calls so, by the name that it has for ``project``."""
        if thing.kind != "version" or (home == project and "/" not in thing.name):
            return thing
        try:
            found = self.resolve(who, home, f"{thing.name}:{thing.version}")
        except (NotFound, Conflict):
            return thing if home == project else Thing("version", f"{home}/{thing.name}", thing.version)
        name = found.name if found.project == project else f"{found.project}/{found.name}"
        return Thing("version", name, f"v{found.number}")

    def resolve(self, who: Principal, project: str, ref: str) -> VersionRecord:
        """The version that a run of a project means by ``name:v3`` or ``other project/name:v3``. Raises `NotFound`."""
        places = [(project, ref)]
        parts = ref.split("/")
        places += [("/".join(parts[:cut]), "/".join(parts[cut:])) for cut in range(1, len(parts))]
        for place, own in places:
            with suppress(NotFound, InvalidInput):
                return self._artifacts.resolve(who, place, own)
        raise NotFound(f"Project {project!r} has no {ref[:200]!r}.")

    def users(self, who: Principal, project: str, ref: str, limit: int = _LOOKED_AT) -> list[RunRecord]:
        """The runs that read an exact version (``name:v3``), newest first, those of other projects too."""
        name = ref.rpartition(":")[0]
        found: dict[str, RunRecord] = {}
        for own, where in ((name, (project,)), (f"{project}/{name}", None)):
            wanted = ref if own == name else f"{project}/{ref}"
            uses = [use.run for use in self._search.data_uses(who, own) if where is None or use.project == project]
            chosen = Among(Field("attributes", "id"), tuple(uses[-limit:]))
            query = RunQuery(where, chosen, limit=limit, keys=(), deleted="all")
            runs = self._search.runs(who, query).runs if uses else []
            found |= {run.id: run for run in runs if any(use.version == wanted for use in run.uses)}
        return sorted(found.values(), key=lambda run: (run.created_at, run.id), reverse=True)

    def _readers(self, who: Principal, project: str, node: Node) -> list[Thing | Node]:
        if node.kind == "version":
            version = self.resolve(who, project, f"{node.name}:{node.version}")
            return [_node_of(run, project) for run in self.users(who, version.project, version.ref)]
        readers = [
            use.run
            for use in reversed(self._search.data_uses(who, node.name))
            if use.project == project and use.version.removeprefix("~") == node.version
        ]
        where = Among(Field("attributes", "id"), tuple(readers[:MAX_NEIGHBOURS]))
        query = RunQuery((project,), where, limit=MAX_NEIGHBOURS, keys=(), deleted="all")
        found = {run.id: run for run in self._search.runs(who, query).runs} if readers else {}
        return [_node_of(found[run], project) if run in found else Thing("run", run) for run in readers]

    def _makers(self, who: Principal, project: str, node: Node) -> Iterable[RunRecord]:
        where = Compare(Field("tags", OUTS_TAG), "contains", node.version)
        order = (Order(Field("attributes", "created_at"), descending=True),)
        found = self._search.runs(who, RunQuery((project,), where, order, limit=_LOOKED_AT, keys=())).runs
        return [
            run for run in found if any((out.path, out.digest) == (node.name, node.version) for out in stage_outs(run))
        ]


def _node_of(run: RunRecord, project: str) -> Node:
    return Node(
        Thing("run", run.id).id,
        "run",
        run.id,
        title=run.name,
        status=run.status,
        at=run.created_at,
        stage=run.tags.get(STAGE_TAG, ""),
        project="" if run.project == project else run.project,
    )


class _Walk:
    """One walk through the graph."""

    def __init__(self, graph: Lineage, who: Principal, project: str) -> None:
        self.nodes: dict[str, Node] = {}
        self.links: dict[Link, None] = {}
        self.is_cut = False
        self.start = ""
        self._graph, self._who, self._project = graph, who, project

    def node(self, thing: Thing | Node) -> Node | None:
        """The node of a thing, once; None when it is not there or there is no more room."""
        known = self.nodes.get(thing.id)
        if known is not None:
            return known
        if len(self.nodes) >= MAX_NODES:
            self.is_cut = True
            return None
        made = thing if isinstance(thing, Node) else self._graph.node(self._who, self._project, thing)
        if made is None or (known := self.nodes.get(made.id)) is not None:  # a run may be named by part of its id
            return known if made else None
        self.nodes[made.id] = made
        self.start = self.start or made.id
        return made

    def go(self, first: Node, depth: int, *, up: bool) -> None:
        """Look at everything up to a distance in one direction."""
        layer, seen = [first], {first.id}
        for _ in range(depth):
            following: list[Node] = []
            for node in layer:
                for other in self._beside(node, up=up):
                    if other.id not in seen:
                        seen.add(other.id)
                        following.append(other)
            layer = following

    def _beside(self, node: Node, *, up: bool) -> list[Node]:
        things = self._graph.neighbours(self._who, self._project, node, up=up)
        found = []
        for thing in things[:MAX_NEIGHBOURS]:
            other = self.node(thing)
            if other is not None and other.id != node.id:
                found.append(other)
                self.links[Link(other.id, node.id) if up else Link(node.id, other.id)] = None
        count = len(found) + max(0, len(things) - MAX_NEIGHBOURS)
        now = self.nodes[node.id]
        self.nodes[node.id] = rules.counted(now, count if up else None, None if up else count)
        return found
