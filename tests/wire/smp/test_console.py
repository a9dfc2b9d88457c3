"""Packets come out of a noisy stream whole or not at all, wherever the reads fall."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.wire.smp.console import (
    LINE_BYTES,
    LONGEST_LINE,
    LONGEST_PACKET,
    LineSplitter,
    PacketReader,
    encode_lines,
)
from hwsim.faces import smp_codec

NOISE = (
    b"\x06\x09",
    b"\x04\x14",
    b"\n",
    b"\r\n",
    b"\x06",
    b"\x04",
    b"AAAA",
    b"=",
    b"\0",
    b"uart:~$ ",
)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def noisy(random: Random) -> bytes:
    """Packets, parts of packets and noise, in any order."""
    parts: list[bytes] = []
    for _ in range(random.randrange(1, 12)):
        lines = encode_lines(random.randbytes(random.choice([0, 1, 89, 90, 300])))
        cut = random.randrange(len(lines) + 1)
        parts.append(random.choice([lines, lines[:cut], lines[cut:], *NOISE, b"x" * 1500]))
    return b"".join(parts)


@pytest.mark.parametrize("shift", range(200))
def test_where_the_reads_fall_never_changes_lines_and_packets(shift: int, seed: int) -> None:
    data = noisy(Random(seed + shift))
    outcomes = []
    for size in (1, 2, 7, 128, len(data) + 1):
        splitter, reader = LineSplitter(), PacketReader()
        lines = [line for piece in pieces(data, size) for line in splitter.feed(piece)]
        packets = [packet for piece in pieces(data, size) for packet in reader.feed(piece)]
        outcomes.append((lines, packets, reader.damaged, reader.midway))
    assert all(outcome == outcomes[0] for outcome in outcomes)


@given(st.binary(max_size=2000))
def test_a_packet_comes_back_in_lines_of_at_most_127_bytes(packet: bytes) -> None:
    lines = encode_lines(packet)
    assert max(map(len, lines.splitlines(keepends=True))) <= LINE_BYTES
    assert PacketReader().feed(lines) == [packet]


def test_a_packet_that_no_length_can_tell_is_refused() -> None:
    assert PacketReader().feed(encode_lines(bytes(LONGEST_PACKET - 2))) == [
        bytes(LONGEST_PACKET - 2)
    ]
    with pytest.raises(Malformed):
        encode_lines(bytes(LONGEST_PACKET - 1))


@given(
    st.lists(st.sampled_from(["log\n", "\x1b[32mlog\r\n", "\0" * 5000 + "\n", "~$ ", "\x13\x11"]))
)
def test_chatter_between_the_lines_does_no_harm(chatter: list[str]) -> None:
    packet = bytes(range(256)) * 2
    lines = encode_lines(packet).splitlines(keepends=True)
    said = [text.encode() for text in chatter]
    stream = b"".join(part for line in lines for part in (*said, line))
    assert PacketReader().feed(stream) == [packet]


@given(st.binary(min_size=1, max_size=600), st.data())
def test_a_damaged_packet_is_never_given(packet: bytes, data: st.DataObject) -> None:
    """One byte wrong anywhere: at most 8 bits in a row, which the CRC always sees."""
    lines = bytearray(encode_lines(packet))
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] ^= data.draw(st.integers(1, 255))
    reader = PacketReader()
    assert reader.feed(bytes(lines)) in ([], [packet])
    reader.drop()
    assert reader.feed(encode_lines(packet)) == [packet]


@given(st.binary(max_size=3000))
def test_any_bytes_are_taken_and_little_is_held(data: bytes) -> None:
    reader = PacketReader(most=100)
    reader.feed(data * 5)
    assert len(reader._splitter._held) <= LONGEST_LINE
    assert len(reader._body) <= 100 + LONGEST_LINE


def test_a_packet_that_declares_too_little_is_dropped() -> None:
    reader = PacketReader()
    assert reader.feed(b"".join(smp_codec.frame(b"packet", length=-1))) == []
    assert reader.feed(b"".join(smp_codec.frame(b"packet", length=1))) == []
    assert reader.feed(b"".join(smp_codec.frame(b"packet"))) == [b"packet"]


def test_a_line_without_end_is_not_held() -> None:
    splitter = LineSplitter()
    for _ in range(5):
        assert splitter.feed(b"\x06\x09" + b"A" * 5000) == []
        assert not splitter.midway
    assert splitter.feed(b"\n\x06\x09AAAA\n") == [b"\x06\x09AAAA"]


def test_a_packet_larger_than_agreed_is_dropped() -> None:
    reader = PacketReader(most=100)
    assert reader.feed(encode_lines(bytes(100))) == [bytes(100)]
    assert reader.feed(encode_lines(bytes(101))) == []
    assert reader.damaged == 1


def test_a_packet_that_was_begun_and_not_ended_is_damaged_by_the_next() -> None:
    first, second = encode_lines(bytes(200)), encode_lines(b"second")
    reader = PacketReader()
    assert reader.feed(first[:140]) == []
    assert reader.midway
    assert reader.feed(b"\n" + second) == [b"second"]
    assert (reader.damaged, reader.midway) == (1, False)
