"""A hub's data where teams keep it: the index in PostgreSQL, the bytes in a bucket."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from starlette.testclient import TestClient

from madang.config import HubConfig
from madang.domain.access import local
from madang.errors import CorruptData, Refused
from madang.formats.hub_data import SMALL
from madang.server.app import Application
from madang.server.security import LOOPBACK, Policy
from madang.testing.postgres import empty_database, postgres_server
from madang.wiring import Engine, open_hub, open_store

ME = local("me")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of a bucket and of a database."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    bucket = f"b{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket=bucket)
    with pytest.MonkeyPatch.context() as patch, postgres_server(str(tmp_path_factory.mktemp("postgres"))) as database:
        for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s")):
            patch.setenv(f"AWS_{name}", value)
        yield f"s3://{bucket}", database
    server.stop()


@pytest.fixture
def engine(tmp_path: Path, places: tuple[str, str]) -> Iterator[Engine]:
    """A hub over both."""
    bucket, database = places
    empty_database(database)
    made = open_hub(HubConfig(store=str(tmp_path / "hub"), database=database, blobs=f"{bucket}/{tmp_path.name}"))
    yield made
    made.close()


def key_of(body: bytes) -> str:
    """Where an object with these bytes lies."""
    name = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return f"files/md5/{name[:2]}/{name[2:]}"


def test_data_rests_in_a_bucket(engine: Engine) -> None:
    """Many small objects and a large one come back; wrong ones leave nothing in the bucket or the index."""
    data = engine.data
    small = {key_of(body): body for body in (b"%d" % number for number in range(200))}
    large = bytes(range(256)) * (SMALL // 16)
    assert data.put_many(ME, "p", list(small.items())) == 200
    data.put(ME, "p", key_of(large), [large[:SMALL], large[SMALL:]], len(large))
    assert dict(data.read_many(ME, "p", list(small))) == small
    file, found = data.open(ME, "p", key_of(large))
    with file:
        assert file.read() == large
    with data.open(ME, "p", key_of(large), 5)[0] as rest:
        assert rest.read() == large[5:]
    application = Application(engine, Policy(LOOPBACK, open_locally=True))
    with TestClient(application, "http://127.0.0.1") as client:
        part = client.get(f"/dvc/p/{key_of(large)}", headers={"range": "bytes=16000000-"})
        assert (part.status_code, part.content) == (206, large[16_000_000:])
    assert found.actor == "me"
    assert len(list(engine.blobs.list())) == 201
    with pytest.raises(CorruptData):
        data.put_many(ME, "p", [(key_of(b"right"), b"right"), (key_of(b"other"), b"wrong")])
    assert len(list(engine.blobs.list())) == 201
    assert data.sizes(ME, "p", [key_of(b"right"), key_of(b"0")]) == [None, 1]
    assert [item.key for item in data.list(ME, "p", "files/md5/c")] == sorted(k for k in small if k[10] == "c")
    data.put_many(ME, "q", list(small.items())[:3])
    assert len(list(engine.blobs.list())) == 201
    data.delete(ME, "p", list(small))
    assert len(data.list(ME, "p")) == 1
    assert len(data.list(ME, "q")) == 3


def test_two_who_send_one_key_at_once(engine: Engine) -> None:
    """The same object from many threads is one, and none of them is refused."""
    from concurrent.futures import ThreadPoolExecutor

    body = b"the same"
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: engine.data.put(ME, "p", key_of(body), [body]), range(16)))
    assert {item.digest for item in sent} == {sent[0].digest}
    assert len(engine.data.list(ME, "p")) == 1


def test_a_workspace_takes_no_data(tmp_path: Path) -> None:
    """Its records are an index that may be lost; what is pushed must not be."""
    engine = open_store(store=str(tmp_path / "store"))
    with pytest.raises(Refused, match="workspace"):
        engine.data.put(ME, "p", key_of(b"x"), [b"x"])
    assert engine.data.sizes(ME, "p", [key_of(b"x")]) == [None]
    engine.close()
