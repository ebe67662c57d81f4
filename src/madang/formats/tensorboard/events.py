"""What event files hold: points and media by tag, hyperparameters, text.

Field numbers are those of `tensorboard/compat/proto/{event,summary,tensor,histogram}.proto` and
`tensorboard/plugins/hparams/plugin_data.proto`. What plain values of the older API (TensorFlow 1, PyTorch) and tensors
of the newer one (TensorFlow 2) say is told in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import field
from typing import Any, TypeAlias

from madang.domain.values import mutable, value
from madang.errors import CorruptData
from madang.formats.protobuf import Message
from madang.formats.tensorboard.tensors import Tensor, read_tensor

Json: TypeAlias = Any

_HPARAMS = "hparams"
_START = 1  # of a session log
_CONTENTS = frozenset({2, 3, 4, 5, 6, 8})  # fields of a value that hold something
_STATUSES = {1: "finished", 2: "failed", 3: "running"}


@value
class Media:
    """An image, a sound or a text, as the bytes of a file, or a table or histogram in ``facts``."""

    kind: str  # of `madang.log_…`: "image", "audio", "text", "histogram" or "table"
    data: tuple[bytes, ...] = ()  # of each file
    ending: str = ""
    facts: dict[str, Json] = field(default_factory=dict)


@value
class Entry:
    """One value of one tag. ``time`` is µs UTC, ``place`` where it stands in its event."""

    tag: str
    step: int
    time: int
    value: float | Media
    place: int
    plugin: str


@mutable
class Hyperparameters:
    """What the plugin `hparams` says of a run."""

    params: dict[str, Json] = field(default_factory=dict)
    group: str = ""
    started_at: int = 0  # µs UTC
    ended_at: int = 0
    status: str = ""


@mutable
class EventReader:
    """Reads the events of one run, file after file. Tags keep the plugin that their first value has named."""

    plugins: dict[str, str] = field(default_factory=dict)  # by tag
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    others: dict[str, int] = field(default_factory=dict)  # what has no place here, and how many
    restart: int | None = None  # the event read last says that what had this step or a later one before is void
    first_at: int = 0  # µs UTC
    last_at: int = 0

    def read(self, data: bytes) -> Iterator[Entry]:
        """What one event says. Raises `CorruptData`."""
        event = Message(data)
        time, step = micros(event.double(1)), event.integer(2)
        self.first_at = min(self.first_at or time, time or self.first_at)
        self.last_at = max(self.last_at, time)
        is_start = 7 in event and event.message(7).integer(1) == _START
        self.restart = step if is_start and step > 0 else None
        for number, name in ((4, "graphs"), (8, "profiles of graphs"), (9, "graphs")):
            if number in event:
                self._other(name)
        for place, item in enumerate(event.message(5).messages(1)):
            yield from self._value(item, step, time, place)

    def _other(self, name: str) -> None:
        self.others[name] = self.others.get(name, 0) + 1

    def _value(self, item: Message, step: int, time: int, place: int) -> Iterator[Entry]:
        tag, metadata = item.text(1), item.message(9)
        plugin = metadata.message(1).text(1)
        if plugin:
            self.plugins.setdefault(tag, plugin)
        plugin = self.plugins.get(tag, "")
        if plugin == _HPARAMS:
            read_hyperparameters(metadata.message(1).message(2), self.hyperparameters)
            return
        found = content(item, plugin)
        if found is None and _CONTENTS.isdisjoint(item.numbers()):
            return
        if found is None:
            self._other(f"values of the plugin {plugin}" if plugin else "values of an unknown kind")
            return
        yield Entry(tag, step, time, found, place, plugin)


def media_in(data: bytes, place: int, plugin: str) -> Media:
    """The media at a place of an event that was read before. Raises `CorruptData` when it is not there any more."""
    values = Message(data).message(5).all_data(1)
    found = content(Message(values[place]), plugin) if place < len(values) else None
    if not isinstance(found, Media):
        raise CorruptData("The file has changed while it was read.")
    return found


def micros(seconds: float) -> int:
    """A time in µs; 0 where it makes no sense."""
    return round(seconds * 1_000_000) if math.isfinite(seconds) and abs(seconds) < 1 << 40 else 0


def content(item: Message, plugin: str) -> float | Media | None:
    """What one value is; None for what is neither a number nor media. Raises `CorruptData`."""
    if 2 in item:
        return item.single(2)
    if 4 in item:
        image = item.message(4)
        return picture([image.data(4)], image.integer(2), image.integer(1))
    if 5 in item:
        return histogram(item.message(5))
    if 6 in item:
        audio = item.message(6)
        return Media("audio", (audio.data(4),), _sound_ending(audio.data(4)), {"sample_rate": audio.single(1)})
    if 8 not in item:
        return None
    tensor = read_tensor(item.message(8))
    return _of_tensor(tensor, plugin)


def _of_tensor(tensor: Tensor, plugin: str) -> float | Media | None:
    texts = tensor.texts
    if plugin == "images" and len(texts) > 2:
        return picture(texts[2:], _number(texts[0]), _number(texts[1]))
    if plugin == "audio" and texts:
        sounds = texts[::2] if tensor.shape[1:] == [2] else texts
        return Media("audio", tuple(sounds), _sound_ending(sounds[0]))
    if plugin == "text" or texts:
        return Media("text", (markdown(tensor),), ".md") if texts else None
    if plugin == "histograms":
        return histogram_of_rows(tensor)
    if plugin == "pr_curves":
        return precision_and_recall(tensor)
    if plugin in ("", "scalars") and len(tensor.numbers) == 1:
        return tensor.numbers[0]
    return None


def picture(data: list[bytes], width: int, height: int) -> Media:
    """One or several encoded images of the same size, in pixels."""
    endings = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp", b"BM": ".bmp"}
    ending = next((name for start, name in endings.items() if data[0].startswith(start)), ".bin")
    return Media("image" if len(data) == 1 else "images", tuple(data), ending, {"width": width, "height": height})


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else 0


def _sound_ending(data: bytes) -> str:
    return ".wav" if data.startswith(b"RIFF") else ".mp3" if data[:3] in (b"ID3", b"\xff\xfb") else ".bin"


def markdown(tensor: Tensor) -> bytes:
    """A text; several as a list, a table of texts as a table."""
    texts = tensor.texts
    if len(texts) <= 1:
        return b"".join(texts)
    if len(tensor.shape) < 2:
        return b"\n\n".join(texts)
    width = max(tensor.shape[-1], 1)
    rows = [texts[place : place + width] for place in range(0, len(texts), width)]
    lines = [b"| " + b" | ".join(map(_cell, row)) + b" |" for row in rows]
    return b"\n".join([lines[0], b"|" + b" --- |" * width, *lines[1:]])


def _cell(text: bytes) -> bytes:
    return text.replace(b"\n", b" ").replace(b"|", b"\\|")


def histogram(body: Message) -> Media | None:
    """A histogram of the older API: the upper limits of its buckets, of which the outermost may be infinite."""
    limits, counts = body.doubles(6), body.doubles(7)
    if not limits or len(limits) != len(counts):
        return None
    low, high = body.double(1), body.double(2)
    first = next((place for place, count in enumerate(counts) if count), 0)
    last = next((place for place in range(len(counts) - 1, -1, -1) if counts[place]), len(counts) - 1)
    edges = [max(low, limits[first - 1]) if first else low, *limits[first:last], min(high, limits[last])]
    return _histogram(counts[first : last + 1], edges)


def _histogram(counts: list[float], edges: list[float]) -> Media:
    """A histogram without empty buckets side by side: some writers make thousands of them."""
    kept, ends, before = [counts[0]], [edges[0], edges[1]], edges[1]
    for count, edge in zip(counts[1:], edges[2:], strict=True):
        before = max(before, edge)
        if count or kept[-1]:
            kept.append(count)
            ends.append(before)
        else:
            ends[-1] = before
    return Media("histogram", facts={"counts": kept, "edges": ends})


def histogram_of_rows(tensor: Tensor) -> Media | None:
    """A histogram of the newer API: rows of left edge, right edge and count."""
    numbers = tensor.numbers
    if not numbers or len(numbers) % 3:
        return None
    return _histogram(numbers[2::3], [*numbers[0::3], numbers[-2]])


_CURVE = ("true positives", "false positives", "true negatives", "false negatives", "precision", "recall")


def precision_and_recall(tensor: Tensor) -> Media | None:
    """A precision-recall curve: six rows of numbers, with a column for each threshold between 0 and 1."""
    if len(tensor.shape) != 2 or tensor.shape[0] != len(_CURVE) or tensor.shape[1] < 1:
        return None
    count = tensor.shape[1]
    if len(tensor.numbers) != count * len(_CURVE):
        return None
    thresholds = [place / max(count - 1, 1) for place in range(count)]
    columns = [thresholds, *(tensor.numbers[row * count : (row + 1) * count] for row in range(len(_CURVE)))]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Media("table", facts={"columns": ["threshold", *_CURVE], "data": rows})


def read_hyperparameters(data: Message, into: Hyperparameters) -> None:
    """What one value of the plugin `hparams` says. Raises `CorruptData`."""
    if 3 in data:
        start = data.message(3)
        for pair in start.messages(1):
            into.params[pair.text(1)] = _plain(pair.message(2))
        into.group = start.text(4)
        into.started_at = micros(start.double(5))
    if 4 in data:
        end = data.message(4)
        into.status = _STATUSES.get(end.integer(1), "")
        into.ended_at = micros(end.double(2))


def _plain(body: Message, depth: int = 0) -> Json:
    """A value of `google.protobuf.Value`."""
    if depth > 50:
        raise CorruptData("A hyperparameter is nested too deep.")
    if 2 in body:
        number = body.double(2)
        return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
    if 3 in body:
        return body.text(3)
    if 4 in body:
        return body.flag(4)
    if 5 in body:
        return {pair.text(1): _plain(pair.message(2), depth + 1) for pair in body.message(5).messages(1)}
    if 6 in body:
        return [_plain(item, depth + 1) for item in body.message(6).messages(1)]
    return None
