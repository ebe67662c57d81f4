"""`madang.sweep` and `madang.agent`: a search whose trials are calls of a function."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import Any

from madang import wiring
from madang.domain.sweeping.sweeps import Order
from madang.domain.sweeping.views import SweepView
from madang.errors import InvalidInput, NotFound
from madang.formats import store as layout
from madang.formats import sweeps as texts
from madang.sdk import ranks
from madang.sdk.current import current_run
from madang.sdk.failures import end_with
from madang.sdk.hooks import quietly
from madang.sdk.init import init, project_name
from madang.sdk.trial import variables
from madang.workspace.agent_loop import AgentLoop, find


def sweep(config: Mapping[str, Any] | str | os.PathLike[str], project: str | None = None, name: str = "") -> str:
    """Begin a sweep from a mapping, or the path of a YAML file; its id comes back (docs/sweeps.md).

    Nothing runs before an agent comes: `madang.agent`, or the command ``madang agent ID``. The sweep is kept on the hub
    in MADANG_HUB, else in this repository.

    Raises:
        InvalidInput: the configuration makes no sense.
        ConfigError: the method needs a library that is not installed.
    """
    if isinstance(config, Mapping):
        text = texts.write(texts.plain(dict(config), "The configuration of the sweep"))
    else:
        try:
            with open(config, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            raise NotFound(f"There is no file {os.fspath(config)!r}.") from None
    told = texts.read(text).get("project")
    named = project or (told if isinstance(told, str) else "") or os.environ.get("MADANG_PROJECT", "")
    places = layout.find_store()
    with closing(wiring.sweep_api()) as api:
        return api.create(project_name(named, places.root or os.getcwd()), text, name).id


def agent(
    sweep: str, function: Callable[..., Any], count: int | None = None, project: str | None = None
) -> dict[str, str]:
    """Carry out trials by calls of a function, until there are no more, or ``count`` of them.

    The function takes a run, which has the trial's parameters in ``run.config``; or nothing, and calls `madang.init()`.
    A trial whose function raises has failed, and the next one is begun; after five in a row the agent gives up.

    Returns:
        How the runs have ended, by id: finished, failed or killed.

    Raises:
        NotFound: there is no such sweep.
    """
    if not callable(function):
        raise InvalidInput(f"{function!r:.80} is no function.")
    if count is not None and count < 1:
        raise InvalidInput(f"A count of {count} trials makes no sense.")
    calls: SimpleQueue[_Call | None] = SimpleQueue()

    def begin(view: SweepView, order: Order) -> _Call:
        call = _Call(view, order, function)
        calls.put(call)
        return call

    with closing(wiring.sweep_api()) as api:
        loop = AgentLoop(api, [find(api, sweep, project or "")], begin, _say, count)
        asking = threading.Thread(target=_ask, args=(loop, calls), name="madang agent", daemon=True)
        asking.start()
        try:
            while (call := calls.get()) is not None:
                call.execute()
        finally:
            loop.end()
            asking.join()
    return dict(loop.statuses)


def _ask(loop: AgentLoop, calls: SimpleQueue[_Call | None]) -> None:
    try:
        loop.run()
    finally:
        calls.put(None)


def _say(text: str) -> None:
    sys.stderr.write(f"madang: {text}\n")


class _Call:
    """A trial as a call (`agent_loop.Carried`). It is executed by the thread that has called `agent`."""

    def __init__(self, view: SweepView, order: Order, function: Callable[..., Any]) -> None:
        assert order.trial is not None
        self._function = function
        self._run = order.trial.run
        self._variables = variables(view.id, order.trial.number, view.project, order.trial.run, order.params)
        self._over = threading.Event()
        self._status = ""
        self._thread = 0  # that executes it
        self._is_stopping = False

    def wait(self, seconds: float) -> str:
        """See `Carried.wait`."""
        self._over.wait(seconds)
        return self._status if self._over.is_set() else ""

    def stop(self) -> None:
        """See `Carried.stop`: the function is interrupted where it is, as by Ctrl-C."""
        self._is_stopping = True
        if self._thread and self._thread == threading.main_thread().ident and not self._over.is_set():
            signal.pthread_kill(self._thread, signal.SIGINT)

    def execute(self) -> None:
        """Call the function. Raises `KeyboardInterrupt` when the user has interrupted it."""
        self._status = "killed"
        try:
            with _environment(self._variables):
                ranks.begin_anew()
                self._thread = threading.get_ident()
                self._call()
            self._status = "finished"
        except KeyboardInterrupt as error:
            self._end_run(error)
            if not self._is_stopping:
                raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the function is the user's: anything may happen in it
            self._status = "failed"
            traceback.print_exception(error)
            self._end_run(error)
        finally:
            self._thread = 0
            self._over.set()

    def _call(self) -> None:
        if inspect.signature(self._function).parameters:
            with init() as run:
                self._function(run)
        else:
            self._function()
            self._end_run(None)

    def _end_run(self, error: BaseException | None) -> None:
        """End the run that the function has left open."""
        run = current_run()
        if run is None or run.id != self._run:
            return
        if error is None:
            run.finish()
        else:
            quietly(end_with, run, error)


@contextmanager
def _environment(given: Mapping[str, str]) -> Iterator[None]:
    """Have variables for a while."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
