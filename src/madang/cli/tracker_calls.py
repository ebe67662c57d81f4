"""MLflow and W&B calls of a launched command: an address that costs a socket until the command calls it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from _socket import AF_INET, SOCK_STREAM, socket  # the module around it takes longer to import than all of this
from typing import TYPE_CHECKING

from madang.sdk.init import user_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from madang.sdk.run import Run

OURS = {"mlflow": "MADANG_MLFLOW", "wandb": "MADANG_WANDB"}
"""In a command's environment the address that we have given it for a tracker; `0` of the user's: leave it alone."""

_URI = "MLFLOW_TRACKING_URI"
_CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_WANDB_PLACES = ("WANDB_BASE_URL", "WANDB_MODE", "WANDB_DISABLED", "WANDB_SERVICE", "WANDB_IDENTITY_TOKEN_FILE")
_WANDB_HOST = "api.wandb.ai"
_KEPT_HERE = (
    f"madang: the command's W&B calls are kept in its run and not sent to {_WANDB_HOST}; "
    "set MADANG_WANDB=0 to send them there.\n"
)
_TRANSMITTED_EVERY = "1"  # seconds; W&B's client keeps what it has not sent in memory, where SIGKILL ends it
_NOT_PASSED = frozenset(("MADANG_LAUNCHED", "MADANG_RUN_ID", "PYTHONPATH", "PYTHONINSPECT"))
_PROXIES = frozenset(("http_proxy", "all_proxy"))
_BACKLOG = 128
_DRAINED_WITHIN = 15.0  # seconds


class TrackerCalls:
    """A socket on loopback, and the server that is started when the first call comes."""

    def __init__(self, run: Run, trackers: Collection[str], *, repeats: bool = False) -> None:
        """``trackers`` are those whose calls are answered. Raises `OSError` when there is no loopback."""
        self._run = run
        self._trackers = trackers
        self._repeats = repeats
        self._secret = os.urandom(24).hex()
        self._socket = socket(AF_INET, SOCK_STREAM)
        self._server: subprocess.Popen[bytes] | None = None
        self._was_called = False
        try:
            self._socket.bind(("127.0.0.1", 0))
            self._socket.listen(_BACKLOG)
            self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        except OSError:
            self._socket.close()
            raise
        self.descriptor = self._socket.fileno()

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The command's environment with the address and the credential for it."""
        made = {**env, **{OURS[tracker]: self.address for tracker in self._trackers}}
        if "mlflow" in self._trackers:
            made |= {
                _URI: self.address,
                "MLFLOW_TRACKING_USERNAME": user_name(env),
                "MLFLOW_TRACKING_PASSWORD": self._secret,
                "MLFLOW_TRACKING_TOKEN": self._secret,
                "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the address is gone when somebody opens it
            }
        if "wandb" in self._trackers:
            made |= {"WANDB_BASE_URL": self.address, "WANDB_API_KEY": self._secret}
            made.setdefault("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", _TRANSMITTED_EVERY)
        if any(name.lower() in _PROXIES for name in env):
            for name in ("no_proxy", "NO_PROXY"):
                others = env.get(name, env.get("no_proxy", env.get("NO_PROXY", "")))
                made[name] = f"{others},127.0.0.1" if others else "127.0.0.1"
        return made

    def start(self) -> None:
        """Somebody calls: have a server answer."""
        run = self._run
        if "wandb" in self._trackers and _is_logged_in_to_wandb(os.environ):
            sys.stderr.write(_KEPT_HERE)
        command = [
            sys.executable, "-P", "-m", "madang.server.launched", "--socket", str(self.descriptor),
            "--store", run.places.store, "--run", run.id, "--project", run.project, "--hub", run.hub,
            *(("--repeats",) if self._repeats else ()),
        ]  # fmt: skip
        env = {name: text for name, text in os.environ.items() if name not in _NOT_PASSED}
        self._was_called = True
        try:
            with open(f"{run.places.store}/trackers.log", "ab") as log:
                self._server = subprocess.Popen(
                    command,
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    pass_fds=[self.descriptor],
                    start_new_session=True,
                )
            self._tell(self._secret)
        except OSError:
            pass  # the call is refused, and `stop` says that it was
        finally:
            self._socket.close()  # else calls would wait for a server that is gone

    def _tell(self, line: str) -> None:
        assert self._server is not None
        assert self._server.stdin is not None
        self._server.stdin.write(f"{line}\n".encode())
        self._server.stdin.flush()

    def stop(self, status: str) -> str:
        """The command has ended: return when all that was answered is in the store. What went wrong, or nothing."""
        self._socket.close()
        if not self._was_called or self._ended_well(status):
            return ""
        return f"Calls of MLflow or W&B were not answered to the end; see {self._run.places.store}/trackers.log"

    def _ended_well(self, status: str) -> bool:
        if self._server is None:
            return False
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        try:
            self._tell(status)
            self._server.stdin.close()
        except BrokenPipeError:
            return False
        ready, _, _ = select.select([self._server.stdout], [], [], _DRAINED_WITHIN)
        return bool(ready) and self._server.stdout.read(1) == b"."

    def settle(self, limit: float) -> bool:
        """Wait for the server to bring to a hub what the command has begun beside the run; False when it has not."""
        if self._server is None:
            return True
        try:
            return self._server.wait(limit) == 0
        except subprocess.TimeoutExpired:
            return False


def _has_credentials(env: Mapping[str, str]) -> bool:
    """Whether the user has credentials for MLflow, which shows the same to every server: ours would take their place.

    The command itself may name the server that they are for, which then would be shown ours.
    """
    return any(env.get(name) for name in _CREDENTIALS) or os.path.exists(
        os.path.join(env.get("HOME", ""), ".mlflow", "credentials")
    )


def _is_logged_in_to_wandb(env: Mapping[str, str]) -> bool:
    """Whether the user has a key of W&B's own service and may expect what the command logs there."""
    if env.get(OURS["wandb"]):  # below another command of ours, whose key is no key of theirs
        return False
    if env.get("WANDB_API_KEY"):
        return True
    try:
        with open(env.get("NETRC") or os.path.join(env.get("HOME", ""), ".netrc"), encoding="utf-8") as file:
            return _WANDB_HOST in file.read()
    except (OSError, UnicodeDecodeError):
        return False


def _answered(env: Mapping[str, str]) -> list[str]:
    """The trackers whose calls are answered: all but those of which the user has said where they go."""
    found = []
    given, ours = env.get(_URI, ""), env.get(OURS["mlflow"], "")
    if ours != "0" and given in ("", ours) and (ours or not _has_credentials(env)):
        found.append("mlflow")
    ours = env.get(OURS["wandb"], "")
    theirs = [text for name in _WANDB_PLACES if (text := env.get(name)) and text != ours]
    if ours != "0" and not theirs:
        found.append("wandb")
    return found


def open_for(run: Run, env: Mapping[str, str]) -> TrackerCalls | None:
    """What the calls of a command go to; None where the user has said where they go, or there is no loopback."""
    trackers = _answered(env)
    if not trackers:
        return None
    try:
        return TrackerCalls(run, trackers, repeats="MADANG_REPRODUCES" in env)
    except OSError:
        return None
