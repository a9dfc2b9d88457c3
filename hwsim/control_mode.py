"""How a recorder in control mode hangs on a port: by USB, by a serial line, by TCP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hwsim.faces.inert import ANDROID, SERIAL_ADAPTER, InertFace
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.pty_port import PtyPort, SerialFace
from hwsim.ports.tcp_port import TcpPort
from hwsim.ports.usb_memory import MemoryBus
from hwsim.usb import UsbFace, UsbFacts


class ControlMode(Protocol):
    """How control mode hangs on a port."""

    def come(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None: ...

    def go(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:
        """Nothing happens where it does not hang there."""
        ...


class UsbControl:
    """A face of its own on the bus."""

    def __init__(self, face: UsbFace) -> None:
        self.face = face

    def come(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:  # noqa: ARG002
        bus.plug(port, self.face)

    def go(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:  # noqa: ARG002
        bus.unplug(port)


class SerialControl:
    """A serial line behind an adapter; `make_port` puts the face on a pseudo-terminal."""

    def __init__(
        self,
        face: SerialFace,
        make_port: Callable[[SerialFace], PtyPort] = PtyPort,
        adapter: UsbFacts = SERIAL_ADAPTER,
    ) -> None:
        self.face = face
        self._make_port = make_port
        self._adapter = adapter
        self._pty: PtyPort | None = None

    def come(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:
        bus.plug(port, InertFace(self._adapter))
        self._pty = self._make_port(self.face)
        vendor, product = self._adapter.vendor_id, self._adapter.product_id
        machine.attach_serial(port, self._pty.node, vendor=vendor, product=product)

    def go(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:
        machine.detach_serial(port)
        if self._pty is not None:
            self._pty.unplug()
        bus.unplug(port)


class TcpControl:
    """A TCP port, and what of the recorder shows on the bus meanwhile. `close` it at the end."""

    def __init__(self, face: SerialFace, shown: UsbFacts = ANDROID) -> None:
        self.face = face
        self.tcp = TcpPort(face)
        self.tcp.answers = False
        self._shown = shown

    def come(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:  # noqa: ARG002
        self.tcp.answers = True
        bus.plug(port, InertFace(self._shown))

    def go(self, bus: MemoryBus, machine: SimulatedMachine, port: str) -> None:  # noqa: ARG002
        self.tcp.answers = False
        self.tcp.cut()
        bus.unplug(port)

    def close(self) -> None:
        self.tcp.unplug()
