"""The files beside a clip that let an outsider check what was signed, with `openssl` alone.

For each envelope `<name>.json`: `<name>.payload.json` is what it holds, readable;
`<name>.pae` the exact bytes that were signed (DSSE v1), `<name>.sig` the signature and
`<name>.pem` the key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.custody.envelopes import pae
from agent.custody.export.medium import Written
from agent.custody.export.supply import Consignment, Exhibit, Signed
from agent.custody.keys import PublicKey
from agent.errors import Malformed
from agent.spool.told import storable

SEAL_KEY = "keys/seal.pem"


def clip_files(exhibit: Exhibit, written: Written) -> dict[str, bytes]:
    """What lies in a clip's own folder, by name."""
    facts = {
        "clip": exhibit.clip,
        "file": written.name,
        "size": written.size,
        "sha256": written.sha256,
        "blake3": written.blake3,
        "sm3": written.sm3,
        "form": "plain" if exhibit.plain else "age",
        "recorder": exhibit.serial,
        "path": exhibit.path,
        "recorded": exhibit.recorded,
        "dock": exhibit.dock,
        "pulled_at": exhibit.pulled_at,
    }
    files = {"clip.json": pretty(facts), "case.json": pretty(exhibit.record)}
    for name, signed in (("manifest", exhibit.offer), ("receipt", exhibit.receipt)):
        if signed:
            files |= {f"{name}{end}": data for end, data in signed_files(signed).items()}
    return files


def signed_files(signed: Signed) -> dict[str, bytes]:
    """One envelope as it is, and taken apart, by the ends of the files' names."""
    kind, payload, signatures = parts(signed.envelope)
    files = {".json": signed.envelope, ".payload.json": payload}
    if signed.key is None:
        return files
    whole = pae(kind, payload)
    for signature in signatures:
        if signed.key.verifies(signature, whole):
            return {**files, ".pae": whole, ".sig": signature, ".pem": pem(signed.key)}
    raise Malformed("envelope: its signature fits no more")


def parts(envelope: bytes) -> tuple[str, bytes, list[bytes]]:
    """Type, payload and signatures of an envelope of ours. Raises `Malformed`."""
    try:
        outer: Any = json.loads(envelope)
        signatures = [base64.b64decode(one["sig"]) for one in outer["signatures"]]
        return str(outer["payloadType"]), base64.b64decode(outer["payload"]), signatures
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"envelope: {type(error).__name__}: {str(error)[:120]}") from error


def signed_by(envelope: bytes, known: Iterable[PublicKey]) -> Signed:
    """An envelope with whichever of the known keys it was signed by. Raises `Malformed`."""
    kind, payload, signatures = parts(envelope)
    whole = pae(kind, payload)
    for key in known:
        if any(key.verifies(signature, whole) for signature in signatures):
            return Signed(envelope, key)
    return Signed(envelope, None)


def key_files(given: Consignment) -> dict[str, bytes]:
    """The keys by which this bag is checked, and their names for people."""
    signed = [each for ex in given.exhibits for each in (ex.offer, ex.receipt) if each]
    used = {each.key.text: each.key for each in signed if each.key}
    keys = [
        {"key": key.text, "name": key.name, "file": f"evidence/{_key_file(key)}"}
        for key in (given.key.public, *used.values())
    ]
    files = {_key_file(key): pem(key) for key in (given.key.public, *used.values())}
    return {**files, SEAL_KEY: pem(given.key.public), "keys/keys.json": pretty(keys)}


def _key_file(key: PublicKey) -> str:
    return f"keys/{key.name}.pem"


def pem(key: PublicKey) -> bytes:
    """A verifying key as `openssl` reads it (RFC 8410)."""
    loaded = Ed25519PublicKey.from_public_bytes(key.raw)
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pretty(document: Mapping[str, Any] | list[Any]) -> bytes:
    """JSON for people and machines, in UTF-8."""
    return storable(json.dumps(document, ensure_ascii=False, indent=2)).encode() + b"\n"
