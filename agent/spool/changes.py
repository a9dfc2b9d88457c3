"""What changed on a recorder between two contacts. Pure.

Article 21 forbids to open a recorder or to swap its parts, and evidence is asked whose it is; so
a change is written down as a finding, and people judge. The rules:

- **Of the recorder itself**, by its serial: another maker or model, firmware, id code, officer or
  unit than what it last said. What it does not say (an empty text) is no change.
- **A volume's serial number** is what ties a shell to what it says of itself: a file system's own
  number stays when the recorder's serial is rewritten. So, where a volume was last met in one
  other recorder: *another serial* if this one is new here and of the same maker and model,
  *a foreign card* otherwise. Nothing follows where several recorders had that number, since
  makers copy cards whole, nor from a number of one digit repeated.
- **Another card**: a volume that was not in the recorder at its last contact, where one of that
  contact is gone or this one was never met in it. Two slots that are read one after the other
  are no change.
- **The dirty flag**, and **a label** that should be the recorder's serial and is not: each is told
  when it is first seen so, not at every contact.

The same model in the same bay under another serial is *not* a change: recorders take turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.model import Identity, Storage, printable

WORDS = {
    "serial": "another serial in the same shell, or its card in a new recorder",
    "model": "another maker or model under this serial",
    "firmware": "another firmware",
    "id-code": "another id code",
    "officer": "another officer in the recorder",
    "unit": "another unit in the recorder",
    "card": "another card",
    "foreign-card": "a card that was last in another recorder",
    "dirty": "a file system that was not closed in order",
    "label": "a disk label that is not the recorder's serial",
    "vanished": "footage that was never pulled is not on the recorder any more",
    "vanished-kept": "footage that this dock has is not on the recorder any more",
    "resized": "a clip that has another size under its path and time",
    "rewritten": "a clip that has other bytes under its path, size and time",
    "backdated": "a clip that is new and older than what was there",
    "cleared-other": "a deletion took something else with it",
}
"""What each kind of finding means, for people."""


@dataclass(frozen=True, slots=True)
class Change:
    """One finding: `kind` is a key of `WORDS`; `before` and `after` are as the devices said."""

    kind: str
    before: str
    after: str

    @property
    def words(self) -> str:
        """In one line, safe to show."""
        words = WORDS.get(self.kind, self.kind)
        before = f"{self.before} before, " if self.before else ""
        return printable(f"{words}: {before}{self.after or 'none'} now")


@dataclass(frozen=True, slots=True)
class Volume:
    """A store as it was last met: in whose recorder, and at which contact."""

    recorder: str
    model: str
    """Maker and model of that recorder."""
    storage: Storage
    contact: int


def model_of(identity: Identity) -> str:
    """Maker and model as one text."""
    return f"{identity.maker} {identity.model}".strip()


def newest(identities: Sequence[Identity]) -> Identity | None:
    """What a recorder last said of itself, from its earlier contacts, the newest first: of each
    fact the last word that there was."""
    if not identities:
        return None
    last = identities[0]

    def word(name: str) -> str:
        said = (str(getattr(each, name)) for each in identities)
        return next((each for each in said if each), "")

    return Identity(
        last.maker,
        last.model,
        last.serial,
        word("firmware"),
        word("id_code"),
        word("officer"),
        word("unit"),
    )


def identity_changes(before: Identity | None, now: Identity) -> Iterator[Change]:
    """What the recorder says of itself, beside what it last said; None: it is new here."""
    if before is None:
        return
    facts = {
        "model": (model_of(before), model_of(now)),
        "firmware": (before.firmware, now.firmware),
        "id-code": (before.id_code, now.id_code),
        "officer": (before.officer, now.officer),
        "unit": (before.unit, now.unit),
    }
    for kind, (old, new) in facts.items():
        if old and new and old != new:
            yield Change(kind, old, new)


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that a recorder shows at a contact, and what the ledger knows to compare."""

    identity: Identity
    contact: int
    storages: Sequence[Storage]
    mine: Sequence[Volume]
    """What this recorder ever showed, also at this contact."""
    elsewhere: Sequence[Volume]
    """What other recorders showed under the same volume serials."""
    is_new: bool
    """This recorder was never here before this contact."""
    serial_is_label: bool

    def changes(self) -> Iterator[Change]:
        for storage in self.storages:
            if is_number(storage.serial) and not self._judged(storage):
                yield from self._card(storage)
            yield from self._state(storage)

    def _judged(self, storage: Storage) -> bool:
        """Met earlier in this very contact."""
        return any(
            each.contact == self.contact and each.storage.serial == storage.serial
            for each in self.mine
        )

    def _card(self, storage: Storage) -> Iterator[Change]:
        before = self._before()
        if storage.serial in before:
            return
        gone = before - {each.serial for each in self.storages}
        ever = {each.storage.serial for each in self.mine}
        if before and (gone or storage.serial not in ever):
            yield Change("card", ", ".join(sorted(gone)), storage.serial)
        yield from self._owner(storage)

    def _before(self) -> set[str]:
        """Volume serials of the last contact that showed any."""
        past = [
            each
            for each in self.mine
            if each.contact < self.contact and is_number(each.storage.serial)
        ]
        last = max((each.contact for each in past), default=0)
        return {each.storage.serial for each in past if each.contact == last}

    def _owner(self, storage: Storage) -> Iterator[Change]:
        owners = [each for each in self.elsewhere if each.storage.serial == storage.serial]
        if len({each.recorder for each in owners}) != 1:
            return
        owner = owners[0]
        if self.is_new and owner.model == model_of(self.identity):
            yield Change("serial", owner.recorder, self.identity.serial)
        else:
            yield Change("foreign-card", owner.recorder, storage.serial)

    def _state(self, storage: Storage) -> Iterator[Change]:
        known = [
            each.storage
            for each in self.mine
            if (each.storage.id, each.storage.serial) == (storage.id, storage.serial)
        ]
        if storage.dirty and not any(each.dirty for each in known):
            yield Change("dirty", "clean" if known else "", storage.label or storage.id)
        wrong = self.serial_is_label and not _is_label(self.identity.serial, storage.label)
        if wrong and not any(each.label == storage.label for each in known):
            yield Change("label", self.identity.serial, storage.label)


def is_number(serial: str) -> bool:
    """Whether a volume's serial number can tell it from others: not empty, not one digit
    repeated (`0000-0000`)."""
    return len(set(serial.lower()) - set("- :")) > 1


LABEL_LENGTH = 11
"""Characters of a FAT volume label (Microsoft FAT specification 1.03, BS_VolLab)."""


def _is_label(serial: str, label: str) -> bool:
    """FAT keeps labels in upper case and cuts them."""
    return not label or label.strip().upper() == serial.strip().upper()[:LABEL_LENGTH].strip()
