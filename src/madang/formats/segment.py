"""Writing segments, and the frame codec. The bytes are described in docs/formats/journal.md.

It runs inside the training process, where `madang.init()` has a budget of milliseconds, so it imports next to nothing.
"""

from __future__ import annotations

import os
import struct
import time
from _blake2 import blake2b  # hashlib costs more to import than a whole log() call; it is the same function

from madang.errors import InvalidInput, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    # types of the values, what packs a frame and into what, bytes of its payload, number of the key set
    _Layout = tuple[list[type], Callable[..., None], bytearray, int, int]

HEADER, KEYS, METRICS, SYSTEM, STARTED, RESUMED, CONFIG, REMOVED, SUMMARY, DEFINE_METRIC = range(1, 11)
TAGS, DESCRIBED, CONSOLE, FILE, VERSION, USE, OPENED, INPUTS, CODE, ENVIRONMENT = range(11, 21)
IMPORTS, CAPTURED, REWOUND, FORKED_FROM, HEARTBEAT, ALERT, FINISHED, OUTPUTS, VERDICT, PIPELINE = range(21, 31)
STATUS, DATASET, LINKED, ROWS, TABLE = range(31, 36)

FORMAT = 1
CHAIN_START = bytes(16)
FRAME_HEAD = 24
MAX_PAYLOAD = 64 << 20
MEMORY = 32 << 10  # bytes of `madang.formats.recent`

HEAD = struct.Struct("<II")
_head = HEAD.pack
# A frame is first packed as it is hashed (the chain before it, head, payload), then gets its own head over these bytes.
_METRICS = "16sIIBqqI"
_seal = struct.Struct("<II16s").pack_into
_hash = blake2b(digest_size=16).copy  # a copy costs less than a new one with its arguments
_EXACT = 1 << 53
_MAX_KEYSETS = 10_000  # remembered; one that was forgotten is declared again
_LETTERS: dict[type, str] = {float: "d", int: "q", bool: "?"}
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


