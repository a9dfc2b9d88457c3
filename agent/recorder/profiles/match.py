"""Which profiles may be that of what a port shows, and why. Pure but for the two questions that a
caller may answer; what no profile names never matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from agent.link.attached import Attached, Disk, SerialPort
from agent.link.usb_facts import Interface, UsbDevice
from agent.model import printable
from agent.recorder.profiles.load import Loaded
from agent.recorder.profiles.model import Match, Profile
from agent.recorder.profiles.patterns import finds

InterfaceName: TypeAlias = Callable[[UsbDevice, Interface], str]
"""An interface's name, empty where it has none or cannot be asked."""
VolumeLabels: TypeAlias = Callable[[Disk, str], Sequence[str]]
"""The labels of a disk's volumes, in an encoding; none where they cannot be read."""

Triple: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One `[[match]]`, counted from 1, held against one port: the facts that held, in words, and
    the first that did not; empty where all hold.
    """

    number: int
    held: tuple[str, ...]
    missed: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile that may be the one, by its most specific `[[match]]` that holds. Where `probe`,
    the recorder's answer decides.
    """

    profile: Profile
    path: Path
    local: bool
    number: int
    why: tuple[str, ...]
    probe: bool


@dataclass(frozen=True, slots=True)
class Asks:
    """How to learn what a port does not show by itself. None: not to be asked, so it never fits.
    Whatever these raise goes through.
    """

    interface_name: InterfaceName | None = None
    volume_labels: VolumeLabels | None = None
    assumed: bool = False
    """What is not asked counts as fitting."""


def possible(attached: Attached, profiles: Iterable[Loaded]) -> list[Profile]:
    """The profiles that fit, or would if the device were asked and answered so. Asks nothing."""
    asks = Asks(assumed=True)
    return [
        one.profile
        for one in profiles
        if not all(verdict.missed for verdict in verdicts(attached, one.profile, asks))
    ]


def candidates(
    attached: Attached,
    profiles: Iterable[Loaded],
    *,
    interface_name: InterfaceName | None = None,
    volume_labels: VolumeLabels | None = None,
) -> list[Candidate]:
    """The profiles that fit, to be tried in this order: the dock's own first, then the more
    specific, then by id. The two questions are asked last, where all else holds, and once.
    """
    asks = Asks(interface_name and cache(interface_name), volume_labels and cache(volume_labels))
    found = []
    for one in profiles:
        fitting = [
            (specificity(one.profile.match[verdict.number - 1]), -verdict.number, verdict)
            for verdict in verdicts(attached, one.profile, asks)
            if not verdict.missed
        ]
        if fitting:
            rank, _, verdict = max(fitting, key=lambda each: each[:2])
            found.append((rank, _candidate(one, verdict)))
    found.sort(key=lambda each: each[1].profile.id)
    found.sort(key=lambda each: (each[1].local, each[0]), reverse=True)
    return [each for _, each in found]


def verdicts(attached: Attached, profile: Profile, asks: Asks) -> list[Verdict]:
    """What became of each of a profile's `[[match]]`."""
    return [
        _verdict(number, _facts(match, attached, asks, profile.encoding))
        for number, match in enumerate(profile.match, 1)
    ]


def specificity(match: Match) -> tuple[int, ...]:
    """Orders matches: whole ids count most, then makers' ids, then names, then the number of
    other facts, then a probe.
    """
    ids = [each for each in (match.usb, match.adapter) if each]
    vendors = sum(each.endswith("*") for each in ids)
    names = [match.interface_name, match.volume_label]
    others = [match.device_class, match.interface, match.pipes, match.disk, match.serial_port]
    return (
        len(ids) - vendors,
        vendors,
        sum(map(bool, names)),
        sum(map(bool, (*others, match.tcp))),
        int(match.probe),
    )


def _candidate(one: Loaded, verdict: Verdict) -> Candidate:
    match = one.profile.match[verdict.number - 1]
    return Candidate(one.profile, one.path, one.local, verdict.number, verdict.held, match.probe)


class _Fact(NamedTuple):
    holds: bool
    shown: str
    """What the port shows: the reason where it holds."""
    wanted: str = ""

    @property
    def missed(self) -> str:
        return f"{self.shown}, not {self.wanted}" if self.wanted else self.shown


def _verdict(number: int, facts: Iterator[_Fact]) -> Verdict:
    held: list[str] = []
    for fact in facts:
        if not fact.holds:
            return Verdict(number, tuple(held), fact.missed)
        held.append(fact.shown)
    if not held:  # the model refuses such a match; nothing unknown may ever fit
        return Verdict(number, (), "it names no fact")
    return Verdict(number, tuple(held))


