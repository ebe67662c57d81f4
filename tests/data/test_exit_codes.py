"""Exit codes are those of the real dvc, also where nothing sensible was asked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from tests.data.helpers import Answer, Tool, make

from madang.workspace.data.repo import locks


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository that is copied."""
    root = tmp_path_factory.mktemp("template")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert dvc(root, "init", "-q").code == 0
    make(root, {"a": b"1", "data/x": b"2"})
    assert dvc(root, "add", "-q", "a", "data").code == 0
    return root


@pytest.fixture
def pair(tmp_path: Path, template: Path) -> tuple[Path, Path]:
    """The same repository twice, one for each tool."""
    ours, theirs = (shutil.copytree(template, tmp_path / name, symlinks=True) for name in ("ours", "theirs"))
    return ours, theirs


@pytest.mark.parametrize(
    "words",
    [
        "remote", "cache", "data", "remote bogus", "cache bogus", "data bogus",
        "config --global --local core.remote x", "config --system --project core.remote",
        "remote list --global --local", "import-url --no-exec --no-download /x", "push", "fetch -r nope",
    ],
)  # fmt: skip
def test_wrong_usage(pair: tuple[Path, Path], madang: Tool, dvc: Tool, words: str) -> None:
    """A group without a command, options that exclude each other, a remote that is not there: as dvc."""
    ours, theirs = pair
    code = madang(ours, *words.split()).code
    if words == "fetch -r nope":
        assert code == 1  # dvc only warns
    else:
        assert code == dvc(theirs, *words.split()).code


def test_checkout_without_a_cache(pair: tuple[Path, Path], madang: Tool) -> None:
    """What is recorded and already there needs nothing of the cache; what is not there does."""
    folder = pair[0]
    shutil.rmtree(folder / ".dvc" / "cache")
    assert madang(folder, "checkout").code == 0
    (folder / "data" / "x").unlink()
    assert madang(folder, "checkout", "a").code == 0
    assert madang(folder, "checkout", "data").code == 255


@pytest.mark.parametrize(
    "words", ["fetch", "fetch -A", "pull", "push", "status -c", "status -c -r nope", "data status"]
)
@pytest.mark.parametrize("is_empty", [False, True])
def test_without_a_remote(pair: tuple[Path, Path], madang: Tool, dvc: Tool, words: str, is_empty: bool) -> None:
    """A remote is needed only where something has to be asked of one: what the cache holds is brought without."""
    for root in pair:
        (root / "a").unlink()
        if is_empty:
            assert dvc(root, "remove", "a.dvc", "data.dvc").code == 0
    ours, theirs = pair
    assert madang(ours, *words.split()).code == dvc(theirs, *words.split()).code
    assert (ours / "a").exists() == (theirs / "a").exists()


