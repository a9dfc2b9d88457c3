"""`bodydock demo`: the whole way on one machine, with the network pulled in the middle."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import click
from rich.console import Console
from rich.table import Table

from agent.cli.show import console, print_json, size_text
from hwsim.demo.footage import SMALLEST, plant
from hwsim.demo.verdict import CHECKLISTS, ClipVerdict, judge, write_checklists
from hwsim.demo.watch import Watch
from hwsim.demo.world import World
from hwsim.sizes import Size

OUTAGE_SECONDS = 4.0
PATIENCE_SECONDS = 600.0
SPARE = 512 * 2**20


@click.command(short_help="Show the whole way on one machine.")
@click.option("--recorders", type=click.IntRange(1, 16), default=4, show_default=True)
@click.option(
    "--clip-size",
    type=Size(SMALLEST, "a clip"),
    default="32 MiB",
    show_default=True,
    help="The largest clip.",
)
@click.option("--keep", is_flag=True, help="Keep recorders, spool and logs too.")
@click.option("--json", "as_json", is_flag=True, help="The result for machines.")
@click.option("--seed", type=int, default=None, help="Which footage; a number repeats it.")
def demo(recorders: int, clip_size: int, seed: int | None, *, keep: bool, as_json: bool) -> None:
    """Dock simulated recorders, pull the network in the middle, prove that every byte arrived.

    Broker, archive and dock are real and run as processes of their own; only the recorders
    beneath pyusb are simulated. Exit status 0 only if the archive's files are bit for bit what
    the recorders hold.
    """
    out = Console(stderr=True, highlight=False) if as_json else console()
    sizes = [_sizes(number, clip_size) for number in range(1, recorders + 1)]
    folder = Path(tempfile.mkdtemp(prefix="bodydock-demo-"))
    _insist_on_room(folder, sum(map(sum, sizes)))
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        world = _play(folder, sizes, Random(seed), out)
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        out.print("interrupted; nothing is left behind")
        sys.exit(128 + signal.SIGINT)
    verdicts = judge(world)
    good = bool(verdicts) and all(verdict.good for verdict in verdicts)
    write_checklists(folder, verdicts)
    if good and not keep:
        for name in ("recorders", "dock", "broker"):
            shutil.rmtree(folder / name)
    seconds = time.monotonic() - began
    if as_json:
        _print_document(verdicts, folder, seconds, good=good)
    else:
        _print_page(out, verdicts, folder, seconds, good=good)
    sys.exit(0 if good else 1)


def _sizes(number: int, largest: int) -> list[int]:
    """Three clips a recorder: films of a shift, photos and sounds smaller."""
    return [largest, largest // 4, largest // 16] if number % 4 in {1, 2} else [largest // 16] * 3


def _insist_on_room(folder: Path, footage: int) -> None:
    """Recorders, spool and archive each hold everything once."""
    needed, free = 3 * footage + SPARE, shutil.disk_usage(folder).free
    if needed > free:
        folder.rmdir()
        raise click.ClickException(
            f"{folder.parent} has {size_text(free)} free and the demo needs {size_text(needed)}; "
            "take a smaller --clip-size, or name another place in TMPDIR"
        )


def _play(folder: Path, sizes: list[list[int]], random: Random, out: Console) -> World:
    """Everything from the first recorder to the last receipt; all processes have ended then."""
    world = World.make(folder, apart=0.5)
    try:
        for number, of_one in enumerate(sizes, 1):
            plant(world.recorders, number, of_one, random)
        out.print(
            f"broker {world.broker.kind}, an archive, a dock and recorders, in {folder}",
            soft_wrap=True,
        )
        _watch(world, out)
    finally:
        world.close()
    return world


def _watch(world: World, out: Console) -> None:
    watch = Watch(world, out)
    out.print(f"the recorders hold {watch.clips} clips, {size_text(watch.bytes)}")
    world.start_archive()
    world.start_dock()
    watch.until(lambda counts: watch.receipted(counts) > watch.bytes // 4, seconds=60)
    watch.network = "pulled"
    world.link.cut()
    out.print("the network is pulled: recorders are read on, footage waits on the dock")
    watch.until(lambda _: False, seconds=OUTAGE_SECONDS)
    watch.network = "up again"
    world.link.mend()
    out.print("the network is back: uploads go on where they broke off")
    if not watch.until(watch.all_receipted, seconds=PATIENCE_SECONDS):
        out.print("not everything arrived in time; the logs lie in the folder")
    for name in ("dock", "archive"):
        world.stop(name)


def _print_document(
    verdicts: list[ClipVerdict], folder: Path, seconds: float, *, good: bool
) -> None:
    clips = [verdict.document() for verdict in verdicts]
    size = sum(verdict.size for verdict in verdicts)
    document = {"good": good, "seconds": round(seconds, 1), "bytes": size, "clips": clips}
    print_json({**document, "folder": str(folder)})


def _print_page(
    out: Console, verdicts: list[ClipVerdict], folder: Path, seconds: float, *, good: bool
) -> None:
    out.print(_table(verdicts))
    size = size_text(sum(verdict.size for verdict in verdicts))
    if not good:
        out.print(f"[bold red]NOT every byte arrived[/]; everything is kept in {folder}")
        return
    out.print(f"[bold green]every byte arrived[/]: {len(verdicts)} clips, {size}", end="")
    out.print(f", the network pulled in between, {seconds:.0f} s in all")
    out.print(f"\nthe archive's files lie in {folder / 'archive'}; check them without us:")
    for tool, name in CHECKLISTS.items():
        out.print(f"  cd {folder} && {tool} --check {name}", soft_wrap=True)
    out.print(f"and when you are done: rm -r {folder}", soft_wrap=True)


def _table(verdicts: list[ClipVerdict]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("recorder", "clip", "size", "BLAKE3", "SHA-256", "receipt", "bytes"):
        table.add_column(
            heading,
            justify="right" if heading == "size" else "left",
            overflow="fold",
            no_wrap=heading != "clip",
        )
    for one in verdicts:
        table.add_row(
            one.recorder,
            one.path.rsplit("/", 1)[-1],
            size_text(one.size),
            one.blake3[:8],
            one.sha256[:8],
            "signed" if one.receipt else "[red]none[/]",
            "identical" if one.identical else "[red]DIFFERENT[/]",
        )
    return table
