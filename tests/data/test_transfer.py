"""Remotes: only what is missing moves, nothing wrong arrives, and every claim is checked object by object."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.data.helpers import ODD, Tool, make, read

from madang.backends.objects.local import LocalObjects
from madang.backends.objects.memory import MemoryObjects
from madang.errors import ConfigError, Unavailable
from madang.formats.dvc import layout
from madang.ports.objects import ObjectStat
from madang.workspace.data.files.adding import add
from madang.workspace.data.records.outs import resolve, tracked
from madang.workspace.data.remotes import remote_objects
from madang.workspace.data.remotes.cloud_status import cloud_changes
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import Moved, fetch, push
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.settings import RemoteConfig

FILES = {"a": b"aaaa", "b": b"bbbb", "sub/c": b"cccc", "sub/d": b"aaaa"}


class Counting(MemoryObjects):
    """A store that says what was asked of it, and may fail or lie."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[str] = []
        self.opened: list[str] = []
        self.fail_after = -1
        self.lies: dict[str, bytes] = {}

    def put(self, key: str, source: object, *, if_absent: bool = False) -> bool:
        """Fails when it has had enough."""
        if len(self.stored) == self.fail_after:
            raise Unavailable("The store went away.")
        self.stored.append(key)
        return super().put(key, source, if_absent=if_absent)  # type: ignore[arg-type]

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Gives the bytes it was told to give."""
        self.opened.append(key)
        if key in self.lies:
            return io.BytesIO(self.lies[key])
        return super().open(key, start=start, length=length)


@pytest.fixture
def tracked_repo(repo: Repository, root: Path) -> Repository:
    """A repository with a tracked folder and file, and a default remote."""
    make(root / "d", FILES)
    (root / "s").write_bytes(b"single")
    add(repo, ["d", "s"])
    repo.settings.write("project", [("core", "remote", "r"), ('remote "r"', "url", "elsewhere")])
    repo.close()
    return Repository(repo.root)


def send(repo: Repository, store: Counting, *targets: str) -> Moved:
    """Push to the store."""
    return push(repo, resolve(repo, targets), lambda _: store)


def receive(repo: Repository, store: Counting, *targets: str) -> Moved:
    """Fetch from the store."""
    return fetch(repo, resolve(repo, targets), lambda _: store)


def test_only_what_is_missing_moves(tracked_repo: Repository, root: Path) -> None:
    """Each object goes once, listings last; a second push asks and sends nothing; a fetch brings what is absent."""
    store = Counting()
    assert send(tracked_repo, store).files == 5
    assert store.stored[-1].endswith(".dir")
    assert len(set(store.stored)) == 5
    assert send(tracked_repo, store).files == 0
    os.unlink(tracked_repo.cache.path("74b87337454200d4d33f80c4663dc5e5"))  # "aaaa"
    assert receive(tracked_repo, store).files == 1
    assert store.opened == [layout.key_of("74b87337454200d4d33f80c4663dc5e5")]
    assert receive(tracked_repo, store).files == 0


def test_targets_limit_what_moves(tracked_repo: Repository) -> None:
    """A path inside a folder sends its object and the listing; another target nothing of the folder."""
    store = Counting()
    assert send(tracked_repo, store, "s").files == 1
    assert send(tracked_repo, store, "d/sub/c").files == 2
    assert send(tracked_repo, store, "d/sub").files == 1
    assert send(tracked_repo, store).files == 1


def test_a_listing_in_the_remote_proves_nothing(tracked_repo: Repository) -> None:
    """A file that was deleted from or cut short in the remote is noticed by status and sent again by push."""
    store = Counting()
    send(tracked_repo, store)
    store.delete(layout.key_of("74b87337454200d4d33f80c4663dc5e5"))
    MemoryObjects.put(store, layout.key_of("65ba841e01d6db7733e90a5b7f9e6f80"), b"bb")
    changes = cloud_changes(tracked_repo, resolve(tracked_repo, []), lambda _: store)
    assert changes == {"d/a": "new", "d/sub/d": "new", "d/b": "new"}
    assert send(tracked_repo, store).files == 2
    assert cloud_changes(tracked_repo, resolve(tracked_repo, []), lambda _: store) == {}


def test_wrong_bytes_from_a_remote_do_not_arrive(tracked_repo: Repository, root: Path) -> None:
    """A remote that lies about an object's bytes or cuts them is named; the rest arrives."""
    store = Counting()
    send(tracked_repo, store)
    for name in ("74b87337454200d4d33f80c4663dc5e5", "65ba841e01d6db7733e90a5b7f9e6f80"):
        os.unlink(tracked_repo.cache.path(name))
    store.lies[layout.key_of("74b87337454200d4d33f80c4663dc5e5")] = b"AAAA"
    moved = receive(tracked_repo, store)
    assert moved.files == 1
    assert moved.damaged == ["74b87337454200d4d33f80c4663dc5e5"]
    assert not os.path.exists(tracked_repo.cache.path("74b87337454200d4d33f80c4663dc5e5"))
    listing = next(out.md5 for out in tracked(tracked_repo) if out.is_dir) or ""
    os.unlink(tracked_repo.cache.path(listing))
    store.lies[layout.key_of(listing)] = b'[{"md5": "0", "relpath": "../../x"}]'
    assert receive(tracked_repo, store, "d").damaged == [listing]
    assert not os.path.exists(tracked_repo.cache.path(listing))


