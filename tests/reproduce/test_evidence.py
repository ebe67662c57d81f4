"""A verdict is signed; whoever changes it, or what it speaks of, is found out."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
from tests.reproduce.forging import Change, forge

from madang.errors import CorruptData
from madang.formats import attestation
from madang.formats import segment as codec
from madang.testing.project import Project
from madang.workspace.keys import keyring

TRAIN = """\
import json, os
json.dump({"loss": 0.25, "odd": float("nan")}, open("metrics.json", "w"))
open("모델.bin", "w").write("weights")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, str]:
    """A project, a run in it, and the run that reproduced it."""
    home = tmp_path_factory.mktemp("made")
    project = Project(home / "내 프로젝트", home)
    project.commit({"train.py": TRAIN, ".gitignore": "metrics.json\n모델.bin\n"})
    run = project.run("--out", "모델.bin", "--", "python", "train.py")
    return project, run, project.madang("reproduce", run, "--json").json["run"]


@pytest.fixture
def pair(made: tuple[Project, str, str], tmp_path: Path) -> tuple[Project, str, str]:
    """A copy of all that, to be changed at will."""
    project, run, again = made
    return project.copied(tmp_path / "home"), run, again


def _verify(project: Project, run: str, ok: int) -> Any:
    (one,) = project.madang("verify", run, "--json", ok=ok).json["checked"]
    return one


def test_signed_verdict(pair: tuple[Project, str, str]) -> None:
    """A verdict is signed by a key that only its owner can read, and holds for the repetition and the original."""
    project, run, again = pair
    for named in (run, again):
        found = _verify(project, named, 0)
        assert (found["finding"], found["signer"], found["run"]) == ("VALID", "you", again)
    said = project.madang("verify", run).out
    assert said.startswith(f"VALID: IDENTICAL in run {again[:8]}")
    private = Path(project.env["HOME"]) / ".config" / "madang" / "keys" / "signing.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    signed = project.madang("runs", "show", again, "--json").json["verdict"]["attestation"]
    subjects, predicate = attestation.read_statement(attestation.read_envelope(signed).payload)
    assert set(subjects) == {f"run/{run}", f"run/{again}"}
    assert predicate["original"]["commit"] == project.git("rev-parse", "HEAD").strip()
    assert "signed" in project.madang("runs", "show", again).out
    assert f"{again[:8]}  IDENTICAL  yes" in project.madang("runs", "show", run).out


def test_a_key_that_nobody_trusts(pair: tuple[Project, str, str], tmp_path: Path) -> None:
    """Another person is told that the signer is unknown, until they vouch for the key."""
    project, run, _ = pair
    assert _verify(project, run, 0)["signer"] == "you"
    key = project.madang("keys", "show").out
    project.env["XDG_CONFIG_HOME"] = str(tmp_path / "other")
    assert _verify(project, run, 2)["finding"] == "UNKNOWN SIGNER"
    project.madang("keys", "trust", "kim", "-", given=key)
    assert _verify(project, run, 0)["signer"] == "kim"
    listed = project.madang("keys", "list", "--json").json["keys"]
    assert [one["name"] for one in listed] == ["kim"]


def _worse(_: int, body: Any) -> Any:
    return {**body, "verdict": "DIFFERS"}


def _other_payload(_: int, body: Any) -> Any:
    envelope = attestation.read_envelope(body["attestation"])
    payload = envelope.payload.replace(b"IDENTICAL", b"IDENTICAl")
    return {**body, "attestation": attestation.write_envelope(payload, envelope.signatures)}


def _other_point(_: int, payload: bytes) -> bytes:
    return payload.replace(struct.pack("<d", 0.25), struct.pack("<d", 0.125))