def _facts(match: Match, attached: Attached, asks: Asks, encoding: str) -> Iterator[_Fact]:
    """One by one, what costs most last."""
    if match.usb or match.device_class or match.interface:
        if attached.usb is None:
            yield _Fact(holds=False, shown="no USB device")
            return
        yield from _device_facts(match, attached.usb)
    if match.disk:
        yield _Fact(bool(attached.disks), "a disk" if attached.disks else "no disk")
    if match.serial_port or match.adapter:
        yield _serial(match, attached.serials)
    if match.tcp:
        address = f"address {printable(attached.address)}" if attached.address else "no address"
        yield _Fact(bool(attached.address), address)
    if match.interface_name and attached.usb:
        yield _name(match, match.interface_name, attached.usb, asks)
    if match.volume_label:
        yield _label(match.volume_label, attached.disks, asks, encoding)


def _device_facts(match: Match, usb: UsbDevice) -> Iterator[_Fact]:
    if match.usb:
        holds = _is_id(match.usb, usb.vendor, usb.product)
        yield _Fact(holds, f"USB id {usb_id(usb.vendor, usb.product)}", match.usb)
    if match.device_class:
        holds = _is_class(match.device_class, usb.triple)
        yield _Fact(holds, f"device class {triple(usb.triple)}", match.device_class)
    if match.interface:
        yield _interface(match, match.interface, usb)


def _interface(match: Match, wanted: str, usb: UsbDevice) -> _Fact:
    pipes = " with still image pipes" if match.pipes else ""
    if fitting := _interfaces(match, usb):
        return _Fact(holds=True, shown=f"interface {triple(fitting[0].triple)}{pipes}")
    shown = ", ".join(sorted({triple(each.triple) for each in usb.interfaces})) or "none"
    return _Fact(holds=False, shown=f"interfaces {shown}", wanted=f"{wanted}{pipes}")


def _interfaces(match: Match, usb: UsbDevice) -> list[Interface]:
    return [
        each
        for each in usb.interfaces
        if _is_class(match.interface or "*/*/*", each.triple)
        and (match.pipes is None or each.has_still_image_pipes)
    ]


def _serial(match: Match, ports: tuple[SerialPort, ...]) -> _Fact:
    shown = [_serial_words(port) for port in ports]
    for port, words in zip(ports, shown, strict=True):
        named = fnmatchcase(port.node.name.lower(), (match.serial_port or "*").lower())
        if named and (match.adapter is None or _is_id(match.adapter, port.vendor, port.product)):
            return _Fact(holds=True, shown=words)
    wanted = " of ".join(each for each in (match.serial_port, match.adapter) if each)
    if not shown:
        return _Fact(holds=False, shown="no serial port")
    return _Fact(holds=False, shown=", ".join(shown), wanted=wanted)


def _serial_words(port: SerialPort) -> str:
    behind = f" of adapter {usb_id(port.vendor, port.product)}" if port.vendor is not None else ""
    return f"serial port {printable(port.node.name)}{behind}"


def _name(match: Match, pattern: str, usb: UsbDevice, asks: Asks) -> _Fact:
    if asks.interface_name is None:
        return _Fact(asks.assumed, "interface name not asked for", pattern)
    names = [asks.interface_name(usb, each) for each in _interfaces(match, usb)]
    return _first_fit("interface name", pattern, names)


def _label(pattern: str, disks: Iterable[Disk], asks: Asks, encoding: str) -> _Fact:
    if asks.volume_labels is None:
        return _Fact(asks.assumed, "volume label not asked for", pattern)
    labels = [label for disk in disks for label in asks.volume_labels(disk, encoding)]
    return _first_fit("volume label", pattern, labels)


def _first_fit(what: str, pattern: str, texts: Iterable[str]) -> _Fact:
    given = [text for text in texts if text]
    for text in given:
        if finds(pattern, text):
            return _Fact(holds=True, shown=f'{what} "{printable(text)}"')
    if not given:
        return _Fact(holds=False, shown=f"no {what}")
    shown = ", ".join(f'"{printable(text)}"' for text in given)
    return _Fact(holds=False, shown=f"{what} {shown}", wanted=pattern)


def _is_id(wanted: str, vendor: int | None, product: int | None) -> bool:
    if vendor is None or product is None:
        return False
    maker, _, model = wanted.partition(":")
    return maker == f"{vendor:04x}" and model in ("*", f"{product:04x}")


def _is_class(wanted: str, shown: Triple) -> bool:
    return all(
        want in ("*", f"{have:02x}") for want, have in zip(wanted.split("/"), shown, strict=True)
    )


def usb_id(vendor: int, product: int | None) -> str:
    """`4255:0001`."""
    return f"{vendor:04x}:{product or 0:04x}"


def triple(shown: Triple) -> str:
    """`06/01/01`."""
    return "/".join(f"{each:02x}" for each in shown)