def test_pull_of_what_is_nowhere(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """Neither cache nor remote: an error, unless missing data is none."""
    for words in ("pull", "pull --allow-missing", "pull --allow-missing -r nope"):
        for root in pair:
            for name in (".dvc/cache", "data"):
                shutil.rmtree(root / name, ignore_errors=True)
            (root / "a").unlink(missing_ok=True)
        assert madang(pair[0], *words.split()).code == dvc(pair[1], *words.split()).code, words


@pytest.mark.parametrize("words", ["-v diff", "-v status a.dvc", "-q remote list", "-v -v add a", "--quiet add data"])
def test_options_before_the_command(pair: tuple[Path, Path], madang: Tool, dvc: Tool, words: str) -> None:
    """--quiet and --verbose may stand before the name of the command."""
    ours, theirs = pair
    assert madang(ours, *words.split()).code == dvc(theirs, *words.split()).code == 0


def test_quiet_before_the_command(pair: tuple[Path, Path], madang: Tool) -> None:
    """It means what it means behind the name, where dvc takes it and is loud."""
    (pair[0] / "a").write_bytes(b"changed")
    assert madang(pair[0], "-q", "status") == madang(pair[0], "status", "-q") == Answer(1, "", "")
    assert madang(pair[0], "data", "status", "-q") == Answer(0, "", "")


def test_hooks_without_git(tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Where there is no git, there is nothing to install, and that is no error."""
    assert madang(tmp_path, "init", "--no-scm").code == 0
    assert madang(tmp_path, "install").code == dvc(tmp_path, "install").code == 0


@pytest.mark.parametrize(
    "words", ["push", "pull", "fetch", "status", "add a", "check-ignore a", "update a.dvc", "diff"]
)
def test_an_unreadable_configuration(pair: tuple[Path, Path], madang: Tool, dvc: Tool, words: str) -> None:
    """Nothing is done with a configuration that cannot be read, and every command says so by 251."""
    for root in pair:
        (root / ".dvc" / "config.local").write_text("[core\n")
    ours, theirs = pair
    assert madang(ours, *words.split()).code == dvc(theirs, *words.split()).code == 251


@pytest.mark.parametrize("words", ["status", "add data", "commit -f"])
def test_rules_inside_data(pair: tuple[Path, Path], madang: Tool, dvc: Tool, words: str) -> None:
    """A .dvcignore inside tracked data is refused with 255."""
    for root in pair:
        (root / "data" / ".dvcignore").write_text("x\n")
    ours, theirs = pair
    assert madang(ours, *words.split()).code == dvc(theirs, *words.split()).code == 255


def test_remotes_of_the_user_outside_a_repository(tmp_path: Path, madang: Tool) -> None:
    """Remotes of the user's own configuration are managed anywhere; those of a repository need one."""
    assert madang(tmp_path, "remote", "add", "--global", "-d", "team", "s3://bucket/path").code == 0
    assert madang(tmp_path, "remote", "list").out == "team\ts3://bucket/path\t(default)\n"
    assert madang(tmp_path, "remote", "modify", "--global", "team", "region", "eu-west-1").code == 0
    assert madang(tmp_path, "remote", "rename", "--global", "team", "store").code == 0
    assert madang(tmp_path, "remote", "default").out == "store\n"
    assert madang(tmp_path, "remote", "add", "mine", "/x").code == 251
    assert madang(tmp_path, "remote", "remove", "--global", "store").code == 0
    assert madang(tmp_path, "remote", "list").out == ""


@pytest.mark.parametrize(("name", "url"), [("", "/x"), ("x", ""), (" ", "/x")])
def test_a_remote_has_a_name_and_an_address(pair: tuple[Path, Path], madang: Tool, name: str, url: str) -> None:
    """A remote without a name or an address is refused, and the configuration stays as it is."""
    config = pair[0] / ".dvc" / "config"
    before = config.read_bytes()
    assert madang(pair[0], "remote", "add", name, url).code == 254
    assert config.read_bytes() == before


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port/x", "ssh://[::1/x"])
def test_an_address_that_is_none(pair: tuple[Path, Path], madang: Tool, url: str) -> None:
    """However it came into the configuration, whoever needs it says what is wrong with it."""
    if url.startswith("http://["):
        assert madang(pair[0], "remote", "add", "r", url).code == 251
    with (pair[0] / ".dvc" / "config").open("a") as config:
        config.write(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {url}\n")
    (pair[0] / "sent").write_bytes(b"sent")
    assert madang(pair[0], "add", "sent").code == 0
    answer = madang(pair[0], "push", "sent.dvc")
    assert answer.code == 1
    assert f"{url} is not the address of a folder" in answer.err


def test_commands_that_are_not_here(tmp_path: Path, madang: Tool) -> None:
    """What dvc has and madang has not is refused by its name, with another way; anything else is unknown."""
    answer = madang(tmp_path, "import-db", "--sql", "select 1", "--help")
    assert answer.code == 255
    assert "no import-db" in answer.err
    assert "madang add" in answer.err
    assert "no test-db" in madang(tmp_path, "test-db", "--conn", "x").err
    assert madang(tmp_path, "nonsense").code == 2


def test_commits_that_cannot_be_read(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """`status --cloud` over commits of which one cannot be read answers for the others, and exits 1."""
    for root in pair:
        assert dvc(root, "remote", "add", "-q", "-d", "r", str(root.parent / "store")).code == 0
        good = (root / "a.dvc").read_text()
        for text in ("outs: 3\n", good):
            (root / "a.dvc").write_text(text)
            who = ["-c", "user.name=a", "-c", "user.email=a@b"]
            subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
            subprocess.run(["git", "-C", str(root), *who, "commit", "-qm", "x"], check=True)
    ours, theirs = pair
    answer = madang(ours, "status", "-c", "-A", "--json")
    assert answer.code == dvc(theirs, "status", "-c", "-A", "--json").code == 1
    assert '"a": "new"' in answer.out
    assert "passed over" in answer.err


def test_patterns_for_pull(pair: tuple[Path, Path], madang: Tool) -> None:
    """`pull --glob` brings what the patterns fit; one that fits nothing is an error."""
    root = pair[0]
    assert madang(root, "remote", "add", "-d", "r", "../store").code == 0
    assert madang(root, "push").code == 0
    (root / "a").unlink()
    assert madang(root, "pull", "--glob", "?.dvc").code == 0
    assert (root / "a").read_bytes() == b"1"
    assert madang(root, "pull", "--glob", "nothing*").code == 1


def test_all_targets_are_checked_first(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """When one of several paths cannot be added none is, and no line of a .gitignore changes."""
    for root in pair:
        make(root, {"b": b"3", "sub/.gitignore": b"*\n", "sub/c": b"4"})
    ours, theirs = pair
    before = (ours / ".gitignore").read_bytes()
    assert madang(ours, "add", "b", "sub/c").code == dvc(theirs, "add", "b", "sub/c").code == 1
    assert (ours / ".gitignore").read_bytes() == before
    assert not (ours / "b.dvc").exists()


def test_what_is_tracked_twice_is_not_added(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """A path that two records track, or of which another record tracks a part, is refused as by dvc."""
    for root in pair:
        (root / "other.dvc").write_bytes((root / "a.dvc").read_bytes())
        md5 = hashlib.md5(b"2").hexdigest()
        (root / "inner.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 1\n  hash: md5\n  path: data/x\n")
    ours, theirs = pair
    for name in ("a", "data"):
        assert madang(ours, "add", name).code == dvc(theirs, "add", name).code == 1


def test_waiting_for_a_lock(pair: tuple[Path, Path], madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --wait-for-lock a command begins when the other one has ended, however long it takes."""
    monkeypatch.setenv(locks.PATIENCE, "")
    monkeypatch.setattr(locks.hold.__wrapped__, "__defaults__", ((), 0.1))  # type: ignore[attr-defined]
    descriptor = os.open(pair[0] / ".dvc" / "tmp" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    threading.Timer(1, os.close, (descriptor,)).start()
    assert madang(pair[0], "--wait-for-lock", "add", "a").code == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("checkout dta", "madang list . -R --dvc-only"), ("move dta x", "madang list . -R --dvc-only"),
        ("remote remove nope", "madang remote list"), ("remote rename nope x", "madang remote list"),
        ("config --unset core.remote", "madang config --list --show-origin"), ("import-url odd://x", "http(s)://"),
    ],
)  # fmt: skip
def test_slips_are_told_with_the_next_step(pair: tuple[Path, Path], madang: Tool, words: str, hint: str) -> None:
    """What is not there is named, and a command that shows what is."""
    answer = madang(pair[0], *words.split())
    assert answer.code != 0
    assert hint in answer.err.split("→")[1]
