"""Packed segments: the same bytes from any place on, and damage that stays where it is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.formats import packed
from madang.formats.zstd import compress, decompress


def made(path: Path, data: bytes, cut: int = 1000) -> str:
    """A packed file of ``data``, written in pieces."""
    out = io.BytesIO()
    assert packed.pack((data[at : at + cut] for at in range(0, len(data), cut)), out) == len(data)
    path.write_bytes(out.getvalue())
    return str(path)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of 64 bytes, so that a test has many of them."""
    monkeypatch.setattr(packed, "PART", 64)


@given(st.binary(max_size=700), st.integers(0, 800), st.integers(0, 800), st.integers(1, 300))
def test_any_part_reads_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, offset: int, limit: int, cut: int
) -> None:
    """From any offset, any number of bytes; the size is that of the plain bytes."""
    path = made(tmp_path_factory.mktemp("p") / "a.seg.zst", data, cut)
    assert packed.size(path) == len(data)
    assert packed.read(path, offset, limit) == data[offset : offset + limit]


def test_other_programs_read_it(tmp_path: Path) -> None:
    """The seek table is a frame that every Zstandard decoder passes over; a frame of another program is read too."""
    data = bytes(range(256)) * 3
    assert decompress(Path(made(tmp_path / "a", data)).read_bytes()) == data
    (tmp_path / "b").write_bytes(compress(data))
    assert (packed.size(str(tmp_path / "b")), packed.read(str(tmp_path / "b"), 700, 1000)) == (len(data), data[700:])


@given(st.data())
def test_damage_never_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever was cut off or changed: it reads, to the length it says; what stands before a cut is whole."""
    plain = bytes(range(1, 251)) * 2
    path = Path(made(tmp_path_factory.mktemp("p") / "a.seg.zst", plain))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    found = packed.read(str(path), 0, 1 << 20)
    assert len(found) == packed.size(str(path))
    frame = len(compress(plain[:64], 9))  # each is as long: nothing in it repeats
    if cut:
        whole_part = min(at // frame * 64, len(plain))
        assert found[:whole_part] == plain[:whole_part]


def test_nothing_and_no_file(tmp_path: Path) -> None:
    """An empty segment is one frame of nothing; a file that is not there is told apart from it."""
    path = made(tmp_path / "a", b"")
    assert (packed.size(path), packed.read(path, 0, 10)) == (0, b"")
    with pytest.raises(FileNotFoundError):
        packed.size(str(tmp_path / "none"))
