"""The simulated recorder before `smpclient`, a client that is not ours, so no twin of our driver.

smpclient speaks to real Zephyr servers in its own tests; what it reads here is what it would read
there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from typing import TypeVar

import pytest
from smpclient import SMPClient
from smpclient.generics import error, success
from smpclient.requests.file_management import (
    FileHashChecksum,
    FileStatus,
    SupportedFileHashChecksumTypes,
)
from smpclient.requests.os_management import (
    DateTimeRead,
    EchoWrite,
    MCUMgrParametersRead,
    OSApplicationInfoRead,
)
from smpclient.requests.statistics_management import GroupData, ListOfGroups
from smpclient.transport.serial import SMPSerialTransport

from hwsim.faces.smp_make import SmpMake
from hwsim.ports.pty_port import LineNoise, PtyPort
from tests.contracts.recorder import FOOTAGE, LONG, small_body
from tests.contracts.smp import SmpDocks

T = TypeVar("T")
PATH = "DCIM/100BODY/CAM_0002_IMP.MP4"
CHATTER = LineNoise(chatter=(b"<inf> rec: saving\r\n", b"uart:~$ \r\n"), chattiness=0.5)


@pytest.fixture
def docks() -> Iterator[SmpDocks]:
    found = SmpDocks()
    yield found
    found.unplug()


def ask(port: PtyPort, work: Callable[[SMPClient], Awaitable[T]]) -> T:
    async def session() -> T:
        async with SMPClient(SMPSerialTransport(), str(port.node)) as client:
            return await work(client)

    return asyncio.run(session())


@pytest.mark.parametrize("noise", [LineNoise(), CHATTER], ids=["quiet", "chatter"])
@pytest.mark.parametrize("buffer", [384, 2048])
def test_it_downloads_a_clip(docks: SmpDocks, buffer: int, noise: LineNoise, seed: int) -> None:
    port = docks.port(small_body(), SmpMake(buffer=buffer), noise=noise, seed=seed)
    data = ask(port, lambda client: client.download_file(f"/{PATH}"))
    assert bytes(data) == FOOTAGE[PATH]


def test_it_reads_the_list_of_clips(docks: SmpDocks) -> None:
    port = docks.port(small_body())
    text = bytes(ask(port, lambda client: client.download_file("/clips.txt"))).decode()
    assert "/AUDIO/A_1.WAV\t2026-08-04T09:30:30" in text.splitlines()


def test_it_reads_what_it_reads_of_a_zephyr(docks: SmpDocks) -> None:
    port = docks.port(small_body(battery=37.0, charging=False, model="BW-7"))

    async def work(client: SMPClient) -> None:
        echo = await client.request(EchoWrite(d="hej"))
        assert success(echo)
        assert echo.r == "hej"
        told = await client.request(MCUMgrParametersRead())
        assert success(told)
        assert (told.buf_size, told.buf_count) == (384, 4)
        shown = await client.request(DateTimeRead())
        assert success(shown)
        assert shown.datetime == "2026-08-04T10:00:00.000"
        info = await client.request(OSApplicationInfoRead(format="i"))
        assert success(info)
        assert info.output == "BW-7"

    ask(port, work)


def test_it_reads_statistics_and_digests(docks: SmpDocks) -> None:
    port = docks.port(small_body(battery=37.0, charging=False))

    async def work(client: SMPClient) -> None:
        groups = await client.request(ListOfGroups())
        assert success(groups)
        assert groups.stat_list == ("battery", "card")
        battery = await client.request(GroupData(name="battery"))
        assert success(battery)
        assert battery.fields == {"percent": 37}
        kinds = await client.request(SupportedFileHashChecksumTypes())
        assert success(kinds)
        assert set(kinds.types) == {"sha256", "crc32"}
        digest = await client.request(
            FileHashChecksum(name=f"/{PATH}", type="sha256", off=100, len=1000)
        )
        assert success(digest)
        assert digest.output == sha256(LONG[100:1100]).digest()

    ask(port, work)


def test_its_refusals_are_understood(docks: SmpDocks) -> None:
    port = docks.port(small_body())

    async def work(client: SMPClient) -> None:
        answer = await client.request(FileStatus(name="/nothing"))
        assert error(answer)
        assert answer.err.rc.name == "FILE_NOT_FOUND"  # type: ignore[union-attr]

    ask(port, work)
