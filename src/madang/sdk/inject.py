"""The recorder inside an unchanged script, below `madang run`: opened files, imported sources, uncaught errors.

The launcher tells by MADANG_RUN_ID, MADANG_LAUNCHED (its segment), MADANG_PROJECT and MADANG_DIR (the store). A
segment is begun with the first thing to record; it adds to the run and does not end it. `madang.init()` in the script
takes over.
"""

from __future__ import annotations

import atexit
import os
import sys

from madang.errors import MadangError
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import opened
from madang.sdk.core import Core
from madang.sdk.finish import write_imports
from madang.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_inject")
_recorder: Recorder | None = None


class Recorder:
    """What this process adds to the launched run."""

    def __init__(self, run: str, launcher: str, project: str) -> None:
        self.places = layout.find_store()
        header = {
            "run": run,
            "project": project,
            "writer": "fork",
            "parent": launcher,
            "host": os.uname().nodename,
            "user": os.environ.get("USER") or os.environ.get("LOGNAME") or str(os.getuid()),
            "version": __version__,
        }
        self.core = Core(header, self.places, attached=True)
        self.recording = True
        self._stop = opened.watch(self.core, self.places.root, self.places.store)
        self._before = sys.excepthook
        sys.excepthook = self._failed
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self._after_fork)

    def end(self) -> None:
        """Record the imports and close."""
        if not self.recording:
            return
        self.release()
        try:
            write_imports(self.core, self.places.root)
        except MadangError as error:
            sys.stderr.write(f"madang: {error}\n")
        self.core.shut()

    def release(self) -> None:
        """Stop recording opened files: a run of the script's own does."""
        self.recording = False
        self._stop()

    def _after_fork(self) -> None:
        layout.forget_held()
        self.core.after_fork()

    def _failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        try:
            self._before(kind, error, trace)
        finally:
            # An interrupted Python ends by the signal itself, unless code was evaluated meanwhile (modules imported).
            if self.recording and not issubclass(kind, KeyboardInterrupt):
                from madang.sdk.failures import describe

                told = describe(error)
                title = f"{told['type']}: {told['message']}"[:500]
                self.core.append(codec.ALERT, {"title": title, "text": told["traceback"], "level": "error"})


def begin() -> None:
    """Begin to record, when the launcher's environment is complete."""
    global _recorder
    env = os.environ
    run, launcher = env.get("MADANG_RUN_ID", ""), env.get("MADANG_LAUNCHED", "")
    if _recorder is not None or len(run) != 32 or not launcher:
        return
    try:
        _recorder = Recorder(run, launcher, env.get("MADANG_PROJECT", "default"))
    except (MadangError, OSError) as error:
        sys.stderr.write(f"madang: opened files are not recorded: {error}\n")


def hand_over() -> None:
    """A run of the script's own has begun: it records from now on."""
    if _recorder is not None:
        _recorder.release()


def environment(store: str, run: str, project: str, segment: str, env: Mapping[str, str]) -> dict[str, str]:
    """The environment in which a launcher starts a command, so that every Python process in it adds to the run.

    ``segment`` is the launcher's; the launcher records the console itself.
    """
    path = env.get("PYTHONPATH", "")
    return {
        **env,
        "PYTHONPATH": f"{FOLDER}{os.pathsep}{path}" if path else FOLDER,
        "MADANG_DIR": store,
        "MADANG_RUN_ID": run,
        "MADANG_PROJECT": project,
        "MADANG_LAUNCHED": segment,
        "MADANG_CONSOLE": "0",
    }
