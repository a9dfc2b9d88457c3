"""The campaigns as commands; each ends with one line, and with status 1 where anything failed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from secrets import randbelow

import click

from .full_disk import inside, one_full_disk
from .gigabyte import one_gigabyte
from .kills import one_kill
from .outcome import Run, campaign
from .unplugs import one_unplug
from .week import one_week


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def campaigns() -> None:
    """Hurt a whole system of real processes, many times, and prove that nothing is lost."""


def _add(
    name: str,
    one: Callable[[Run], None],
    runs: int,
    about: str,
    prepare: Callable[[], None] | None = None,
) -> None:
    @campaigns.command(name, help=about)
    @click.option("--runs", type=click.IntRange(1), default=runs, show_default=True)
    @click.option(
        "--seed", type=int, default=None, help="Of the first run; each next has one more."
    )
    def command(runs: int, seed: int | None) -> None:
        if prepare:
            prepare()
        first = randbelow(2**31) if seed is None else seed
        outcome = campaign(name, range(first, first + runs), one)
        click.echo(outcome.line())
        sys.exit(0 if outcome.good else 1)


_add("kills", one_kill, 200, "SIGKILL to dock, archive and broker at random moments.")
_add("unplugs", one_unplug, 50, "A recorder is unplugged at random USB transfers, and comes back.")
_add("week", one_week, 1, "3,000 clips while the broker is away for a week.")
_add("gigabyte", one_gigabyte, 1, "1 GiB through the whole way, checked with stock tools.")
_add("full-disk", one_full_disk, 6, "The dock's disk is too small for what is docked.", inside)

if __name__ == "__main__":
    campaigns(prog_name="python -m tests.campaign")