def test_wrong_bytes_in_the_cache_are_not_sent(tracked_repo: Repository) -> None:
    """An object that was damaged in the cache is set aside and named; the rest is sent."""
    path = Path(tracked_repo.cache.path("74b87337454200d4d33f80c4663dc5e5"))
    path.chmod(0o644)
    path.write_bytes(b"AAAA")
    path.chmod(0o444)
    store = Counting()
    moved = send(tracked_repo, store)
    assert moved.damaged == [path.parent.name + path.name]
    assert moved.files == 4
    assert not path.exists()


def test_a_damaged_listing_holds_nothing_up(tracked_repo: Repository) -> None:
    """In the cache: the rest is sent, with the files that the remote's listing names; a fetch brings it again."""
    listing = next(out.md5 for out in tracked(tracked_repo) if out.is_dir) or ""
    store = Counting()
    send(tracked_repo, store)
    for key in ("s", "74b87337454200d4d33f80c4663dc5e5"):
        name = next(out.md5 for out in tracked(tracked_repo) if not out.is_dir) if key == "s" else key
        store.delete(layout.key_of(name or ""))
    path = Path(tracked_repo.cache.path(listing))
    path.chmod(0o644)
    path.write_bytes(b"[]")
    moved = send(tracked_repo, store)
    assert (moved.files, moved.missing, moved.damaged) == (2, [], [])
    assert receive(tracked_repo, store).files == 1
    assert send(tracked_repo, store).files == 0
    path.unlink()
    store.delete(layout.key_of(listing))
    assert send(tracked_repo, store).missing == [listing]
    assert receive(tracked_repo, store, "d").missing == [listing]


def test_a_remote_that_stops_half_way(tracked_repo: Repository) -> None:
    """A push goes on where it was stopped, and never leaves a listing without its files."""
    for count in range(5):
        store = Counting()
        store.fail_after = count
        with pytest.raises(Unavailable):
            send(tracked_repo, store)
        assert not any(key.endswith(".dir") for key in store.stored)
        store.fail_after = -1
        assert send(tracked_repo, store).files == 5 - count


def test_what_is_nowhere_is_named(tracked_repo: Repository) -> None:
    """An object that neither side has is missing; what one side has is not."""
    store = Counting()
    send(tracked_repo, store, "s")
    for name in ("74b87337454200d4d33f80c4663dc5e5", tracked(tracked_repo)[1].md5 or ""):
        os.unlink(tracked_repo.cache.path(name))
    moved = send(tracked_repo, store)
    assert moved.missing == ["74b87337454200d4d33f80c4663dc5e5"]
    moved = receive(tracked_repo, store)
    assert moved.missing == ["74b87337454200d4d33f80c4663dc5e5"]
    assert moved.files == 1


