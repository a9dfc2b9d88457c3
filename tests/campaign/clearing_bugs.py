"""Bugs that a dock may be given, each of which the clearing campaign has to find.

In the dock's process, over the real code; never in a file of `agent`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.model import Clip, ClipId
from agent.offload.clearing import rule
from agent.offload.clearing.clear import Clearing
from agent.offload.clearing.eraser import RecorderEraser
from agent.spool.clearance import Clearance
from agent.spool.ledger import Ledger
from agent.uplink import proofs


def intent_after() -> None:
    """The intent is committed once the recorder has deleted the clip."""
    begin, erase = Ledger.begin_clearing, RecorderEraser.erase
    waiting: list[Callable[[], None]] = []

    def later(self: Ledger, *asked: Any) -> None:
        waiting.append(lambda: begin(self, *asked))

    def erase_first(self: RecorderEraser, clip: Clip) -> None:
        erase(self, clip)
        while waiting:
            waiting.pop()()

    _put(Ledger, "begin_clearing", later)
    _put(RecorderEraser, "erase", erase_first)


def proof_ignored() -> None:
    """A clip counts as proved as soon as a proof is wanted."""
    want = Ledger.want_proof

    def take(self: Ledger, clip: ClipId) -> None:
        want(self, clip)
        entry = self.find(clip)
        if entry is None or entry.receipt is None:
            return
        facts = {"archive": entry.receipt.archive, "epoch": entry.receipt.epoch, "proof": "{}"}
        if self.epoch_of(entry.receipt.archive) is None:
            self.epoch_seen(entry.receipt.archive, entry.receipt.epoch)
        with self._writing():
            state = Clearance.PROVED.value
            self._clear_row(clip, **facts, state=state, proved_from=self.running)

    _put(Ledger, "want_proof", take)


def loss_believed() -> None:
    """What an archive answers counts as a proof, also where it says that it lost the clip."""
    _put(proofs, "check", lambda *_, **__: None)


def hold_ignored() -> None:
    """The rule does not look at holds."""
    rule._STANDS[rule.Reason.HELD] = lambda _: False


def copy_dropped() -> None:
    """The dock's copy goes before the recorder's does."""
    delete = Clearing._delete

    def drop_first(self: Clearing, entry: Any) -> Any:
        self._office.spool.layout.clip(entry.clip).unlink()
        return delete(self, entry)

    _put(Clearing, "_delete", drop_first)


def released_early() -> None:
    """The dock gives up its copy as soon as the recorder is cleared, whatever the hold time is."""
    delete = Clearing._delete

    def release_then(self: Clearing, entry: Any) -> Any:
        after = delete(self, entry)
        if (now := self._ledger.clearing_of(entry.clip)) and now.state is Clearance.CLEARED:
            self._office.spool.release(entry.clip)
        return after

    _put(Clearing, "_delete", release_then)


def another_erased() -> None:
    """The recorder is told to delete the clip beside the right one."""
    erase = RecorderEraser.erase

    def wrong(self: RecorderEraser, clip: Clip) -> None:
        others = [each for each in self.look() if each != clip]
        erase(self, others[0] if others else clip)

    _put(RecorderEraser, "erase", wrong)


def _put(owner: object, name: str, instead: Callable[..., Any]) -> None:
    setattr(owner, name, instead)


BUGS: dict[str, Callable[[], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        intent_after,
        proof_ignored,
        loss_believed,
        hold_ignored,
        copy_dropped,
        released_early,
        another_erased,
    )
}
