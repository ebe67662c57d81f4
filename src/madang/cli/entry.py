"""The console script. `madang --version` must not pay for the CLI library, so it is answered here."""

from __future__ import annotations

import gc
import sys

_INTERRUPTED = 130
_SELDOM = 50_000  # objects made before cycles are looked for; the modules of a command alone make half of them


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _main()
    except KeyboardInterrupt:  # before the command was there to answer for itself, or after it
        sys.stderr.write("interrupted\n")
        sys.exit(_INTERRUPTED)


def _main() -> None:
    if sys.argv[1:] == ["--version"]:
        from madang.version import __version__

        sys.stdout.write(f"madang {__version__}\n")
        return
    if sys.argv[1:] == ["repro"] and _nothing_to_do():
        return
    gc.set_threshold(_SELDOM)
    from madang.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # the interpreter would look at all of them once more at its end
    sys.exit(code)


def _nothing_to_do() -> bool:
    """Answer `madang repro` without the CLI library and without parsing, when nothing has changed since then."""
    from madang.workspace.pipelines import unchanged

    def print_of(root: str, folder: str) -> str:
        from madang.workspace.pipelines import witness

        return witness.print_of(root, folder)

    lines = unchanged.lines(print_of)
    if lines is None:
        return False
    sys.stdout.write("".join(line + "\n" for line in [*lines, unchanged.UP_TO_DATE]))
    return True
