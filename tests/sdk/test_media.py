"""Images, tables, texts, histograms, matrices, artifacts and inputs: bytes in the blob folder, pointers at steps."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import madang
from madang.domain import events
from madang.formats import store as layout
from madang.sdk import media, png
from madang.testing.programs import Place


def stored(place: Place, digest: str) -> bytes:
    """The bytes of a blob, checked against their name."""
    from blake3 import blake3

    body = Path(layout.blob_path(place.store, digest)).read_bytes()
    assert f"blake3:{blake3(body).hexdigest()}" == digest
    return body


def logged(place: Place, run: madang.Run, key: str) -> dict[str, Any]:
    """The last pointer of a key; its file is stored and listed among the run's files."""
    pointer = next(value for name, _, value in reversed(place.points(run.id)) if name == key)
    assert isinstance(pointer, dict)
    if "digest" in pointer:
        assert len(stored(place, pointer["digest"])) == pointer["size"]
        assert pointer["path"] in place.state(run.id).files
    return pointer


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        (np.zeros((4, 6)), (6, 4)),
        (np.full((4, 6, 3), 0.5), (6, 4)),
        (np.ones((3, 4, 6), dtype=np.float32), (6, 4)),
        (np.full((4, 6, 4), 200, dtype=np.uint8), (6, 4)),
        (np.full((2, 2, 2), 300), (2, 2)),
        (np.eye(5, dtype=bool), (5, 5)),
        (np.array([[np.nan, np.inf], [-np.inf, 1.0]]), (2, 2)),
    ],
)
def test_pixels_become_png_that_others_read(place: Place, pixels: Any, size: tuple[int, int]) -> None:
    """Arrays of any usual shape and type become a PNG that Pillow reads, with the same pixels."""
    import io

    from PIL import Image

    with madang.init() as run:
        run.log({"x": 1}, step=7)
        run.log_image("예시/그림", pixels, caption="설명")
    pointer = logged(place, run, "예시/그림")
    assert (pointer["media"], pointer["width"], pointer["height"], pointer["caption"]) == ("image", *size, "설명")
    assert ("예시/그림", 7) in [(key, step) for key, step, _ in place.points(run.id)]
    with Image.open(io.BytesIO(stored(place, pointer["digest"]))) as image:
        image.load()
        assert image.size == size


def test_png_keeps_every_pixel() -> None:
    """8-bit colours are exactly those of the array."""
    import io

    from PIL import Image

    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    body, _, _ = png.encode(pixels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(body))), pixels)


