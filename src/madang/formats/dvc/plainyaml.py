"""A fast reader for the plain part of YAML 1.2 that DVC's files are written in.

It reads block mappings and lists, one-line flow collections, plain, quoted and literal scalars, and comments. Anything
else (anchors, tags, directives, complex keys, tabs, odd folding, errors) it does not judge: it raises `NotPlain`, and
the caller asks the full parser. What it does read means exactly what ruamel's safe loader makes of it; a property test
holds that.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from madang.formats.dvc.plainvalues import NotPlain, flow, scalar

__all__ = ["NotPlain", "load"]

_ODD = re.compile("[^\n -~]")
_NOT_ALLOWED = "[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_MARKER = re.compile(r"^(?:---|\.\.\.|%)", re.M)
_KEY = re.compile(r"([^\s#&*!|>'\"%@`{}\[\],?:-][^\n]*?|-[^\s:][^\n]*?)\s*:(?= |$)")
_QUOTED_KEY = re.compile(r"'((?:[^']|'')*)'\s*:(?= |$)|\"([^\"\\]*)\"\s*:(?= |$)")
_BLOCK = re.compile(r"([|>])([-+]?)(?: +#.*| *)\Z")
_COMMENT = re.compile(r"(?:^| )#")
_FIRST_SPECIAL = frozenset("&*!%@`,]}?")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", '"': '"',
    "\\": "\\", "/": "/", " ": " ", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_LONG = 1000
_DEEP = 60


def load(text: str) -> Any:
    """The value of a document.

    Raises:
        NotPlain: ask the full parser; the text may be right or wrong.
    """
    if (_ODD if text.isascii() else _odd()).search(text) or _MARKER.search(text):
        raise NotPlain
    return _Reader(text).document()


@cache
def _odd() -> re.Pattern[str]:
    """The signs of all of Unicode that are left to the full parser; made when a text needs it, as it takes 3 ms."""
    return re.compile(_NOT_ALLOWED)


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.indents = [len(line) - len(line.lstrip(" ")) for line in self.lines]
        self.at = -1  # the present line that means something
        self.indent = -1  # its indentation; -1 at the end
        self.depth = 0

    def document(self) -> Any:
        self._next()
        if self.indent < 0:
            return None
        value = self._node(self.indent)
        if self.indent >= 0:
            raise NotPlain
        return value

    def _next(self) -> None:
        """Go to the next line that is not empty and not only a comment."""
        lines, indents, at = self.lines, self.indents, self.at + 1
        while at < len(lines):
            line, indent = lines[at], indents[at]
            if indent < len(line) and line[indent] != "#":
                self.at, self.indent = at, indent
                return
            at += 1
        self.at, self.indent = at, -1

    def _node(self, indent: int) -> Any:
        self.depth += 1
        if self.depth > _DEEP:
            raise NotPlain
        line = self.lines[self.at]
        is_list = line.startswith("- ", indent) or line[indent:] == "-"
        value = self._list(indent) if is_list else self._map(indent, indent)
        self.depth -= 1
        return value

    def _list(self, indent: int) -> list[Any]:
        items: list[Any] = []
        while self.indent == indent:
            line = self.lines[self.at]
            if line[indent:] == "-":
                rest, column = "", indent + 1
            elif line.startswith("- ", indent):
                rest = line[indent + 1 :].lstrip(" ")
                column = len(line) - len(rest)
            else:
                break  # the list stood at the indentation of its key
            if rest.startswith(("- ", "? ", ": ")) or rest in ("-", "?", ":"):
                raise NotPlain
            if rest and rest[0] != "#" and self._is_key(rest):
                items.append(self._map(column, indent))
            else:
                items.append(self._value(rest, indent, in_map=False))
        if self.indent > indent:
            raise NotPlain
        return items

    @staticmethod
    def _is_key(rest: str) -> bool:
        return (_QUOTED_KEY if rest[0] in "'\"" else _KEY).match(rest) is not None

    def _map(self, column: int, indent: int) -> dict[Any, Any]:
        """The mapping whose keys stand in ``column``; the first may stand behind a dash at ``indent``."""
        found: dict[Any, Any] = {}
        first = True
        while first or self.indent == column:
            line = self.lines[self.at]
            if not first and (line.startswith("- ", column) or line[column:] == "-"):
                break
            first = False
            key, rest = self._key(line[column:])
            if key in found:
                raise NotPlain
            found[key] = self._value(rest, column, in_map=True)
        if self.indent > column or (indent < self.indent < column):
            raise NotPlain
        return found

    def _key(self, content: str) -> tuple[Any, str]:
        if content[0] in "'\"":
            match = _QUOTED_KEY.match(content)
            if match is None:
                raise NotPlain
            single = match[1]
            key: Any = single.replace("''", "'") if single is not None else match[2]
        else:
            match = _KEY.match(content)
            if match is None or _COMMENT.search(match[1]):
                raise NotPlain
            key = scalar(match[1])
        if match.end() > _LONG:
            raise NotPlain
        return key, content[match.end() :].lstrip(" ")

    def _value(self, rest: str, indent: int, *, in_map: bool) -> Any:
        if not rest or rest[0] == "#":
            self._next()
            if self.indent > indent:
                return self._node(self.indent)
            if in_map and self.indent == indent and self.lines[self.at].startswith("-", indent):
                line = self.lines[self.at]
                if line.startswith("- ", indent) or line[indent:] == "-":
                    return self._list(indent)
            return None
        sign = rest[0]
        if sign == "'" or sign == '"':
            return self._quoted(rest, indent)
        if sign == "|" or sign == ">":
            return self._block(rest, indent)
        if sign == "[" or sign == "{":
            value = flow(rest)
            self._step(indent)
            return value
        if sign in _FIRST_SPECIAL or rest.startswith(("- ", ": ")) or rest in ("-", ":"):
            raise NotPlain
        return self._plain(rest, indent)

    def _step(self, indent: int) -> None:
        """Go on after a value that ended on its line: nothing may stand deeper."""
        self._next()
        if self.indent > indent:
            raise NotPlain

    def _plain(self, rest: str, indent: int) -> Any:
        comment = rest.find(" #")
        text = (rest if comment < 0 else rest[:comment]).rstrip(" ")
        if ": " in text or text.endswith(":"):
            raise NotPlain
        before = self.at
        self._next()
        if self.indent <= indent:
            return scalar(text)
        if comment >= 0:
            raise NotPlain
        parts = [text]
        while self.indent > indent:
            part = self.lines[self.at].strip(" ")
            odd = part.startswith(("- ", "? ", ": ")) or part in ("-", "?", ":") or part.endswith(":")
            if self.at != before + 1 or odd or ": " in part or " #" in part:
                raise NotPlain
            parts.append(part)
            before = self.at
            self._next()
        return " ".join(parts)

    def _quoted(self, rest: str, indent: int) -> str:
        mark = rest[0]
        pieces, piece, last = [], rest[1:], self.at
        while True:
            end = _end_of_quote(piece, mark)
            if end >= 0:
                break
            pieces.append(piece)
            last += 1
            if last >= len(self.lines) or self.indents[last] <= indent or not self.lines[last].strip(" "):
                raise NotPlain  # an empty line inside is folded in another way
            piece = self.lines[last].lstrip(" ")
        tail = piece[end + 1 :]
        if tail.strip(" ") and not tail.lstrip(" ").startswith("#"):
            raise NotPlain
        if tail and tail[0] == "#":
            raise NotPlain
        pieces.append(piece[:end])
        self.at = last
        self._step(indent)
        if mark == "'":
            return " ".join(_trimmed(pieces)).replace("''", "'")
        return _ESCAPE.sub(_unescape, _joined(pieces))

    def _block(self, rest: str, indent: int) -> str:
        match = _BLOCK.match(rest)
        if match is None:
            raise NotPlain
        lines: list[str] = []
        at, own = self.at + 1, 0
        while at < len(self.lines):
            line, deep = self.lines[at], self.indents[at]
            if deep == len(line):
                if (own == 0 and deep) or deep > own > 0:
                    raise NotPlain  # blanks that may count
                lines.append("")
            elif deep <= indent:
                break
            else:
                own = own or deep
                if deep < own:
                    raise NotPlain
                lines.append(line[own:])
            at += 1
        kept = len(lines)
        while kept and not lines[kept - 1]:
            kept -= 1
        if not kept or not lines[0]:
            raise NotPlain
        text = _folded(lines[:kept]) if match[1] == ">" else "\n".join(lines[:kept])
        # the split leaves one empty text behind the last line break of the file
        after = len(lines) - kept - (1 if at == len(self.lines) else 0)
        if match[2] == "+" or after < 0:
            raise NotPlain
        self.at = at - 1
        self._next()
        return text if match[2] == "-" else text + "\n"


def _folded(lines: list[str]) -> str:
    if any(not line or line[0] == " " for line in lines):
        raise NotPlain
    return " ".join(lines)


def _end_of_quote(piece: str, mark: str) -> int:
    at = 0
    while at < len(piece):
        sign = piece[at]
        if sign == mark:
            if mark == "'" and piece[at + 1 : at + 2] == "'":
                at += 2
                continue
            return at
        at += 2 if mark == '"' and sign == "\\" else 1
    return -1


def _trimmed(pieces: list[str]) -> list[str]:
    """Blanks around a line break do not count."""
    last = len(pieces) - 1
    return [
        (piece.lstrip(" ") if index else piece) if index == last else (piece.strip(" ") if index else piece.rstrip(" "))
        for index, piece in enumerate(pieces)
    ]


def _joined(pieces: list[str]) -> str:
    """The lines of a double-quoted text: a backslash at the end of one joins it with the next."""
    text = ""
    for index, piece in enumerate(pieces):
        part = piece.lstrip(" ") if index else piece
        if index == len(pieces) - 1:
            return text + part
        body = part.rstrip("\\")
        if (len(part) - len(body)) % 2:
            text += part[:-1]
        else:
            if part.endswith((" ", "\\")):
                raise NotPlain
            text += part + " "
    return text


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        number = int(code, 16)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise NotPlain
        return chr(number)
    if match[4] not in _ESCAPES:
        raise NotPlain
    return _ESCAPES[match[4]]
