"""The campaigns as commands; each ends with one line, and with status 1 where anything failed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from secrets import randbelow
from typing import Any

import click

from .clearing import SCENES, one_clearing
from .clearing_bugs import BUGS
from .full_disk import inside, one_full_disk
from .gigabyte import one_gigabyte
from .kills import one_kill
from .outcome import Run, campaign
from .sealed import one_sealed
from .unplugs import one_unplug
from .usbip_kernel import one_kernel
from .week import one_week

Command = Callable[..., Any]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def campaigns() -> None:
    """Hurt a whole system of real processes, many times, and prove that nothing is lost."""


def _options(runs: int) -> Callable[[Command], Command]:
    number = click.option("--runs", type=click.IntRange(1), default=runs, show_default=True)
    seed = click.option("--seed", type=int, help="Of the first run; each next one has one more.")
    return lambda command: number(seed(command))


def _do(name: str, one: Callable[[Run], None], runs: int, seed: int | None) -> None:
    first = randbelow(2**31) if seed is None else seed
    outcome = campaign(name, range(first, first + runs), one)
    click.echo(outcome.line())
    sys.exit(0 if outcome.good else 1)


@campaigns.command()
@_options(200)
def kills(runs: int, seed: int | None) -> None:
    """SIGKILL to dock, archive and broker at random moments."""
    _do("kills", one_kill, runs, seed)


@campaigns.command()
@_options(60)
@click.option("--bug", type=click.Choice(sorted(BUGS)), help="To be found: then a run must fail.")
@click.option("--scene", type=click.Choice(SCENES), help="For all runs; else by the seed.")
def clearing(runs: int, seed: int | None, bug: str | None, scene: str | None) -> None:
    """SIGKILL to dock, archive and broker while recorders are cleared."""
    _do("clearing", partial(one_clearing, bug=bug, scene=scene), runs, seed)


@campaigns.command()
@_options(50)
def unplugs(runs: int, seed: int | None) -> None:
    """A recorder is unplugged at random USB transfers, and comes back in some bay."""
    _do("unplugs", one_unplug, runs, seed)


@campaigns.command()
@_options(1)
@click.option("--clips", type=click.IntRange(1), default=3000, show_default=True)
def week(runs: int, seed: int | None, clips: int) -> None:
    """Recorders keep coming while the broker is away for a week."""
    _do("week", partial(one_week, clips=clips), runs, seed)


@campaigns.command()
@_options(1)
def gigabyte(runs: int, seed: int | None) -> None:
    """1 GiB through the whole way, checked with stock tools."""
    _do("gigabyte", one_gigabyte, runs, seed)


@campaigns.command()
@_options(6)
@click.option("--disk", type=click.Choice(["ext4", "tmpfs"]), default="ext4", show_default=True)
def full_disk(runs: int, seed: int | None, disk: str) -> None:
    """The dock's disk is too small for what is docked; ext4 needs root."""
    inside()
    _do("full-disk", partial(one_full_disk, kind=disk), runs, seed)


@campaigns.command()
@_options(200)
@click.option("--control", is_flag=True, help="Without encryption: the markers must be found.")
@click.option("--disk", type=click.Choice(["ext4", "folder"]), default="ext4", show_default=True)
def sealed(runs: int, seed: int | None, disk: str, *, control: bool) -> None:
    """Plain text is searched in the raw disk of a dock that encrypts; ext4 needs root."""
    inside()
    one = partial(one_sealed, form="plain" if control else "age", kind=disk)
    _do("sealed-control" if control else "sealed", one, runs, seed)


@campaigns.command()
@_options(1)
def usbip_kernel(runs: int, seed: int | None) -> None:
    """A real Linux kernel reads simulated disks over USB/IP; needs QEMU and the network."""
    _do("usbip-kernel", one_kernel, runs, seed)


if __name__ == "__main__":
    campaigns(prog_name="python -m tests.campaign")