def test_images_of_other_libraries_and_files(place: Place) -> None:
    """Pillow images, matplotlib figures and image files are taken; anything else says what would do."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    Image.new("CMYK", (3, 2)).convert("RGB").save("사진.jpg")
    with madang.init() as run:
        run.log_image("pil", Image.new("CMYK", (3, 2)))
        run.log_figure("figure", figure)
        run.log_image("file", "사진.jpg", step=3)
        for wrong in (np.zeros((5, 5, 7)), np.zeros(3), np.array([["a"]])):
            with pytest.raises(madang.InvalidInput, match="is no image"):
                run.log_image("wrong", wrong)
        with pytest.raises(madang.InvalidInput, match="is no figure"):
            run.log_figure("wrong", 3)
        with pytest.raises(madang.NotFound, match=r"missing\.png"):
            run.log_image("wrong", "missing.png")
    assert logged(place, run, "pil")["width"] == 3
    assert stored(place, logged(place, run, "figure")["digest"])[:4] == b"\x89PNG"
    assert logged(place, run, "file")["mime"] == "image/jpeg"


def test_tables_of_every_shape(place: Place) -> None:
    """A DataFrame, columns, mappings and rows become the same table; uneven ones are refused."""
    import pandas as pd

    shapes: list[tuple[Any, list[str] | None]] = [
        (pd.DataFrame({"a": [1, 2], "나": ["x", None]}), None),
        ({"a": [1, 2], "나": ["x", None]}, None),
        ([{"a": 1, "나": "x"}, {"a": 2}], None),
        ([[1, "x"], (2, None)], ["a", "나"]),
    ]
    with madang.init() as run:
        for number, (rows, columns) in enumerate(shapes):
            run.log_table(f"t{number}", rows, columns)
        for wrong, columns in (([[1, 2], [3]], None), ({"a": [1], "b": [1, 2]}, None), ([[1]], ["a", "b"])):
            with pytest.raises(madang.InvalidInput, match=r"table|columns"):
                run.log_table("wrong", wrong, columns)
    for number in range(len(shapes)):
        body = json.loads(stored(place, logged(place, run, f"t{number}")["digest"]))
        assert body["columns"] == ["a", "나"]
        assert [row[0] for row in body["data"]] == [1, 2]
        assert body["data"][0][1] == "x"


def test_texts_and_pages_are_files(place: Place) -> None:
    """Texts and pages are stored as they are; keys that are no good file names still work."""
    Path("report.html").write_text("<p>파일</p>")
    with madang.init() as run:
        run.log_text("../../etc/passwd", "안녕")
        run.log_html("page", "<b>x</b>")
        run.log_html("from file", Path("report.html"))
    text = logged(place, run, "../../etc/passwd")
    assert stored(place, text["digest"]).decode() == "안녕"
    assert ".." not in text["path"].split("/")
    assert stored(place, logged(place, run, "from file")["digest"]).decode() == "<p>파일</p>"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_subnormal=False, width=32), max_size=50), st.integers(1, 64))
def test_a_histogram_counts_every_finite_value(values: list[float], bins: int) -> None:
    """All finite values fall into the bins, whose edges rise."""
    counts, edges = media.histogram_of(values, bins)
    assert sum(counts) == sum(np.isfinite(values))
    assert len(edges) == bins + 1 == len(counts) + 1
    assert edges == sorted(edges)


def test_what_cannot_be_counted_is_refused_by_name(place: Place) -> None:
    """Wrong values for histograms and matrices are the caller's mistake, told in one sentence."""
    with madang.init() as run:
        for wrong in (5, "abc", np.array(["x"]), [10**400]):
            with pytest.raises(madang.InvalidInput, match="histogram is of numbers"):
                run.log_histogram("h", wrong)
        with pytest.raises(madang.InvalidInput, match="Classes are"):
            run.log_confusion_matrix("c", 5, 6)
        with pytest.raises(madang.InvalidInput, match="no table"):
            run.log_table("t", 5)


def test_tensors_of_numbers_that_numpy_lacks(place: Place) -> None:
    """A bfloat16 tensor refuses numpy(): histograms and images go another way."""

    class Half:
        dtype = "torch.bfloat16"

        def numpy(self) -> None:
            raise TypeError("Got unsupported ScalarType BFloat16")

        __array__ = numpy

        def detach(self) -> Half:
            return self

        def ravel(self) -> Any:
            return np.array([0.0, 1.0, 1.0])

        def float(self) -> Any:
            return np.zeros((4, 6), dtype=np.float32)

    assert media.histogram_of(Half(), 2)[0] == [1, 2]
    assert png.encode(Half())[1:] == (6, 4)


def test_histograms_and_matrices_are_values(place: Place) -> None:
    """Histograms and confusion matrices stand in the history itself; labels may be names, values or positions."""
    with madang.init() as run:
        run.log_histogram("w", np.arange(10.0), bins=5)
        run.log_histogram("given", np.histogram([1, 2, 2], bins=2))
        run.log_confusion_matrix("cm", np.array([0, 1, 1]), [0, 1, 0], labels=["고양이", "개"])
        run.log_confusion_matrix("texts", ["b", "a"], ["a", "a"])
        run.log_confusion_matrix("ready", matrix=[[1, 2], [3, 4]])
        for wrong in (([1], [1, 2]), ([1], [2], [5])):
            with pytest.raises(madang.InvalidInput):
                run.log_confusion_matrix("wrong", wrong[0], wrong[1], labels=wrong[2] if len(wrong) > 2 else None)
    assert logged(place, run, "w")["counts"] == [2, 2, 2, 2, 2]
    assert logged(place, run, "given")["counts"] == [1, 2]
    assert logged(place, run, "cm") == {
        "media": "confusion-matrix",
        "labels": ["고양이", "개"],
        "matrix": [[1, 0], [1, 1]],
    }
    assert logged(place, run, "texts")["matrix"] == [[1, 0], [1, 0]]
    assert logged(place, run, "ready")["labels"] == ["0", "1"]


