"""Data: many small files and a large one to S3 on loopback (moto) and back."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import venvs
from harness import Bench, Failed, median, ratio
from report import Check, Table
from servers import free_port, serving

from workloads.small import make
from workloads.tools import TOOLS, away, digest, dvc_like, warm

KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
STEPS = ["push", "push again", "pull"]

# What the server itself takes for the same requests, with as many connections; what comes is written and synced.
FLOOR = """
import boto3, botocore.config, concurrent.futures, os, sys, tempfile
url, bucket, folder = sys.argv[1:]
client = boto3.client("s3", endpoint_url=url, config=botocore.config.Config(max_pool_connections=16))
if bucket == "make":
    client.create_bucket(Bucket=folder)
    sys.exit()
paths = [entry.path for top in os.scandir(folder) for entry in (os.scandir(top) if top.is_dir() else [top])]
def put(path):
    with open(path, "rb") as file:
        client.put_object(Bucket=bucket, Key="floor/" + os.path.basename(path), Body=file)
def get(path):
    body = client.get_object(Bucket=bucket, Key="floor/" + os.path.basename(path))["Body"]
    with open(os.path.join(made, os.path.basename(path)), "wb") as file:
        while part := body.read(1 << 20):
            file.write(part)
made = tempfile.mkdtemp(prefix="floor", dir=os.path.dirname(folder))
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    list(pool.map({"put": put, "get": get}[os.environ["WHAT"]], paths))
os.sync()
"""


def measure(bench: Bench) -> list[Table]:
    files, size = (5_000, 512) if bench.full else (200, 16) if bench.quick else (1_000, 64)
    source = bench.folder("s3-source")
    make(source / "small", files)
    (source / "large").mkdir()
    with (source / "large" / "large.bin").open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(1 << 20))
    port = free_port()
    argv = [venvs.python("s3"), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with serving(bench, argv, port, cwd=bench.folder("moto"), health="/moto-api/"):
        url = f"http://127.0.0.1:{port}"
        return [_measure(bench, url, source / kind, kind, files, size) for kind in ("small", "large")]


def _measure(bench: Bench, url: str, source: Path, kind: str, files: int, size: int) -> Table:
    subjects = {tool: functools.partial(_tool, bench, tool, url, source) for tool in TOOLS}
    subjects["floor"] = functools.partial(_floor, bench, url, source)
    taken = bench.interleave(subjects, min(3, bench.repeats))
    middle = {
        name: {step: median(run[step] for run in runs) for step in runs[0]} for name, runs in taken.items() if runs
    }
    what = f"{files:,} files of 10 kB" if kind == "small" else f"one file of {size} MiB"
    head = "| madang | dvc | dvc / madang | the requests alone"
    table = Table(f"Data: {what} to S3 on loopback and back, s", head, raw=dict(taken))
    mine, dvc, floor = (middle.get(name, {}) for name in ("madang", "dvc", "floor"))
    for step in STEPS:
        share = ratio(dvc[step], mine[step]) if step in dvc and step in mine else None
        table.row(step, mine.get(step), dvc.get(step), share, floor.get(step))
        if step in floor and step in mine:
            table.checks.append(Check(f"{step} / the same requests alone", ratio(mine[step], floor[step]), 2))
    table.notes.append("the server is a test server in Python: it is what both tools wait for")
    return table


def _floor(bench: Bench, url: str, source: Path) -> dict[str, float]:
    bucket = f"floor{len(os.listdir(bench.scratch))}"
    argv = [venvs.python("s3"), "-c", FLOOR, url]
    bench.run([*argv, "make", bucket], env=KEYS)
    os.sync()
    return {
        step: bench.run([*argv, bucket, str(source)], env={**KEYS, "WHAT": what}).wall
        for step, what in (("push", "put"), ("pull", "get"))
    }


def _tool(bench: Bench, tool: str, url: str, source: Path) -> dict[str, float]:
    bucket = f"{tool}{len(os.listdir(bench.scratch))}"
    bench.run([venvs.python("s3"), "-c", FLOOR, url, "make", bucket], env=KEYS)
    run, folder, remote = dvc_like(bench, tool, peer="s3", url=f"s3://{bucket}/x", env=KEYS)
    run("remote", "modify", "store", "endpointurl", url)
    data, wanted = folder / "data", digest(source)
    bench.run(["cp", "-r", str(source), str(data)])
    run("add", "data")
    warm(folder / ".dvc" / "cache")
    took = {"push": run("push"), "push again": run("push")}
    away(bench, data, folder / ".dvc" / "cache")
    took["pull"] = run("pull")
    if digest(data) != wanted:
        raise Failed(f"{tool} pull left other data than was added")
    bench.drop_later(folder, remote)
    return took
