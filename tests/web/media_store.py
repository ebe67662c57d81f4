"""Runs with media of every kind: as the SDK logs them, and in the words of W&B's client."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import random
import struct
import wave
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import blobs

HOSTILE = "<img src=x onerror=window.hacked=1>"
STEPS = 6
PROJECT = "media"
CLASSES = {"0": "ground", "1": "car", "2": "하늘"}
Pixel = Callable[[int, int], tuple[int, ...]]


def png(width: int, height: int, pixel: Pixel, grey: bool = False) -> bytes:
    """A picture, pixel by pixel."""
    rows = b"".join(b"\0" + bytes(part for x in range(width) for part in pixel(x, y)) for y in range(height))

    def piece(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", zlib.compress(rows)) + piece(b"IEND", b"")


def tone() -> bytes:
    """A quarter of a second of sound."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(at / 4))) for at in range(2000)))
    return target.getvalue()


class Writer:
    """A run as its training would have left it: files, points and what W&B's client says of it."""

    def __init__(self, store: Path, name: str, chance: random.Random, now: int) -> None:
        """Begin it."""
        self.run, segment = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(128):032x}"
        self._store = str(store)
        path = layout.segment_path(self._store, self.run, segment)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        header = {"run": self.run, "project": PROJECT, "writer": "process", "host": "h", "user": "u", "version": "0"}
        self._segment = codec.SegmentWriter(path, segment, header, now=now)
        self._segment.append(codec.STARTED, {"name": name})
        self._segment.append(codec.TAGS, {"set": {"wandb.id": name, "kept": ""}})

    def file(self, path: str, body: bytes, mime: str) -> dict[str, Any]:
        """A file of the run, and the facts of it that a pointer holds."""
        digest, size = blobs.put_bytes(self._store, body)
        self._segment.append(codec.FILE, {"path": path, "digest": digest, "size": size, "mime": mime})
        return {"path": path, "size": size}

    def log(self, step: int, **values: Any) -> None:
        """Points of one step."""
        self._segment.metrics({**values, "_runtime": float(step)}, step)

    def own(self, config: dict[str, Any]) -> None:
        """What the client says of itself."""
        self._segment.append(codec.TAGS, {"set": {"wandb.config": json.dumps(config)}})
        self._segment.append(codec.CONFIG, {"set": {"lr": 0.1, "_wandb": "hidden"}})

    def over(self, metric: str, step_metric: str) -> None:
        """Say that a metric is drawn over another."""
        self._segment.append(codec.DEFINE_METRIC, {"key": metric, "step_metric": step_metric})

    def finish(self) -> None:
        """End it."""
        self._segment.append(codec.FINISHED, {"status": "finished", "exit_code": 0})
        self._segment.close()


def media_runs(store: Path, now: int) -> list[str]:
    """Two runs that logged the same keys; their ids."""
    made = []
    for number in range(2):
        chance = random.Random(100 + number)
        writer = Writer(store, f"media-{number}", chance, now + number * 1_000_000)
        for step in range(STEPS):
            _pictures(writer, step, number)
            _others(writer, step, chance)
        writer.over("val/*", "epoch")
        _tables(writer, chance)
        _plots(writer, chance)
        writer.finish()
        made.append(writer.run)
    return made


def _pictures(writer: Writer, step: int, number: int) -> None:
    def sky(x: int, y: int) -> tuple[int, ...]:
        return (40 * step, 3 * x, 200 - 2 * y + 50 * number)

    def areas(x: int, y: int) -> tuple[int, ...]:
        return (2 if y < 16 else 1 if 20 < x < 44 else 0,)

    plain = writer.file(f"media/images/plain_{step}.png", png(64, 48, sky), "image/png")
    mask = writer.file("media/images/mask/mask.png", png(64, 48, areas, grey=True), "image/png")
    box = {"class_id": 1, "position": {"minX": 0.3, "maxX": 0.7, "minY": 0.4, "maxY": 0.9}}
    small = {"middle": [10, 10], "width": 12, "height": 8}
    boxes = {
        "box_data": [
            {**box, "box_caption": "a car", "scores": {"sure": 0.9}},
            {"class_id": 2, "domain": "pixel", "scores": {"sure": 0.2}, "position": small},
        ],
        "class_labels": CLASSES,
    }  # fmt: skip
    drawn = writer.file("media/metadata/boxes2D/b.json", json.dumps(boxes).encode(), "application/json")
    overlaid = {
        "media": "image", "_type": "image-file", **plain, "caption": HOSTILE,
        "boxes": {"predictions": {"_type": "boxes2D", **drawn}},
        "masks": {"truth": {"_type": "mask", **mask}},
    }  # fmt: skip
    names = [plain["path"], mask["path"]]
    several = {"media": "images", "_type": "images/separated", "count": 2, "filenames": names}
    several |= {"captions": ["one", "두 번째"], "width": 64, "height": 48, "format": "png"}
    writer.log(
        step,
        **{"pictures/overlaid": overlaid, "pictures/several": several, "pictures/plain": {"media": "image", **plain}},
    )