@pytest.mark.parametrize(
    ("whose", "kind", "change", "problem"),
    [
        ("again", codec.VERDICT, _worse, "the record's verdict is not the one that was signed"),
        ("again", codec.VERDICT, _other_payload, "the signature does not fit the statement"),
        ("again", codec.METRICS, _other_point, "the metrics of the repetition"),
        ("run", codec.METRICS, _other_point, "the metrics of the original"),
        ("run", codec.CODE, lambda _, body: {**body, "commit": "0" * 40}, "the code of the original"),
        ("run", codec.STARTED, lambda _, body: {**body, "command": ["true"]}, "the command of the original"),
        ("run", codec.ENVIRONMENT, lambda _, body: {**body, "python": "2.7"}, "the environment of the original"),
        ("run", codec.OUTPUTS, lambda _, body: {**body, "items": []}, "the outputs of the original"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(
    pair: tuple[Project, str, str], whose: str, kind: int, change: Change, problem: str
) -> None:
    """A forged verdict, statement, metric, commit, command, environment or output is found, though the hashes fit."""
    project, run, again = pair
    forge(project, run if whose == "run" else again, kind, change)
    found = _verify(project, again, 1)
    assert found["finding"] == "ALTERED"
    assert any(text.startswith(problem) for text in found["problems"]), found["problems"]


def test_changed_bytes_of_an_output(pair: tuple[Project, str, str]) -> None:
    """The stored bytes of outputs are read again: changed ones are found, and absent ones are told."""
    project, _, again = pair
    digest = project.madang("runs", "show", again, "--json").json["outputs"][0]["digest"].removeprefix("blake3:")
    blob = project.store / "blobs" / digest[:2] / digest[2:]
    blob.chmod(0o644)
    blob.write_bytes(b"WEIGHTS")
    assert "모델.bin" in " ".join(_verify(project, again, 1)["problems"])
    blob.unlink()
    assert _verify(project, again, 2)["finding"] == "INCOMPLETE"


def test_a_verdict_without_signature(pair: tuple[Project, str, str]) -> None:
    """Who takes the signature away is left with an unsigned verdict."""
    project, _, again = pair
    forge(project, again, codec.VERDICT, lambda _, body: {**body, "attestation": {}})
    assert _verify(project, again, 2)["finding"] == "UNSIGNED"


def test_no_key_to_sign_with(project: Project) -> None:
    """A key that cannot be used leaves the verdict unsigned, and says so; a run that nobody reproduced is told."""
    project.commit({"train.py": TRAIN, ".gitignore": "metrics.json\n모델.bin\n"})
    run = project.run("--", "python", "train.py")
    assert "none was made of it" in project.madang("verify", run, ok=1).err
    said = project.madang("reproduce", run, MADANG_SIGNING_KEY=os.devnull)
    assert "not signed" in said.err
    assert _verify(project, run, 2)["finding"] == "UNSIGNED"


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"{", b'{"_type": "x"}', b"\xff", b"[" * 100_000,
        attestation.statement({}, {"verdict": "here"}).replace(b'"here"', b"NaN"),
        attestation.statement({}, {"verdict": "here"}).replace(b'"here"', b"1e999"),
        attestation.statement({}, {}),
        attestation.statement({"run/None": attestation.digest_of(None)}, {"original": {}, "repetition": 3}),
        attestation.statement({"run/": "sha256:0"}, {"original": {"run": "", "facts": []}, "circumstances": 0}),
    ],
)  # fmt: skip
def test_statements_that_are_none(pair: tuple[Project, str, str], payload: bytes) -> None:
    """Whatever stands in the place of a statement, well signed or not, is told as altered."""
    project, _, again = pair
    key = keyring({"XDG_CONFIG_HOME": f"{project.env['HOME']}/.config"}).own()
    signature = attestation.Signature(key.key_id, key.sign(attestation.signed_bytes(payload)), key.public_key)
    body = attestation.write_envelope(payload, [signature])
    forge(project, again, codec.VERDICT, lambda _, verdict: {**verdict, "attestation": body})
    assert _verify(project, again, 1)["finding"] == "ALTERED"


@pytest.mark.parametrize(
    "envelope",
    [{"payloadType": "x"}, {"payload": 3}, {"signatures": None}, {"signatures": [{"keyid": "x", "sig": "?"}]}],
)
def test_envelopes_that_are_none(envelope: dict[str, Any]) -> None:
    """What is no envelope is refused as such."""
    with pytest.raises(CorruptData):
        attestation.read_envelope(
            {"payloadType": attestation.PAYLOAD_TYPE, "payload": "", "signatures": [], **envelope}
        )
