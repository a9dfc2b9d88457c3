"""Other ways to bring files to another machine's disk, all over loopback TCP: the uplink's rivals.

Each works on the same files and ends when they are durable at the far end. rsync does not read
back what it wrote; the socket copy does, as the archive does.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hwsim.broker import free_port, start_broker
from hwsim.leash import leashed

from . import machine
from .cost import Cost, Failed, Meter, cpu_seconds, run
from .worker import ROOT
from .works.plain_paho import FLYING

START_SECONDS = 10.0

_RSYNCD = """\
use chroot = no
uid = {user}
gid = {group}
[in]
path = {target}
read only = no
"""
_SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
"""
_SSHD_NEEDS = Path("/run/sshd")


def over_socket(files: Sequence[Path], folder: Path) -> Cost:
    """By the plain sender and receiver of `tests.bench.works.sockets`."""
    module = "tests.bench.works.sockets"
    with _python(module, "receive", folder) as receiver:
        port = _line(receiver)
        before = cpu_seconds(receiver.pid)
        read = _said(module, "send", port, *files)
        # Whoever ended shows its times until it is waited for.
        far = cpu_seconds(receiver.pid) - before
    if receiver.returncode:
        raise Failed("the receiver of the socket copy failed")
    return Cost(read["wall"], read["cpu"] + far, {"sender": read["cpu"], "receiver": far})


def over_paho(files: Sequence[Path], folder: Path) -> Cost:
    """By stock paho through Mosquitto, see `tests.bench.works.plain_paho`.

    The broker may keep any number of messages, since without credit it would drop what is too much,
    and may send as many without a PUBACK as the sender.
    """
    module = "tests.bench.works.plain_paho"
    size = sum(path.stat().st_size for path in files)
    settings = ["max_queued_messages 0", f"max_inflight_messages {FLYING}"]
    broker = start_broker(kind="mosquitto", folder=folder / "broker", settings=settings)
    try:
        with _python(module, "receive", broker.port, folder, size) as receiver:
            _line(receiver)
            meter = Meter(broker=broker.pid)
            sent = _said(module, "send", broker.port, *files)
            received = json.loads(_line(receiver))
            told = meter.read()
    finally:
        broker.stop()
    shares = {"sender": sent["cpu"], "broker": told.cpu, "receiver": received["cpu"]}
    return Cost(received["ended"] - sent["began"], sum(shares.values()), shares, told.peaks)


def _python(module: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = leashed([sys.executable, "-m", module, *map(str, arguments)])
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def _line(process: subprocess.Popen[bytes]) -> str:
    """The next line that it says. Raises `Failed` where it says no more."""
    assert process.stdout
    if not (said := process.stdout.readline().decode().strip()):
        raise Failed(f"the program ended with {process.wait()}")
    return said


def _said(module: str, *arguments: object) -> dict[str, float]:
    """What it says in JSON once it has ended well."""
    with _python(module, *arguments) as process:
        assert process.stdout
        said = process.stdout.read()
    if process.returncode:
        raise Failed(f"{module} {arguments[0]} ended with {process.returncode}")
    read: dict[str, float] = json.loads(said)
    return read


def over_rsync(files: Sequence[Path], folder: Path) -> Cost:
    """By rsync to its own daemon, each file synced (`--fsync`)."""
    target, port = folder / "in", free_port()
    target.mkdir()
    config = folder / "rsyncd.conf"
    config.write_text(_RSYNCD.format(target=target, user=os.getuid(), group=os.getgid()), "utf-8")
    daemon = ["rsync", "--daemon", "--no-detach", f"--config={config}", "--address=127.0.0.1"]
    with _serving([*daemon, f"--port={port}"], port, folder) as pid:
        return _by(pid, [*_RSYNC, *files, f"rsync://127.0.0.1:{port}/in/"])


def over_ssh(files: Sequence[Path], folder: Path) -> Cost:
    """By rsync through ssh to a daemon with keys of its own, each file synced."""
    target, port, sshd = folder / "in", free_port(), machine.program("sshd")
    target.mkdir()
    for name in ("host", "user"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name])
    config = folder / "sshd_config"
    config.write_text(_SSHD.format(port=port, folder=folder), "utf-8")
    options = ("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR")
    words = " ".join(f"-o {option}" for option in options)
    shell = f"ssh -F none -i {folder / 'user'} -p {port} -o IdentitiesOnly=yes {words}"
    with _serving([str(sshd), "-D", "-e", "-f", str(config)], port, folder) as pid:
        there = f"{getpass.getuser()}@127.0.0.1:{target}/"
        return _by(pid, [*_RSYNC, "--rsh", shell, *files, there])


_RSYNC = ("rsync", "--fsync", "--whole-file")


def why_not_rsync() -> str:
    """Empty where `over_rsync` can work."""
    return "" if machine.program("rsync") else "rsync is not installed"


def why_not_ssh() -> str:
    """Empty where `over_ssh` can work."""
    missing = [name for name in ("rsync", "ssh", "sshd") if not machine.program(name)]
    if missing:
        return f"{', '.join(missing)} not installed"
    return "" if _SSHD_NEEDS.is_dir() else f"sshd needs the folder {_SSHD_NEEDS}"


def _by(daemon: int, client: Sequence[str | Path]) -> Cost:
    before = cpu_seconds(daemon)
    cost = run(client)
    _wait_for_children(daemon)
    far = cpu_seconds(daemon) - before
    return Cost(cost.wall, cost.cpu + far, {"client": cost.cpu, "daemon": far})


def _wait_for_children(pid: int) -> None:
    """Until the daemon has waited for its children, whose times are only then among its own."""
    end = time.monotonic() + START_SECONDS
    while Path(f"/proc/{pid}/task/{pid}/children").read_text().strip():
        if time.monotonic() > end:
            raise Failed("the daemon's children do not end")
        time.sleep(0.01)


@contextmanager
def _serving(command: list[str], port: int, folder: Path) -> Iterator[int]:
    """A daemon that listens on `port`; its process id."""
    with (folder / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(leashed(command), stdin=subprocess.DEVNULL, stderr=log)
    try:
        end = time.monotonic() + START_SECONDS
        while not _listens(port):
            if daemon.poll() is not None or time.monotonic() > end:
                words = (folder / "daemon.log").read_text(errors="replace").strip()
                raise Failed(f"{command[0]} does not listen: {words}")
            time.sleep(0.02)
        yield daemon.pid
    finally:
        daemon.terminate()
        daemon.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
