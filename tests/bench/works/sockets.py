"""The rival of the uplink: files over one TCP connection, as plain as it can be made.

    python -m tests.bench.works.sockets receive FOLDER     writes the port that it listens on
    python -m tests.bench.works.sockets send PORT FILE…    writes what it cost

The receiver writes each file, syncs it, drops it from the cache, reads it back and answers with
its BLAKE3; the sender hashes what it sends and compares. No broker, no resuming, no signature.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from pathlib import Path

from blake3 import blake3

from tests.bench.cost import Failed
from tests.bench.worker import Stopwatch

PIECE = 256 * 1024
_SIZE = struct.Struct(">Q")
_DIGEST_BYTES = 32


def send(port: int, files: list[Path]) -> dict[str, float]:
    buffer = bytearray(PIECE)
    watch = Stopwatch()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for path in files:
            hasher = blake3()
            with path.open("rb", buffering=0) as file:
                peer.sendall(_SIZE.pack(path.stat().st_size))
                while count := file.readinto(buffer):
                    piece = memoryview(buffer)[:count]
                    hasher.update(piece)
                    peer.sendall(piece)
            if peer.recv(_DIGEST_BYTES, socket.MSG_WAITALL) != hasher.digest():
                raise Failed(f"{path} did not arrive as it was sent")
    return watch.read()


def receive(folder: Path) -> None:
    """Serve one sender."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        peer, _ = server.accept()
    number = 0
    with peer:
        while head := peer.recv(_SIZE.size, socket.MSG_WAITALL):
            path = folder / f"{number:04}"
            _take(peer, path, _SIZE.unpack(head)[0])
            peer.sendall(_digest(path))
            number += 1


def _take(peer: socket.socket, path: Path, size: int) -> None:
    buffer = memoryview(bytearray(PIECE))
    with path.open("wb", buffering=0) as file:
        while size:
            count = peer.recv_into(buffer, min(size, PIECE))
            if not count:
                raise Failed("the sender went away")
            file.write(buffer[:count])
            size -= count
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _digest(path: Path) -> bytes:
    hasher, buffer = blake3(), bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(memoryview(buffer)[:count])
    return hasher.digest()


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(Path(sys.argv[2]))
    else:
        json.dump(send(int(sys.argv[2]), [Path(name) for name in sys.argv[3:]]), sys.stdout)
