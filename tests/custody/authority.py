"""A time stamp authority: `openssl ts` behind the standard library's HTTP server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[tsa]
default_tsa = one
[one]
dir = {folder}
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256, sha512
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
USAGE = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"

Spoil = Callable[[bytes], bytes]


def run(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path, name: str = "Test TSA") -> Path:
    """Keys, certificates and configuration of an authority in `folder`; its root certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ["-newkey", "rsa:2048", "-nodes", "-days", "30"]
    root = ["-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={name} root"]
    run(folder, "req", *root, "-addext", "basicConstraints=critical,CA:TRUE")
    run(folder, "req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name}")
    (folder / "usage").write_text(USAGE, "utf-8")
    signed = ["-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    run(folder, "x509", "-req", *signed, "-days", "30", "-out", "tsa.pem", "-extfile", "usage")
    (folder / "serial").write_text("01\n", "utf-8")
    (folder / "ts.conf").write_text(CONFIG.format(folder=folder), "utf-8")
    return folder / "ca.pem"


def reply(folder: Path, query: bytes) -> bytes:
    (folder / "query").write_bytes(query)
    words = ["ts", "-reply", "-config", "ts.conf", "-queryfile", "query", "-out", "answer"]
    run(folder, *words)
    return (folder / "answer").read_bytes()


@contextmanager
def serving(folder: Path, spoil: Spoil = bytes) -> Iterator[str]:
    """The authority's address while the block lasts; `spoil` changes what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            answer = spoil(reply(folder, query))
            self.send_response(200 if answer else 503)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Tests say enough."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
