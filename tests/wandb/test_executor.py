"""What a GraphQL document may cost, whatever it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from madang.edges.wandb.executor import Executor
from madang.edges.wandb.schema import executor

SDL = """
type Query { node: Node slow: Node }
type Mutation { change: Node }
type Node { name: String nodes: Nodes plain: [String!] }
type Nodes { edges: [Edge!]! }
type Edge { node: Node }
"""


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def _executor(clock: Clock, lines: int = 100) -> Executor:
    def slow(*_: Any) -> dict[str, Any]:
        clock.at += 50
        return {}

    resolvers = {
        "Query.node": lambda *_: {},
        "Query.slow": slow,
        "Mutation.change": slow,
        "Node.name": lambda *_: "n",
        "Node.nodes": lambda *_: {"edges": [{"node": {}}] * lines},
        "Node.plain": lambda *_: ["x"] * lines,
    }
    return Executor(SDL, resolvers, most=30_000, now=clock)


def _nested(depth: int, field: str = "name") -> str:
    return "{ node { " + "nodes { edges { node { " * depth + field + " } } }" * depth + " } }"


def test_lists_in_lists_end() -> None:
    """A document of twenty words that asks for a hundred million nodes is given up, and says so once."""
    assert _executor(Clock()).run(_nested(2), {}, None, None)["data"]["node"]["nodes"]["edges"][99]
    answer = _executor(Clock()).run(_nested(8), {}, None, None)
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert "too much" in error["message"]


def test_long_lists_of_texts_count() -> None:
    """Items without fields count as well: the same list many times is given up."""
    names = " ".join(f"a{number}: plain" for number in range(500))
    answer = _executor(Clock(), 1000).run("{ node { " + names + " } }", {}, None, None)
    assert answer["data"] is None


def test_a_query_ends_in_a_minute() -> None:
    """What takes longer than any client waits is given up; a change is answered however long it takes."""
    assert _executor(Clock()).run("{ slow { name } }", {}, None, None)["data"] == {"slow": {"name": "n"}}
    answer = _executor(Clock()).run("{ a: slow { name } b: slow { name } c: slow { name } }", {}, None, None)
    assert "too much" in answer["errors"][0]["message"]
    answer = _executor(Clock()).run("mutation { a: change { name } b: change { name } }", {}, None, None)
    assert answer == {"data": {"a": {"name": "n"}, "b": {"name": "n"}}}


@pytest.mark.parametrize(
    "document",
    [
        "{ serverInfo { " + "cliVersionInfo " * 4000 + "} }",
        "{ " + "serverInfo { cliVersionInfo } " * 4500 + "}",
        "{ " + " ".join(f"a{number}: serverInfo {{ cliVersionInfo }}" for number in range(900)) + "}",
        "{ " + 'organization(name: "o") { orgEntity { ' * 2000 + "id" + "} }" * 2000 + "}",
        "{ viewer { ...A } } fragment A on User { teams { edges { node { ...B } } } } fragment B on Entity { ...B id }",
        "{" * 5000,
        "",
    ],
)
def test_documents_that_would_cost_too_much_to_read(document: str) -> None:
    """The same field thousands of times, deep nesting and fragments in a ring are refused before anything is asked."""
    answer = executor().run(document, {}, None, None)
    assert "data" not in answer
    assert answer["errors"]


def test_what_is_not_known_is_left_out_of_a_query_and_refused_in_a_change() -> None:
    """A newer client loses the unknown part alone; a change that nothing here makes does not seem to be made."""
    document = """
        query($a: Newer) { node { name later ...Strange ...Known ... on Newest { id } } stranger(a: $a) { id } }
        fragment Known on Node { plain }
        fragment Strange on Newer { name ...Known }
    """
    assert _executor(Clock(), 1).run(document, {"a": 1}, None, None) == {
        "data": {"node": {"name": "n", "plain": ["x"]}}
    }
    for later in ("later(id: 1) { id }", "... on Mutation { later { id } }", "...More"):
        more = "fragment More on Mutation { ...More later { id } }" if "More" in later else ""
        answer = _executor(Clock()).run(f"mutation {{ change {{ name }} {later} }} {more}", {}, None, None)
        assert answer == {
            "errors": [{"message": 'Cannot query field "later" on type "Mutation". It is not offered here.'}]
        }
