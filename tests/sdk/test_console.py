"""Console lines are what a terminal would show in the end: no colours, no repaints, nothing lost."""

from __future__ import annotations

import io
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import madang
from madang.domain import events
from madang.sdk import console
from madang.testing.programs import Place


def shown(place: Place, run: str = "") -> list[tuple[str, str]]:
    """The lines of a run: the last text of each number, in order."""
    lines = {line.n: (line.stream, line.text) for line in place.events(events.Console, run)}
    return [lines[number] for number in sorted(lines)]


def feed(place: Place, *pieces: str) -> list[str]:
    """What remains of pieces written one after the other."""
    run = madang.init()
    screen = console.Console(run)
    for piece in pieces:
        screen.feed("out", piece)
    screen.flush()
    run.finish()
    return [text for _, text in shown(place, run.id)]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (["a\nb\n"], ["a", "b"]),
        (["a", "b", "c\n", "d"], ["abc", "d"]),
        (["\n\n", "x\r\n", "y\r\n"], ["", "", "x", "y"]),
        (["\r 10%|#   |", "\r 50%|##  |", "\r100%|####|", "\n", "done\n"], ["100%|####|", "done"]),
        (["loading", "\rloaded \r", "ready\n"], ["ready"]),
        (["\x1b[31mred\x1b[0m \x1b[1;4mbold\x1b[m\n"], ["red bold"]),
        (["\x1b", "[3", "1mred\n"], ["red"]),
        (["\x1b]0;title\x07text\n"], ["text"]),
        (["a: 0\n", "b: 0\n", "\x1b[2Aa: 1\n", "\x1b[1Bb: 1\n"], ["a: 1", "b: 1"]),
        (["one\ntwo\n\x1b[1A\x1b[2Kthree\n"], ["one", "three"]),
        (["한글 출력 🔥\n"], ["한글 출력 🔥"]),
        (["\x1b[99Aup too far\n"], ["up too far"]),
        (["123\b\b\bx\n"], ["123x"]),
    ],
)
def test_lines_are_what_remains_on_a_terminal(place: Place, pieces: list[str], lines: list[str]) -> None:
    """Carriage returns paint over, cursor movements go back, escape sequences vanish, also cut in pieces."""
    assert feed(place, *pieces) == lines


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_characters="\r\x1b\b\n", exclude_categories=["Cs"]), max_size=30),
    cuts=st.lists(st.integers(0, 60)),
)
def test_plain_text_is_kept_however_it_is_cut(place: Place, text: str, cuts: list[int]) -> None:
    """Lines without control signs come out as they went in, whatever pieces they were written in."""
    whole = f"{text}\n{text[::-1]}\n"
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    assert feed(place, *[whole[a:b] for a, b in pairwise(places)]) == [text, text[::-1]]


def test_a_long_progress_bar_costs_a_record_a_second(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand repaints of one line in ten seconds are ten records, and the last state is there."""
    at = [50.0]
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: at[0]))
    run = madang.init()
    for number in range(1000):
        sys.stdout.write(f"\r{number}")
        at[0] += 0.01
    run.finish()
    lines = [line for line in place.events(events.Console) if line.stream == "out"]
    assert 10 <= len(lines) <= 12
    assert lines[-1].text == "999"


def test_print_logging_and_errors_are_heard(place: Place) -> None:
    """Standard output and error are recorded with their streams; the streams stay the objects that they were."""
    out = place.run(
        """
import logging, sys, madang
handler = logging.StreamHandler()  # holds sys.stderr from before
before = sys.stdout, sys.stderr
with madang.init() as run:
    print("하나", end=" "); print("둘")
    logging.getLogger().addHandler(handler)
    logging.warning("careful")
    sys.stdout.writelines(["three\\n", "four"])
    assert (sys.stdout, sys.stderr) == before
print("after")
"""
    )
    assert out == "하나 둘\nthree\nfourafter\n"
    assert shown(place) == [("out", "하나 둘"), ("err", "careful"), ("out", "three"), ("out", "four")]


def test_the_launcher_can_turn_it_off(place: Place) -> None:
    """With MADANG_CONSOLE=0 somebody outside listens, and nothing is recorded here."""
    place.run("import madang\nwith madang.init(): print('x')", MADANG_CONSOLE="0")
    assert shown(place) == []


def test_streams_that_cannot_be_heard_are_left_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stream, or one whose write() cannot be replaced, is no error."""

    class Fixed:
        __slots__ = ()

        def write(self, text: str) -> int:
            return len(text)

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", Fixed())
    madang.init().finish()


def test_runs_of_one_process_hear_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every open run has what was printed while it was open; a huge line is cut."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    first = madang.init()
    print("a")
    second = madang.init()
    print("b" * 100_000)
    first.finish()
    print("c")
    second.finish()
    assert [text[:1] for _, text in shown(place, first.id)] == ["a", "b"]
    assert [text[:1] for _, text in shown(place, second.id)] == ["b", "c"]
    assert len(shown(place, second.id)[0][1]) < 70_000
