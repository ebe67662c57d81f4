"""What a process with a run hooks into: its exit, uncaught errors, signals, forks. Installed with the first run."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` imports `enum`
import atexit
import os
import sys

from madang.errors import MadangError
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk.run import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any

_SIGNALS = (_signal.SIGTERM, _signal.SIGHUP)  # those that end a process without a word; SIGINT raises
_before: dict[int, Any] = {}  # signal → the handler that was there
_installed = False
_threads_watched = False
_mask: set[int] = set()  # signals that were blocked before a fork
_exit_code: Any = None  # what the interpreter exits with, once it does


class _ExitCode:
    """Stands in the place of `SystemExit.code`, to know with which code the process exits.

    Nothing tells exit handlers the code, and `raise SystemExit(main())` calls nothing that could be replaced. But the
    interpreter reads this attribute, from no frame at all, when it has decided to exit.
    """

    def __init__(self, member: Any) -> None:
        self._member = member

    def __get__(self, error: SystemExit | None, kind: type | None = None) -> Any:
        if error is None:
            return self._member
        global _exit_code
        code = self._member.__get__(error, kind)
        if sys._getframe().f_back is None:
            _exit_code = code
        return code

    def __set__(self, error: SystemExit, code: Any) -> None:
        self._member.__set__(error, code)

    def __delete__(self, error: SystemExit) -> None:
        self._member.__delete__(error)


def install() -> None:
    """Begin to watch over this process; a second call does nothing but to look for new handlers."""
    global _installed
    if not _installed:
        _installed = True
        atexit.register(_at_exit)
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
        _watch_exit()
        _watch_errors()
        if "IPython" in sys.modules:
            _watch_cells()
    watch_threads()
    _watch_signals()


def _at_exit() -> None:
    from madang.sdk.failures import end_with_code

    for run in reversed(list(active)):
        if run.failure is not None and not _exit_code:
            quietly(run.end, "failed", error=run.failure)
        else:
            quietly(end_with_code, run, _exit_code)


def quietly(end: Callable[..., None], *args: Any, **named: Any) -> None:
    """End a run where nobody could catch an error: it becomes one line."""
    try:
        end(*args, **named)
    except (MadangError, KeyboardInterrupt) as error:
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"madang: {str(error) or 'interrupted; run `madang sync` later'}\n")


def _watch_exit() -> None:
    import gc

    table = gc.get_referents(SystemExit.__dict__)[0]  # the only way to it: a built-in type refuses assignments
    if type(table) is not dict or "code" not in table:
        return
    table["code"] = _ExitCode(table["code"])
    getattr(sys, "_clear_internal_caches", sys._clear_type_cache)()

    def leave(status: Any = None, /) -> None:
        raise SystemExit(status)  # up to Python 3.11 the built-in one raises an exception that has no object yet

    leave.__name__, leave.__doc__ = "exit", sys.exit.__doc__
    sys.exit = leave  # type: ignore[assignment]


def _watch_errors() -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        try:
            before(kind, error, trace)
        finally:
            from madang.sdk.failures import end_with

            for run in reversed(list(active)):
                quietly(end_with, run, error)

    sys.excepthook = hook


def watch_threads() -> None:
    """Note an error that ends a thread: it fails the run unless the program says else. Does nothing a second time.

    `threading` is not imported for this; whoever imports it later is noticed by the audit hook.
    """
    global _threads_watched
    if _threads_watched or not _installed:
        return
    threading: Any = sys.modules.get("threading")
    if not hasattr(threading, "excepthook"):
        return
    _threads_watched = True
    before = threading.excepthook

    def hook(args: Any) -> None:
        try:
            before(args)
        finally:
            if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
                _note(args.exc_value, f"A thread ended with {args.exc_type.__name__}")

    threading.excepthook = hook


def _note(error: BaseException, title: str) -> None:
    from madang.sdk.failures import describe

    failure = describe(error)
    for run in list(active):
        run.failure = failure
        run.alert(title, failure["traceback"], "error")


def _watch_cells() -> None:
    """In a notebook an error ends a cell, not the process: the run failed if the last cell did."""
    shell = getattr(sys.modules["IPython"], "get_ipython", lambda: None)()
    if shell is None:
        return

    def after(result: Any) -> None:
        error = result.error_in_exec or result.error_before_exec
        from madang.sdk.failures import describe

        for run in active:
            run.failure = describe(error) if error is not None else None

    shell.events.register("post_run_cell", after)


def _watch_signals() -> None:
    for number in _SIGNALS:
        handler = _signal.getsignal(number)
        if handler in (_signal.SIG_IGN, None) or handler is _on_signal:
            continue
        try:
            _signal.signal(number, _on_signal)
        except ValueError:
            return  # only the main thread may
        _before[number] = handler


def _on_signal(number: int, frame: FrameType | None) -> None:
    before = _before.get(number, _signal.SIG_DFL)
    runs = [run for run in active if not run.forked]
    if before != _signal.SIG_DFL:
        for run in runs:
            run.signalled = number
        before(number, frame)
        return
    for run in runs:
        run.append_aside(codec.FINISHED, {"of": run.segment, "status": "killed", "signal": number})
    _signal.signal(number, _signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _before_fork() -> None:
    """A signal to a child that has not got its own handlers yet must wait: Python would forget it."""
    global _mask
    _mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)


def _after_fork_in_parent() -> None:
    _signal.pthread_sigmask(_signal.SIG_SETMASK, _mask)


def _after_fork() -> None:
    layout.forget_held()
    for run in active:
        run.after_fork()
    for number, before in _before.items():
        if before == _signal.SIG_DFL and _signal.getsignal(number) is _on_signal:
            _signal.signal(number, before)  # a worker that its parent ends must die at once, not at the next bytecode
    _signal.pthread_sigmask(_signal.SIG_SETMASK, _mask)
