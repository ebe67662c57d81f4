"""The object port's suite over every store."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from madang.backends.objects.local import LocalObjects
from madang.backends.objects.opening import open_objects
from madang.errors import AccessDenied, ConfigError, StorageError, Unavailable
from madang.ports.objects import Objects, TakesFiles
from madang.staging import STAGING, Staging
from madang.testing.objects import ObjectsConformance, fail_in_batch, small_pages


class TestMemory(ObjectsConformance):
    """The store in memory."""

    @pytest.fixture
    def store(self) -> Objects:
        """An empty store."""
        return open_objects("memory://")


class TestLocal(ObjectsConformance):
    """The store in a folder."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Objects:
        """An empty store in a folder that does not exist yet."""
        return open_objects(str(tmp_path / "저장소 folder" / "store"))

    def test_nothing_but_objects_is_left(self, store: Objects, tmp_path: Path) -> None:
        """After puts and a failed batch the staging area is empty."""
        store.put("a/b", b"x")
        fail_in_batch(store, "c", b"x")
        root = tmp_path / "저장소 folder" / "store"
        assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [STAGING, "a", "a/b"]

    def test_a_dead_writer_is_cleared_up_and_a_living_one_is_not(self, tmp_path: Path) -> None:
        """A staging folder whose lock nobody holds goes; one that is locked stays."""
        living = Staging(str(tmp_path))
        dead = tmp_path / STAGING / "dead"
        dead.mkdir()
        (dead / "lock").touch()
        (dead / "half").write_bytes(b"half an obj")
        LocalObjects(str(tmp_path)).put("k", b"x")
        assert not dead.exists()
        assert os.path.isdir(living.folder)
        with open(os.path.join(living.folder, "lock")) as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with living:
            pass

    def test_a_file_is_taken_without_a_copy(self, store: Objects, tmp_path: Path) -> None:
        """It is renamed into place, over what was there; from another file system it is left alone."""
        assert isinstance(store, TakesFiles)
        for body in (b"one", b"another"):
            (tmp_path / "file").write_bytes(body)
            inode = (tmp_path / "file").stat().st_ino
            assert store.take("a/b", str(tmp_path / "file"))
            taken = tmp_path / "저장소 folder" / "store" / "a" / "b"
            assert (taken.stat().st_ino, taken.stat().st_mode & 0o777) == (inode, 0o644)
            assert store.read("a/b") == body
            assert not (tmp_path / "file").exists()
        with pytest.raises(StorageError):
            store.take("c", str(tmp_path / "file"))

    def test_a_disk_that_refuses(self, tmp_path: Path) -> None:
        """A root that is a file is a storage error that names it, not a crash."""
        (tmp_path / "root").write_bytes(b"a file")
        store = LocalObjects(str(tmp_path / "root"))
        with pytest.raises(StorageError, match="root"):
            store.put("k", b"x")
        assert list(store.list()) == []


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    """A server that speaks S3, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with small_pages():
        yield f"http://{host}:{port}"
    server.stop()


def s3_options(address: str) -> dict[str, str]:
    """Options as in a DVC remote."""
    return {"endpointurl": address, "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}


class TestS3(ObjectsConformance):
    """The store in a bucket."""

    @pytest.fixture
    def store(self, s3_address: str) -> Objects:
        """An empty prefix of a new bucket."""
        bucket = f"b{uuid.uuid4().hex}"
        client = boto3.client(
            "s3",
            endpoint_url=s3_address,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key="beside the prefix", Body=b"")
        return open_objects(f"s3://{bucket}/pre fix", s3_options(s3_address))

    def test_a_bucket_that_is_not_there(self, s3_address: str) -> None:
        """A missing bucket is a configuration error that names it, not a missing object."""
        store = open_objects("s3://no-such-bucket/x", s3_options(s3_address))
        with pytest.raises(ConfigError, match="no-such-bucket"):
            store.read("k")
        with pytest.raises(ConfigError, match="no-such-bucket"):
            store.put("k", b"x")

    def test_a_server_that_is_down(self) -> None:
        """A refused connection is `Unavailable` and names the address."""
        store = open_objects("s3://bucket/x", s3_options("http://127.0.0.1:9") | {"retries": "0"})
        with pytest.raises(Unavailable, match="s3://bucket/x"):
            store.read("k")


@pytest.mark.parametrize(
    ("scheme", "instead"),
    [("webdav", "Mount"), ("hdfs", "Mount"), ("oss", "s3://"), ("gdrive", "Mount"), ("x", "s3://")],
)
def test_schemes_that_are_not_spoken_are_refused_by_name(scheme: str, instead: str) -> None:
    """The refusal names the scheme and says what can be used instead."""
    with pytest.raises(ConfigError, match=f"{scheme}://") as refusal:
        open_objects(f"{scheme}://host/path")
    assert instead in refusal.value.hint


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://b/a//b", {}),
        ("s3://b/a/../b", {}),
        ("gs://b/..", {}),
        ("s3://b/x", {"read_timeout": "-5"}),
        ("azure://c/x", {"account_name": "a", "account_key": "no key"}),
    ],
)
def test_what_no_cloud_opens(url: str, options: dict[str, str]) -> None:
    """A path that obstore cannot name, and options that make no sense, are told as mistakes in the settings."""
    if url.startswith("s3:"):
        options = {**options, "access_key_id": "k", "secret_access_key": "s"}
    with pytest.raises(ConfigError, match="cannot be used"):
        open_objects(url, options)


def test_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without write permission is refused by name."""

    def refuse(path: str, mode: int = 0o777) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    store = LocalObjects(str(tmp_path / "store"))
    store.put("there", b"x")
    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(AccessDenied, match="store"):
        store.put("k", b"x")
    with pytest.raises(AccessDenied, match="store"), store.batch():
        pass
    assert store.read("there") == b"x"
