"""`bodydock run` and `bodydock validate`: the dock's daemon and its configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.logs import start_logging
from agent.cli.memory import keep_buffers, no_core
from agent.cli.stopping import stop_on_signals
from agent.config import DOCK_FILE, DockConfig, load
from agent.model import printable

RELEASED_FIRST = """\
note: spool.hold_hours is not more than clearing.grace_hours. When the spool is full,
the dock's copy of a clip may then be released before its recorder is cleared of it,
and what has no copy here is never cleared: give it some days more to be docked again."""

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, readable=False),
    default=DOCK_FILE,
    show_default=True,
    help="The dock's configuration.",
)


def log_options(command: F) -> F:
    """How a daemon logs; auto: for the journal under systemd, text at a terminal, else JSON."""
    forms = click.Choice(["auto", "journal", "json", "text"])
    levels = click.Choice(["debug", "info", "warning", "error"])
    command = click.option("--log-level", type=levels, default="info", show_default=True)(command)
    return click.option("--log-format", type=forms, default="auto", show_default=True)(command)


@click.command(short_help="Run the dock until SIGTERM.")
@config_option
@log_options
def run(path: Path, log_format: str, log_level: str) -> int:
    """Run the dock until SIGTERM: pull from recorders, send to the archive."""
    config = load(DockConfig, path)
    start_logging(form=log_format, level=log_level)
    keep_buffers()
    no_core()
    from agent.daemon import run_dock

    with stop_on_signals() as stop:
        run_dock(config, stop.event)
    return stop.exit_code


@click.command(short_help="Check the dock's configuration; change nothing.")
@config_option
def validate(path: Path) -> None:
    """Check the dock's configuration and say what it means; changes nothing."""
    config = load(DockConfig, path)
    config.broker.password()
    bays = ", ".join(f"{bay.name} at port {bay.port}" for bay in config.bay) or "every USB port"
    broker = f"{config.broker.host}:{config.broker.port}"
    click.echo(
        printable(
            f"{path}: good; dock {config.dock.id}, broker {broker}, bays: {bays}, "
            f"state in {config.dock.state}"
        )
    )
    if config.clearing.mode == "on" and config.spool.hold_hours <= config.clearing.grace_hours:
        click.echo(RELEASED_FIRST)


@click.command(short_help="Print the dock's public key, which an archive pins.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def key(path: Path, *, as_json: bool) -> None:
    """Print the dock's public key, which an archive pins; it is made on first use."""
    from agent.cli.show import print_json
    from agent.custody.dock_key import CREDENTIAL
    from agent.custody.keys import SecretKey

    config = load(DockConfig, path)
    public = SecretKey.load_or_make(config.key, CREDENTIAL).public
    if as_json:
        print_json({"dock": config.dock.id, "key": public.text, "name": public.name})
    else:
        click.echo(public.text)
