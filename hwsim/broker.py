"""A real MQTT broker on a free loopback port: Mosquitto where installed, else the embedded one.

Both run as a child process that never outlives its starter (`hwsim.leash`): start them from a
thread that lives as long as the broker is wanted. Neither keeps anything on disk.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from agent.errors import BrokerUnreachable
from agent.patience import patiently

Kind = Literal["auto", "mosquitto", "embedded"]

_HERE = Path(__file__).parent
_START_SECONDS = 15.0
# CONNECT of MQTT 3.1.1 (3.1) and of 5 (3.1) with a clean start and an empty client id.
_HELLO = {
    4: b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00",
    5: b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x05\x00\x00\x00",
}

_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
user {user}
"""

# rumqttd takes one version per listener, and 20 KiB of payload unless told otherwise.
# https://github.com/bytebeamio/rumqtt/blob/main/rumqttd/rumqttd.toml
_RUMQTTD = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
"""
_RUMQTTD_LISTENER = """
[v{version}.1]
name = "v{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 2097152
max_inflight_count = 100
dynamic_filters = true
"""


class Broker:
    """A running broker. `port` speaks MQTT 5; `port_311` 3.1.1 (Mosquitto: the same port)."""

    host = "127.0.0.1"

    def __init__(
        self, kind: Kind, folder: Path, port: int, port_311: int, command: Sequence[str]
    ) -> None:
        self.kind = kind
        self.port = port
        self.port_311 = port_311
        self._command = command
        self._log = folder / f"{kind}.log"
        self._process = self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, and wait until it has. Harmless when it is not running."""
        self._process.terminate()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Stop it if it runs, and start it anew on the same ports."""
        self.stop()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", str(_HERE / "leash.py"), str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            self._wait_until_it_answers(process)
        except BrokerUnreachable:
            process.kill()
            process.wait()
            raise
        return process

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        waiting = [(self.port, 5), (self.port_311, 4)]
        while waiting:
            if process.poll() is not None or time.monotonic() > until:
                words = self._log.read_text(errors="replace")[-500:]
                raise BrokerUnreachable(f"{self.kind} did not start: {words}")
            time.sleep(0.02)
            waiting = [one for one in waiting if not _answers(*one)]


def start_broker(
    port: int | None = None, *, kind: Kind = "auto", folder: Path, settings: Sequence[str] = ()
) -> Broker:
    """Start a broker and return once it answers; its files go into `folder`.

    `settings` are further lines of Mosquitto's configuration. Raises `BrokerUnreachable` where it
    does not start.
    """
    if kind == "auto":
        kind = "mosquitto" if _mosquitto() else "embedded"
    folder.mkdir(parents=True, exist_ok=True)
    start = partial(_start_mosquitto, settings) if kind == "mosquitto" else _start_embedded
    if port is not None:
        return start(folder, port)
    # Another program may take a free port before the broker does.
    return patiently(lambda: start(folder, free_port()), tries=3, sleep=time.sleep)


def _start_mosquitto(settings: Sequence[str], folder: Path, port: int) -> Broker:
    file = folder / "mosquitto.conf"
    lines = _MOSQUITTO.format(port=port, user=getpass.getuser())
    file.write_text(lines + "".join(f"{line}\n" for line in settings))
    return Broker("mosquitto", folder, port, port, [_mosquitto() or "mosquitto", "-c", str(file)])


def _start_embedded(folder: Path, port: int) -> Broker:
    port_311 = free_port()
    file = folder / "rumqttd.toml"
    listeners = [(5, port), (4, port_311)]
    file.write_text(
        _RUMQTTD + "".join(_RUMQTTD_LISTENER.format(version=v, port=p) for v, p in listeners)
    )
    command = [sys.executable, "-P", str(_HERE / "embedded.py"), str(file)]
    return Broker("embedded", folder, port, port_311, command)


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _mosquitto() -> str | None:
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _answers(port: int, version: int) -> bool:
    """Whether a broker accepts a CONNECT, or refuses it in words of its own (CONNACK)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as sock:
            sock.sendall(_HELLO[version])
            return sock.recv(4)[:1] == b"\x20"
    except OSError:
        return False
