"""The dock's parts, each made from its configuration by hand."""

from __future__ import annotations

from functools import partial
from random import Random

from agent.clock import Clock
from agent.config import DockConfig
from agent.config.retention import classes
from agent.custody.dock_key import DockKey
from agent.custody.keys import public_key
from agent.custody.log import CustodyLog
from agent.custody.orders import Office
from agent.custody.pinned import Pinned
from agent.custody.stamps import Stamper
from agent.errors import NotPermitted, SpoolBroken
from agent.link.broker import settings_from
from agent.link.http import post
from agent.link.mqtt import MqttLink
from agent.offload.clearing.clear import Office as Clearing
from agent.offload.clearing.policy import effective
from agent.offload.clearing.rule import Limits
from agent.spool.cipher import Cipher
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.uplink.challenger import Challenger
from agent.uplink.commands import commands_for
from agent.uplink.custody import Courier
from agent.uplink.follower import Follower
from agent.uplink.uplink import Uplink


def make_folders(config: DockConfig) -> None:
    """State and runtime; raises `NotPermitted` or `SpoolBroken` where they cannot be."""
    for folder in (config.dock.state, config.dock.runtime):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        except PermissionError as error:
            raise NotPermitted(
                f"{folder} may not be made by this user", do="make it, or name another"
            ) from error
        except OSError as error:
            raise SpoolBroken(
                f"{folder} cannot be made: {error.strerror}", do="make it, or name another"
            ) from error


def make_cipher(config: DockConfig) -> Cipher | None:
    """What encrypts clips, where a key is configured. Raises `ConfigError` as `Cipher`."""
    return Cipher(config.spool.encrypt_to) if config.spool.encrypt_to else None


def make_spool(config: DockConfig, ledger: Ledger, cipher: Cipher | None, random: Random) -> Spool:
    return Spool(
        config.dock.state,
        ledger,
        quota=config.spool.quota,
        floor=config.spool.floor,
        digests=frozenset(config.spool.digests),
        hold_seconds=config.spool.hold_hours * 3600,
        random=random,
        cipher=cipher,
    )


def make_pinned(config: DockConfig, ledger: Ledger) -> Pinned:
    """The archive's keys that count here; says so where the configuration is behind."""
    configured = [public_key(text) for text in config.archive.keys]
    pinned = Pinned(configured, ledger.journal.archive_changes(), ledger)
    pinned.tell()
    return pinned


def make_uplink(
    config: DockConfig,
    own: DockKey,
    ledger: Ledger,
    spool: Spool,
    office: Office,
    custody: CustodyLog,
    clock: Clock,
    random: Random,
) -> Uplink:
    """With its errands: who takes the custody log to the archive, who has the archive prove what
    it has before a recorder is cleared, and who takes orders."""
    dock, pinned = config.dock.id, make_pinned(config, ledger)
    challenger = Challenger(
        dock=dock,
        books=ledger,
        spool=spool,
        key=own.secret,
        pinned=pinned,
        clock=clock,
        random=random,
        wake=lambda: uplink.poke(),
    )
    commands = commands_for(config, pinned, ledger, office, own.secret, clock)
    courier = Courier(dock, ledger, custody, pinned, random)
    uplink = Uplink(
        dock=dock,
        spool=spool,
        ledger=ledger,
        make_link=partial(MqttLink, settings_from(config.broker)),
        key=own.secret,
        pinned=pinned,
        clock=clock,
        random=random,
        errands=[Follower(pinned, clock), courier, challenger, commands],
        changes=own.newest,
        classes=classes(config.retention),
    )
    return uplink


def make_stamper(
    config: DockConfig, ledger: Ledger, clock: Clock, random: Random
) -> Stamper | None:
    """Who sees to time stamps, where an authority is configured."""
    if config.timestamps is None:
        return None
    return Stamper(ledger, config.timestamps, clock, random, post)


def make_clearing(config: DockConfig, ledger: Ledger, spool: Spool) -> Clearing:
    """Asks for the policy anew each time: policies come and holds are set while the dock runs."""

    def limits() -> Limits:
        return effective(config.clearing, ledger.newest_policy())

    return Clearing(ledger, spool, limits, ledger.custody_trouble)
