"""Remotes of every kind, shared with the real dvc: what one pushed the other pulls, over history too."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import BinaryIO

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.data.helpers import ODD, Answer, Tool, make, objects, read

from madang.backends.objects.memory import MemoryObjects
from madang.errors import Unavailable
from madang.ports.objects import ObjectStat
from madang.testing.cloud_servers import ssh_server
from madang.testing.web_server import WebServer
from madang.workspace.data.files.adding import add
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.remotes.transfer import fetch, push
from madang.workspace.data.repo.repository import Repository


def commit(root: Path, message: str) -> None:
    """Commit everything that git sees."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(root), *identity, "commit", "-q", "-m", message], check=True)


def good(answer: Answer) -> Answer:
    """The answer of a command that must succeed."""
    assert answer.code == 0, answer.err
    return answer


def configure(root: Path, madang: Tool, url: str, options: dict[str, str]) -> None:
    """A default remote."""
    good(madang(root, "remote", "add", "-f", "-d", "r", url))
    for key, value in options.items():
        good(madang(root, "remote", "modify", "--local", "r", key, value))


def share(root: Path, madang: Tool, dvc: Tool) -> None:
    """Both directions, each into an empty cache and work tree."""
    for number, (push_tool, pull_tool) in enumerate(((madang, dvc), (dvc, madang))):
        files = {**ODD, "round": b"%d" % number}
        make(root / "d", files)
        good(madang(root, "add", "d"))
        good(push_tool(root, "push"))
        assert json.loads(good(madang(root, "status", "-c", "--json")).out) == {}
        (root / "d").rename(root.parent / f"data {number}")
        (root / ".dvc" / "cache").rename(root.parent / f"cache {number}")
        good(pull_tool(root, "pull"))
        assert read(root / "d") == files


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_plain_http_is_shared(root: Path, madang: Tool, dvc: Tool, method: str) -> None:
    """A web server that keeps what it is sent, behind a password."""
    with WebServer() as server:
        server.needed = {"authorization": "Basic bWU6c2VjcmV0"}
        options = {"auth": "basic", "user": "me", "password": "secret", "method": method}
        configure(root, madang, f"{server.address}/some/where", options)
        share(root, madang, dvc)
        assert all(path.startswith("/some/where/files/md5/") for path in server.files)
        good(madang(root, "remote", "modify", "--local", "r", "password", "wrong"))
        refused = madang(root, "push", "-r", "r")
        assert refused.code == 1
        assert "401" in refused.err


def test_ssh_is_shared(root: Path, madang: Tool, dvc: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH's server on loopback; dvc connects by its own library, madang by the ssh program."""
    keys = tmp_path / "keys"
    keys.mkdir()
    with ssh_server(keys) as server:
        wrapper = tmp_path / "bin" / "ssh"
        make(wrapper.parent, {"ssh": b""})
        known = f'-oUserKnownHostsFile="{server.known_hosts}"'
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {known} -F none "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", str(wrapper.parent), prepend=":")
        url = f"ssh://127.0.0.1{tmp_path}/over ssh"
        configure(root, madang, url, {"port": str(server.port), "keyfile": server.keyfile, "allow_agent": "false"})
        share(root, madang, dvc)
        assert (tmp_path / "over ssh" / "files" / "md5").is_dir()


def test_profiles_of_aws(root: Path, madang: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come from the profile of a credentials file, through AWS's own library."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        bucket = f"b{uuid.uuid4().hex}"
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket=bucket)
        make(tmp_path, {"keys": b"[team]\naws_access_key_id = k\naws_secret_access_key = s\n"})
        options = {"endpointurl": address, "profile": "team", "credentialpath": str(tmp_path / "keys")}
        configure(root, madang, f"s3://{bucket}", options)
        make(root, {"s": b"by profile"})
        good(madang(root, "add", "s"))
        assert good(madang(root, "push")).out == "1 file pushed\n"
        good(madang(root, "remote", "modify", "--local", "r", "profile", "nobody"))
        refused = madang(root, "push")
        assert refused.code == 1
        assert "nobody" in refused.err
        assert "Traceback" not in refused.err
        make(tmp_path, {"evil": b"[profile team]\ncredential_process = touch " + bytes(tmp_path / "ran")})
        good(madang(root, "remote", "modify", "--local", "r", "profile", "team"))
        good(madang(root, "remote", "modify", "--local", "r", "configpath", str(tmp_path / "evil")))
        assert "program" in madang(root, "push").err
        assert not (tmp_path / "ran").exists()
    finally:
        server.stop()


