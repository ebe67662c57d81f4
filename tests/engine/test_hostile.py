"""Segments whose frames are whole and whose content makes no sense: one of them must not stop a store."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ME, RUN, Place

from madang.backends.records import open_sqlite
from madang.domain.commands import CreateRun, Log
from madang.domain.query import RunQuery
from madang.errors import CorruptData, InvalidInput
from madang.formats import segment as codec
from madang.formats.filter import parse_filter
from madang.formats.native import light_run, whole_run
from madang.formats.segment import CHAIN_START, frame
from madang.formats.wire import encode, exact, json_value

SEGMENT = "a" * 32
BIG = 10**30
N = "x\x00y"
D = "blake3:" + "0" * 64
LONG = "긴" * 100_000

EVENTS: list[tuple[int, Any]] = [
    (codec.HEADER, {"t": BIG, "run": RUN, "segment": SEGMENT, "project": "p", "writer": "process"}),
    (codec.HEADER, {"t": -(2**61), "run": RUN, "segment": "b" * 32, "project": N, "writer": N, "host": N, "user": N}),
    (codec.STARTED, {"t": 5, "name": N, "notes": N, "command": [N], "process_started": 2**62, "seeds": {"a": BIG}}),
    (codec.CONFIG, {"t": 5, "set": {N: N, "": {"$i": "9" * 4400}, "i": {"$f": "inf"}, LONG: LONG}}),
    (codec.TAGS, {"t": 5, "set": {N: N, "": "", LONG: LONG}}),
    (codec.SUMMARY, {"t": 5, "set": {N: {"$i": str(BIG)}, "loss": {"$i": "-" + "9" * 400}, "s": LONG}}),
    (codec.REMOVED, {"t": 6, "what": "nothing", "keys": [N]}),
    (codec.DEFINE_METRIC, {"t": 6, "key": N + "*", "goal": N, "summary": N, "step_metric": N, "rtol": {"$f": "nan"}}),
    (codec.CONSOLE, {"t": 6, "n": 2**61, "text": N, "stream": N}),
    (codec.CONSOLE, {"t": 6, "n": -(2**61), "text": N}),
    (codec.FILE, {"t": 6, "path": "../../etc/passwd" + N, "digest": N, "size": BIG, "mime": N}),
    (codec.VERSION, {"t": 6, "name": "m", "type": N, "entries": [["a", D, 1]], "description": N, "metadata": {N: BIG}}),
    (codec.VERSION, {"t": 6, "name": "m", "type": "", "entries": [["a", "none" + N, 1]], "aliases": ["v3", N]}),
    (codec.VERSION, {"t": 2**61, "name": "m", "type": "t" * 9999, "entries": [["a", D, 2**49]] * 2000}),
    (codec.USE, {"t": 6, "ref": N, "version": N, "path": N, "digest": N, "size": BIG}),
    (codec.OPENED, {"t": 6, "read": [N], "written": [N]}),
    (codec.INPUTS, {"t": 6, "items": [{"path": N, "digest": N, "recorded": N, "size": BIG, "tracked_by": N}]}),
    (codec.CODE, {"t": 6, "commit": N, "branch": N, "diff": {"digest": N, "size": BIG}, "untracked": [{"path": N}]}),
    (codec.ENVIRONMENT, {"t": 6, "python": N, "memory": BIG, "packages": [[N, N, N]], "variables": {N: N}}),
    (codec.IMPORTS, {"t": 6, "files": [[N, 2**63]]}),
    (codec.CAPTURED, {"t": 6, "began": 2**63, "ended": -(2**63), "changed": [N]}),
    (codec.REWOUND, {"t": 6, "step": -BIG}),
    (codec.FORKED_FROM, {"t": 6, "run": N, "step": BIG}),
    (codec.HEARTBEAT, {"t": 2**61}),
    (codec.ALERT, {"t": 6, "title": N, "text": N, "level": N}),
    (codec.FINISHED, {"t": 2**61, "status": N, "exit_code": BIG, "signal": BIG, "of": N, "error": {"message": N}}),
    (codec.FINISHED, {"t": -(2**61), "status": "failed", "exit_code": 2**70, "signal": -(2**70)}),
    (codec.OUTPUTS, {"t": 6, "items": [{"path": N, "digest": N, "size": 2**62}]}),
    (codec.VERDICT, {"t": 6, "of": N, "verdict": N, "missing": [N], "compared": {N: 1}, "not_compared": {N: N}}),
    (codec.PIPELINE, {"t": 6, "plan": [{"name": N, "kind": N, "needs": [N, N]}], "ended_at": BIG}),
    (codec.PIPELINE, {"t": 6, "found": [{"name": N, "status": N, "at": -BIG, "outs": [{"path": N, "digest": N}]}]}),
    (codec.REMOVED, {"t": 6, "what": "files", "keys": [N, "a"]}),
    (codec.STATUS, {"t": 6, "status": N, "ended_at": BIG}),
    (codec.STATUS, {"t": 2**61, "status": "finished", "ended_at": -BIG}),
    (codec.DATASET, {"t": 6, "name": N, "digest": LONG, "schema": N, "tags": {N: N}}),
    (codec.LINKED, {"t": 6, "inputs": [N], "outputs": [[N, BIG]]}),
    (codec.KEYS, {"t": 6, "id": 0, "names": [N, LONG, "", "twice", "twice"], "types": "dq?vv"}),
    (codec.HEADER, []),
    (codec.STARTED, None),
    (codec.CONFIG, [[]]),
    (99, {"t": 6}),
]


def _metrics(time: int, step: int, rest: bytes, number: float = 1.0) -> bytes:
    fixed = struct.pack("<BqqIdq?", codec.METRICS, time, step, 0, number, 1, True)
    return fixed + rest


PAYLOADS = [bytes((kind,)) + json.dumps(body).encode() for kind, body in EVENTS] + [
    bytes((codec.CONFIG,)) + b"[" * 50_000,
    bytes((codec.CONFIG,)) + b'{"set":' + b'{"a":' * 400 + b"1" + b"}" * 401,
    bytes((codec.CONFIG,)) + b'{"t":1,"set":{"a":1e999}}',
    bytes((codec.CONFIG,)) + b'{"t":1.5,"set":{"a":"\\ud800"}}',
    bytes((codec.METRICS,)),
    bytes((codec.HEADER,)),
    _metrics(2**63 - 1, 2**63 - 1, b'[{"$i":"' + b"9" * 4000 + b'"},{"media":1}]', float("nan")),
    _metrics(-(2**63), -(2**63), b'["x\\u0000y",[[[]]]]', float("inf")),
    _metrics(5, 5, b"[" * 3000),
    _metrics(6, 6, b'[{"media":{"a":1}},null]'),
]


HIDES = bytes((codec.REWOUND,))


def shows(payloads: Sequence[bytes]) -> bool:
    """Whether the points of `made_of` stay visible."""
    return not any(payload[:1] == HIDES for payload in payloads)


def made_of(payloads: Sequence[bytes]) -> bytes:
    """A segment with these frames after a header and a key set; every chain fits."""
    head = {"t": 1, "format": 1, "run": RUN, "segment": SEGMENT, "project": "p", "writer": "process"}
    keys = {"t": 1, "id": 0, "names": ["loss", N, "b", "v", "\U0010ffff0\x00"], "types": "dq?vv"}
    first = [
        bytes((codec.HEADER,)) + codec.encode_json(head),
        bytes((codec.KEYS,)) + codec.encode_json(keys),
        _metrics(2, 2, b'[1,"t"]'),
    ]
    parts, chain = [], CHAIN_START
    for number, payload in enumerate([*first, *payloads]):
        part, chain = frame(number, chain, payload)
        parts.append(part)
    return b"".join(parts)


def read_all(place: Place, shown: bool) -> None:
    """All that a page asks for, in both encodings; ``shown``: nothing hides or renames the first points."""
    for plain, binary in ((json_value, False), (exact, True)):
        assert encode(whole_run(place.search.run(ME, RUN), plain), binary)
        (row,) = place.search.runs(ME, RunQuery()).runs
        assert encode(light_run(row, plain), binary)
    names = {"loss", N, "b", "v", "\U0010ffff0\x00"} if shown else set()
    assert names <= set(place.search.history(ME, [RUN], None, samples=5)[RUN])
    assert names <= set(place.search.run(ME, RUN).metrics)
    assert names <= {item.name for item in place.search.metric_keys(ME, "p")}
    place.search.console(ME, RUN)
    place.search.console(ME, RUN, tail=True)
    place.search.new_points(ME, RUN)
    place.records.versions.collections("p")


@pytest.mark.parametrize("number", range(len(PAYLOADS) + 1))
def test_no_content_stops_a_hub(hub: Place, number: int) -> None:
    """Whatever whole frames say, a hub takes them, goes on taking, and answers; names come back as they were."""
    payloads = PAYLOADS[number : number + 1] or PAYLOADS
    data = made_of(payloads)
    assert hub.tracking.append(ME, "p", RUN, SEGMENT, 0, "0" * 32, data).offset == len(data)
    read_all(hub, shows(payloads))
    more = made_of([*payloads, _metrics(9, 9, b'[2,"u"]'), bytes((codec.FINISHED,)) + b'{"t":9,"status":"finished"}'])
    assert hub.tracking.append(ME, "p", RUN, SEGMENT, 0, "0" * 32, more).offset == len(more)
    read_all(hub, shows(payloads))


@pytest.mark.parametrize("number", range(len(PAYLOADS) + 1))
def test_no_content_stops_a_workspace(at: Place, number: int) -> None:
    """Whatever whole frames say, the store that holds them can be read."""
    payloads = PAYLOADS[number : number + 1] or PAYLOADS
    at.write(SEGMENT, made_of(payloads))
    read_all(at, shows(payloads))


def test_a_value_set_by_hand_hides_no_metric(hub: Place) -> None:
    """A metric whose summary was also set by hand is listed as the others are, in whichever order both came, and
    taking its points back takes it from the list of this run alone.
    """
    first = made_of([bytes((codec.SUMMARY,)) + b'{"t":3,"set":{"loss":7,"only by hand":8}}'])
    hub.tracking.append(ME, "p", RUN, SEGMENT, 0, "0" * 32, first)
    assert "loss" in {item.name for item in hub.search.metric_keys(ME, "p")}
    other, own = "5" * 32, "6" * 32
    head = codec.encode_json({"t": 1, "run": other, "segment": own, "project": "p", "writer": "process"})
    keys = codec.encode_json({"t": 1, "id": 0, "names": ["loss", "only by hand", "b"], "types": "dq?"})
    parts, chain = [], CHAIN_START
    for number, payload in enumerate([bytes((codec.HEADER,)) + head, bytes((codec.KEYS,)) + keys, _metrics(2, 2, b"")]):
        part, chain = frame(number, chain, payload)
        parts.append(part)
    hub.tracking.append(ME, "p", other, own, 0, "0" * 32, b"".join(parts))
    listed = {item.name: item.runs for item in hub.search.metric_keys(ME, "p")}
    assert (listed["loss"], listed["only by hand"]) == (2, 1)
    summary = bytes((codec.SUMMARY,)) + b'{"t":3,"set":{"loss":7,"only by hand":8}}'
    hub.tracking.append(ME, "p", RUN, SEGMENT, 0, "0" * 32, made_of([summary, HIDES + b'{"t":4,"step":0}']))
    listed = {item.name: item.runs for item in hub.search.metric_keys(ME, "p")}
    assert (listed["loss"], listed["only by hand"]) == (1, 1)
    where = RunQuery(where=parse_filter("metrics.loss = 7"))
    assert [run.id for run in hub.search.runs(ME, where).runs] == [RUN]


@pytest.mark.parametrize("time", [10**30, -(10**30), 1 << 62])
def test_a_command_with_an_impossible_time_is_refused(hub: Place, time: int) -> None:
    """A time beyond what a frame can say is refused, not taken as none, and changes nothing."""
    with pytest.raises(InvalidInput):
        hub.tracking.create(ME, "p", CreateRun(time=time))
    made = hub.tracking.create(ME, "p", CreateRun(name="r"))
    with pytest.raises(InvalidInput):
        hub.tracking.log(ME, made.id, Log({"loss": 1}, time=time))
    assert hub.search.run(ME, made.id).metrics == {}


def test_a_damaged_database_of_a_hub_is_not_called_an_index(tmp_path: Path) -> None:
    """A hub has nothing to rebuild its database from: the hint must not say so, and the message names no folder."""
    path = tmp_path / "records.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(CorruptData) as there:
        open_sqlite(str(path), durable=True)
    assert "backup" in there.value.hint
    assert str(tmp_path) not in there.value.message
    with pytest.raises(CorruptData) as here:
        open_sqlite(str(path), durable=False)
    assert "rebuilt" in here.value.hint