def frame(sequence: int, chain: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """One frame's bytes, and the chain after it."""
    head = _head(len(payload), sequence)
    after = blake2b(chain + head + payload, digest_size=16).digest()
    return head + after + payload, after


def to_json(value: Any) -> Any:
    """A value as JSON can hold it: non-finite floats, big integers and `$` objects are wrapped (see the format)."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return value if -_EXACT <= value <= _EXACT else {"$i": _digits(value)}
    if kind is float:
        return value if value - value == 0 else {"$f": "nan" if value != value else "inf" if value > 0 else "-inf"}
    if isinstance(value, dict) or hasattr(value, "items"):
        plain = {str(key): to_json(item) for key, item in value.items()}
        return {"$o": plain} if len(plain) == 1 and next(iter(plain)).startswith("$") else plain
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    return to_json(scalar(value))


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python turns no longer ones into text, nor back
        raise InvalidInput(
            f"An integer of {value.bit_length()} bits is too large to be kept.", hint="Log its logarithm."
        ) from None


def scalar(value: Any) -> Any:
    """A bool, int, float or str for a NumPy scalar, a 0-d array or tensor; any other object becomes its text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    item = getattr(value, "item", None)
    if item is not None:
        try:
            plain = item()
        except (TypeError, ValueError, RuntimeError):
            return str(value)
        if type(plain) in (bool, int, float, str):
            return plain
        try:
            return float(value)  # a bfloat16 or longdouble, whose item() is itself again
        except (TypeError, ValueError, RuntimeError):  # a complex tensor raises the last one
            return str(value)
    if type(value).__module__ in ("decimal", "fractions"):
        return float(value)
    return str(value)


def _encoder() -> Callable[[Any], bytes]:
    """JSON without blanks. The module `json` would import `re` and `enum`: more than all else that `init()` does."""
    try:
        from _json import encode_basestring, make_encoder

        pieces = make_encoder(None, str, encode_basestring, None, ":", ",", False, False, False)
        if "".join(pieces({"a": [1, None, True, "é"]}, 0)) == '{"a":[1,null,true,"é"]}':
            return lambda value: "".join(pieces(value, 0)).encode("utf-8", "surrogatepass")
    except (ImportError, TypeError, ValueError):
        pass  # another interpreter than the one these names belong to
    from json import JSONEncoder

    encode = JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode
    return lambda value: encode(value).encode("utf-8", "surrogatepass")


_dumps = _encoder()


def encode_json(body: Mapping[str, Any]) -> bytes:
    """The body of a JSON frame."""
    return _dumps(to_json(body))


class SegmentWriter:
    """The one writer of one segment.

    ``append`` and ``metrics`` make one `write()` each, or a copy into shared memory where a subclass has one; when they
    return, the bytes are with the operating system and a SIGKILL cannot take them back. Not safe for two threads at
    once: the run holds a lock of its own.

    Raises:
        StorageError: the file system refused; what was half written has been taken back.
    """

    __slots__ = (
        "_clock",
        "_end",
        "_fd",
        "_filed",
        "_keysets",
        "_layouts",
        "_memory",
        "_next_keyset",
        "_quick",
        "_sequence",
        "chain",
        "path",
        "segment",
    )

    def __init__(self, path: str, segment: str, header: Mapping[str, Any], now: int | None = None) -> None:
        self.path = path
        self.segment = segment
        self.chain = CHAIN_START
        self._filed = 0  # bytes in the file
        self._memory: Any = None  # of the newest frames, where a subclass has one
        self._end = MEMORY + 1  # of these frames; no room
        self._sequence = 0
        self._keysets: dict[tuple[str, ...], tuple[int, Callable[..., bytes]]] = {}  # by names and letters
        self._layouts: dict[tuple[Any, ...], _Layout] = {}  # by names and types
        self._quick: dict[tuple[str, ...], _Layout] = {}  # by names: that of the last call
        self._next_keyset = 0
        start = time.time_ns() // 1000 if now is None else now
        self._clock = start - time.monotonic_ns() // 1000
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _refused(path, error) from error
        self.append(HEADER, {"format": FORMAT, "segment": segment, **header})

    @property
    def offset(self) -> int:
        """Bytes of the segment."""
        return self._filed

    def now(self) -> int:
        """Microseconds since 1970 UTC, never going back within this segment."""
        return self._clock + time.monotonic_ns() // 1000

    def append(self, kind: int, body: Mapping[str, Any], at: int | None = None) -> None:
        """Write one JSON frame; ``at`` is its time in microseconds (now when omitted)."""
        self._write(bytes((kind,)) + encode_json({"t": self.now() if at is None else at, **body}))

    def metrics(self, values: Mapping[str, Any], step: int, kind: int = METRICS, at: int | None = None) -> None:
        """Write one metrics (or system) frame; ``values`` is flat: key → number, bool, text or media pointer.

        Raises:
            InvalidInput: the step is not a 64-bit integer.
        """
        when = self._clock + time.monotonic_ns() // 1000 if at is None else at
        types = [*map(type, values.values())]
        known = self._quick.get(tuple(values))
        if known is not None and known[0] != types:
            known = self._layouts.get((*values, *types))
        if known is not None:
            _, pack, frame, size, keys = known
            try:
                pack(frame, 0, self.chain, size, self._sequence, kind, when, step, keys, *values.values())
            except struct.error:
                pass  # an integer beyond 64 bits, or a wrong step: the careful way tells which
            else:
                start = self._end
                end = start + FRAME_HEAD + size
                if end > MEMORY:
                    self._overflow(frame, size)
                    return
                digest = _hash()
                digest.update(frame)
                chain = digest.digest()
                _seal(frame, 0, size, self._sequence, chain)
                self._memory[start:end] = frame
                self.chain = chain
                self._sequence += 1
                self._end = end
                return
        self._metrics_slowly(values, step, kind, when)

    def _metrics_slowly(self, values: Mapping[str, Any], step: Any, kind: int, when: int) -> None:
        if not (isinstance(step, int) and _INT64_MIN <= step <= _INT64_MAX):
            raise InvalidInput(f"Step {step!r} is not a 64-bit integer.", hint="Pass step=None to count calls instead.")
        plain = [value if isinstance(value, dict) or value is None else scalar(value) for value in values.values()]
        letters = "".join(map(_letter, plain))
        names = list(values)
        keys, pack = self._keysets.get((*names, letters)) or self._declare(names, letters)
        if "v" not in letters and all(map(_packs_as_itself, values.values())):
            self._quick[tuple(names)] = self._layout(names, values.values(), letters, keys)
        fixed = [value for value, letter in zip(plain, letters, strict=True) if letter != "v"]
        rest = [value for value, letter in zip(plain, letters, strict=True) if letter == "v"]
        payload = pack(kind, when, step, keys, *fixed)
        if rest:
            wrapped = [{"$i": _digits(value)} if isinstance(value, int) else to_json(value) for value in rest]
            payload += _dumps(wrapped)
        self._write(payload)

    def _declare(self, names: Sequence[str], letters: str) -> tuple[int, Callable[..., bytes]]:
        number = self._next_keyset
        self.append(KEYS, {"id": number, "names": self._shown(names), "types": letters})
        self._next_keyset += 1
        if len(self._keysets) >= _MAX_KEYSETS:
            for remembered in (self._keysets, self._layouts, self._quick):
                remembered.clear()  # a program that makes up names without end must not eat the memory
        known = self._keysets[(*names, letters)] = (number, struct.Struct("<BqqI" + letters.replace("v", "")).pack)
        return known

    def _layout(self, names: Sequence[str], values: Iterable[Any], letters: str, keys: int) -> _Layout:
        """How a call with such values is packed at once."""
        types = [*map(type, values)]
        known = self._layouts.get((*names, *types))
        if known is None:
            whole = struct.Struct("<" + _METRICS + letters)
            size = whole.size - FRAME_HEAD
            if len(self._layouts) >= _MAX_KEYSETS:
                self._layouts.clear()
            known = self._layouts[(*names, *types)] = (types, whole.pack_into, bytearray(whole.size), size, keys)
        return known

    def _shown(self, names: Sequence[str]) -> Sequence[str]:
        """The names as they are written down."""
        return names

    def _write(self, payload: bytes) -> None:
        size = len(payload)
        if size > MAX_PAYLOAD:
            raise InvalidInput(
                f"One record of {size} bytes is over the limit of {MAX_PAYLOAD}.", hint="Log it as a file or artifact."
            )
        self._file(bytearray().join((self.chain, _head(size, self._sequence), payload)), size)

    def _overflow(self, frame: bytearray, size: int) -> None:
        """Keep a frame, packed as it is hashed, for which the memory has no room."""
        self._file(frame, size)

    def _file(self, frame: bytearray, size: int) -> None:
        """Write a frame, packed as it is hashed, to the file."""
        chain = blake2b(frame, digest_size=16).digest()
        _seal(frame, 0, size, self._sequence, chain)
        written = self._append(frame)
        self.chain = chain
        self._sequence += 1
        self._filed += written  # last: `is_whole` finds by it that an interrupt came before

    def _append(self, data: bytes | bytearray) -> int:
        """Write to the file; how many bytes. The caller counts them."""
        try:
            written = os.write(self._fd, data)
            while written < len(data):  # a signal, or a disk that is nearly full
                written += os.write(self._fd, data[written:])
        except OSError as error:
            self._take_back()
            raise _refused(self.path, error) from error
        return written

    def _take_back(self) -> None:
        """Cut off a half-written frame so that the segment stays whole."""
        try:
            os.ftruncate(self._fd, self._filed)
        except OSError:
            return  # a torn tail is harmless to readers; the next write then fails loudly by its chain

    def is_whole(self) -> bool:
        """Whether the file certainly ends with the last frame that was counted."""
        try:
            return os.fstat(self._fd).st_size == self._filed
        except OSError:
            return False

    def sync(self) -> None:
        """Make what was written survive a power failure.

        Raises:
            StorageError: the file system reported a failure; do not count on the data.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Close the file. The segment is never opened for writing again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _packs_as_itself(value: Any) -> bool:
    """Whether every value of this very type packs under the same letter: Python's numbers and NumPy's scalars."""
    kind = type(value)
    return kind in _LETTERS or (kind.__module__ == "numpy" and kind.__name__ not in ("ndarray", "longdouble", "str_"))


def _letter(value: Any) -> str:
    letter = _LETTERS.get(type(value), "v")
    return "v" if letter == "q" and not _INT64_MIN <= value <= _INT64_MAX else letter


def _refused(path: str, error: OSError) -> StorageError:
    return StorageError(
        f"Cannot write the run's journal {path}: {error.strerror or error}.",
        hint="Free space, or point MADANG_DIR at a folder that can be written.",
    )
