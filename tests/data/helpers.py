"""Folders of files for the tests, what they look like afterwards, and commands that run on them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


Tool = Callable[..., Answer]
"""Called with a folder and arguments; runs there."""

SETTINGS = ("DVC_SYSTEM_CONFIG_DIR", "DVC_GLOBAL_CONFIG_DIR")
"""Variables that name the folders of what a machine, and a user, sets for all repositories."""

NFC = "한글"
NFD = unicodedata.normalize("NFD", NFC)

ODD: dict[str, bytes] = {
    "plain.txt": b"plain\n",
    "empty": b"",
    "a-b/x": b"1",
    "a.b": b"2",
    "a/x": b"3",
    "a0": b"4",
    f"{NFC}/데이터 세트.csv": b"5",
    f"{NFD}/nfd": b"6",
    " lead and trail ": b"7",
    "#hash": b"8",
    "!bang": b"9",
    "[glob]*?.bin": b"10",
    "line\nbreak": b"11",
    'quote"\\back': b"12",
    "tab\tdel\x7f": b"13",
    "emoji-😀": b"14",
    "n" * 255: b"15",
    "deep/" + "/".join("abcdefghij"): b"16",
    "same/1": b"twice",
    "same/2": b"twice",
    "crlf": b"x\r\ny\r\n",
    "-dash": b"17",
    ".hidden/.file": b"18",
    ".gitignore": b"*.tmp\n",
    "binary": bytes(range(256)) * 40,
    "large": b"0123456789abcdef" * 90_000,
    "larger": bytes(range(251)) * 60_000,
}


def make(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    """All files below a folder; links are followed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects(cache: Path) -> dict[str, tuple[int, bytes]]:
    """Path below the cache → (mode, bytes) of every object; our staging area is not one."""
    return {
        str(path.relative_to(cache)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in cache.rglob("*")
        if path.is_file() and ".incoming" not in path.parts
    }
