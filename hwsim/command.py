"""`bodydock hwsim`: simulated recorders for any program, whole kernels included."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event

import click

from agent.cli.stopping import stop_on_signals
from agent.clock import SystemClock
from hwsim.body import Body
from hwsim.images import ImageFailed
from hwsim.play import Player
from hwsim.ports.usbip_server import UsbipServer
from hwsim.ports.usbip_wire import PORT
from hwsim.recorders import KINDS, SMALLEST, Hardware, SimulatedRecorder, record
from hwsim.scenario import read_scenario, shipped
from hwsim.sizes import Size

LOOK_SECONDS = 0.1
"""How long after something changed in a port it is told."""


_usbip = click.option(
    "--usbip",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="TCP port of the USB/IP server on the loopback interface; 0: a free one.",
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Simulate recorders that any program can reach.",
)
def hwsim() -> None:
    """Simulated recorders, to be connected to like real ones: USB/IP, serial lines, TCP."""


@hwsim.command("list", short_help="List the recorders and the scenarios.")
def list_() -> None:
    """The recorders and the scenarios that there are."""
    for kind in KINDS.values():
        click.echo(f"{kind.name:12} {kind.way:12} {kind.says}")
    for name, path in shipped().items():
        head, rest = f"scenario {name:14} ", " " * 24
        click.echo(click.wrap_text(read_scenario(path).name, 80, head, rest))


@hwsim.command(short_help="Plug one recorder in, until interrupted.")
@click.argument("recorder", type=click.Choice(list(KINDS)))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A recorder.toml and clips beside it; else the recorder has films of its own.",
)
@click.option("--clips", type=click.IntRange(0, 10_000), default=3, show_default=True)
@click.option(
    "--size",
    type=Size(SMALLEST, "a film"),
    default="1 MiB",
    show_default=True,
    help="Of each clip.",
)
@click.option("--port", default="1-1.2", show_default=True, help="Its USB port path.")
@_usbip
def run(recorder: str, folder: Path | None, clips: int, size: int, port: str, usbip: int) -> None:
    """Plug one RECORDER in and say how to connect to it, until interrupted."""
    clock = SystemClock()
    with _served(usbip) as (hardware, server):
        if folder is not None:
            body = Body.from_folder(folder, clock=clock)
        else:
            body = Body(serial="SIM0001", clock=clock)
            record(body, clips, size, Random(0))
        one = _plugged(recorder, hardware, port, body)
        try:
            watch = _Watch(server)
            with stop_on_signals() as stop:
                while not stop.event.is_set():
                    watch.look([one])
                    stop.event.wait(LOOK_SECONDS)
            sys.exit(stop.exit_code)
        finally:
            one.close()


@hwsim.command(short_help="Play a day of recorders from a file.")
@click.argument("file")
@click.option("--speed", type=click.FloatRange(0.001, 1e6), default=1.0, show_default=True)
@_usbip
def scenario(file: str, speed: float, usbip: int) -> None:
    """Play a day from FILE, or the shipped one of that name, against a served bus."""
    path = shipped().get(file, Path(file))
    if not path.exists():
        raise click.UsageError(f"there is no file {file}; shipped are {', '.join(shipped())}")
    day = read_scenario(path)
    click.echo(day.name)
    with _served(usbip) as (hardware, server), stop_on_signals() as stop:
        watch = _Watch(server)
        player = Player(
            day,
            hardware,
            clock=SystemClock(),
            wait=lambda seconds: watch.wait(seconds, stop.event, player),
            home=path.parent,
            speed=speed,
            tell=click.echo,
        )
        try:
            if player.play():
                watch.wait(2 * LOOK_SECONDS, stop.event, player)
                click.echo("the day is over; what is docked stays docked until you interrupt")
            while not stop.event.is_set():
                watch.wait(LOOK_SECONDS, stop.event, player)
            sys.exit(stop.exit_code)
        finally:
            player.close()


@contextmanager
def _served(usbip: int) -> Iterator[tuple[Hardware, UsbipServer]]:
    """Hardware in a folder of its own, and its bus served."""
    with tempfile.TemporaryDirectory(prefix="bodydock-hwsim-") as folder:
        hardware = Hardware(Path(folder))
        try:
            server = UsbipServer(hardware.bus, port=usbip, tell=click.echo)
        except OSError as error:
            raise click.ClickException(f"TCP port {usbip}: {error.strerror}") from error
        with server:
            try:
                yield hardware, server
            except (ImageFailed, FileNotFoundError) as error:
                raise click.ClickException(f"no disk could be made: {error}") from error


def _plugged(kind: str, hardware: Hardware, port: str, body: Body) -> SimulatedRecorder:
    one = SimulatedRecorder(kind, hardware, port, body)
    try:
        one.plug()
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    return one


class _Watch:
    """Says how to connect to whatever newly shows in a port."""

    def __init__(self, server: UsbipServer) -> None:
        self._server = server
        self._told: dict[str, tuple[int | None, str | None]] = {}

    def look(self, recorders: list[SimulatedRecorder]) -> None:
        for one in recorders:
            now = (one.usb_address, one.address)
            if now == self._told.get(one.port):
                continue
            self._told[one.port] = now
            if one.address is not None:
                click.echo(f"{one.port}: {one.kind.way} {one.address}")
            elif one.usb_address is not None:
                where = f"--remote {self._server.host} --busid {one.port}"
                click.echo(f"{one.port}: usbip --tcp-port {self._server.port} attach {where}")

    def wait(self, seconds: float, stop: Event, player: Player) -> bool:
        """Look again and again for so long; True where it is to stop."""
        clock = SystemClock()
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0 and not stop.is_set():
            self.look(list(player.docked.values()))
            stop.wait(min(left, LOOK_SECONDS))
        return stop.is_set()
