"""`bodydock archive …`: the far end."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from agent.cli.archive_config import config_option
from agent.cli.archive_custody import custody
from agent.cli.archive_due import due, findings
from agent.cli.archive_export import archive_export, archive_exports
from agent.cli.archive_find import find_clips, show
from agent.cli.archive_keys import archive_keys
from agent.cli.archive_orders import annotate, hold, lift, tree
from agent.cli.archive_restored import restored
from agent.cli.logs import start_logging
from agent.cli.memory import keep_buffers, no_core
from agent.cli.policy import archive_policy
from agent.cli.run import log_options
from agent.cli.show import print_json, size_text
from agent.cli.stopping import stop_on_signals
from agent.clock import SystemClock
from agent.config import ArchiveConfig, load


@click.group(short_help="Receive, verify and store clips, and sign receipts.")
def archive() -> None:
    """Receive, verify and store clips, and sign receipts."""


for _command in (
    annotate,
    archive_keys,
    archive_policy,
    custody,
    due,
    find_clips,
    findings,
    hold,
    lift,
    restored,
    show,
    tree,
    archive_export,
    archive_exports,
):
    archive.add_command(_command)


@archive.command(short_help="Run a receiver until SIGTERM.")
@config_option
@log_options
def run(path: Path, log_format: str, log_level: str) -> int:
    """Run a receiver until SIGTERM."""
    from agent.archive.receiver import Receiver
    from agent.archive.settings import ArchiveSettings
    from agent.custody.keys import public_key
    from agent.link.broker import settings_from

    config = load(ArchiveConfig, path)
    start_logging(form=log_format, level=log_level)
    keep_buffers()
    no_core()
    settings = ArchiveSettings(
        archive=config.archive.id,
        receiver=config.archive.receiver,
        root=config.archive.root,
        floor=config.archive.floor,
        window=config.archive.window,
        docks={dock: public_key(text) for dock, text in config.docks.items()},
        tree=config.archive.tree,
        identity=config.archive.identity,
        keeps_plain=config.archive.store == "plain",
    )
    receiver = Receiver(settings, settings_from(config.broker), SystemClock())
    with stop_on_signals() as stop:
        receiver.run(stop.event)
    return stop.exit_code


@archive.command(short_help="Print the public key that docks pin.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def key(path: Path, *, as_json: bool) -> None:
    """Print the public key that docks pin; the signing key is made on first use."""
    from agent.archive.own_keys import signing_key

    config = load(ArchiveConfig, path)
    public = signing_key(config.archive.root).public
    if as_json:
        print_json({"archive": config.archive.id, "key": public.text, "name": public.name})
    else:
        click.echo(public.text)


@archive.command("age-key", short_help="Print the key that docks encrypt to.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def age_key(path: Path, *, as_json: bool) -> None:
    """Print the age public key that docks encrypt clips to, for `spool.encrypt_to`.

    The identity that opens them is made on first use, in the file that `archive.identity` names,
    else in `keys/age.txt` in the archive's folder. Whoever has that file can open every clip;
    whoever loses it can open none: keep a copy of it apart from the archive.
    """
    from agent.archive.age_key import IDENTITY, load_or_make

    config = load(ArchiveConfig, path).archive
    file = config.identity or config.root / IDENTITY
    keys = load_or_make(file)
    if as_json:
        print_json({"archive": config.id, "keys": list(keys), "identity": str(file)})
        return
    for each in keys:
        click.echo(each)
    if config.identity is None:
        click.echo(f'[archive] identity = "{file}" lets this archive open clips', err=True)


@archive.command(short_help="Compare every stored object with its digest.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(path: Path, *, as_json: bool) -> int:
    """Read every stored object again and compare it with its digest; changes nothing."""
    from agent.archive.verify import verify_store

    report = verify_store(load(ArchiveConfig, path).archive.root)
    if as_json:
        print_json({**asdict(report), "sound": report.sound})
        return 0 if report.sound else 1
    for word in ("missing", "damaged", "extra"):
        for name in getattr(report, word):
            click.echo(f"{word}: {name}")
    verdict = "sound" if report.sound else "NOT SOUND"
    click.echo(
        f"{report.objects} objects, {size_text(report.bytes)} read, "
        f"catalogue {report.catalogue}: {verdict}"
    )
    return 0 if report.sound else 1
