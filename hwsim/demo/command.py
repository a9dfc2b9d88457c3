"""`bodydock demo`: the whole way on one machine, with the network pulled in the middle."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import click
from rich.console import Console
from rich.table import Table

from agent.cli.show import print_json, size_text
from agent.config import parse_size
from hwsim.demo.footage import plant
from hwsim.demo.verdict import ClipVerdict, judge
from hwsim.demo.watch import Watch
from hwsim.demo.world import World

OUTAGE_SECONDS = 4.0
PATIENCE_SECONDS = 600.0


class _Size(click.ParamType[int]):
    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--recorders", type=click.IntRange(1, 16), default=4, show_default=True)
@click.option(
    "--clip-size", type=_Size(), default="32 MiB", show_default=True, help="The largest clip."
)
@click.option("--keep", is_flag=True, help="Keep the folder, and say how to check the files.")
@click.option("--json", "as_json", is_flag=True, help="The result for machines.")
@click.option("--seed", type=int, default=None, help="Which footage; a number repeats it.")
def demo(recorders: int, clip_size: int, seed: int | None, *, keep: bool, as_json: bool) -> None:
    """Dock simulated recorders, pull the network in the middle, prove that every byte arrived.

    Broker, archive and dock are real and run as processes of their own; only the recorders
    beneath pyusb are simulated. Exit status 0 only if the archive's files are bit for bit what
    the recorders hold.
    """
    console = Console(stderr=as_json, highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="bodydock-demo-"))
    random = Random(seed)
    began = time.monotonic()
    world = World.make(folder, apart=0.5)
    try:
        for number in range(1, recorders + 1):
            plant(world.recorders, number, _sizes(number, clip_size), random)
        kind = world.broker.kind
        console.print(f"broker {kind}, an archive, a dock and {recorders} recorders in {folder}")
        _play(world, console)
    finally:
        world.close()
    verdicts = judge(world)
    good = bool(verdicts) and all(verdict.good for verdict in verdicts)
    if as_json:
        _print_document(verdicts, folder, time.monotonic() - began, good=good)
    else:
        _print_page(console, verdicts, folder, time.monotonic() - began, good=good, keep=keep)
    if good and not keep:
        shutil.rmtree(folder)
    sys.exit(0 if good else 1)


def _sizes(number: int, largest: int) -> list[int]:
    """Three clips a recorder: films of a shift, photos and sounds smaller."""
    return [largest, largest // 4, largest // 16] if number % 4 in {1, 2} else [largest // 16] * 3


def _play(world: World, console: Console) -> None:
    watch = Watch(world, console)
    console.print(f"the recorders hold {watch.clips} clips, {size_text(watch.bytes)}")
    world.start_archive()
    world.start_dock()
    watch.until(lambda counts: watch.receipted(counts) > watch.bytes // 4, seconds=60)
    watch.network = "pulled"
    world.link.cut()
    console.print("the network is pulled: recorders are read on, footage waits on the dock")
    watch.until(lambda _: False, seconds=OUTAGE_SECONDS)
    watch.network = "up"
    world.link.mend()
    console.print("the network is back: uploads go on where they broke off")
    if not watch.until(watch.all_receipted, seconds=PATIENCE_SECONDS):
        console.print("not everything arrived in time; the logs lie in the folder")
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
    console: Console,
    verdicts: list[ClipVerdict],
    folder: Path,
    seconds: float,
    *,
    good: bool,
    keep: bool,
) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("recorder", "clip", "size", "BLAKE3", "SHA-256", "receipt", "bytes"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    for one in verdicts:
        table.add_row(
            one.recorder,
            one.path.rsplit("/", 1)[-1],
            size_text(one.size),
            one.blake3[:12],
            one.sha256[:12],
            "signed" if one.receipt else "[red]none[/]",
            "identical" if one.identical else "[red]DIFFERENT[/]",
        )
    console.print(table)
    size = size_text(sum(verdict.size for verdict in verdicts))
    if good:
        console.print(f"every byte arrived: {len(verdicts)} clips, {size}, in {seconds:.0f} s")
    else:
        console.print(f"[red]NOT every byte arrived[/]; look into {folder}")
    if keep or not good:
        console.print(f"\nthe files lie in {folder / 'archive' / 'objects'}; check them with:")
        stored = folder / "archive" / verdicts[0].stored_as if verdicts else folder
        console.print(f"  b3sum {stored}\n  sha256sum {stored}", soft_wrap=True)
        console.print("a file's name, folders included, is its BLAKE3 digest")
    else:
        console.print("run it with --keep to keep the files and check them yourself")
