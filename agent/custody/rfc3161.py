"""One time stamp from an RFC 3161 authority, asked for and verified by the program `openssl`.

The program and no library, since it is what a court's expert checks the stamp with: what it takes
here it takes there. (A strict library refused the answers of authorities that run `openssl ts`
themselves: it orders certificates otherwise than DER wants.)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from agent.errors import ConfigError, StampRejected

QUERY = "application/timestamp-query"
"""RFC 3161 §3.4."""
TIMEOUT = 30.0
REPLY_LIMIT = 64 * 1024
_AT = re.compile(
    r"^Time stamp: (\w{3}) +(\d+) (\d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE
)


class Exchange(Protocol):
    """`agent.link.http.post`."""

    def __call__(self, url: str, body: bytes, *, kind: str, timeout: float) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Token:
    """The authority's whole answer (TimeStampResp, DER), and the time that it names (UTC)."""

    answer: bytes
    at: datetime


def insist_installed() -> None:
    """Raises `ConfigError` where there is no `openssl`."""
    if shutil.which("openssl") is None:
        raise ConfigError(
            "[timestamps] needs the program openssl", do="run apt-get install openssl"
        )


def stamp(url: str, data: bytes, trusted: Path, post: Exchange) -> Token:
    """A token over SHA-256 of `data`, verified by the certificates in the PEM file `trusted`:
    the authority's root, and whatever lies between the two.

    Raises `AuthorityUnreachable` where there is no answer, `StampRejected` for one that is not
    what was asked for.
    """
    with tempfile.TemporaryDirectory(prefix="bodydock-stamp-") as name:
        folder = Path(name)
        (folder / "data").write_bytes(data)
        asked = ["-query", "-data", "data", "-sha256", "-cert", "-out", "query"]
        _openssl(url, folder, *asked)
        answer = post(url, (folder / "query").read_bytes(), kind=QUERY, timeout=TIMEOUT)
        if len(answer) > REPLY_LIMIT:
            raise StampRejected(f"{url}: an answer of {len(answer)} bytes")
        (folder / "answer").write_bytes(answer)
        by = ["-CAfile", str(trusted), "-untrusted", str(trusted)]
        for given in (["-queryfile", "query"], ["-data", "data"]):
            _openssl(url, folder, "-verify", *given, "-in", "answer", *by)
        return Token(
            answer, _time_of(url, _openssl(url, folder, "-reply", "-in", "answer", "-text"))
        )


def _openssl(url: str, folder: Path, *words: str) -> str:
    command = ["openssl", "ts", *words]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, check=False, timeout=TIMEOUT, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StampRejected(f"{url}: cannot be verified: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:]
        raise StampRejected(f"{url}: its answer does not verify: {said}")
    return done.stdout


def _time_of(url: str, text: str) -> datetime:
    if not (found := _AT.search(text)):
        raise StampRejected(f"{url}: its stamp names no time")
    return datetime.strptime(" ".join(found.groups()), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
