"""The recorder's verbs over a disk that is read and never mounted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from agent.errors import RecorderError, RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.attached import Disk
from agent.link.volume.node import BlockNode
from agent.model import Clip, ClockReading, Health, Identity, printable
from agent.recorder.footage import Choice
from agent.recorder.plug import Site
from agent.recorder.volume.reading import Reader
from agent.recorder.volume.survey import Held, Survey, survey

_FILE = "file:"
_FACT_LIMIT = 256
"""Bytes of a file that tells the serial number."""


def open_disk(site: Site) -> VolumeRecorder:
    """Wait for the port's disk and open it.

    Raises as `open_volume` does, and what `Plug.await_disk` raises.
    """
    return open_volume(site, site.plug.await_disk(site.profile.quirks.disk_seconds))


def open_volume(site: Site, disk: Disk) -> VolumeRecorder:
    """Open a disk for reading, and the others that its port shows: a recorder with memory of its
    own and a card is two. They are read in the order in which they came, whichever could be opened
    first: numbers of equal names, and whose disk it is, depend on it. Raises `RecorderGone` and
    `RecorderBusy`.
    """
    disks = {disk, *site.plug.now().disks}
    return VolumeRecorder(site, tuple(sorted(disks, key=lambda each: each.sequence)))


class VolumeRecorder:
    """A recorder that is a disk or several, as `agent.recorder.base.Recorder` promises it.

    What lies on it is listed once in a session: nobody writes to a disk that is read here.
    """

    def __init__(self, site: Site, disks: tuple[Disk, ...]) -> None:
        self._site = site
        self._disks = disks
        self._reader = Reader()
        self._found: Survey | None = None
        self._nodes = self._opened()

    def identify(self) -> Identity:
        """By the first of the profile's sources that gives a serial number.

        Raises `RecorderRefused` where none does.
        """
        identity = self._site.profile.identity
        for source in identity.serial:
            if serial := self._serial(source).strip(" \t\r\n\0\ufeff"):
                return Identity(identity.maker, identity.model, serial, "")
        sources = ", ".join(identity.serial) or "none named in its profile"
        raise RecorderRefused(f"the recorder tells no serial number (looked for: {sources})")

    def health(self) -> Health:
        """A disk shows no battery."""
        return Health(None, tuple(self._survey().storages))

    def clock(self) -> ClockReading | None:
        """A disk shows none."""
        self._check()
        return None

    def set_clock(self, now: datetime) -> None:  # noqa: ARG002 - the protocol's
        """Always raises: `RecorderRefused`, or `RecorderGone`."""
        self._check()
        raise RecorderRefused("a recorder that is a disk lets nobody set its clock")

    def clips(self) -> Iterator[Clip]:
        """Every clip. Where something could not be listed, `RecorderMisbehaved` is raised after the
        last good clip, so that none of those is missed and none goes unsaid.
        """
        found = self._survey()
        yield from tuple(found.clips)
        if found.trouble:
            raise RecorderMisbehaved(
                f"{len(found.trouble)} things could not be listed; the first: {found.trouble[0]}"
            )

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        """As promised. Past the end there is nothing: the directory says where a file ends, and
        what lies between there and the end of its last cluster is no footage of this file.
        """
        held = self._found.clips.get(clip) if self._found else None
        if held is None or offset >= held.size or not size:
            self._check()
        if held is None:
            raise RecorderRefused(f"{printable(clip.path)} was not listed in this session")
        return self._reader.read(held, offset, size)

    def delete(self, clip: Clip) -> None:
        """Always raises `RecorderRefused`, or `RecorderGone`: nothing here ever writes."""
        self._check()
        raise RecorderRefused(
            f"{printable(clip.path)} stays: a disk is opened for reading only, nothing clears it"
        )

    @property
    def encoding(self) -> str:
        """Of short names, as its profile says."""
        return self._site.profile.encoding

    @property
    def nodes(self) -> tuple[BlockNode, ...]:
        """Its disks, open for reading."""
        return tuple(self._nodes)

    def held(self, clip: Clip) -> Held:
        """Where a clip lies. Raises `RecorderRefused` unless it was listed in this session."""
        held = self._found.clips.get(clip) if self._found else None
        if held is None:
            raise RecorderRefused(f"{printable(clip.path)} was not listed in this session")
        return held

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let go of the disks while another process has one, and open them anew behind it.

        What was listed is forgotten, and what the kernel kept of them with the last descriptor.
        Raises `RecorderGone` where a disk is no longer the very same; then, and where it cannot
        be opened, the session is over.
        """
        before = [node.standing for node in self._nodes]
        self.close()
        self._found = None
        try:
            yield
        finally:
            self._nodes = self._opened()
        if [node.standing for node in self._nodes] != before:
            self.close()
            raise RecorderGone(f"port {self._site.plug.port}: another card is in it")

    def close(self) -> None:
        self._reader.close()
        for node in self._nodes:
            node.close()

    def _opened(self) -> list[BlockNode]:
        nodes: list[BlockNode] = []
        try:
            for disk in self._disks:
                nodes.append(BlockNode(disk, self._check_plug))  # noqa: PERF401 - closed on error
        except RecorderError:
            for node in nodes:
                node.close()
            raise
        return nodes

    def _check(self) -> None:
        for node in self._nodes:
            node.check()

    def _survey(self) -> Survey:
        self._check()
        if self._found is None:
            profile = self._site.profile
            paths = {
                source.removeprefix(_FILE).strip("/").lower()
                for source in profile.identity.serial
                if source.startswith(_FILE)
            }
            self._found = survey(self._nodes, Choice(profile.clips), profile.encoding, paths)
            self._found.left.tell()
        return self._found

    def _serial(self, source: str) -> str:
        if source == "usb-serial":
            return self._usb_serial()
        found = self._survey()
        if source == "volume-label":
            return next((one.label for one in found.storages if one.label), "")
        if source == "volume-serial":
            return next((one.serial for one in found.storages if one.serial), "")
        held = found.files.get(source.removeprefix(_FILE).strip("/").lower())
        raw = self._reader.read(held, 0, _FACT_LIMIT) if held else b""
        lines = raw.decode(self._site.profile.encoding, "ignore").splitlines()
        return lines[0] if lines else ""

    def _usb_serial(self) -> str:
        usb = self._site.plug.now().usb
        if usb is None:
            return ""
        handle = self._site.bus.open_control(usb)
        try:
            return handle.serial()
        finally:
            handle.close()

    def _check_plug(self) -> None:
        """Raises `RecorderGone` where the port no longer shows these disks."""
        if not {*self._disks} <= {*self._site.plug.now().disks}:
            raise RecorderGone(f"port {self._site.plug.port}: the disk is gone")
