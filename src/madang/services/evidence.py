"""Evidence of a reproduction: what is stated and signed of it, and whether the records still are what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Literal, TypeAlias

from blake3 import blake3

from madang.domain.environments import lock_of
from madang.domain.gates import Repetition
from madang.domain.reproduce import Judgement
from madang.domain.runs import RunRecord
from madang.domain.values import mutable, value
from madang.errors import CorruptData, MadangError, NotFound
from madang.formats import attestation
from madang.ports.reader import Reader
from madang.ports.signing import Signer, Verifier
from madang.services.reproduce import Leniency, repetitions_of, side_of

Finding: TypeAlias = Literal["VALID", "UNKNOWN SIGNER", "ALTERED", "UNSIGNED", "INCOMPLETE"]

_PIECE = 1 << 20
STATED = ("verdict", "first_difference", "missing", "compared", "not_compared")


@value
class Circumstances:
    """In what a repetition ran, and who says so. ``local`` are files taken as they were at the time."""

    environment: str  # digest of the recorded environment
    is_rebuilt: bool
    differences: list[str]
    local: list[str]
    leniency: Leniency
    user: str
    host: str
    version: str
    time: int  # µs since 1970 UTC


@mutable
class Checked:
    """What became of a signed verdict."""

    finding: Finding
    run: str  # the repetition
    verdict: str
    signer: str = ""  # the name of a trusted key
    key_id: str = ""
    time: int = 0
    problems: list[str] = field(default_factory=list)


def attest(
    original: tuple[Reader, RunRecord],
    again: tuple[Reader, RunRecord],
    found: Judgement,
    around: Circumstances,
    key: Signer,
) -> dict[str, Any]:
    """The signed statement of a verdict, as an envelope in JSON.

    Raises:
        MadangError: a record cannot be read.
    """
    facts, results = facts_of(*original), results_of(*again)
    one, other = original[1], again[1]
    predicate = {
        **{name: getattr(found, name) for name in STATED},
        "original": {"run": one.id, "commit": one.code.commit if one.code else "", "facts": facts},
        "repetition": {"run": other.id, "facts": results},
        "circumstances": asdict(around),
    }
    subjects = {
        f"run/{one.id}": attestation.digest_of(facts),
        f"run/{other.id}": attestation.digest_of(results),
    }
    payload = attestation.statement(subjects, predicate)
    signature = key.sign(attestation.signed_bytes(payload))
    return attestation.write_envelope(payload, [attestation.Signature(key.key_id, signature, key.public_key)])


def facts_of(reader: Reader, run: RunRecord) -> dict[str, str]:
    """Digests of all that a reproduction takes from a record, by part."""
    code, recorded = run.code, run.environment
    parts: dict[str, Any] = {
        "command": [run.command, run.cwd, run.root],
        "code": [code.commit, code.diff, sorted((one.path, one.digest) for one in code.untracked)] if code else None,
        "data": sorted({(one.path, one.digest) for one in run.inputs}),
        "uses": sorted((use.ref, use.version, use.path, use.digest) for use in run.uses),
        "params": [run.config, run.seeds],
        "environment": [lock_of(recorded).digest, recorded.variables] if recorded else None,
        "tolerances": {key: [item.volatile, item.rtol, item.atol] for key, item in run.definitions.items()},
    }
    if code and code.diff:
        parts["code"][1] = code.diff.digest
    return {name: attestation.digest_of(part) for name, part in parts.items()} | results_of(reader, run)


def results_of(reader: Reader, run: RunRecord) -> dict[str, str]:
    """Digests of what a run came to, by part: each point of the metrics, summary values, outputs."""
    side = side_of(reader, run)
    points = {key: [list(item.steps), list(item.values)] for key, item in side.metrics.items() if len(item.values)}
    parts = {"metrics": points, "summary": side.summary, "outputs": side.outputs}
    return {name: attestation.digest_of(part) for name, part in parts.items()}


def check(reader: Reader, again: RunRecord, keys: Verifier) -> Checked:
    """Whether a repetition's verdict was signed, by whom, and whether both runs are still what was signed."""
    verdict = again.verdict
    assert verdict is not None
    found = Checked("UNSIGNED", again.id, verdict.verdict)
    if not verdict.attestation:
        return found
    try:
        envelope = attestation.read_envelope(verdict.attestation)
        subjects, predicate = attestation.read_statement(envelope.payload)
    except CorruptData as error:
        found.finding, found.problems = "ALTERED", [error.message]
        return found
    _check_signature(envelope, keys, found)
    if found.problems:
        found.finding = "ALTERED"
        return found
    found.time = _number(predicate, "circumstances", "time")
    _check_verdict(again, predicate, found)
    absent = _check_runs(reader, again, subjects, predicate, found)
    if found.problems:
        found.finding = "ALTERED"
    elif absent:
        found.finding, found.problems = "INCOMPLETE", absent
    else:
        found.finding = "VALID" if found.signer else "UNKNOWN SIGNER"
    return found


