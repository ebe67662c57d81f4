"""Digests without volatile fields (docs/formats/volatile.md)."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from madang.workspace.volatile import digest


def _zip(members: dict[str, bytes], year: int = 2020, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), body, packing)
    return made.getvalue()


def _of(body: bytes, path: str = "model.bin") -> str:
    return digest(io.BytesIO(body), path)


def test_zip() -> None:
    """Times, packing and the order of members do not count; names and bytes do."""
    one = _of(_zip({"a": b"1", "b": b"2"}))
    assert one == _of(_zip({"b": b"2", "a": b"1"}, 2024, zipfile.ZIP_STORED))
    assert one != _of(_zip({"a": b"1", "b": b"3"}))
    assert one != _of(_zip({"a": b"1", "c": b"2"}))
    assert one != _of(_zip({"a": b"1"}))


def test_gzip() -> None:
    """The time and name in a gzip header do not count; the bytes inside do."""
    assert _of(gzip.compress(b"x", mtime=1)) == _of(gzip.compress(b"x", 1, mtime=2))
    assert _of(gzip.compress(b"x")) != _of(gzip.compress(b"y"))


def test_mlmodel() -> None:
    """Run ids, UUIDs and creation times of an MLmodel do not count; flavors do."""
    text = "artifact_path: m\nflavors:\n  sklearn:\n    pickled_model: {0}\nmodel_uuid: {1}\nrun_id: {1}\n"
    text += "utc_time_created: '{1}'\n"
    one = _of(text.format("a.skops", "1").encode(), "wine/MLmodel")
    assert one == _of(text.format("a.skops", "2").encode(), "wine/MLmodel")
    assert one != _of(text.format("b.skops", "1").encode(), "wine/MLmodel")
    assert _of(b"\x00 no YAML: [", "MLmodel").startswith("blake3:")


def _skops(first: int, second: int, values: tuple[bytes, bytes], shared: bool = False) -> bytes:
    def array(number: int) -> dict[str, Any]:
        return {"__loader__": "NdArrayNode", "file": f"{number}.npy", "__id__": number}

    other = array(first) if shared else array(second)
    schema = {"__loader__": "ObjectNode", "__id__": first + 7, "content": {"a": array(first), "b": other}}
    members = {f"{first}.npy": values[0], "schema.json": json.dumps(schema).encode()}
    return _zip(members if shared else {f"{second}.npy": values[1], **members})


def test_skops() -> None:
    """Addresses in memory do not count in a skops file; which object is which, and every value, does."""
    one = _of(_skops(140, 150, (b"1", b"2")), "m.skops")
    assert one == _of(_skops(990, 170, (b"1", b"2")), "m.skops")
    assert one != _of(_skops(140, 150, (b"2", b"1")), "m.skops")
    assert one != _of(_skops(140, 150, (b"1", b"1")), "m.skops")
    assert one != _of(_skops(140, 150, (b"1", b"2"), shared=True), "m.skops")


@given(
    st.binary(max_size=64),
    st.sampled_from(["MLmodel", "a.zip", "x"]),
    st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b"]),
)
def test_any_bytes(body: bytes, path: str, head: bytes) -> None:
    """Cut or hostile files are read as bytes, and equal digests of plain files mean equal bytes."""
    found = _of(head + body, path)
    assert found == _of(head + body, path)
    if found.startswith("blake3:"):
        assert found != _of(head + body + b"x", path)
