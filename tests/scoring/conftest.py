"""A project with a registered model that loads in an instant, and servers of it."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import urllib3

from madang import wiring
from madang.domain.versions import Entry, VersionRecord
from madang.formats import mlmodel
from madang.ports.reader import Reader
from madang.testing.project import PROGRAM, Project

NAME = "가격"
PROJECT = "집"
MODULE = """
import os, sys, time

class Tiny:
    '''Answers with its number; some inputs make it slow, wrong or dead.'''

    def __init__(self, number, broken="", mark=""):
        self.number, self.broken, self.mark = number, broken, mark

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.broken == "load":
            raise RuntimeError("the weights are gone")

    def predict(self, data):
        values = list(data.flat)
        if "wait" in values:
            while not os.path.exists(values[1]):
                time.sleep(0.01)
        if "die" in values or ("die once" in values and not os.path.exists(self.mark)):
            open(self.mark, "w").close()
            os._exit(3)
        if "secrets" in values:
            return [name for name in os.environ if name.startswith(("MADANG_", "MLFLOW_TRACKING_"))]
        if "raise" in values or self.broken == "predict":
            raise ValueError("no such thing")
        print("a line of the model's own")
        return [self.number for _ in range(len(data))]
"""


class Server:
    """`madang models serve` as a process of its own."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()

    def ask(self, inputs: Any, **more: Any) -> tuple[int, Any]:
        """Status and JSON of a scoring request."""
        answer = urllib3.request("POST", f"{self.url}/invocations", json={"inputs": inputs}, retries=False, **more)
        return answer.status, answer.json()

    def get(self, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """Another request."""
        return urllib3.request("GET", self.url + path, retries=False, **more)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Have it end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(200)

    def said(self) -> str:
        """What it has written to its log."""
        return self.log.read_text(encoding="utf-8")


class Registry:
    """A project whose model `가격` gets versions and aliases."""

    def __init__(self, project: Project, reader: Reader, servers: list[Server]) -> None:
        self.project = project
        self.reader = reader
        self._servers = servers

    def register(self, number: int, *, broken: str = "", **described: Any) -> VersionRecord:
        """A version that answers with a number; ``broken`` when it is loaded or asked."""
        sys.modules["tiny"] = module = ModuleType("tiny")  # so that the pickle names it as the processes find it
        exec(MODULE, module.__dict__)
        module.Tiny.__module__ = "tiny"
        made = module.Tiny(number, broken, str(self.project.root / "mark"))
        flavors = {"madang_pickle": {"data": "model.pkl", "serialization_format": "pickle"}}
        files = {
            "model.pkl": pickle.dumps(made),
            "MLmodel": mlmodel.dump(mlmodel.MLmodel(flavors=flavors, extra=described)).encode(),
            "input_example.json": b'{"inputs": [[1, 2]]}',
        }
        entries = []
        for path, data in files.items():
            place = self.project.root.parent / path
            place.write_bytes(data)
            blob = self.reader.put_file(PROJECT, place)
            entries.append(Entry(path, blob.digest, blob.size))
        return self.reader.create(PROJECT, NAME, "model", entries)

    def point(self, number: int, alias: str = "production") -> None:
        """Move an alias."""
        self.reader.point(PROJECT, NAME, alias, number)

    def serve(self, *arguments: str, name: str = f"{NAME}@production", ready: bool = True, **env: str) -> Server:
        """Serve it."""
        log = self.project.root.parent / f"log-{len(self._servers)}"
        command = [PROGRAM, "models", "serve", name, "--port", "0", "--poll", "0.1", *arguments]
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=self.project.root,
                env={**self.project.env, **env},
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        made = Server(process, log)
        self._servers.append(made)
        assert bool(made.url) is ready, made.said()
        return made

    def probe(self, server: Server) -> int:
        """The exit code of `madang models probe`."""
        return self.project.madang("models", "probe", server.url, ok=None).code


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A project with two versions of a model; the first is in production."""
    project = Project(tmp_path / "집 안", tmp_path)
    project.env["MADANG_FOLLOWER"] = "0"
    project.write({"tiny.py": MODULE})
    servers: list[Server] = []
    reader = wiring.local_reader(str(project.root), make=True)
    made = Registry(project, reader, servers)
    made.register(1)
    made.register(2)
    made.point(1)
    yield made
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()
    reader.close()
