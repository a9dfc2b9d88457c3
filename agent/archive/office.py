"""People's orders at the archive: through the running receiver's door, or by one's own hand where
no receiver runs. The catalogue has one writer at any time, and the folder's lock tells who."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.archive.catalogue import Catalogue
from agent.archive.lock import ArchiveInUse, only_one
from agent.archive.own_keys import OwnKeys
from agent.archive.settings import CATALOGUE
from agent.archive.tree import Tree
from agent.clock import Clock, SystemClock, to_text
from agent.custody.export.record import ORDERS as EXPORT_ORDERS
from agent.custody.orders import Order, order_of
from agent.errors import StoreBroken, UsageError
from agent.link.door import Caller
from agent.link.knock import knock
from agent.model import is_digest, printable

log = logging.getLogger(__name__)

DOOR = "archive.sock"
"""The door's name in the archive's folder."""
TRIES = 25
PAUSE_S = 0.2
"""A receiver that starts or stops holds the folder for a moment and has no door."""


class ArchiveOffice:
    """Carries orders out. May be called from any thread."""

    def __init__(
        self, catalogue: Catalogue, tree: Tree | None, clock: Clock, own: Callable[[], OwnKeys]
    ) -> None:
        """`own` gives the archive's keys, where an order is about them."""
        self._own = own
        self._catalogue = catalogue
        self._tree = tree
        self._clock = clock
        self._verbs: dict[str, Callable[[Order, str], dict[str, Any]]] = {
            "annotate": catalogue.annotate,
            "hold": catalogue.hold,
            "lift": catalogue.lift,
            "restored": catalogue.restored,
            "restart-custody": catalogue.restart_custody,
            "tree": self._name_all,
            "rotate-key": self._rotate_key,
            "switch-key": self._switch_key,
            **dict.fromkeys(EXPORT_ORDERS, catalogue.export),
        }

    def answer(self, document: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """What the door hands in."""
        return self.carry_out(order_of(document, via=f"uid {caller.uid}"))

    def carry_out(self, order: Order) -> dict[str, Any]:
        """Raises `UsageError`, `Malformed`, `StoreBroken`; then nothing has changed."""
        verb = self._verbs.get(order.action)
        if verb is None:
            raise UsageError(f"this archive knows no order {printable(order.action)!r}")
        if order.clip and not is_digest(order.clip):
            raise UsageError("a clip's id is 64 lower-case hexadecimal digits")
        order = _trimmed(order)
        answer = verb(order, to_text(self._clock.now()))
        about = f" of clip {order.clip[:12]}" if order.clip else ""
        log.info("%s%s by %s", order.action, about, printable(order.who))
        return answer

    def _name_all(self, _: Order, __: str) -> dict[str, Any]:
        """Look at every clip's name again; whoever has the tree does so step by step."""
        if self._tree is None:
            raise UsageError("no [archive] tree is configured", do="name one, then start anew")
        self._tree.begin(anew=True)
        return {"to_name": self._catalogue.unshown_count()}

    def _rotate_key(self, order: Order, at: str) -> dict[str, Any]:
        told = self._own().rotate(order, at)
        self._catalogue.own_key(order, told, at)
        return told

    def _switch_key(self, order: Order, at: str) -> dict[str, Any]:
        """Journalled before the key changes its place, so that no change is without its order."""
        own = self._own()
        if not order.who.strip() or not order.why.strip():
            raise UsageError("who changes the key, and why?", do="give --by and --why")
        if own.waits:
            self._catalogue.own_key(order, {"event": "switch ordered"}, at)
        return own.switch()


def _trimmed(order: Order) -> Order:
    """An order as it is kept, and as it can go on to docks. Raises `Malformed`."""
    texts = {name: getattr(order, name).strip() for name in ("who", "why", "approval")}
    return order_of({**order.document(), **texts}, via=order.via)


def ask_archive(root: Path, archive: str, order: Order, tree: str = "") -> dict[str, Any]:
    """Have an order carried out by the receiver of `root`, or here where none runs.

    Raises what carrying it out raises, `ArchiveInUse` where somebody holds the folder and opens
    no door, `NoAnswer`, `NotPermitted`.
    """
    for _ in range(TRIES):
        if (root / CATALOGUE).exists() and (answer := knock(root / DOOR, order.document())):
            return answer
        try:
            return _alone(root, archive, order, tree)
        except ArchiveInUse:
            time.sleep(PAUSE_S)
    raise ArchiveInUse(f"another process has {root} open and takes no orders", do="try again soon")


def _alone(root: Path, archive: str, order: Order, tree: str) -> dict[str, Any]:
    if not (root / CATALOGUE).exists():
        raise StoreBroken(f"there is no catalogue in {root}", do="has the receiver run here?")
    lock = only_one(root)
    try:
        path, clock = root / CATALOGUE, SystemClock()
        with Catalogue(path, archive=archive, epoch=secrets.token_hex(16)) as catalogue:
            shown = Tree(root, catalogue, tree) if tree else None
            office = ArchiveOffice(catalogue, shown, clock, lambda: OwnKeys(root, archive))
            answer = office.carry_out(replace(order, via=f"uid {os.getuid()}"))
            while shown is not None and shown.step():
                pass
            return answer
    finally:
        os.close(lock)
