"""A command as a child: its output passed through at once and listened to, signals and its exit code passed on."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import selectors
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from madang.domain.values import value
from madang.errors import NotFound, Refused

Listener = Callable[[str, str], None]
"""Gets the stream (`out`, `err`) and a piece of text."""

_PIECE = 1 << 16
_CHECK = "Check the name. A project to run is a folder with a file MLproject, or the address of a repository."
_LINGER = 0.2  # seconds without output after the end of the command, until what it left running is no longer heard
_PASSED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
    if hasattr(signal, name)
)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
_GRACE = 5.0  # seconds for what an ended command has left running to end by the same signal
_FROM_KERNEL = 0x80  # si_code of a signal that the terminal sent


@value
class Ended:
    """How the command ended: its exit code, or the signal that killed it."""

    exit_code: int | None = None
    signal: int | None = None

    @property
    def code(self) -> int:
        """The exit code as a shell gives it: 128 + the signal for a killed one."""
        return 128 + self.signal if self.signal else self.exit_code or 0

    @property
    def status(self) -> str:
        """The status of a run that ended so."""
        return "killed" if self.signal else "failed" if self.exit_code else "finished"


def find_program(name: str, folder: str, path: str | None = None) -> str:
    """The file of a program.

    Raises:
        NotFound: there is no such program.
        Refused: it may not be executed.
    """
    if "/" in name:
        whole = os.path.join(folder, name)
        if not os.path.isfile(whole):
            raise NotFound(f"There is no program {name!r}.", hint=_CHECK)
        if not os.access(whole, os.X_OK):
            raise Refused(f"{name!r} is not executable.", hint=f"Run it by its interpreter, or `chmod +x {name}`.")
        return whole
    found = shutil.which(name, path=path)
    if not found:
        raise NotFound(f"There is no program {name!r} on PATH.", hint=_CHECK)
    return found


class Relay:
    """One command. Use it once: `run` returns when the command has ended."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: str,
        env: Mapping[str, str],
        listen: Listener,
        quiet: bool = False,
        alone: bool = False,
        waiting: Mapping[int, Callable[[], None]] | None = None,
    ) -> None:
        self.command = list(command)
        self.folder = folder
        self.env = dict(env)
        self.listen = listen
        self.quiet = quiet  # nothing is passed through
        self.alone = alone  # nobody answers: standard input is empty
        self._waiting = dict(waiting or {})  # descriptors, and what to do once when one can be read
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")(errors="replace") for name in ("out", "err")}
        self._targets = {"out": 1, "err": 2}
        self._terminals: dict[int, int] = {}  # our side of each pseudo terminal → the terminal it stands for
        self._child: subprocess.Popen[bytes] | None = None
        self._has_group = not os.isatty(0)
        self._ended_by = 0  # a signal that we have passed on to end the command

    def run(self) -> Ended:
        """Start the command and stay until it has ended.

        Raises:
            OSError: it cannot be started.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED)
        try:
            sources = self._start(before)
            passing = threading.Thread(target=self._pass_signals, daemon=True)
            passing.start()
            try:
                self._pump(sources)
            finally:
                signal.pthread_kill(
                    passing.ident or 0, signal.SIGUSR2
                )  # wakes it, and it sees that the child has ended
                passing.join(1)
            self._end_rest()
        finally:
            self._drop_pending()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for descriptor in self._terminals:
                os.close(descriptor)
        assert self._child is not None
        code = self._child.returncode
        return Ended(signal=-code) if code < 0 else Ended(exit_code=code)

    def _start(self, mask: set[signal.Signals] | set[int]) -> dict[int, str]:
        """Start the child; the descriptors to read from, by stream."""
        sources: dict[int, str] = {}
        ends: dict[str, int] = {}
        for name, target in self._targets.items():
            if not self.quiet and os.isatty(target):
                source, ends[name] = _terminal(target)
                self._terminals[source] = target
            else:
                source, ends[name] = os.pipe()
            sources[source] = name

        def prepare() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        try:
            self._child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL if self.alone else None,
                stdout=ends["out"],
                stderr=ends["err"],
                # Without a terminal a signal to our whole group would reach the child twice: by itself and through us.
                process_group=0 if self._has_group else None,
                preexec_fn=prepare,  # no thread has been started yet
            )
        except BaseException:
            for source in sources:
                if source not in self._terminals:
                    os.close(source)
            raise
        finally:
            for end in ends.values():
                os.close(end)
        return sources

    # -- signals --------------------------------------------------------------------------------------------------

    def _pass_signals(self) -> None:
        """Give the child what we get; what the terminal sends reaches it without us."""
        while True:
            if hasattr(signal, "sigwaitinfo"):
                info = signal.sigwaitinfo(_PASSED)
                number, own = info.si_signo, info.si_code == _FROM_KERNEL
            else:  # macOS
                number = int(signal.sigwait(_PASSED))
                own = number in (signal.SIGINT, signal.SIGQUIT) and os.isatty(0)
            child = self._child
            if child is None or child.returncode is not None:
                return
            if number == signal.SIGWINCH:
                for terminal, like in self._terminals.items():
                    _copy_size(like, terminal)
            if number == signal.SIGWINCH or not own or not os.isatty(0):
                self._ended_by = number if number in _ENDING else self._ended_by
                # A terminal interrupts the whole group, and a shell waits for what it has started to be interrupted.
                tell = os.killpg if self._has_group and number in _OF_TERMINALS else os.kill
                with contextlib.suppress(ProcessLookupError):
                    tell(child.pid, number)

    def _end_rest(self) -> None:
        """A command that was to end is gone: so shall be what it has started (a shell leaves its commands running)."""
        if not self._ended_by or not self._has_group or self._child is None:
            return
        end, number = time.monotonic() + _GRACE, self._ended_by
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while True:
                os.killpg(self._child.pid, number)
                if number == signal.SIGKILL:
                    return
                number = signal.SIGKILL if time.monotonic() > end else 0
                time.sleep(0.02)

    def _drop_pending(self) -> None:
        """What came after the end of the command is not for us either."""
        for number in signal.sigpending() & set(_PASSED):
            signal.sigwait({number})

    # -- output ---------------------------------------------------------------------------------------------------

    def _pump(self, sources: dict[int, str]) -> None:
        ended, telling = os.pipe()
        assert self._child is not None
        child = self._child

        def wait() -> None:
            child.wait()
            os.close(telling)

        threading.Thread(target=wait, daemon=True).start()
        with selectors.DefaultSelector() as selector:
            for source in (*sources, *self._waiting):
                selector.register(source, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            open_ones, over = set(sources), False
            while open_ones or not over:
                ready = [key.fd for key, _ in selector.select(_LINGER if over else None)]
                if over and not ready:
                    break  # what still runs in the background keeps our pipes; its output is not the command's
                for descriptor in ready:
                    if descriptor == ended:
                        over = True
                        selector.unregister(ended)
                    elif descriptor in self._waiting:
                        selector.unregister(descriptor)
                        self._waiting[descriptor]()
                    elif not self._take(descriptor, sources[descriptor]):
                        selector.unregister(descriptor)
                        open_ones.discard(descriptor)
                        self._close(descriptor)
        os.close(ended)
        for source, name in sources.items():
            self.listen(name, self._decoders[name].decode(b"", final=True))
            if source in open_ones:
                self._close(source)

    def _close(self, source: int) -> None:
        """Read no more of a stream: who still writes to it is told so by a signal."""
        if source not in self._terminals:
            os.close(source)

    def _take(self, source: int, name: str) -> bool:
        """Pass one piece on; False at the end of the stream."""
        try:
            piece = os.read(source, _PIECE)
        except OSError:  # a terminal whose other side is closed
            return False
        if not piece:
            return False
        if not self.quiet and not self._pass(piece, self._targets[name]):
            return False  # nobody reads us any more: the child shall notice it, as it would without us
        self.listen(name, self._decoders[name].decode(piece))
        return True

    def _pass(self, piece: bytes, target: int) -> bool:
        view = memoryview(piece)
        try:
            while view:
                view = view[os.write(target, view) :]
        except BrokenPipeError:
            return False
        return True


def _terminal(like: int) -> tuple[int, int]:
    """A pseudo terminal of the size of another one; bytes come out of it as they were written."""
    source, end = pty.openpty()
    mode = termios.tcgetattr(end)
    mode[1] &= ~termios.OPOST
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(end, termios.TCSANOW, mode)
    _copy_size(like, end)
    return source, end


def _copy_size(like: int, end: int) -> None:
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(like, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(end, termios.TIOCSWINSZ, size)
