"""A USB/IP server: what is plugged into a `MemoryBus`, for any client, real kernels included.

    bus = MemoryBus(live=True)
    bus.plug("1-1.2", BulkOnlyFace(OnDisk(image)))
    with UsbipServer(bus, port=3240) as server:
        ...                          # usbip attach --remote 127.0.0.1 --busid 1-1.2

Whoever imports a device holds it, against PyUSB in this process too; unplugging it cuts the
connection, as pulling the cable would. Faults strike as they do through PyUSB, and count the same
transfers: all but descriptors, configurations and halts. Loopback only, unless told otherwise:
the protocol knows no password.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from threading import Lock, Thread
from types import TracebackType

from hwsim.ports.usb_device import UsbDevice
from hwsim.ports.usb_memory import MemoryBus
from hwsim.ports.usbip_connection import Connection, Ended, cut, receive
from hwsim.ports.usbip_wire import (
    BUS_ID,
    OP,
    NotUsbip,
    Op,
    Status,
    device_list,
    import_refused,
    imported,
    read_bus_id,
    read_op,
)

MOST_CLIENTS = 64
PATIENCE_SECONDS = 10.0
"""How long a client may take to say what it wants."""

Tell = Callable[[str], None]


class UsbipServer:
    """Serves from its making until `close`. `tell` is given a line for whatever happens."""

    def __init__(
        self,
        bus: MemoryBus,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tell: Tell = lambda _line: None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Raises OSError where the port is taken, ValueError for a bus that does not live."""
        if not bus.live:
            raise ValueError("only a live bus can wait for its clients")
        self._bus = bus
        self._tell = tell
        self._patience = patience
        self._lock = Lock()
        self._clients: dict[socket.socket, Thread] = {}
        self._server = socket.create_server((host, port))
        self.host = host
        self.port: int = self._server.getsockname()[1]
        self._thread = Thread(target=self._accept, name=f"usbip {self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> UsbipServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut every client, and return once every thread has ended."""
        cut(self._server)
        self._thread.join()
        self._server.close()
        with self._lock:
            clients = dict(self._clients)
        for peer, thread in clients.items():
            cut(peer)
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                peer, (host, port, *_) = self._server.accept()
            except OSError:
                return  # closed
            name = f"{host}:{port}"
            with self._lock:
                full = len(self._clients) >= MOST_CLIENTS
                thread = Thread(target=self._serve, args=(peer, name), name=name, daemon=True)
                if not full:
                    self._clients[peer] = thread
            if full:
                self._tell(f"{name} is one client too many")
                peer.close()
            else:
                thread.start()

    def _serve(self, peer: socket.socket, name: str) -> None:
        try:
            peer.settimeout(self._patience)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._first_request(peer, name)
        except NotUsbip as error:
            self._tell(f"{name} is cut off: {error}")
        except TimeoutError:
            self._tell(f"{name} is cut off: silent for {self._patience:g} s")
        except (Ended, OSError):
            self._tell(f"{name} is gone")
        finally:
            with self._lock:
                del self._clients[peer]
            peer.close()

    def _first_request(self, peer: socket.socket, name: str) -> None:
        if read_op(receive(peer, OP.size)) == Op.REQ_DEVLIST:
            devices = [one for one in self._bus.enumerate_devices() if one.owner is None]
            peer.sendall(device_list([(one.facts, one.where) for one in devices]))
            return
        port_path = read_bus_id(receive(peer, BUS_ID))
        device = self._bus.at(port_path)
        if device is None:
            peer.sendall(import_refused(Status.NO_DEVICE))
        elif not self._bus.hold(device, peer):
            peer.sendall(import_refused(Status.BUSY))
        else:
            self._tell(f"{name} has {port_path}")
            self._serve_device(peer, device)

    def _serve_device(self, peer: socket.socket, device: UsbDevice) -> None:
        try:
            peer.settimeout(None)
            peer.sendall(imported(device.facts, device.where))
            Connection(peer, device).serve()
        finally:
            device.owner = None
            if device.gone:
                self._tell(f"{device.where.port_path} was unplugged")