def _others(writer: Writer, step: int, chance: random.Random) -> None:
    values = [chance.gauss(step, 1 + step / 4) for _ in range(500)]
    low, high = min(values), max(values)
    counts = [0] * 20
    for value in values:
        counts[min(19, int((value - low) / (high - low) * 20))] += 1
    edges = [low + (high - low) * at / 20 for at in range(21)]
    page = f"<h1 id=h>step {step}</h1><script>document.getElementById('h').dataset.ran = '1'</script>"
    shown = writer.file(f"media/html/{step}.html", page.encode(), "text/html")
    heard = writer.file("media/audio/a.wav", tone(), "audio/wav")
    writer.log(
        step,
        weights={"media": "histogram", "_type": "histogram", "values": counts, "bins": edges},
        page={"media": "html", "_type": "html-file", **shown},
        sound={"media": "audio", "_type": "audio-file", "caption": "a tone", **heard},
        words=f"said at {step}",
        loss=1 / (step + 1),
        epoch=step * 10.0,
        **{"val/acc": step / 10},
    )


def _table(writer: Writer, key: str, columns: Sequence[str], data: Sequence[Sequence[Any]]) -> dict[str, Any]:
    body = json.dumps({"columns": columns, "data": data}).encode()
    facts = writer.file(f"media/table/{key}.table.json", body, "application/json")
    return {"media": "table", "_type": "table-file", "ncols": len(columns), "nrows": len(data), **facts}


def _tables(writer: Writer, chance: random.Random) -> None:
    picture = {"_type": "image-file", "path": "media/images/plain_0.png", "caption": "in a cell"}
    rows = [[at, f"row {at}", chance.random(), at % 2 == 0, picture if at < 5 else None] for at in range(120)]
    rows[3][1], rows[4][2], rows[5][1] = HOSTILE, math.nan, "=1+1"
    writer.log(STEPS - 1, samples=_table(writer, "samples", ["id", "name", "score", "even", "picture"], rows))
    writer.log(STEPS - 1, lost={"media": "image", "path": "media/images/lost.png"})
    writer.log(STEPS - 1, listed={"media": "json", "value": [1, 2, 3]})
    _scenes(writer)
    packed = base64.b64encode(struct.pack("<3d", 1, 2, 3)).decode()
    figure = {
        "data": [
            {"type": "scatter", "mode": "lines+markers", "name": "ones", "x": [1, 2, 3], "y": [3, 1, 2]},
            {"type": "scatter", "mode": "lines", "name": "bytes", "y": {"dtype": "f8", "bdata": packed}},
            {"type": "bar", "name": "bars", "x": ["a", "b"], "y": [1, 2], "xaxis": "x2", "yaxis": "y2"},
            {"type": "surface", "z": [[1]]},
        ],
        "layout": {"title": {"text": "A <b>figure</b>"}, "xaxis": {"title": {"text": "across"}}},
    }  # fmt: skip
    drawn = writer.file("media/plotly/f.plotly.json", json.dumps(figure).encode(), "application/json")
    writer.log(STEPS - 1, figure={"media": "plotly", "_type": "plotly-file", **drawn})


