"""Every message against the `smp` package, an implementation that is not ours, both ways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smp import error, file_management, header, message, os_management, statistics_management
from smp.exceptions import SMPMalformed
from smp.packet import decode as decode_lines
from smp.packet import encode as encode_packet

from agent.wire.smp import requests
from agent.wire.smp.console import PacketReader, encode_lines
from agent.wire.smp.message import (
    FILES,
    Command,
    Refusal,
    Request,
    answered,
    decode_answer,
    encode_request,
)
from agent.wire.smp.requests import Digest, Parameters, Piece

fs, osm, stats = file_management, os_management, statistics_management
MOMENT = datetime(2026, 8, 4, 10, 0, 30, tzinfo=UTC)
SHA = bytes(range(32))

ASKED: dict[str, tuple[Request[Any], type[message.Request], dict[str, Any]]] = {
    "echo": (requests.echo("hej"), osm.EchoWriteRequest, {"d": "hej"}),
    "clock": (requests.clock(), osm.DateTimeReadRequest, {}),
    "set clock": (
        requests.set_clock(MOMENT.replace(tzinfo=None)),
        osm.DateTimeWriteRequest,
        {"datetime": "2026-08-04T10:00:30"},
    ),
    "parameters": (requests.parameters(), osm.MCUMgrParametersReadRequest, {}),
    "info": (requests.info("n"), osm.OSApplicationInfoReadRequest, {"format": "n"}),
    "statistics": (requests.statistics("power"), stats.GroupDataRequest, {"name": "power"}),
    "groups": (requests.statistics_groups(), stats.ListOfGroupsRequest, {}),
    "download": (
        requests.download("/a.wav", 2**33),
        fs.FileDownloadRequest,
        {"off": 2**33, "name": "/a.wav"},
    ),
    "status": (requests.status("/北.wav"), fs.FileStatusRequest, {"name": "/北.wav"}),
    "digest": (
        requests.digest("/a", "sha256", 70_000, 24),
        fs.FileHashChecksumRequest,
        {"name": "/a", "type": "sha256", "off": 70_000, "len": 24},
    ),
    "digests": (requests.digests(), fs.SupportedFileHashChecksumTypesRequest, {}),
}

ANSWERED: dict[str, tuple[Request[Any], type[message.Response], dict[str, Any], Any]] = {
    "echo": (requests.echo("x"), osm.EchoWriteResponse, {"r": "x"}, "x"),
    "clock": (
        requests.clock(),
        osm.DateTimeReadResponse,
        {"datetime": "2026-08-04T10:00:30"},
        "2026-08-04T10:00:30",
    ),
    "set clock": (requests.set_clock(MOMENT), osm.DateTimeWriteResponse, {}, None),
    "parameters": (
        requests.parameters(),
        osm.MCUMgrParametersReadResponse,
        {"buf_size": 2048, "buf_count": 4},
        Parameters(2048, 4),
    ),
    "info": (requests.info("n"), osm.OSApplicationInfoReadResponse, {"output": "SN-1"}, "SN-1"),
    "statistics": (
        requests.statistics("card"),
        stats.GroupDataResponse,
        {"name": "card", "fields": {"total": 2**40, "free": 0}},
        {"total": 2**40, "free": 0},
    ),
    "groups": (
        requests.statistics_groups(),
        stats.ListOfGroupsResponse,
        {"stat_list": ("a", "b")},
        ("a", "b"),
    ),
    "first piece": (
        requests.download("/a", 0),
        fs.FileDownloadResponse,
        {"off": 0, "data": b"abc", "len": 2**34},
        Piece(0, b"abc", 2**34),
    ),
    "later piece": (
        requests.download("/a", 300),
        fs.FileDownloadResponse,
        {"off": 300, "data": b""},
        Piece(300, b"", None),
    ),
    "status": (requests.status("/a"), fs.FileStatusResponse, {"len": 77}, 77),
    "SHA-256": (
        requests.digest("/a", "sha256", 0, 9),
        fs.FileHashChecksumResponse,
        {"type": "sha256", "len": 9, "output": SHA},
        Digest("sha256", 0, 9, SHA),
    ),
    "CRC-32": (
        requests.digest("/a", "crc32", 5, 9),
        fs.FileHashChecksumResponse,
        {"type": "crc32", "off": 5, "len": 9, "output": 2**32 - 1},
        Digest("crc32", 5, 9, 2**32 - 1),
    ),
    "digests": (
        requests.digests(),
        fs.SupportedFileHashChecksumTypesResponse,
        {"types": {"sha256": {"format": 1, "size": 32}}},
        ("sha256",),
    ),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("version", [0, 1])
def test_the_judge_reads_what_we_ask(name: str, version: int) -> None:
    request, judge, fields = ASKED[name]
    read = judge.loads(encode_request(request, 250, version))
    assert read.header.op == judge._OP
    assert (read.header.command_id, read.header.sequence) == (judge._COMMAND_ID, 250)
    assert read.header.version == header.Version(version)
    assert {key: getattr(read, key) for key in fields} == fields
    assert read.model_fields_set - {"header", "smp_data"} == fields.keys()


def test_every_command_has_a_judge() -> None:
    assert {request.command for request, _, _ in ASKED.values()} == set(Command)
    assert {request.command for request, _, _, _ in ANSWERED.values()} == set(Command)


@pytest.mark.parametrize("name", ANSWERED)
def test_we_read_what_the_judge_answers(name: str) -> None:
    request, judge, fields, meaning = ANSWERED[name]
    packet = bytes(judge(sequence=17, **fields))
    assert answered(packet, request) == 17
    others = [other for other, _, _, _ in ANSWERED.values() if other.command != request.command]
    assert [other for other in others if answered(packet, other) is not None] == []
    assert decode_answer(packet, request) == meaning


def test_we_read_the_judges_refusals() -> None:
    request = requests.status("/a")
    old = judged(fs.FileSystemManagementErrorV1, rc=error.MGMT_ERR.ENOENT)
    assert decode_answer(old, request) == Refusal(None, 5)
    missing = error.Err[fs.FS_MGMT_ERR](group=FILES, rc=fs.FS_MGMT_ERR.FILE_NOT_FOUND)
    new = judged(fs.FileSystemManagementErrorV2, err=missing)
    assert answered(new, request) == 1
    assert decode_answer(new, request) == Refusal(FILES, 3)


def judged(kind: type[message.Response], **fields: Any) -> bytes:
    """An error of the judge's, which takes no header of its own accord."""
    for length in range(64):
        head = header.Header(
            header.OP.READ_RSP, header.Version.V2, header.Flag(0), length, FILES, 1, 1
        )
        try:
            return bytes(kind(header=head, **fields))
        except SMPMalformed:  # that was not its length
            continue
    raise AssertionError


@given(st.binary(min_size=1, max_size=3000), st.integers(12, 200))
def test_lines_go_both_ways(packet: bytes, length: int) -> None:
    assert PacketReader().feed(b"".join(encode_packet(packet, length))) == [packet]
    *lines, last = encode_lines(packet).splitlines(keepends=True)
    reader = decode_lines()
    next(reader)
    for line in lines:
        reader.send(line)
    with pytest.raises(StopIteration) as whole:
        reader.send(last)
    assert whole.value.value == packet
