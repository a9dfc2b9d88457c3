"""Where transfers end (USB 2.0 §5.8.3), for any sizes, against a slow model of single packets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.card import InMemory
from hwsim.usb import Overflowed, Pipe, Silent, Stalled

PACKET = 8


def packets(transfers: list[bytes], *, zero_packet: bool) -> Iterator[bytes]:
    for transfer in transfers:
        yield from (transfer[at : at + PACKET] for at in range(0, len(transfer), PACKET))
        if zero_packet and len(transfer) % PACKET == 0:
            yield b""


def model(transfers: list[bytes], sizes: list[int], *, zero_packet: bool) -> list[bytes]:
    """What a host controller makes of it: packets until one is short or the buffer is full."""
    waiting = list(packets(transfers, zero_packet=zero_packet))
    reads = []
    for size in sizes:
        read = b""
        while waiting and len(read) < size:
            read += waiting[0]
            if len(waiting.pop(0)) < PACKET:
                break
        reads.append(read)
    return reads


def piped(transfers: list[bytes], sizes: list[int], *, zero_packet: bool) -> list[bytes]:
    pipe = Pipe(PACKET)
    for transfer in transfers:
        half = len(transfer) // 2
        pipe.send(transfer[:half], InMemory(transfer[half:]), zero_packet=zero_packet)
    reads = []
    for size in sizes:
        buffer = bytearray(size)
        try:
            count, _ended = pipe.read(memoryview(buffer))
        except Silent:
            count = 0
        reads.append(bytes(buffer[:count]))
    return reads


@given(
    st.lists(st.binary(min_size=1, max_size=5 * PACKET), max_size=4),
    st.lists(st.integers(1, 7).map(lambda n: n * PACKET), max_size=12),
    st.booleans(),
)
def test_transfers_end_where_a_controller_ends_them(
    transfers: list[bytes], sizes: list[int], zero_packet: bool
) -> None:
    expected = model(transfers, sizes, zero_packet=zero_packet)
    assert piped(transfers, sizes, zero_packet=zero_packet) == expected


def test_a_transfer_without_its_end_goes_on_waiting() -> None:
    pipe = Pipe(PACKET)
    pipe.send(b"x" * PACKET, zero_packet=False)
    assert pipe.read(memoryview(bytearray(2 * PACKET))) == (PACKET, False)


def test_a_full_buffer_leaves_the_empty_packet_for_the_next_read() -> None:
    pipe = Pipe(PACKET)
    pipe.send(b"x" * PACKET)
    reads = [pipe.read(memoryview(bytearray(PACKET))) for _ in range(2)]
    assert reads == [(PACKET, True), (0, True)]


@pytest.mark.parametrize("size", [1, PACKET - 1, PACKET + 1, 2 * PACKET - 1])
def test_a_packet_too_large_for_the_buffer_overflows(size: int) -> None:
    pipe = Pipe(PACKET)
    pipe.send(b"x" * 3 * PACKET)
    with pytest.raises(Overflowed):
        pipe.read(memoryview(bytearray(size)))


def test_a_small_buffer_is_enough_for_a_short_packet() -> None:
    pipe = Pipe(PACKET)
    pipe.send(b"abc")
    assert pipe.read(memoryview(bytearray(3))) == (3, True)


class Shrunk:
    """Content that says more than it has."""

    size = 5 * PACKET

    def read(self, offset: int, size: int) -> bytes:
        return (b"x" * 2 * PACKET)[offset : offset + size]


def test_content_that_ends_early_ends_its_transfer() -> None:
    pipe = Pipe(PACKET)
    pipe.send(b"", Shrunk())
    assert pipe.read(memoryview(bytearray(10 * PACKET))) == (2 * PACKET, True)
    assert len(pipe) == 0


class Unreadable:
    size = 5 * PACKET

    def read(self, _offset: int, _size: int) -> bytes:
        raise OSError("the card is broken")


def test_content_that_cannot_be_read_stalls() -> None:
    pipe = Pipe(PACKET)
    pipe.send(b"", Unreadable())
    with pytest.raises(Stalled):
        pipe.read(memoryview(bytearray(PACKET)))
    assert len(pipe) == 0


def test_a_stream_is_not_held() -> None:
    class Counting:
        size = 2**40
        asked: list[tuple[int, int]]

        def __init__(self) -> None:
            self.asked = []

        def read(self, offset: int, size: int) -> bytes:
            self.asked.append((offset, size))
            return bytes(size)

    content = Counting()
    pipe = Pipe()
    pipe.send(b"head", content)
    assert pipe.read(memoryview(bytearray(1 << 20))) == (1 << 20, True)
    assert sum(size for _, size in content.asked) == (1 << 20) - 4
    assert all(at + size == after for (at, size), (after, _) in pairwise(content.asked))
