"""A hub as a process of its own, and the real client of W&B in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from madang.testing.hubs import free_port
from madang.testing.project import PROGRAM
from madang.testing.typed import scripted

KEY = "0123456789abcdef0123456789abcdef01234567"
"""A key of the shape that the client accepts; an open hub takes any."""


@dataclass
class Hub:
    """A hub on a port of this machine. It may be killed and begun again on the same port."""

    store: Path
    port: int
    env: dict[str, str]
    options: tuple[str, ...] = ()
    program: tuple[str, ...] = (PROGRAM,)
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin, and wait until it answers."""
        command = [*self.program, "hub", "--store", str(self.store), "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == self.address

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it, by default without a chance to say good-bye."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def ask(self, document: str, key: str = KEY, **variables: Any) -> Any:
        """The ``data`` of an answer of GraphQL."""
        status, body = self.post("/graphql", {"query": document, "variables": variables}, key)
        assert status == 200, body
        assert "errors" not in body, body
        return body["data"]

    def post(self, path: str, body: Any, key: str = KEY) -> tuple[int, Any]:
        """Status and JSON of a bare request as the client sends it."""
        headers = urllib3.make_headers(basic_auth=f"api:{key}")
        answer = urllib3.request("POST", self.address + path, json=body, headers=headers, retries=False, timeout=200)
        return answer.status, answer.json()

    def native(self, path: str) -> Any:
        """The JSON of the API of our own."""
        return urllib3.request("GET", f"{self.address}/api/v1/{path}", retries=False, timeout=200).json()


@dataclass
class Client:
    """Runs scripts with the real client, each in a process and a folder of its own."""

    hub: Hub
    folder: Path
    python: str = os.environ.get("WANDB_PYTHON", sys.executable)  # of an environment with another release, by hand
    more: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def env(self, folder: Path, **more: str) -> dict[str, str]:
        """The environment of a script that runs in ``folder``."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("WANDB", "MADANG", "MLFLOW"))}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            **kept,
            "HOME": str(home),
            "PYTHONUTF8": "1",
            "WANDB_BASE_URL": self.hub.address,
            "WANDB_API_KEY": KEY,
            "WANDB_DIR": str(folder),
            "WANDB_CACHE_DIR": str(folder / "cache"),
            "WANDB_CONFIG_DIR": str(folder / "config"),
            "WANDB_DATA_DIR": str(folder / "data"),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "WANDB_ENTITY": "madang",
            **self.more,
            **more,
        }

    def start(self, script: str, *arguments: str, folder: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """Begin a script; its output is read by `communicate`."""
        folder, path = self._written(script, folder)
        return subprocess.Popen(
            [self.python, str(path), *arguments],
            cwd=folder,
            env=self.env(folder, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, script: str, *arguments: str, code: int = 0, folder: Path | None = None, **more: str) -> Any:
        """Run a script to its end; what it printed last, as JSON where it is some."""
        folder, path = self._written(script, folder)
        env = self.env(folder, **more)
        if self.python == sys.executable:
            done = scripted(str(path), arguments, str(folder), env, "wandb")
        else:
            done = subprocess.run([self.python, path, *arguments], cwd=folder, env=env, capture_output=True)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, f"{done.returncode}\n{out}\n{err}"
        last = out.strip().rpartition("\n")[2]
        try:
            return json.loads(last)
        except ValueError:
            return last

    def _written(self, script: str, folder: Path | None) -> tuple[Path, Path]:
        """The folder for a script, and the script there."""
        self._count += 1
        folder = folder or self.folder / f"client{self._count}"
        folder.mkdir(exist_ok=True)
        path = folder / "script.py"
        path.write_text(script, encoding="utf-8")
        return folder, path

    def program(self, *arguments: str, folder: Path, **more: str) -> str:
        """What the command `wandb` printed."""
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            [self.python, "-m", "wandb", *arguments],
            cwd=folder,
            env=self.env(folder, **more),
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def said(process: subprocess.Popen[str], word: str) -> str:
    """What follows a word at the beginning of a line that a process prints; the client prints lines of its own, too."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line.removeprefix(word).strip()
    raise AssertionError(f"the script has not said {word!r}")


def hub_at(folder: Path, *options: str) -> Hub:
    """A hub over a new store, not begun yet."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("WANDB", "MADANG", "MLFLOW"))}
    return Hub(folder / "hub", free_port(), {**kept, "HOME": str(folder)}, options)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An open hub, shared by the tests of a module."""
    made = hub_at(tmp_path_factory.mktemp("wandb"))
    made.start()
    yield made
    made.kill(signal.SIGTERM)


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    """An open hub of this test alone, which may be killed."""
    made = hub_at(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def wandb_client(hub: Hub, tmp_path: Path) -> Client:
    """The client in the test environment, for the shared hub."""
    return Client(hub, tmp_path)


@pytest.fixture
def own_client(own_hub: Hub, tmp_path: Path) -> Client:
    """The client for the hub of this test alone."""
    return Client(own_hub, tmp_path)