@pytest.fixture
def history(root: Path, madang: Tool) -> Path:
    """Three commits of a file and a folder: a tag, a branch, and the work tree; a relative remote."""
    good(madang(root, "remote", "add", "-d", "r", "../the remote"))
    for number in (1, 2, 3):
        make(root, {"f": b"%d" % number, "d/x": b"x%d" % number, "d/same": b"same"})
        good(madang(root, "add", "f", "d"))
        if number == 2:
            make(root, {"only2": b"only here"})
            good(madang(root, "add", "only2"))
        commit(root, str(number))
        if number == 1:
            subprocess.run(["git", "-C", str(root), "tag", "one"], check=True)
        if number == 2:
            subprocess.run(["git", "-C", str(root), "branch", "two"], check=True)
            os.unlink(root / "only2.dvc")
    return root


def test_history_is_moved(history: Path, madang: Tool, dvc: Tool) -> None:
    """Tags, branches and all commits add what they need; a relative remote stays where it is; dvc finds everything."""
    store = history.parent / "the remote"
    assert good(madang(history, "push")).out == "4 files pushed\n"
    assert good(madang(history, "push", "-T")).out == "3 files pushed\n"
    assert good(madang(history, "push", "--all-branches")).out == "4 files pushed\n"
    assert good(madang(history, "push", "-A")).out == "Everything is up to date.\n"
    assert len(objects(store)) == 11
    assert not os.path.exists("/the remote")
    cache = history / ".dvc" / "cache"
    cache.rename(history.parent / "cache")
    assert good(madang(history, "fetch", "-T", "f")).out == "2 files fetched\n"
    assert good(madang(history, "fetch", "-A", "only2")).out == "1 file fetched\n"
    assert madang(history, "fetch", "only2").code == 1
    assert madang(history, "fetch", "-A", "never was").code == 1
    assert good(madang(history, "pull", "-A")).out == "D\tonly2\n8 files fetched and 1 file deleted\n"
    assert {name for name in objects(cache) if "files" in name} == set(objects(store))
    good(dvc(history, "fetch", "-A"))
    subprocess.run(["git", "-C", str(history), "checkout", "-q", "one"], check=True)
    good(dvc(history, "checkout"))
    assert read(history / "d") == {"x": b"x1", "same": b"same"}


def test_a_commit_that_cannot_be_read(history: Path, madang: Tool) -> None:
    """It is passed over, and said; in the work tree it is an error."""
    (history / "bad.dvc").write_text("outs: 3\n")
    commit(history, "bad")
    assert madang(history, "push", "-A").code == 1
    os.unlink(history / "bad.dvc")
    answer = good(madang(history, "push", "-A"))
    assert answer.out == "11 files pushed\n"
    assert "is passed over" in answer.err


def test_targets(history: Path, madang: Tool) -> None:
    """A path inside a folder, a folder with -R, patterns, and what is nowhere, each in words and as JSON."""
    assert json.loads(good(madang(history, "push", "d/same", "--json")).out)["pushed"] == 2
    assert good(madang(history, "push", "--glob", "*.dvc")).out == "2 files pushed\n"
    assert madang(history, "push", "--glob", "no*").code == 1
    make(history, {"below/a": b"a", "below/b": b"b"})
    good(madang(history, "add", "below/a", "below/b"))
    assert good(madang(history, "push", "-R", "below")).out == "2 files pushed\n"
    shutil.rmtree(history / ".dvc" / "cache")
    shutil.rmtree(history / "d")
    shutil.rmtree(history.parent / "the remote" / "files" / "md5" / "0c")  # "a"
    assert good(madang(history, "pull", "d/same", "--json")).out
    assert read(history / "d") == {"same": b"same"}
    os.unlink(history / "below" / "a")
    answer = madang(history, "pull")
    assert answer.code == 1
    assert "0cc175b9c0f1b6a831c399e269772661" in answer.err
    assert (history / "below" / "b").read_bytes() == b"b"
    assert read(history / "d") == {"x": b"x3", "same": b"same"}
    good(madang(history, "pull", "--allow-missing"))


