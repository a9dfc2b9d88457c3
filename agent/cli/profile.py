"""`bodydock profile`: what the dock knows of recorder families, and what matches here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.table import Table

from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown
from agent.config import DOCK_FILE, DockConfig, Recorders, load
from agent.errors import ConfigError, NotPermitted, RecorderError
from agent.link.attached import Attached, Disk
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.link.usb_facts import Interface, UsbDevice
from agent.model import printable
from agent.recorder.profiles.asking import asked_interface_name, asked_volume_labels
from agent.recorder.profiles.load import Profiles, load_profile, read_profiles, shipped_folder
from agent.recorder.profiles.match import (
    Asks,
    Candidate,
    candidates,
    triple,
    usb_id,
    verdicts,
)
from agent.recorder.profiles.rules import udev_rules

T = TypeVar("T")

as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group(short_help="List, check and match profiles of recorders.")
def profile() -> None:
    """Recorder families: check, list and match their profiles."""


@profile.command(short_help="Check profiles, and name every fault with its line.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, readable=False))
@config_option
def check(files: tuple[Path, ...], path: Path) -> None:
    """Check profiles, and name every fault with its line.

    Without FILES, all that this dock would load. Nothing is sent to any recorder.
    """
    faults: list[str] = []
    if not files:
        profiles = _profiles(_config(path))
        faults += profiles.faults
        files = tuple(one.path for one in profiles)
    for file in files:
        try:
            found = load_profile(file)
        except (ConfigError, NotPermitted) as error:
            faults += str(error).splitlines()
        else:
            click.echo(printable(f"{file}: good; {found.id}, {found.name}"))
    if faults:
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise ConfigError("\n".join([f"{count} in profiles", *faults]))


@profile.command("list", short_help="List the profiles that this dock uses.")
@config_option
@as_json_option
def list_(path: Path, *, as_json: bool) -> None:
    """List the profiles that this dock uses.

    Its own come first; one with the id of a shipped one stands in its place.
    """
    profiles = _profiles(_config(path))
    if as_json:
        print_json({"profiles": list(_listed(profiles)), "faults": list(profiles.faults)})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "driver", "dialect", "from", "certainty"):
        table.add_column(heading)
    for row in _listed(profiles):
        came = "local" if row["local"] else "shipped"
        facts = (row["id"], row["name"], row["driver"], row["dialect"] or "", came)
        table.add_row(*map(shown, facts), row["certainty"])
    console().print(table)
    _tell(profiles)


@profile.command(short_help="Show what is plugged in, and which profiles match it.")
@config_option
@click.option("--why", is_flag=True, help="Say of each other match what does not fit.")
@as_json_option
def match(path: Path, *, why: bool, as_json: bool) -> None:
    """Show what is plugged in now, which profiles match it and why.

    Reads names of USB interfaces and labels of volumes where a profile asks for them, and sends
    nothing else.
    """
    config, bus = _config(path), UsbBus()
    profiles = _profiles(config)
    serial_ports, addresses = (config.serial_ports, config.addresses) if config else ([], {})
    asks = _asks(bus)
    attached = Machine(bus, serial_ports=serial_ports, addresses=addresses).attached()
    _tell(profiles)
    if as_json:
        print_json([_document(each, profiles, asks) for each in attached])
        return
    for each in attached:
        for line in match_lines(each, profiles, asks, why=why):
            click.echo(line)
    if not attached:
        click.echo("Nothing is plugged in.")


@profile.command(short_help="Print udev rules for the profiles in use.")
@config_option
def rules(path: Path) -> None:
    """Print udev rules for the profiles that this dock uses."""
    profiles = _profiles(_config(path))
    click.echo(udev_rules(one.profile for one in profiles), nl=False)
    _tell(profiles)


def match_lines(
    attached: Attached, profiles: Profiles, asks: Asks, *, why: bool = False
) -> Iterator[str]:
    """What `profile match` says of one port."""
    yield printable(f"port {attached.port}: {'; '.join(_shows(attached))}")
    found = _candidates(attached, profiles, asks)
    for place, one in enumerate(found, 1):
        came = "local" if one.local else "shipped"
        decides = "; its probe decides" if one.probe else ""
        yield f"  {place}. {one.profile.id} ({came}), match {one.number}{decides}"
        yield from (f"       {fact}" for fact in one.why)
    if not found:
        yield "  no profile matches: it is left alone"
    if why:
        yield from (
            f"  not {row['profile']}, match {row['match']}: {row['missed']}"
            for row in _misses(attached, profiles, asks)
        )


def _candidates(attached: Attached, profiles: Profiles, asks: Asks) -> list[Candidate]:
    return candidates(
        attached,
        profiles,
        interface_name=asks.interface_name,
        volume_labels=asks.volume_labels,
    )


def _misses(attached: Attached, profiles: Profiles, asks: Asks) -> Iterator[dict[str, Any]]:
    for one in profiles:
        for verdict in verdicts(attached, one.profile, asks):
            if verdict.missed:
                yield {
                    "profile": one.profile.id,
                    "match": verdict.number,
                    "held": list(verdict.held),
                    "missed": verdict.missed,
                }


def _document(attached: Attached, profiles: Profiles, asks: Asks) -> dict[str, Any]:
    found = [
        {
            "profile": one.profile.id,
            "local": one.local,
            "file": str(one.path),
            "match": one.number,
            "why": list(one.why),
            "probe": one.probe,
        }
        for one in _candidates(attached, profiles, asks)
    ]
    return {
        "port": attached.port,
        "shows": list(_shows(attached)),
        "candidates": found,
        "misses": list(_misses(attached, profiles, asks)),
    }


def _shows(attached: Attached) -> Iterator[str]:
    if usb := attached.usb:
        yield f"USB id {usb_id(usb.vendor, usb.product)}"
        yield f"interfaces {', '.join(sorted({triple(each.triple) for each in usb.interfaces}))}"
    for disk in attached.disks:
        yield f"disk {disk.node.name}"
    for port in attached.serials:
        yield f"serial port {port.node.name}"
    if attached.address:
        yield f"address {attached.address}"


def _listed(profiles: Profiles) -> Iterator[dict[str, Any]]:
    for one in profiles:
        yield {
            "id": one.profile.id,
            "name": one.profile.name,
            "driver": one.profile.driver,
            "dialect": one.profile.control.transport if one.profile.control else None,
            "local": one.local,
            "file": str(one.path),
            "certainty": one.profile.source.certainty,
            "facts": one.profile.source.facts,
        }


def _asks(bus: UsbBus) -> Asks:
    """What cannot be asked has no name and no label, which is said."""
    name_of = asked_interface_name(bus)

    def name(device: UsbDevice, interface: Interface) -> str:
        return _told(lambda: name_of(device, interface)) or ""

    def labels(disk: Disk, encoding: str) -> tuple[str, ...]:
        return _told(lambda: asked_volume_labels(disk, encoding)) or ()

    return Asks(name, labels)


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except RecorderError as error:
        click.echo(f"bodydock: {error}", err=True)
        return None


def _config(path: Path) -> DockConfig | None:
    """None where there is no configuration yet, and nobody named one."""
    return load(DockConfig, path) if path != DOCK_FILE or path.exists() else None


def _profiles(config: DockConfig | None) -> Profiles:
    recorders = config.recorders if config else Recorders()
    return read_profiles(shipped_folder(), recorders.profiles)


def _tell(profiles: Profiles) -> None:
    for fault in profiles.faults:
        click.echo(f"bodydock: left out: {fault}", err=True)
