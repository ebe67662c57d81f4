"""W&B's real client, online, against a hub and against a server that only answers 200."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from typing import Any

from harness import HERE, Bench, Failed, median, ratio
from report import Check, Table
from servers import Server, free_port, serving

from workloads.memory import hub_command

_AGENTS = 1000
_SWEEP = 'mutation($c: String!) { upsertSweep(input: {config: $c, projectName: "bench"}) { sweep { name } } }'
_AGENT = (
    "mutation($s: String!, $h: String!) "
    '{ createAgent(input: {sweep: $s, host: $h, projectName: "bench"}) { agent { id } } }'
)
_BEAT = 'mutation($i: ID!) { agentHeartbeat(input: {id: $i, metrics: "{}", runState: "{}"}) { commands } }'
_TOGETHER = 8


def measure(bench: Bench) -> list[Table]:
    folders = {name: bench.folder(f"wandb-{name}") for name in ("hub", "nothing")}
    ports = {name: free_port() for name in folders}
    nothing = [sys.executable, str(HERE / "peers" / "answers_200.py"), str(ports["nothing"])]
    with (
        serving(bench, hub_command(folders["hub"], ports["hub"]), ports["hub"], cwd=folders["hub"]) as hub,
        serving(bench, nothing, ports["nothing"], cwd=folders["nothing"]) as other,
    ):
        servers = {"hub": hub, "nothing": other}
        return [_online(bench, servers), _together(bench, servers), _in_process(bench), _agents(hub)]


def _online(bench: Bench, servers: dict[str, Server]) -> Table:
    count = 2_000 if bench.quick else 10_000
    table = Table(
        f"{count:,} wandb.log of ten scalars, online",
        "server | µs a call | to the end, s | client CPU, µs a call | server CPU, µs a call | kept",
    )
    for server in servers.values():
        _run(bench, server, "warm", 100)
    found = bench.interleave(
        {name: functools.partial(_run, bench, server, "", count) for name, server in servers.items()}
    )
    for name, items in found.items():
        one = {key: median(item[key] for item in items) for key in ("call", "closed", "cpu", "server", "kept")}
        table.row(name, one["call"], one["closed"], one["cpu"] / count * 1e6, one["server"] / count * 1e6, one["kept"])
        if name == "hub":
            share = median(item["server"] / item["cpu"] for item in items)
            table.checks.append(Check("the hub's CPU / the client's", share, 0.10, unit=""))
            table.checks.append(Check("part of the calls read back", min(item["kept"] for item in items), 1, False, ""))
    if all(found.values()):
        wall = {name: median(item["closed"] for item in items) for name, items in found.items()}
        table.checks.append(Check("to the end, hub / only answers 200", ratio(wall["hub"], wall["nothing"]), 1.1))
    table.raw = dict(found)
    return table


def _run(bench: Bench, server: Server, name: str, count: int) -> dict[str, float]:
    """One run of so many calls, read back where the server is a hub."""
    name = name or f"run{time.time_ns()}"
    store, began = bench.folder("wandb-client"), server.cpu()
    found: dict[str, float] = bench.drive(
        "wandb_calls", "calls", port=server.port, store=store, name=name, count=count
    ).result
    found["server"] = server.cpu() - began
    found["kept"] = _kept(bench, server, [name], count)
    bench.drop_later(store)
    return found


def _kept(bench: Bench, server: Server, names: list[str], count: int) -> float:
    if server.ask("GET", "/health") == b"{}":
        return 0  # nothing is kept there
    kept = bench.drive("wandb_calls", "kept", port=server.port, names=names, count=count).result["kept"]
    return ratio(kept, count * len(names))


def _together(bench: Bench, servers: dict[str, Server]) -> Table:
    count = 1_000 if bench.quick else 5_000
    table = Table(
        f"{_TOGETHER} clients at once, {count:,} wandb.log each",
        "server | to the end, s | server CPU, µs a call | kept",
    )
    found = bench.interleave(
        {name: functools.partial(_crowd, bench, server, count) for name, server in servers.items()},
        min(3, bench.repeats),
    )
    for name, items in found.items():
        one = {key: median(item[key] for item in items) for key in ("wall", "server", "kept")}
        table.row(name, one["wall"], one["server"] / count / _TOGETHER * 1e6, one["kept"])
    table.checks.append(Check("part of the calls read back", min(item["kept"] for item in found["hub"]), 1, False, ""))
    table.raw = dict(found)
    return table


def _crowd(bench: Bench, server: Server, count: int) -> dict[str, float]:
    began, cpu, names = (
        time.perf_counter(),
        server.cpu(),
        [f"one{time.time_ns()}of{place}" for place in range(_TOGETHER)],
    )
    clients = []
    for name in names:
        store = bench.folder("wandb-client")
        given = {"port": server.port, "store": str(store), "name": name, "count": count}
        argv = bench.driver("wandb_calls", "calls", **given)
        clients.append(subprocess.Popen(argv, env=bench.env({"BENCH_ANSWER": os.devnull, **bench.peer_env(given)})))
        bench.drop_later(store)
    codes = [client.wait(600) for client in clients]
    if any(codes):
        raise Failed(f"a client ended with {max(codes)}")
    wall = time.perf_counter() - began
    return {"wall": wall, "server": server.cpu() - cpu, "kept": _kept(bench, server, names, count)}


def _in_process(bench: Bench) -> Table:
    count = 5_000 if bench.quick else 20_000
    table = Table("log() of ten scalars in the calling thread, µs a call", "client | mean | p50")
    subjects = {peer: functools.partial(_log, bench, peer, count) for peer in ("madang", "wandb")}
    found = bench.interleave(subjects)
    for name, items in found.items():
        table.row(name, median(item["mean"] for item in items), median(item["p50"] for item in items))
    means, middles = (
        {name: median(item[what] for item in items) for name, items in found.items()} for what in ("mean", "p50")
    )
    table.checks.append(Check("wandb / madang", ratio(means["wandb"], means["madang"]), 40, False))
    usual = ratio(middles["wandb"], middles["madang"])
    table.notes.append(f"by p50 {usual:.1f}×: the mean of wandb's calls has its waits for the helper process in it")
    table.raw = dict(found)
    return table


def _log(bench: Bench, peer: str, count: int) -> dict[str, float]:
    store = bench.folder(f"wandb-log-{peer}")
    found: dict[str, float] = bench.drive(peer, "log", store=store, name="one", calls=count, seconds=60.0).result
    bench.drop_later(store)
    return found


def _agents(hub: Server) -> Table:
    """Agents that announce themselves and beat twice each, one after the other."""
    table = Table(f"{_AGENTS:,} agents of a sweep", "what | wall, ms a request | server CPU, µs a request")
    sweep = _sweep(hub)
    agents = [_announced(hub, sweep, number) for number in range(_AGENTS)]
    for what in ("first heartbeats, answered with a trial", "later heartbeats"):
        began, cpu = time.perf_counter(), hub.cpu()
        for agent in agents:
            _ask(hub, _BEAT, i=agent)
        spent = hub.cpu() - cpu
        table.row(what, (time.perf_counter() - began) / _AGENTS * 1e3, spent / _AGENTS * 1e6)
    return table


def _sweep(hub: Server) -> str:
    config = "method: random\nparameters:\n  lr: {min: 0.0, max: 1.0}\n"
    made: str = _ask(hub, _SWEEP, c=config)["upsertSweep"]["sweep"]["name"]
    return made


def _announced(hub: Server, sweep: str, number: int) -> str:
    made: str = _ask(hub, _AGENT, s=sweep, h=f"host-{number}")["createAgent"]["agent"]["id"]
    return made


def _ask(hub: Server, query: str, **variables: str) -> dict[str, Any]:
    answer = json.loads(hub.ask("POST", "/graphql", {"query": query, "variables": variables}))
    if answer.get("errors"):
        raise Failed(str(answer["errors"])[:500])
    found: dict[str, Any] = answer["data"]
    return found
