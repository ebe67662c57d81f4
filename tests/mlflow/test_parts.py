"""Large files of the real client in parts, and read by ranges side by side."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.mlflow.conftest import Hub

from madang.domain.access import local
from madang.errors import InvalidInput, NotFound
from madang.services.parts import Part, PartUploads

PROXY = "/api/2.0/mlflow-artifacts"


def test_a_large_file_goes_and_comes(
    client: MlflowClient, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own upload in parts and download in ranges carry the bytes; nothing is left behind."""
    for name in ("UPLOAD", "DOWNLOAD"):
        monkeypatch.setenv(f"MLFLOW_ENABLE_PROXY_MULTIPART_{name}", "true")
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{name}_MINIMUM_FILE_SIZE", "1")
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{name}_CHUNK_SIZE", str(5 << 20))
    path = tmp_path / "모델 1.bin"
    path.write_bytes(os.urandom(12 << 20))
    run, staging = client.create_run("0").info.run_id, Path(hub.engine.store.store, "tmp")
    begun = set(staging.iterdir())  # what other tests of this hub begin and never complete
    client.log_artifact(run, str(path), "deep/er")
    (tmp_path / "back").mkdir()
    back = client.download_artifacts(run, "deep/er/모델 1.bin", str(tmp_path / "back"))
    assert Path(back).read_bytes() == path.read_bytes()
    assert set(staging.iterdir()) == begun


def test_the_calls(hub: Hub) -> None:
    """Parts are joined by their numbers, whichever way they came; an upload that was dropped is gone."""
    run = hub.ask("POST", "runs/create", {"experiment_id": "0"})[1]["run"]["info"]["run_id"]
    place = f"0/{run}/artifacts"
    status, begun = hub.ask("POST", f"{PROXY}/mpu/create/{place}", {"path": "/home/me/a.bin", "num_parts": 2})
    assert status == 200
    addresses = [item["url"].removeprefix(hub.address) for item in begun["credentials"]]
    etags = {}
    for number, data in ((2, b"world"), (1, b"hello ")):
        etags[number] = put_part(hub, addresses[number - 1], data)
    parts = [{"part_number": number, "etag": etags[number]} for number in (2, 1)]
    body = {"path": "a.bin", "upload_id": begun["upload_id"], "parts": parts}
    assert hub.ask("POST", f"{PROXY}/mpu/complete/{place}", {**body, "path": "b.bin"})[0] == 404
    assert hub.ask("POST", f"{PROXY}/mpu/complete/{place}", {**body, "parts": parts[:1] * 2})[0] == 400
    assert hub.ask("POST", f"{PROXY}/mpu/complete/{place}", body)[0] == 200
    assert hub.ask("GET", f"{PROXY}/artifacts/{place}/a.bin")[1] == b"hello world"
    assert hub.ask("GET", f"{PROXY}/presigned/{place}/a.bin")[1]["file_size"] == 11
    assert hub.ask("POST", f"{PROXY}/mpu/complete/{place}", body)[0] == 404
    assert not folder_of(hub, begun).exists()
    _, begun = hub.ask("POST", f"{PROXY}/mpu/create/{place}", {"path": "c.bin"})
    body = {"path": "c.bin", "upload_id": begun["upload_id"]}
    assert hub.ask("POST", f"{PROXY}/mpu/abort/{place}", body)[0] == 200
    assert hub.ask("PUT", begun["credentials"][0]["url"].removeprefix(hub.address), b"x")[0] == 404
    assert not folder_of(hub, begun).exists()


def folder_of(hub: Hub, begun: dict[str, str]) -> Path:
    """Where an upload that was begun keeps its parts."""
    return Path(hub.engine.store.store, "tmp", f"parts-{begun['upload_id']}")


def put_part(hub: Hub, address: str, data: bytes) -> str:
    """Send one part; what it is to be named by."""
    import urllib3

    answer = urllib3.request("PUT", hub.address + address, body=data, retries=False)
    assert answer.status == 200
    return answer.headers["etag"]


@pytest.mark.parametrize("path", ["../x", "..", "a/../../b", "%2e%2e/x", "a%2f..%2f..", "a#b", ""])
def test_targets_lead_nowhere_else(hub: Hub, path: str) -> None:
    """The name of a client's file can only become a name inside its run."""
    run = hub.ask("POST", "runs/create", {"experiment_id": "0"})[1]["run"]["info"]["run_id"]
    status, answer = hub.ask("POST", f"{PROXY}/mpu/create/0/{run}/artifacts", {"path": path})
    if status == 200:
        target = (folder_of(hub, answer) / "about").read_text()
        assert target.partition("\n")[2] == f"0/{run}/artifacts/{path.rpartition('/')[2]}"
    else:
        assert status == 400


def test_an_upload_is_its_owners(tmp_path: Path) -> None:
    """Nobody else finds it, its folder is closed to others, and what is no upload's id names no folder."""
    uploads = PartUploads(str(tmp_path / "tmp"))
    upload = uploads.begin(local("a"), "run/file")
    assert (tmp_path / "tmp" / f"parts-{upload}").stat().st_mode & 0o077 == 0
    etag = uploads.put(local("a"), upload, 1, [b"abc"])
    with pytest.raises(NotFound):
        uploads.put(local("b"), upload, 1, [b"x"])
    for odd in ("../parts-" + upload, "", "0" * 32):
        with pytest.raises(NotFound):
            uploads.put(local("a"), odd, 1, [b"x"])
    for part in (Part(1, "../about"), Part(2, etag)):
        with pytest.raises(InvalidInput):
            uploads.joined(local("a"), upload, "run/file", [part])
    pieces, size = uploads.joined(local("a"), upload, "run/file", [Part(1, etag)])
    assert (b"".join(pieces), size) == (b"abc", 3)
