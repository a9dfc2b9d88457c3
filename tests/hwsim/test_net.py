"""A TCP link that carries, falls silent, breaks and mends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from hwsim.net import TcpLink


class Echo:
    """Sends back what it gets, on every connection."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            Thread(target=self._echo, args=(sock,), daemon=True).start()

    def _echo(self, sock: socket.socket) -> None:
        with sock:
            try:
                while data := sock.recv(65_536):
                    sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def net(echo: Echo) -> Iterator[TcpLink]:
    link = TcpLink("127.0.0.1", echo.port)
    yield link
    link.stop()


def call(net: TcpLink) -> socket.socket:
    return socket.create_connection((net.host, net.port), timeout=10.0)


def ask(sock: socket.socket, data: bytes) -> bytes:
    sock.sendall(data)
    got = b""
    while len(got) < len(data) and (more := sock.recv(65_536)):
        got += more
    return got


def test_it_carries_both_ways_and_counts(net: TcpLink) -> None:
    with call(net) as one, call(net) as other:
        assert ask(one, b"abc") == b"abc"
        assert ask(other, b"defg") == b"defg"
    net.stall()  # whatever it was doing, it has done
    assert (net.bytes_out, net.bytes_back, net.connections) == (7, 7, 2)


def test_megabytes_pass_whole_though_nobody_reads_at_first(net: TcpLink) -> None:
    data = bytes(range(256)) * 40_000
    with call(net) as sock:
        sender = Thread(target=sock.sendall, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(data):
            got += sock.recv(65_536)
        sender.join()
    assert got == data


def test_the_end_of_one_direction_is_carried_too(net: TcpLink) -> None:
    with call(net) as sock:
        sock.sendall(b"last words")
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while more := sock.recv(100):
            got += more
    assert got == b"last words"


def test_a_cut_resets_and_refuses_until_it_is_mended(net: TcpLink) -> None:
    with call(net) as sock:
        assert ask(sock, b"abc") == b"abc"
        net.cut()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionRefusedError):
        call(net)
    net.cut()
    net.mend()
    with call(net) as sock:
        assert ask(sock, b"again") == b"again"


def test_a_stall_is_silent_and_ends_where_it_began(net: TcpLink) -> None:
    with call(net) as sock:
        assert ask(sock, b"abc") == b"abc"
        net.stall()
        carried = net.bytes_out
        sock.sendall(b"later")
        with call(net) as late:
            late.sendall(b"hello?")
            for silent in (sock, late):
                silent.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    silent.recv(1)
                silent.settimeout(10.0)
            assert net.bytes_out == carried
            net.mend()
            assert sock.recv(100) == b"later"
            assert late.recv(100) == b"hello?"


def test_a_target_that_is_not_there_resets_the_caller(echo: Echo) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    net = TcpLink("127.0.0.1", port)
    with pytest.raises(ConnectionResetError), call(net) as sock:
        sock.recv(1)
    net.stop()


def test_stopping_twice_is_harmless_and_commands_after_it_too(echo: Echo) -> None:
    net = TcpLink("127.0.0.1", echo.port)
    with call(net) as sock:
        net.stop()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    net.stop()
    net.mend()
