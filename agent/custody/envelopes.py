"""Signed messages: DSSE envelopes with Ed25519 (https://github.com/secure-systems-lab/dsse).

The signature covers the pre-authentication encoding of payload type and payload, so that a
receipt can never be read as an offer.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from agent.custody.keys import PublicKey, SecretKey
from agent.errors import Malformed, Untrusted
from agent.wire.contract import JSON_LIMIT


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, key: SecretKey) -> bytes:
    """An envelope around `payload`, signed by `key`."""
    return seal_by(payload_type, payload, [key])


def seal_by(payload_type: str, payload: bytes, keys: Iterable[SecretKey]) -> bytes:
    """An envelope with a signature of each key."""
    signed = pae(payload_type, payload)
    return json.dumps(
        {
            "payloadType": payload_type,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [
                {"keyid": key.public.name, "sig": base64.b64encode(key.sign(signed)).decode()}
                for key in keys
            ],
        },
        separators=(",", ":"),
    ).encode()


def unseal(payload_type: str, envelope: bytes, trusted: Iterable[PublicKey]) -> bytes:
    """The payload, once a trusted key's signature over it was verified.

    Raises `Malformed` for what is no envelope or of another type, `Untrusted` where no signature
    by a trusted key fits. Key ids in the envelope are hints and decide nothing.
    """
    kind, payload, signatures = _open(envelope)
    if kind != payload_type:
        raise Malformed(f"envelope: holds {kind[:80]!r}, expected {payload_type!r}")
    signed = pae(kind, payload)
    if not any(key.verifies(sig, signed) for key in trusted for sig in signatures):
        raise Untrusted("envelope: no signature by a trusted key")
    return payload


def peek(envelope: bytes) -> bytes:
    """The payload with nothing verified: only for finding out whose key to check it with."""
    return _open(envelope)[1]


def _open(envelope: bytes) -> tuple[str, bytes, list[bytes]]:
    if len(envelope) > JSON_LIMIT:
        raise Malformed(f"envelope: {len(envelope)} bytes, the limit is {JSON_LIMIT}")
    try:
        outer: Any = json.loads(envelope.decode("ascii"), object_pairs_hook=_once)
        kind, payload, signatures = outer["payloadType"], outer["payload"], outer["signatures"]
        if not isinstance(kind, str) or not isinstance(signatures, list):
            raise TypeError("payloadType or signatures of a wrong type")
        if not 1 <= len(signatures) <= 4:
            raise ValueError(f"{len(signatures)} signatures, between 1 and 4")
        return kind, _unbase64(payload), [_unbase64(one["sig"]) for one in signatures]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed(f"envelope: {type(error).__name__}: {str(error)[:120]}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two members with one name, each reader could take another: there are none here."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _unbase64(text: object) -> bytes:
    """DSSE allows the standard and the URL-safe alphabet."""
    if not isinstance(text, str):
        raise TypeError("base64 field is no text")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
