"""`python -m madang` is the `madang` command."""

from __future__ import annotations

from madang.cli.entry import main

main()
