"""Memory of an idle server: the whole process tree, some seconds after it is ready and after a few requests."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import venvs
from harness import Bench, median, ratio
from report import Check, Table
from servers import Server, free_port, serving

ONE = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def measure(bench: Bench) -> list[Table]:
    taken = bench.interleave(
        {
            "madang hub": functools.partial(hub, bench),
            "mlflow server": functools.partial(mlflow, bench, False),
            "mlflow server, 1 worker, no jobs": functools.partial(mlflow, bench, True),
        },
        min(3, bench.repeats),
    )
    table = Table("An idle server, MB", "| PSS | RSS | processes | CPU while idle, % of a core")
    pss = {}
    for name, figures in taken.items():
        if not figures:
            table.row(name, *["failed"] * 4)
            continue
        middle = [median(figure[column] for figure in figures) for column in range(4)]
        pss[name] = middle[0]
        table.row(name, middle[0] / 1e6, middle[1] / 1e6, int(middle[2]), middle[3] * 100)
    for name in list(taken)[1:]:
        if "madang hub" in pss and name in pss:
            table.checks.append(Check(f"madang hub / {name} (PSS)", ratio(pss["madang hub"], pss[name]), 0.125))
    table.raw = dict(taken)
    return [table]


def hub(bench: Bench) -> tuple[float, float, float, float]:
    folder, port = bench.folder("hub"), free_port()
    with serving(bench, hub_command(folder, port), port, cwd=folder) as server:
        return _look(server, "/api/v1/projects")


def mlflow(bench: Bench, small: bool) -> tuple[float, float, float, float]:
    folder, port = bench.folder("mlflow-idle"), free_port()
    argv = mlflow_command(folder, port) if small else mlflow_command(folder, port)[:-2]
    with serving(bench, argv, port, cwd=folder, env=ONE if small else None) as server:
        return _look(server, "/api/2.0/mlflow/experiments/search?max_results=100")


def hub_command(folder: Path, port: int) -> list[str]:
    store = str(folder / "store")
    return [venvs.program("madang", "madang"), "hub", "--store", store, "--host", "127.0.0.1", "--port", str(port)]


def mlflow_command(folder: Path, port: int) -> list[str]:
    """One worker at the end of the list: more of them only cost memory and start-up for one client."""
    return [
        *(venvs.program("mlflow", "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"),
        *("--workers", "1"),
    ]


def _look(server: Server, path: str) -> tuple[float, float, float, float]:
    for _ in range(20):
        server.ask("GET", path)
    time.sleep(10)
    began = server.cpu()
    time.sleep(5)
    idle = (server.cpu() - began) / 5
    return (*server.memory(), idle)
