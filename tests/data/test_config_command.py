"""`madang config` reads and writes the files of the real dvc, value for value and byte for byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.helpers import SETTINGS, Answer, Tool

from madang.errors import ConfigError
from madang.formats.dvc.config import section_name
from madang.formats.dvc.config_keys import check_section

LINES = [
    "config core.remote myremote",
    "config core.remote",
    "config --global core.remote x",
    "config --global core.autostage true",
    "config --system core.check_update false",
    "config -l",
    "config --list --show-origin",
    "config core.remote --show-origin",
    "config remote.S3.url s3://bucket/x",
    "config remote.s3.region kr",
    "config remote.s3.url",
    "config --local remote.s3.secret_access_key a,b#c",
    "config -l",
    "config -l --local",
    "config -u core.remote",
    "config -u core.remote",
    "config core.remote",
    "config --local core.remote",
    "config core.nonsense 1",
    "config nonsense.x 1",
    "config core.autostage maybe",
    "config cache.type hardlink,symlink",
    "config cache.type wrong",
    "config cache.dir ../mycache",
    "config core.autostage True",
    "config core",
    "config",
    "config -l core.remote",
    "config --show-origin -u core.autostage",
    "config core.Analytics FALSE",
    "config exp.auto_push true",
    "config feature.machine true",
    "config db.pg.url postgres://x",
    "config cache.type",
    "config core.nothing",
    "config -u remote.s3.region",
    "config -l",
]


@pytest.fixture
def texts(tmp_path: Path) -> Callable[[str], list[bytes]]:
    """What the files of all levels hold, for one of the two repositories."""

    def read(name: str) -> list[bytes]:
        folder = tmp_path / name / "repo"
        upper = [Path(os.environ[variable], "dvc" if name == "theirs" else "", "config") for variable in SETTINGS]
        places = [*upper, folder / ".dvc/config", folder / ".dvc/config.local"]
        return [path.read_bytes() if path.exists() else b"" for path in places]

    return read


def test_same_as_dvc(tmp_path: Path, dvc: Tool, madang: Tool, texts: Callable[[str], list[bytes]]) -> None:
    """Each of many command lines prints the same, exits alike and leaves the same files, at every level."""
    for name in ("ours", "theirs"):
        folder = tmp_path / name / "repo"
        folder.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        assert dvc(folder, "init", "-q").code == 0
    for line in LINES:
        ours = madang(tmp_path / "ours/repo", *line.split())
        theirs = dvc(tmp_path / "theirs/repo", *line.split())
        assert ours.code == theirs.code, line
        if "usage" not in theirs.out:
            assert _plain(ours) == _plain(theirs), line
        assert texts("ours") == texts("theirs"), line


def _plain(answer: Answer) -> list[str]:
    """What was printed; the folders of the upper levels are not the same for the two tools."""
    lines = answer.out.replace("/ours/", "/theirs/").splitlines()
    return [line[line.rindex("config\t") :] if "config\t" in line and line.startswith("/") else line for line in lines]


def test_outside_a_repository(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """The files of user and machine are usable anywhere, those of a repository only inside one."""
    for line, code in (
        ("config core.remote x", 251),
        ("config --local -l", 251),
        ("config --global core.remote x", 0),
        ("config --global core.remote", 0),
        ("config -l", 0),
    ):
        assert madang(tmp_path, *line.split()).code == dvc(tmp_path, *line.split()).code == code, line


@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_sets_for_its_user(tmp_path: Path, dvc: Tool, turn: int) -> None:
    """It ends with the test: the real dvc stays for all tests of a worker, and would carry it on."""
    assert dvc(tmp_path, "config", "--global", "core.remote").code == 251, turn
    assert dvc(tmp_path, "config", "--global", "core.remote", "x").code == 0


def test_a_wrong_file_can_be_repaired(tmp_path: Path, root: Path, madang: Tool) -> None:
    """A key that no release knows is shown, and removed by --unset, though every other command refuses the file."""
    (root / ".dvc" / "config").write_text("# mine\n[core]\n    nonsense = 1\n    autostage = true\n")
    assert madang(root, "remote", "list").code == 251
    assert "core.nonsense=1" in madang(root, "config", "-l").out
    assert madang(root, "config", "-u", "core.nonsense").code == 0
    assert (root / ".dvc" / "config").read_text() == "# mine\n[core]\n    autostage = true\n"
    assert madang(root, "remote", "list").code == 0


BEYOND_ASCII = [
    ("remote", "add", "한글", "/x"),
    ("remote", "add", "x", "/자료"),
    ("remote", "rename", "plain", "이름"),
    ("config", "core.remote", "이름"),
    ("cache", "dir", "../캐시"),
]


@pytest.mark.parametrize("line", BEYOND_ASCII, ids=ascii)
def test_what_dvc_cannot_write(root: Path, madang: Tool, dvc: Tool, line: tuple[str, ...]) -> None:
    """A value that is not ASCII is written, dvc reads it, and it is said that dvc's next change empties the file."""
    plain = madang(root, "remote", "add", "plain", "/plain")
    assert (plain.code, plain.err) == (0, "")
    answer = madang(root, *line)
    assert answer.code == 0, answer.err
    assert "empties it" in answer.err
    assert dvc(root, "remote", "list").code == 0
    assert dvc(root, "remote", "add", "other", "/y").code == 255
    assert (root / ".dvc" / "config").read_bytes() == b""


VALUES = ["true", "FALSE", "1", "0", "-1", "2.5", "101", "on", "Basic", "group", "append", "Store_True", "aws"]
ADDRESSES = "/p s3://b gs://b azure://b ssh://h/p hdfs://h webhdfs://h oss://b gdrive://x http://h https://h webdav://h"


def test_what_dvc_takes() -> None:
    """Of each key and value dvc's own schema decides: it refuses all of a configuration that holds a wrong one."""
    from dvc.config_schema import REMOTE_SCHEMAS, SCHEMA
    from voluptuous import Invalid, Schema

    theirs = Schema(SCHEMA)

    def takes(kind: str, name: str, values: dict[str, str]) -> list[bool]:
        try:
            check_section(section_name(kind, name), values, "config")
            ours = True
        except ConfigError:
            ours = False
        try:
            theirs({kind: {name: values}} if kind else {name: values})
        except Invalid:
            return [ours, False]
        return [ours, True]

    places: list[tuple[str, str, dict[str, str], set[str]]] = []
    for name, keys in SCHEMA.items():
        if name in ("machine", "db"):
            places.append((name, "x", {}, {str(key) for key in keys[str]}))
        elif name not in ("remote", "feature"):
            places.append(("", name, {}, {str(key) for key in keys}))
    for url in ADDRESSES.split():
        scheme = url.partition("://")[0].removeprefix("/p")
        places.append(("remote", "x", {"url": url}, {str(key) for key in REMOTE_SCHEMAS[scheme]} - {"url"}))
    wrong = {
        (kind, name, *start.values(), key, value)
        for kind, name, start, keys in places
        for key in {*keys, "nonsense", "verify", "dir"}
        for value in (*VALUES, "hardlink, copy")
        if len(set(takes(kind, name, {**start, key: value}))) == 2
    }
    assert not wrong
