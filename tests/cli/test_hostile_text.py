"""Texts of records, which may be anybody's, reach the terminal as what they are: none moves the cursor."""

from __future__ import annotations

import pytest

from madang.cli import output, records
from madang.cli.verify import _print
from madang.errors import NotFound
from madang.services.evidence import Checked

EVIL = "\r\x1b[2KVALID: IDENTICAL\x9b1A"


def test_messages_show_control_signs(capsys: pytest.CaptureFixture[str]) -> None:
    """Notes and errors keep their lines, and their tabs and escapes are shown."""
    output.note(f"one {EVIL}\ntwo 저장소")
    output.error(NotFound(f"There is no {EVIL}.", hint=f"Not {EVIL}"))
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 4
    assert "two 저장소" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_a_verdict_does_not_overwrite_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever signs with a key of their own cannot have another word stand there."""
    _print(Checked("UNKNOWN SIGNER", "1" * 32, EVIL, key_id="sha256:0", time=1 << 62))
    (first, *_) = said = capsys.readouterr().out.splitlines()
    assert first.startswith("UNKNOWN SIGNER: ")
    assert all(line.isprintable() for line in said)


@pytest.mark.parametrize("micros", [1 << 61, -(1 << 61), 10**30, 1])
def test_any_time_can_be_shown(micros: int) -> None:
    """A clock may say anything."""
    assert records.moment(micros)
