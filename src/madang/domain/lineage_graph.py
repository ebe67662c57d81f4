"""Lineage as a graph: runs, versions of data and of artifacts, and what flowed between them."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Literal, TypeAlias

from madang.domain.pipelines import stage_outs
from madang.domain.runs import RunRecord
from madang.domain.values import mutable, value
from madang.errors import InvalidInput

Kind: TypeAlias = Literal["run", "data", "version"]


@value
class Thing:
    """What a node stands for: a run by its id, data by path and digest, a version by name and number."""

    kind: Kind
    name: str  # of a run: its id
    version: str = ""  # "md5:…" of data, "v3" of a version

    @property
    def id(self) -> str:
        """``run:ID``, ``data:PATH@DIGEST`` or ``version:NAME:v3``."""
        sign = {"run": "", "data": "@", "version": ":"}[self.kind]
        return f"{self.kind}:{self.name}{sign}{self.version}"


@value
class Node:
    """A node as readers see it. ``above`` and ``below`` count its neighbours; None where nobody has looked."""

    id: str
    kind: Kind
    name: str
    version: str = ""
    title: str = ""
    type: str = ""  # of a version
    status: str = ""  # of a run
    at: int = 0  # when it began or was made, µs UTC
    aliases: list[str] = field(default_factory=list)  # of a version: where it is in use
    stage: str = ""  # of a run that is the execution of a stage
    above: int | None = None
    below: int | None = None
    project: str = ""  # where it is, when that is another project than the asked one


@value
class Link:
    """Data flows from one node to the other."""

    source: str
    target: str


@mutable
class Graph:
    """Nodes by id, in the order in which they were found, and their links."""

    start: str
    nodes: list[Node] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    is_cut: bool = False  # whether more was found than one answer holds


def parse(text: str) -> Thing:
    """The thing that an id names. Raises `InvalidInput`."""
    kind, _, rest = text.partition(":")
    if kind == "run" and rest:
        return Thing("run", rest)
    if kind == "data":
        name, _, version = rest.rpartition("@")
        if name and version:
            return Thing("data", name, version)
    if kind == "version":
        name, _, version = rest.rpartition(":")
        if name and version.startswith("v") and version[1:].isdecimal():
            return Thing("version", name, version)
    raise InvalidInput(f"{text[:80]!r} names nothing.", hint="Such as run:ID, data:PATH@md5:DIGEST or version:NAME:v3.")


def read_by(run: RunRecord) -> list[Thing]:
    """What went into a run: tracked data and versions. Files that nothing tracks are left out.

    A tracked file that was declared as well (`run.use`) is one thing: the version that its record names.
    """
    tracked = {
        item.path: Thing("data", item.out, version)
        for item in run.inputs
        if item.out and (version := item.digest if item.out == item.path else item.version)
    }
    found: dict[Thing, None] = {}
    for use in run.uses:
        name, _, number = use.version.rpartition(":")
        if name:
            found[Thing("version", name, number)] = None
        elif use.path and use.digest and use.path not in tracked:
            found[Thing("data", use.path, use.digest)] = None
    return [*found, *(thing for thing in dict.fromkeys(tracked.values()) if thing not in found)]


def written_by(run: RunRecord) -> list[Thing]:
    """What came out of a run: versions, and the outputs of the stage that it executed."""
    found = [Thing("version", *ref.rsplit(":", 1)) for ref in run.versions if ":" in ref]
    return [*found, *dict.fromkeys(Thing("data", item.path, item.digest) for item in stage_outs(run))]


def counted(node: Node, above: int | None, below: int | None) -> Node:
    """The node with what is known of its neighbours by now."""
    return replace(
        node,
        above=node.above if above is None else above,
        below=node.below if below is None else below,
    )
