"""Signed statements: in-toto statements in DSSE envelopes. Signing itself is not done here.

Sources: in-toto Attestation Framework v1 (the statement), secure-systems-lab DSSE v1 (envelope and encoding before
signing). What madang states is described in docs/formats/reproduction.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain.values import value
from madang.errors import CorruptData
from madang.formats.segment import to_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:madang:reproduction:v1"


@value
class Signature:
    """One signature of an envelope. ``public_key`` is the raw key that it should fit, and is no proof of anything."""

    key_id: str
    signature: bytes
    public_key: bytes


@value
class Envelope:
    """A signed statement."""

    payload: bytes
    signatures: tuple[Signature, ...]


def canonical(body: Any) -> bytes:
    """A value as the one JSON text that stands for it: keys sorted, no blanks, numbers as in the journal."""
    return text_of(to_json(body))


def text_of(body: Any) -> bytes:
    """As `canonical`, for what is JSON already."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def digest_of(body: Any) -> str:
    """The SHA-256 of a value's canonical text."""
    return "sha256:" + hashlib.sha256(canonical(body)).hexdigest()


def statement(subjects: Mapping[str, str], predicate: Mapping[str, Any]) -> bytes:
    """The text of a statement about subjects, each with its digest (``algorithm:hex``)."""
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": dict([digest.split(":", 1)])} for name, digest in sorted(subjects.items())
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
    )


def signed_bytes(payload: bytes) -> bytes:
    """The bytes that are signed for a payload: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def write_envelope(payload: bytes, signatures: Sequence[Signature]) -> dict[str, Any]:
    """An envelope as JSON."""
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {
                "keyid": one.key_id,
                "sig": base64.b64encode(one.signature).decode(),
                "publicKey": base64.b64encode(one.public_key).decode(),
            }
            for one in signatures
        ],
    }


def read_envelope(body: object) -> Envelope:
    """Read an envelope.

    Raises:
        CorruptData: it is none, or holds another kind of statement.
    """
    try:
        if not isinstance(body, Mapping) or body["payloadType"] != PAYLOAD_TYPE:
            raise CorruptData("The signed statement is of an unknown kind.")
        found = tuple(
            Signature(str(one["keyid"]), _bytes(one["sig"]), _bytes(one.get("publicKey", "")))
            for one in body["signatures"]
        )
        return Envelope(_bytes(body["payload"]), found)
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise CorruptData("The signed statement cannot be read.") from error


def read_statement(payload: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """(subjects with their digests, predicate) of a statement.

    Raises:
        CorruptData: it is no statement of a reproduction.
    """
    try:
        body = json.loads(payload)
        if body["_type"] != STATEMENT_TYPE or body["predicateType"] != PREDICATE_TYPE:
            raise CorruptData("The signed statement is of an unknown kind.")
        subjects = {str(one["name"]): ":".join(next(iter(one["digest"].items()))) for one in body["subject"]}
        predicate = body["predicate"]
        if not isinstance(predicate, dict):
            raise CorruptData("The signed statement says nothing.")
        text_of(predicate)  # Python reads numbers that JSON does not have
    except (KeyError, TypeError, AttributeError, ValueError, StopIteration, RecursionError) as error:
        raise CorruptData("The signed statement cannot be read.") from error
    return subjects, predicate


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)