def test_the_run_cache_is_shared(root: Path, madang: Tool, dvc: Tool) -> None:
    """Entries go both ways between the tools; one that was changed on the way is not taken."""
    good(madang(root, "remote", "add", "-d", "r", str(root.parent / "store")))
    make(root, {"f": b"1\n", "dvc.yaml": b"stages:\n  s:\n    cmd: cp f out\n    deps: [f]\n    outs: [out]\n"})
    good(dvc(root, "repro", "-q"))
    good(madang(root, "push", "--run-cache"))
    (entry,) = (root.parent / "store" / "runs").glob("*/*/*")
    (root / ".dvc" / "cache").rename(root.parent / "cache 1")
    good(dvc(root, "fetch", "--run-cache"))
    os.unlink(root / "out")
    os.unlink(root / "dvc.lock")
    assert "is cached" in good(dvc(root, "repro", "--pull")).out
    make(root, {"f": b"2\n"})
    good(dvc(root, "repro", "-q"))
    good(dvc(root, "push", "--run-cache"))
    assert len(list((root.parent / "store" / "runs").glob("*/*/*"))) == 2
    (root / ".dvc" / "cache").rename(root.parent / "cache 2")
    entry.chmod(0o644)
    entry.write_bytes(entry.read_bytes().replace(b"cp f out", b"rm -rf /"))
    good(madang(root, "fetch", "--run-cache"))
    assert len(list((root / ".dvc" / "cache" / "runs").glob("*/*/*"))) == 1
    with WebServer() as server:
        configure(root, madang, server.address, {})
        assert "run cache is left out" in good(madang(root, "push", "--run-cache")).err


def test_results_with_reports_are_shared(root: Path, madang: Tool, dvc: Tool) -> None:
    """Reports that are kept out of the cache go with the run cache: a colleague takes the result with either tool."""
    good(madang(root, "remote", "add", "-d", "r", str(root.parent / "store")))
    command = "date +%N > out; cp out m.json"
    text = f"stages:\n  s: {{cmd: '{command}', deps: [f], outs: [out], metrics: [m.json: {{cache: false}}]}}\n"
    make(root, {"f": b"1\n", "dvc.yaml": text.encode()})
    other = root.parent / "colleague"
    shutil.copytree(root, other, symlinks=True)
    third = root.parent / "another"
    shutil.copytree(root, third, symlinks=True)
    good(madang(root, "repro"))
    good(madang(root, "push", "--run-cache"))
    for tool, folder in ((madang, other), (dvc, third)):
        assert "is cached" in good(tool(folder, "repro", "--pull")).out
        assert (folder / "m.json").read_bytes() == (root / "m.json").read_bytes()
        assert (folder / "dvc.lock").read_bytes() == (root / "dvc.lock").read_bytes()


class Faulty(MemoryObjects):
    """A store that goes away after some reads, and lies about sizes."""

    reads = -1
    said: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.said = {}

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Fails when it has had enough; what it lies about never ends."""
        if self.reads == 0:
            raise Unavailable("The store went away.")
        self.reads -= 1
        return Endless() if key in self.said else super().open(key, start=start, length=length)

    def stat(self, key: str) -> ObjectStat | None:
        """Says what it was told to say."""
        return ObjectStat(key, self.said[key]) if key in self.said else super().stat(key)


class Endless(io.BytesIO):
    """Bytes without an end."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As many as are wanted."""
        assert size is not None
        self.given += size if size > 0 else 1 << 20
        assert self.given < 1 << 26, "nobody stops reading"
        return bytes(size if size > 0 else 1 << 20)

    def readinto(self, buffer: object, /) -> int:
        """As many as there is room for."""
        room = memoryview(buffer)  # type: ignore[arg-type]
        room[:] = self.read(len(room))
        return len(room)


def test_a_remote_that_goes_away_while_it_is_read(repo: Repository, root: Path) -> None:
    """What has come is kept, and the next fetch asks for the rest alone; an object without an end is cut."""
    make(root / "d", {f"{number}": b"%d" % number for number in range(40)})
    add(repo, ["d"])
    repo.settings.write("project", [("core", "remote", "r"), ('remote "r"', "url", "x"), ('remote "r"', "jobs", "1")])
    again = Repository(str(root))
    store = Faulty()
    push(again, resolve(again, []), lambda _: store)
    cache = Path(again.cache.folder)
    (cache / "files").rename(root.parent / "files")
    store.reads = 31
    with pytest.raises(Unavailable):
        fetch(again, resolve(again, []), lambda _: store)
    assert len(objects(cache)) >= 20
    (victim,) = [stat.key for stat in store.list() if stat.key not in objects(cache)][:1]
    store.reads = -1
    store.said = {victim: 3}
    moved = fetch(again, resolve(again, []), lambda _: store)
    assert moved.damaged == [victim.removeprefix("files/md5/").replace("/", "")]
    assert len(objects(cache)) == 40
    store.said = {}
    assert fetch(again, resolve(again, []), lambda _: store).files == 1
    again.close()


