"""Several clients that write one run together, as distributed training does with W&B's mode `shared`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.wandb.conftest import Client, Hub
from tests.wandb.test_runs import READ

from madang.domain.line_streams import DIGEST, Line, compare, placed, places_of

WRITES = """
import wandb, sys, time
rank = int(sys.argv[1])
run = wandb.init(project="shared", id="both", settings=wandb.Settings(
    mode="shared", x_label=f"rank{rank}", x_primary=rank == 0, x_update_finish_state=rank == 0))
run.config.update({f"of{rank}": {"rank": rank}})
for step in range(4):
    run.log({f"loss{rank}": step})
    print(f"{rank}: line {step}")
run.summary[f"sum{rank}"] = rank
print("READY", flush=True)
sys.stdin.readline()
run.finish()
"""


def test_what_several_clients_of_a_run_say_is_all_there(wandb_client: Client, hub: Hub) -> None:
    """Config, summary, rows and console of each, and the run has ended when the first one says so."""
    clients = [wandb_client.start(WRITES, str(rank)) for rank in (0, 1)]
    for client in clients:
        assert client.stdout is not None
        assert any(line == "READY\n" for line in client.stdout)
    for client in clients:
        _, err = client.communicate("\n", timeout=200)
        assert client.returncode == 0, err
    told = wandb_client(READ, "madang/shared/both")
    assert told["config"] == {"of0": {"rank": 0}, "of1": {"rank": 1}}
    assert [[row[key] for row in told["rows"] if key in row] for key in ("loss0", "loss1")] == [[0, 1, 2, 3]] * 2
    assert {key: told["summary"][key] for key in ("loss0", "loss1", "sum0", "sum1")} == {
        "loss0": 3, "loss1": 3, "sum0": 0, "sum1": 1,
    }  # fmt: skip
    lines = [line for line in told["console"] if "line" in line]
    assert sorted(lines) == [f"{rank}: line {step}" for rank in (0, 1) for step in range(4)]
    assert told["state"] == "finished"
    labels = "import wandb, json\nrun = wandb.Api().run('madang/shared/both')\n"
    labels += "print(json.dumps([[line.label, line.content] for line in run.console_logs() if 'line' in line.content]))"
    assert all(text.startswith(label.removeprefix("rank")) for label, text in wandb_client(labels))
    assert wandb_client(EDIT) == [{"of0": {"rank": 0}}, False, 3]


EDIT = """
import json, wandb
run = wandb.Api().run("madang/shared/both")
del run.config["of1"], run.summary["sum1"]
run.update()
run = wandb.Api().run("madang/shared/both")
print(json.dumps([run.config, "sum1" in run.summary._json_dict, run.summary["loss1"]]))
"""
SHARED = {"_wandb": {"value": {"t": {"3": [67]}}}}


def _begun(hub: Hub, name: str) -> None:
    hub.ask(
        """mutation U($config: JSONString, $name: String) { upsertBucket(input: {
            modelName: "shared", name: $name, host: "h", config: $config}) { bucket { id } } }""",
        config=json.dumps(SHARED),
        name=name,
    )


def test_each_writer_numbers_the_lines_of_its_own_console(hub: Hub) -> None:
    """Lines come behind those that are there; the same again is passed over; one written anew keeps its place."""
    _begun(hub, "console")

    def say(writer: str, offset: int, *texts: str) -> None:
        content = [json.dumps({"content": text, "label": writer}) for text in texts]
        path = "/files/madang/shared/console/file_stream"
        assert hub.post(path, {"files": {"output.log": {"offset": offset, "content": content}}})[0] == 200

    say("a", 0, "a0", "a1: 10 %")
    say("b", 0, "b0", "b1")
    say("a", 1, "a1: 90 %", "a2")
    say("b", 0, "b0", "b1")
    answer: Any = hub.ask(
        """{ project(name: "shared") { run(name: "console") { logLines(first: 10) {
            edges { node { line label } } } } } }"""
    )
    edges = [edge["node"] for edge in answer["project"]["run"]["logLines"]["edges"]]
    assert [edge["line"] for edge in edges] == ["a0", "a1: 90 %", "b0", "b1", "a2"]
    assert [edge["label"] for edge in edges] == ["a", "a", "b", "b", "a"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.lists(st.text(max_size=2), max_size=4))))
def test_places_hold(pieces: list[tuple[str, int, list[str]]]) -> None:
    """Whatever comes in whatever order: no two lines have one place, and a line has the same one for ever."""
    digests: dict[str, dict[int, bytes]] = {"a": {}, "b": {}}
    held: dict[str, dict[int, bytes]] = {"a": {}, "b": {}}
    found: dict[tuple[str, int], int] = {}
    after = 0
    for writer, offset, lines in pieces:
        known = digests[writer]
        count = max((first + len(block) // DIGEST for first, block in known.items()), default=0)
        compared = compare(lines, offset, count, dict(known))
        known.update(compared.blocks)
        places, blocks = placed(compared.fresh, held[writer], after)
        held[writer].update(blocks)
        after = max([after, *places])
        for line, place in zip(compared.fresh, places, strict=True):
            assert found.setdefault((writer, line.number), place) == place
    assert len(set(found.values())) == len(found)


def test_only_lines_of_writers_have_places() -> None:
    """Files of a run that one client writes are numbered by it."""
    assert not places_of("log")
    assert placed([Line(0, "x", False)], {}, 4)[0] == [5]
