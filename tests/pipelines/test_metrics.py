"""metrics show and diff say what the real dvc says, of the work tree, of commits and from the cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make
from tests.pipelines.side_by_side import check_as_dvc, make_repository, value

COMMANDS = [
    "metrics show --json", "metrics show", "metrics show --md", "metrics show --md -a", "metrics show -T --json",
    "metrics show -a -T --json", "metrics show -A --json", "metrics show -T --precision 2",
    "metrics show scores -R --json", "metrics show sub/ignored.toml top.yaml --json",
    "metrics show params.yaml --json", "metrics diff --json", "metrics diff v1 v2 --json",
    "metrics diff v1 v2 --json --all", "metrics diff v1 --md", "metrics diff v1 --no-path", "metrics diff v1 v1 --md",
    "metrics diff nosuch", "metrics diff v1 v2 --targets scores --precision 2",
    "metrics diff v1 v2 --targets plain.json many --json --all", "metrics diff old/branch -R --json",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_as_dvc(made: Path, dvc: Tool, madang: Tool, command: str) -> None:
    """Exit code and what is printed equal dvc's."""
    check_as_dvc(made, dvc, madang, command)


def test_in_a_folder(made: Path, dvc: Tool, madang: Tool) -> None:
    """Paths are those that the present folder gives them."""
    for command in (["metrics", "show", "-T", "--json"], ["metrics", "diff", "v1", "--json"]):
        assert value(madang(made / "sub", *command).out) == value(dvc(made / "sub", *command).out)


def test_a_folder_holds_no_records(made: Path, dvc: Tool, madang: Tool) -> None:
    """Of a whole work tree neither what is hidden nor what the tools keep in it is read for metrics."""
    found = [value(tool(made, "metrics", "show", "-R", ".", "--json").out)[""]["data"] for tool in (madang, dvc)]
    assert found[0].keys() == found[1].keys()
    assert "dvc.yaml" not in found[0]


def test_from_the_cache(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """A metric that is not in the work tree comes from the cache; a damaged or missing object is told, never shown."""
    root = make_repository(tmp_path / "r", dvc)
    body = (root / "scores/cached.json").read_bytes()
    (root / "scores/cached.json").unlink()
    show = ("metrics", "show", "scores/cached.json", "--json")
    assert value(madang(root, *show).out)[""]["data"]["scores/cached.json"]["data"]["acc"] == 0.9
    name = hashlib.md5(body, usedforsecurity=False).hexdigest()
    stored = root / ".dvc/cache/files/md5" / name[:2] / name[2:]
    os.chmod(stored, 0o644)
    stored.write_bytes(b'{"acc": 1}')
    damaged = madang(root, *show)
    assert (damaged.code, "damaged" in damaged.err, "error" in damaged.out) == (0, True, True)
    stored.unlink()
    missing = madang(root, *show)
    assert (missing.code, "not in the cache" in missing.err) == (0, True)


def test_what_cannot_be_read(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """A broken file is an error by the name that dvc has for it, beside the values of the others."""
    root = make_repository(tmp_path / "r", dvc)
    make(root, {"top.yaml": b"a: [1\n", "plain.json": b"{", "sub/ignored.toml": b"= 1"})
    show = ("metrics", "show", "--json")
    ours, theirs = value(madang(root, *show).out)[""]["data"], value(dvc(root, *show).out)[""]["data"]
    assert {path: one.get("error", {}).get("type") for path, one in ours.items()} == {
        path: one.get("error", {}).get("type") for path, one in theirs.items()
    }
    make(root, {"dvc.yaml": b"stages: 5\n"})
    ours_all, theirs_all = madang(root, "metrics", "diff", "--json"), dvc(root, "metrics", "diff", "--json")
    assert (ours_all.code, value(ours_all.out)) == (theirs_all.code, value(theirs_all.out))


def test_outside(root: Path, madang: Tool) -> None:
    """A file outside of the repository is not read, whatever dvc.yaml says."""
    make(root.parent, {"secret.json": b'{"password": 1}'})
    make(root, {"dvc.yaml": b"metrics: [../secret.json, /etc/hostname, ..]\nplots: [../secret.json]\n"})
    for command in ("metrics show --json", "metrics show", "plots show --json"):
        ours = madang(root, *command.split())
        assert "password" not in ours.out
        assert "outside" in ours.err


def test_without_git(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Without git the metrics of the work tree are shown, and other revisions are refused, as by dvc."""
    root = tmp_path / "r"
    root.mkdir()
    assert dvc(root, "init", "--no-scm").code == 0
    make(root, {"m.json": b'{"a": 1}', "dvc.yaml": b"metrics: [m.json]\nplots: [m.json]\n"})
    for command in ("metrics show --json", "metrics show -a --json", "metrics diff", "params diff", "plots diff"):
        theirs, ours = dvc(root, *command.split()), madang(root, *command.split())
        assert (ours.code, value(ours.out)) == (theirs.code, value(theirs.out)), command