def test_remotes_are_renamed_and_removed_with_all_that_belongs_to_them(root: Path, madang: Tool, dvc: Tool) -> None:
    """Options in config.local and the default go along; both tools read the configuration after each step."""
    good(madang(root, "remote", "add", "-d", "One", "s3://bucket/x"))
    good(madang(root, "remote", "modify", "--local", "one", "secret_access_key", "hidden"))
    good(madang(root, "remote", "rename", "one", "two"))
    assert good(dvc(root, "remote", "list")).out.split() == ["two", "s3://bucket/x", "(default)"]
    assert 'remote "two"' in (root / ".dvc" / "config.local").read_text()
    assert good(madang(root, "remote", "list", "--local")).out == ""
    assert good(madang(root, "remote", "default")).out == good(dvc(root, "remote", "default")).out == "two\n"
    assert madang(root, "remote", "rename", "none", "x").code == dvc(root, "remote", "rename", "none", "x").code == 251
    assert madang(root, "remote", "modify", "none", "url", "x").code == 251
    good(madang(root, "remote", "modify", "two", "region", "--unset"))
    good(madang(root, "remote", "remove", "two"))
    assert (root / ".dvc" / "config.local").read_text() == ""
    assert good(dvc(root, "remote", "list")).out == ""
    assert madang(root, "remote", "default").code == dvc(root, "remote", "default").code == 1
    note = good(madang(root, "remote", "add", "web", "http://127.0.0.1:9")).err
    assert "no hub of madang answers" in note
    assert madang(root, "remote", "add", "hub", "http://127.0.0.1:9", "--hub-project", "x").code == 255


def test_no_token_goes_to_a_stranger(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that only has the address of a hub is a plain one, and is shown nobody's token."""
    monkeypatch.setenv("MADANG_TOKEN", "mdg_secret")
    monkeypatch.delenv("MADANG_HUB", raising=False)
    with WebServer() as server:
        configure(root, madang, f"{server.address}/dvc/project", {})
        make(root, {"s": b"s"})
        good(madang(root, "add", "s"))
        assert good(madang(root, "push")).out == "1 file pushed\n"
        assert list(server.files) == ["/dvc/project/files/md5/03/c7c0ace395d80182db07ae2c30f034"]
        assert not any("mdg_secret" in text for headers in server.headers for text in headers.values())


def test_outputs_of_pipelines(root: Path, madang: Tool, dvc: Tool) -> None:
    """Stages are targets, with what they depend on when asked; kinds and sizes limit what is fetched."""
    good(madang(root, "remote", "add", "-d", "r", str(root.parent / "store")))
    text = (
        "stages:\n  one:\n    cmd: cp in mid\n    deps: [in]\n    outs: [mid]\n"
        "  two:\n    cmd: cp mid out; echo '{}' > m.json\n    deps: [mid]\n    outs: [out]\n    metrics: [m.json]\n"
    )
    make(root, {"in": b"some input\n", "dvc.yaml": text.encode()})
    good(dvc(root, "repro", "-q"))
    assert good(madang(root, "push", "two")).out == "2 files pushed\n"
    (root.parent / "store").rename(root.parent / "store 1")
    assert good(madang(root, "push", "-d", "two")).out == "2 files pushed\n"
    make(root, {"in": b"another\n"})
    good(dvc(root, "repro", "-q"))
    good(madang(root, "push"))
    (root / ".dvc" / "cache").rename(root.parent / "cache")
    assert good(madang(root, "fetch", "--type", "metrics")).out == "1 file fetched\n"
    assert good(madang(root, "fetch", "--max-size", "3")).out == "Everything is up to date.\n"
    assert good(madang(root, "fetch", "one")).out == "1 file fetched\n"
    assert madang(root, "fetch", "three").code == 1


def test_a_remote_in_another_one(root: Path, madang: Tool, dvc: Tool) -> None:
    """A url remote://NAME/path is a path below that remote, with its options; a circle is told."""
    with WebServer() as server:
        good(madang(root, "remote", "add", "base", f"{server.address}/top"))
        good(madang(root, "remote", "modify", "base", "method", "PUT"))
        good(madang(root, "remote", "add", "-d", "part", "remote://base/some/where"))
        make(root, {"s": b"s"})
        good(madang(root, "add", "s"))
        good(madang(root, "push"))
        assert list(server.files) == ["/top/some/where/files/md5/03/c7c0ace395d80182db07ae2c30f034"]
        assert json.loads(good(dvc(root, "status", "-c", "--json")).out) == {}
        good(madang(root, "remote", "modify", "base", "url", "remote://part/x"))
        circle = madang(root, "push")
        assert circle.code == 1
        assert "no other remote" in circle.err
