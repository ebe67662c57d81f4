"""Command lines option by option: what differs between two of them, and one that has some options of each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from madang.domain.values import value

_ASSIGNMENT = re.compile(r"\+{0,2}[^\W\d][\w.\-/]*=")
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh"))
_OF_SHELLS = frozenset(";|&<>$`()*?{}[]~\n\\")  # what shells do more with than to split words


@value
class _Piece:
    """One option with its value, or a word by its place."""

    name: str
    words: tuple[str, ...]
    text: str  # the value


def options(command: Sequence[str]) -> dict[str, str]:
    """The words of a command line by option, else by position: ``--lr 0.1`` and ``--lr=0.1`` are the same.

    ``model.lr=0.1``, as hydra has it, is the option ``model.lr``. Of what a shell is given to run, the words count.
    """
    return {piece.name: piece.text for piece in _pieces(_inner(command) or command)}


def mixed(old: Sequence[str], new: Sequence[str], is_new: Callable[[str], bool]) -> list[str]:
    """A command line with each option as the one has it, or as the other; ``is_new`` tells by the option's name.

    What is no option comes from ``old`` or, when ``is_new("")``, from ``new``.
    """
    one, other = _inner(old), _inner(new)
    if one is not None and other is not None and not any(_OF_SHELLS & set(line[-1]) for line in (old, new)):
        return [*(new if is_new("") else old)[:-1], shlex.join(_mixed(one, other, is_new))]
    return _mixed(old, new, is_new)


def _mixed(old: Sequence[str], new: Sequence[str], is_new: Callable[[str], bool]) -> list[str]:
    of_new = is_new("")
    base, other = (_pieces(new), _pieces(old)) if of_new else (_pieces(old), _pieces(new))
    theirs = {piece.name: piece for piece in other if _is_option(piece) and is_new(piece.name) != of_new}
    kept = [piece for piece in base if not _is_option(piece) or is_new(piece.name) == of_new or piece.name in theirs]
    made = [theirs.get(piece.name, piece) for piece in kept]
    there = {piece.name for piece in made}
    for place, piece in enumerate(other):
        if piece.name in theirs and piece.name not in there:
            above = {one.name for one in other[:place]}
            after = max((at for at, one in enumerate(made) if one.name in above), default=len(made) - 1)
            made.insert(after + 1, piece)
    return [word for piece in made for word in piece.words]


def _is_option(piece: _Piece) -> bool:
    return not piece.name.startswith("argument ")


def _inner(command: Sequence[str]) -> list[str] | None:
    """The words of the one command that a shell is given as a text; None for any other command."""
    if len(command) < 3 or command[0].rpartition("/")[2] not in _SHELLS or command[-2] != "-c":
        return None
    if not all(word.startswith("-") for word in command[1:-1]):
        return None
    try:
        return shlex.split(command[-1])
    except ValueError:
        return None


def _pieces(command: Sequence[str]) -> list[_Piece]:
    found: list[_Piece] = []
    last, place = "", 0
    for word in command:
        if word.startswith("-") and len(word) > 1 and not _is_number(word):
            name, sign, text = word.partition("=")
            found.append(_Piece(name, (word,), text if sign else "true"))
            last = "" if sign else name
        elif _ASSIGNMENT.match(word):
            name, _, text = word.partition("=")
            found.append(_Piece(name, (word,), text))
            last = ""
        elif last:
            found[-1] = _Piece(last, (*found[-1].words, word), word)
            last = ""
        else:
            found.append(_Piece(f"argument {place}", (word,), word))
            place += 1
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