def test_an_artifact_is_the_files_as_they_were(place: Place) -> None:
    """A file or folder becomes a version: paths, digests, sizes; later changes to the file do not touch it."""
    Path("모델/하위").mkdir(parents=True)
    Path("모델/a.bin").write_bytes(b"one")
    Path("모델/하위/b 2.bin").write_bytes(b"two")
    Path("모델/link").symlink_to("a.bin")
    Path("모델/하위/loop").symlink_to("..")
    with madang.init() as run:
        told = run.log_artifact(
            "모델", "내 모델", "model", aliases=["Best"], description="d", metadata={"k": np.int64(1)}
        )
        Path("모델/a.bin").write_bytes(b"changed")
        run.log_artifact("모델/a.bin")
    assert (told.name, told.type, told.files, told.size) == ("내 모델", "model", 3, 9)
    folder, single = place.events(events.VersionWritten)
    assert [path for path, _, _ in folder.entries] == ["a.bin", "link", "하위/b 2.bin"]
    assert stored(place, folder.entries[0][1]) == b"one"
    assert (folder.aliases, folder.description, folder.metadata) == (["best"], "d", {"k": 1})
    assert (single.name, single.type, stored(place, single.entries[0][1])) == ("a.bin", "file", b"changed")
    blob = Path(layout.blob_path(place.store, folder.entries[0][1]))
    assert blob.stat().st_mode & 0o222 == 0
    assert not os.listdir(Path(place.store, "tmp"))


def test_wrong_artifacts_name_themselves(place: Place) -> None:
    """A missing path, an empty folder and a name with a forbidden sign are refused."""
    Path("empty").mkdir()
    Path("a.txt").write_text("")
    with madang.init() as run:
        with pytest.raises(madang.NotFound, match=r"nothing/here.*present folder"):
            run.log_artifact("nothing/here")
        with pytest.raises(madang.InvalidInput, match="has no files"):
            run.log_artifact("empty")
        with pytest.raises(madang.InvalidInput, match="sign that names may not have"):
            run.log_artifact("a.txt", "a:b")
        with pytest.raises(madang.NotFound, match="neither a file nor a version"):
            run.use("no-such-thing:latest")
        with pytest.raises(madang.NotFound, match="There is no file"):
            run.use("no:such:thing\\")


def test_an_input_is_declared(place: Place) -> None:
    """use() gives the path back and records it, relative to the root, with its digest."""
    Path("data").mkdir()
    Path("data/x.csv").write_text("abc")
    with madang.init() as run:
        assert run.use("data/x.csv") == "data/x.csv"
        assert run.use(Path("data")) == "data"
    first, second = place.events(events.Use)
    assert (first.ref, first.path, first.size, first.digest[:7]) == ("data/x.csv", "data/x.csv", 3, "blake3:")
    assert (second.ref, second.path) == ("data", "data")


def test_a_logged_version_is_used_again(place: Place) -> None:
    """use("name:latest") writes the files out and gives their place; changing them does not touch the version."""
    Path("x.csv").write_text("v1")
    with madang.init("p") as run:
        run.log_artifact("x.csv", "자료", "dataset")
    with madang.init("p") as again:
        path = again.use("자료:latest")
        assert Path(path).read_text() == "v1"
        os.chmod(path, 0o644)
        Path(path).write_text("spoiled")
        assert again.use("자료:v1") == path
        assert Path(path).read_text() == "v1", "what was changed is written anew"
    used, _ = place.events(events.Use, again.id)
    assert (used.ref, used.version) == ("자료:latest", "자료:v1")
    (version,) = place.events(events.VersionWritten, run.id)
    assert stored(place, version.entries[0][1]) == b"v1"


def test_a_damaged_blob_is_not_handed_out(place: Place) -> None:
    """Bytes that do not fit their name are refused, and nothing of them is left behind."""
    Path("x.csv").write_text("good")
    with madang.init("p") as run:
        run.log_artifact("x.csv", "data", "dataset")
        (version,) = place.events(events.VersionWritten)
        blob = Path(layout.blob_path(place.store, version.entries[0][1]))
        blob.chmod(0o644)
        blob.write_text("evil")
        with pytest.raises(madang.CorruptData, match=r"x\.csv"):
            run.use("data:latest")
    assert not os.listdir(Path(place.store, "tmp"))
