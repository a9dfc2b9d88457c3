"""The rival of our MQTT: paho as it comes out of the box, at the same chunk size and QoS.

    python -m tests.bench.works.plain_paho receive PORT FOLDER SIZE
    python -m tests.bench.works.plain_paho send PORT FILE…

The sender hashes each chunk and publishes it with its digest; the receiver hashes it again and
writes it, and syncs its file once `SIZE` bytes are there. No offers, no credit, no resuming, no
reading back, no receipts. Each ends with its CPU seconds and a moment (monotonic clock), as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import paho.mqtt.client as paho
from blake3 import blake3
from paho.mqtt.enums import CallbackAPIVersion

from agent.model import CHUNK_BYTES
from tests.bench.cost import Failed
from tests.bench.worker import Stopwatch

TOPIC = "bench/chunk"
FLYING = 64
"""Chunks that may wait for their PUBACK: the 16 MiB that our own window has."""
PATIENCE = 600.0
_DIGEST_BYTES = 32


def _client(name: str) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(FLYING)
    return client


def send(port: int, files: list[Path]) -> dict[str, float]:
    client, places = _client("sender"), Semaphore(FLYING)
    connected = Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda *_: places.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.wait(PATIENCE)
    watch, began = Stopwatch(), time.monotonic()
    for path in files:
        with path.open("rb", buffering=0) as file:
            while data := file.read(CHUNK_BYTES):
                places.acquire()
                client.publish(TOPIC, blake3(data).digest() + data, qos=1)
    for _ in range(FLYING):
        places.acquire()
    read = {"cpu": watch.read()["cpu"], "began": began}
    client.loop_stop()
    return read


def receive(port: int, folder: Path, size: int) -> dict[str, float]:
    client, connected, done = _client("receiver"), Event(), Event()
    watch = Stopwatch()
    with (folder / "data").open("wb", buffering=0) as file:

        def store(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
            data = memoryview(message.payload)[_DIGEST_BYTES:]
            good = blake3(data).digest() == message.payload[:_DIGEST_BYTES]
            if good and file.write(data) == len(data) and file.tell() < size:
                return
            os.fsync(file.fileno())
            done.set()

        client.on_connect = lambda *_: connected.set()
        client.on_subscribe = lambda *_: print("ready", flush=True)
        client.on_message = store
        client.connect("127.0.0.1", port)
        client.loop_start()
        connected.wait(PATIENCE)
        client.subscribe(TOPIC, qos=1)
        done.wait(PATIENCE)
        read = {"cpu": watch.read()["cpu"], "ended": time.monotonic()}
        if file.tell() != size:
            raise Failed(f"only {file.tell()} of {size} bytes arrived as they were sent")
    client.loop_stop()
    return read


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "receive":
        json.dump(receive(int(where), Path(rest[0]), int(rest[1])), sys.stdout)
    else:
        json.dump(send(int(where), [Path(name) for name in rest]), sys.stdout)
