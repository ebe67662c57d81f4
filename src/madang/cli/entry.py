"""The console script. `madang --version` must not pay for the CLI library, so it is answered here."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from madang.version import __version__

        sys.stdout.write(f"madang {__version__}\n")
        return
    from madang.cli.main import run

    sys.exit(run(sys.argv[1:]))