def _scenes(writer: Writer) -> None:
    """Molecules, points with a box, a model of one triangle, and files that are not what they say."""
    atoms = "".join(
        f"HETATM    {at}  {name}   HOH A   1    {x:8.3f}{y:8.3f}   0.000  1.00  0.00           {name}\n"
        for at, (name, x, y) in enumerate([("O", 0, 0), ("H", 0.96, 0), ("H", -0.24, 0.93)])
    )
    corners = [[x, y, z] for z in (0, 1) for y in (0, 2) for x in (0, 3)]
    box = {"corners": [[5e5 + x, y, z] for x, y, z in corners], "label": HOSTILE, "color": [0, 255, 0]}
    rows = [[5e5, 0, 0], [5e5 + 9, 9, 9, 3], [5e5, 9, 9, 255, 0, 0]]
    points = {"type": "lidar/beta", "points": rows, "boxes": [box]}
    packed = base64.b64encode(struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)).decode()
    triangle = {
        "nodes": [{"mesh": 0, "children": [0, 0]}],  # a node below itself must not hold anything up
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"uri": f"data:application/octet-stream;base64,{packed}"}],
    }
    elsewhere = {**triangle, "buffers": [{"uri": "https://example.org/all.bin"}]}
    files: dict[str, tuple[str, bytes]] = {
        "molecule": ("m.pdb", atoms.encode()),
        "points": ("p.pts.json", json.dumps(points).encode()),
        "triangle": ("t.gltf", json.dumps(triangle).encode()),
        "elsewhere": ("e.gltf", json.dumps(elsewhere).encode()),
        "cut": ("c.glb", b"glTF\2\0\0\0\xff\xff\xff\xff\xff\xff\xff\xffJSON"),
    }
    for key, (name, body) in files.items():
        kind = "molecule" if key == "molecule" else "object3D"
        facts = writer.file(f"media/{kind}/{name}", body, "application/octet-stream")
        writer.log(STEPS - 1, **{f"scenes/{key}": {"media": kind, "_type": f"{kind}-file", **facts}})


def _panel(definition: str, table: str, fields: dict[str, str], title: str) -> dict[str, Any]:
    summary = {"name": "summaryTable", "args": [{"name": "tableKey", "value": table}], "fields": []}
    query = {"queryFields": [{"name": "runSets", "args": [], "fields": [{"name": "id", "fields": []}, summary]}]}
    config = {"panelDefId": definition, "fieldSettings": fields, "stringSettings": {"title": title}}
    return {
        "panel_type": "Vega2",
        "panel_config": {**config, "transform": {"name": "tableWithLeafColNames"}, "userQuery": query},
    }


def _plots(writer: Writer, chance: random.Random) -> None:
    points = [[at, at * at + chance.random()] for at in range(20)]
    curve = [[name, at / 10, 1 - (at / 10) ** power] for name, power in (("cat", 2), ("dog", 3)) for at in range(11)]
    pairs = [[a, b, 9 if a == b else chance.randrange(4)] for a in ("cat", "dog", "cow") for b in ("cat", "dog", "cow")]
    series = [[at, name, at * slope] for name, slope in (("one", 1), ("two", 2)) for at in range(10)]
    # definition, columns and rows of the table; a chart's fields are called as its columns
    plots: dict[str, tuple[str, list[str], list[list[Any]]]] = {
        "line": ("wandb/line/v0", ["x", "y"], points),
        "scatter": ("wandb/scatter/v0", ["x", "y"], points),
        "bar": ("wandb/bar/v0", ["label", "value"], [["cat", 3], ["dog", 5]]),
        "bins": ("wandb/histogram/v0", ["value"], [[chance.gauss(0, 1)] for _ in range(200)]),
        "pr": ("wandb/area-under-curve/v0", ["class", "x", "y"], curve),
        "one": ("wandb/area-under-curve/v0", ["x", "y"], [[at / 10, 1 - at / 10] for at in range(11)]),
        "cm": ("wandb/confusion_matrix/v1", ["Actual", "Predicted", "nPredictions"], pairs),
        "series": ("wandb/lineseries/v0", ["step", "lineKey", "lineVal"], series),
        "own": ("ann/my-chart", ["x", "y"], points),
    }
    shown = {}
    for key, (definition, columns, data) in plots.items():
        name = f"plots/{key}"
        writer.log(STEPS - 1, **{f"{name}_table": _table(writer, f"plots_{key}", columns, data)})
        shown[name] = _panel(definition, f"{name}_table", {column: column for column in columns}, f"the {key}")
    labels = {f"pictures/overlaid_wandb_delimeter_{group}": {"value": CLASSES} for group in ("truth", "predictions")}
    writer.own({"visualize": shown, "mask/class_labels": labels})