def repetitions(reader: Reader, run: str, keys: Verifier) -> list[Repetition]:
    """What gates may know of the repetitions of a run, oldest first; none of a run that is not there."""
    try:
        original = reader.run(run)
    except NotFound:
        return []
    made = []
    for again in repetitions_of(reader, original):
        found = check(reader, again, keys)
        if found.finding == "ALTERED":
            continue
        counts = found.finding in ("VALID", "UNKNOWN SIGNER")
        made.append(Repetition(again.id, found.verdict, found.key_id if counts else "", found.signer if counts else ""))
    return made


def _check_signature(envelope: attestation.Envelope, keys: Verifier, found: Checked) -> None:
    if not envelope.signatures:
        found.problems.append("the statement carries no signature")
    message = attestation.signed_bytes(envelope.payload)
    for one in envelope.signatures:
        if "sha256:" + hashlib.sha256(one.public_key).hexdigest() != one.key_id:
            found.problems.append("the signature names another key than it carries")
        elif not keys.fits(one.public_key, one.signature, message):
            found.problems.append("the signature does not fit the statement")
        else:
            found.key_id, found.signer = one.key_id, keys.name_of(one.public_key)


def _check_verdict(again: RunRecord, predicate: Mapping[str, Any], found: Checked) -> None:
    """Whether the record's verdict is the signed one."""
    verdict = again.verdict
    assert verdict is not None
    for name in STATED:
        if attestation.canonical(getattr(verdict, name)) != attestation.text_of(predicate.get(name)):
            found.problems.append(f"the record's {name.replace('_', ' ')} is not the one that was signed")
    if verdict.of != _part(predicate, "original").get("run"):
        found.problems.append("the record speaks of another run than the one that was signed")
    if again.id != _part(predicate, "repetition").get("run"):
        found.problems.append("the statement was signed for another repetition")


def _check_runs(
    reader: Reader, again: RunRecord, subjects: Mapping[str, str], predicate: Mapping[str, Any], found: Checked
) -> list[str]:
    """Whether both runs are as signed; returns what cannot be told because it is not here."""
    absent: list[str] = []
    for role in ("original", "repetition"):
        told = _part(predicate, role)
        name, facts = str(told.get("run")), told.get("facts")
        if not isinstance(facts, dict) or subjects.get(f"run/{name}") != attestation.digest_of(facts):
            found.problems.append(f"the statement contradicts itself about the {role}")
            continue
        try:
            run = again if role == "repetition" else reader.run(name)
            present = results_of(reader, run) if role == "repetition" else facts_of(reader, run)
        except NotFound:
            absent.append(f"the {role} {name[:8]} is not in {reader.place}")
            continue
        parts = sorted(part for part in facts.keys() | present.keys() if facts.get(part) != present.get(part))
        found.problems += [f"the {part} of the {role} {name[:8]} are not what was signed" for part in parts]
        absent += _check_bytes(reader, run, role, found)
    return absent


def _check_bytes(reader: Reader, run: RunRecord, role: str, found: Checked) -> list[str]:
    """Whether the stored bytes of the outputs are what their digests say."""
    absent: list[str] = []
    for item in run.outputs:
        algorithm, _, _ = item.digest.partition(":")
        if algorithm != "blake3":
            continue
        try:
            is_right = _digest(reader, run, item.digest) == item.digest
        except NotFound:
            absent.append(f"the bytes of the output {item.path} of the {role} are not in {reader.place}")
            continue
        except MadangError as error:
            found.problems.append(f"the output {item.path} of the {role}: {error.message}")
            continue
        if not is_right:
            found.problems.append(f"the stored bytes of the output {item.path} of the {role} have changed")
    return absent


def _digest(reader: Reader, run: RunRecord, digest: str) -> str:
    found = blake3()
    with reader.open_blob(run.project, digest) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return "blake3:" + found.hexdigest()


def _part(predicate: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = predicate.get(name)
    return part if isinstance(part, dict) else {}


def _number(predicate: Mapping[str, Any], part: str, name: str) -> int:
    number = _part(predicate, part).get(name)
    return number if isinstance(number, int) else 0