def test_own_remotes_and_push_false(tracked_repo: Repository, root: Path) -> None:
    """An entry with its own remote goes there and to no other, as in dvc; one with push: false goes nowhere."""
    tracked_repo.settings.write("project", [('remote "own"', "url", "elsewhere too")])
    with (root / "s.dvc").open("a") as file:
        file.write("  remote: own\n")
    with (root / "d.dvc").open("a") as file:
        file.write("  push: false\n")
    stores = {"r": Counting(), "own": Counting()}
    again = Repository(str(root))

    def opened(config: RemoteConfig) -> Counting:
        return stores[config.name]

    assert push(again, resolve(again, []), opened).files == 1
    assert (len(stores["r"].stored), len(stores["own"].stored)) == (0, 1)
    assert push(again, resolve(again, []), opened, remote="r").files == 0
    assert push(again, resolve(again, []), opened, remote="own").files == 0
    with pytest.raises(ConfigError, match="nosuch"):
        push(again, resolve(again, []), opened, remote="nosuch")
    again.close()


def test_many_objects_are_found_by_listing(repo: Repository, root: Path, tmp_path: Path) -> None:
    """Above a few hundred objects the remote is listed instead of asked; the answers are the same."""
    make(root / "d", {f"{number}": b"%d" % number for number in range(700)})
    add(repo, ["d"])
    repo.settings.write("project", [('remote "r"', "url", str(tmp_path / "s"))])
    again = Repository(str(root))
    store = LocalObjects(str(tmp_path / "s"))
    assert push(again, resolve(again, []), lambda _: store, remote="r").files == 701
    assert push(again, resolve(again, []), lambda _: store, remote="r").files == 0
    for found in list(store.list())[::7]:
        store.delete(found.key)
    assert push(again, resolve(again, []), lambda _: store, remote="r").files == 101
    again.close()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class CountedListings(MemoryObjects):
    """Says which folders were listed."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See `Objects.list`."""
        self.listed.append(prefix)
        return super().list(prefix)


@pytest.mark.parametrize(("page", "listings"), [(1000, 2), (10, 257), (1, 1)])
def test_as_few_listings_as_will_do(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, page: int, listings: int
) -> None:
    """Few objects are listed at once, more of them folder by folder; where a page holds little each is asked for."""
    monkeypatch.setattr(remote_objects, "_PAGE", page)
    names = [f"{number % 256:02x}{number:030x}" for number in range(768)]
    store = CountedListings()
    side = RemoteObjects(store, repo.cache, 16)
    for name in names[:512]:
        store.put(side.key(name), name.encode())
    store.put("files/md5/00/not an object", b"")
    assert side.sizes(names) == dict.fromkeys(names[:512], 32)
    assert len(store.listed) == listings


def test_s3_is_shared_with_the_real_dvc(root: Path, s3: str, dvc: Tool, madang: Tool) -> None:
    """What madang pushes to a bucket the real dvc pulls, and the reverse, with the credentials of one configuration."""
    bucket = f"b{uuid.uuid4().hex}"
    client = boto3.client(
        "s3", endpoint_url=s3, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )
    client.create_bucket(Bucket=bucket)
    assert madang(root, "remote", "add", "-d", "cloud", f"s3://{bucket}/pre fix").code == 0
    assert madang(root, "remote", "modify", "cloud", "endpointurl", s3).code == 0
    for key, value in (("access_key_id", "k"), ("secret_access_key", "s"), ("region", "us-east-1")):
        assert madang(root, "remote", "modify", "--local", "cloud", key, value).code == 0
    for number, (push_tool, pull_tool) in enumerate(((madang, dvc), (dvc, madang))):
        files = {**ODD, "round": b"%d" % number}
        make(root / "d", files)
        assert madang(root, "add", "d").code == 0
        assert push_tool(root, "push").code == 0
        assert json.loads(pull_tool(root, "status", "-c", "--json").out) == {}
        (root / "d").rename(root.parent / f"data {number}")
        (root / ".dvc" / "cache").rename(root.parent / f"cache {number}")
        assert pull_tool(root, "pull").code == 0
        assert read(root / "d") == files


def test_remotes_that_are_not_spoken_are_refused_by_name(root: Path, madang: Tool) -> None:
    """The refusal names the kind of address and the next step, and the configuration stays usable."""
    make(root, {"s": b"s"})
    assert madang(root, "add", "s").code == 0
    for scheme in ("ssh", "webdav", "hdfs", "oss", "gdrive"):
        assert madang(root, "remote", "add", "-f", "-d", "r", f"{scheme}://host/path").code == 0
        answer = madang(root, "push")
        assert answer.code == 1
        assert f"{scheme}://" in answer.err
        assert "→" in answer.err
