"""An interruption is answered in words, whenever it comes."""

from __future__ import annotations

import sys

import pytest

from madang.cli import entry


class Slow:
    """A module that is still being loaded when Ctrl-C is pressed."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_while_the_command_is_loaded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in the first tenths of a second ends in the code of an interruption, without a stack trace."""
    monkeypatch.setitem(sys.modules, "madang.cli.main", Slow())
    monkeypatch.setattr(sys, "argv", ["madang", "pull"])
    with pytest.raises(SystemExit) as stop:
        entry.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
