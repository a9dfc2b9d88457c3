"""The whole of clearing as a machine small enough to try everything.

One clip, its recorder, spool, archive and ledger, with up to three faults, in every order of steps.
The rule and both tables of moves are the program's own; what the ledger's verbs and the procedure
do is written here a second time, and short. Ghosts, which no rule sees, say what really happened.

    python -m tests.clearing.model 3
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from agent.offload.clearing.rule import (
    DAY,
    PROOF_HOLDS,
    Case,
    Limits,
    ProofFacts,
    standing,
    wants_proof,
)
from agent.spool.clearance import Clearance, Step, check_step
from agent.spool.states import State, check_move

CLEARING, CLEARED = Clearance.CLEARING, Clearance.CLEARED
WANTED, PROVED = Clearance.WANTED, Clearance.PROVED
ON = Limits(clearing=True, grace=3 * DAY)
DOUBTS = ("clock", "reserve", "storage", "custody", "firmware", "off", "erred", "unopened")
"""What may come and go beside holds and epochs; while one stands, nothing is cleared."""


class World(NamedTuple):
    """One state. Names with a `g_` are ghosts."""

    faults: int
    # The ledger, which a crash does not touch.
    own: State = State.SPOOLED
    step: Step = None
    proof: int | None = None
    old: bool = False
    """The proof is too old by now."""
    epoch: int = 0
    """As last heard."""
    receipt: int | None = None
    """The epoch of the receipt."""
    grace_over: bool = False
    waited: bool = False
    """The hold time since it was cleared, or since it set out, is over."""
    held: bool = False
    doubt: str = ""
    # What really is.
    spool: str = "good"
    card: str = "good"
    """The clip on its recorder: good, other (footage of another time), gone."""
    swapped: bool = False
    """Another card is in the recorder."""
    archive: str = "none"
    real_epoch: int = 0
    # On the way.
    message: tuple[str, int] | None = None
    """An answer of the archive that has not arrived: proof, lost or forged, and its epoch."""
    # The session.
    at: str = "away"
    g_read: str = ""
    """What the dock's copy was when it was read in this session."""
    g_proved: str = ""
    """What the archive's object was when the proof that stands was made."""
    g_unseen: bool = False
    """A command was given and nobody looked since."""
    g_struck: int = 0
    """Faults that took a good copy."""


class Violation(Exception):
    """An invariant does not hold."""


def holds(true: object, invariant: str, world: World) -> None:
    if not true:
        raise Violation(f"{invariant}: {world}")


def case_of(world: World) -> Case:
    """The rule's view of a world, from what the program knows of it."""
    proof = None
    if world.proof is not None:
        age = PROOF_HOLDS + 1 if world.old else 0.0
        proof = ProofFacts("archive", str(world.proof), age)
    return Case(
        limits=Limits() if world.doubt == "off" else ON,
        state=world.own,
        clearance=world.step,
        receipt_archive="" if world.receipt is None else "archive",
        opened=world.doubt != "unopened",
        since_receipt=None if world.receipt is None else 4 * DAY if world.grace_over else 0.0,
        epoch=str(world.epoch),
        proof=proof,
        holds=int(world.held),
        same_identity=True,
        capable=True,
        in_place=True,
        alone=True,
        clock_trust="unsynchronised" if world.doubt == "clock" else "synchronised",
        reserve_met=world.doubt != "reserve",
        storage_sound=world.doubt != "storage" and not world.swapped,
        custody_trouble="cut" if world.doubt == "custody" else "",
        firmware_known=world.doubt != "firmware",
        erred=world.doubt == "erred",
    )


def stepped(world: World, to: Step, **more: Any) -> World:
    check_step(world.step, to)
    return world._replace(step=to, **more)


def moved(world: World, to: State, **more: Any) -> World:
    check_move(world.own, to)
    return world._replace(own=to, **more)


def forgotten(world: World) -> World:
    """The row goes."""
    if world.step is not None:
        check_step(world.step, None)
    return world._replace(step=None, proof=None, old=False, waited=False, g_proved="")


def nexts(world: World) -> Iterator[tuple[str, World]]:
    """Every step that may come next, with its name."""
    yield from uplink(world)
    yield from passing(world)
    yield from room(world)
    yield from session(world)
    if world.faults:
        for name, after in faults(world._replace(faults=world.faults - 1)):
            yield f"fault: {name}", after


def uplink(world: World) -> Iterator[tuple[str, World]]:
    if world.own is State.SPOOLED and world.spool == "good":
        stored = world._replace(archive="good", receipt=world.real_epoch, grace_over=False)
        after = moved(stored, State.RECEIPTED)
        if after.receipt != after.epoch and after.step is None:
            after = stepped(after, WANTED)
        yield "receipt", after
    if world.own is State.SPOOLED and world.spool == "bad":
        yield "found damaged", moved(world, State.DAMAGED, spool="gone")
    wanted = world.step in {WANTED, CLEARED} and world.proof is None
    if wanted and world.own is State.RECEIPTED and world.message is None:
        said = "proof" if world.archive == "good" else "lost"
        yield "answered", world._replace(message=(said, world.real_epoch))
    if world.message is not None:
        yield "answer arrives", arrived(world._replace(message=None), *world.message)
    if world.epoch != world.real_epoch:
        yield "epoch heard", heard(world, world.real_epoch)


def arrived(world: World, said: str, epoch: int) -> World:
    """What `proofs.check` and the ledger's verbs make of an answer."""
    if said == "forged" or world.own is not State.RECEIPTED:
        return world
    if said == "lost":
        return unproved(world)
    if epoch != world.epoch or world.step not in {WANTED, PROVED, CLEARED}:
        return world
    known: dict[str, Any] = {"proof": epoch, "old": False, "g_proved": "good"}
    return world._replace(**known) if world.step is CLEARED else stepped(world, PROVED, **known)


def unproved(world: World) -> World:
    to = State.DAMAGED if world.own is State.RELEASED else State.SPOOLED
    after = moved(world, to, receipt=None, grace_over=False)
    if after.step in {CLEARING, CLEARED}:
        return after._replace(proof=None, old=False, g_proved="")
    return forgotten(after)


def heard(world: World, epoch: int) -> World:
    """`epoch_seen`: every proof is worthless, what is here is to be proved."""
    after = world._replace(epoch=epoch, proof=None, old=False, g_proved="")
    if after.step is PROVED:
        return stepped(after, WANTED)
    if after.step is None and after.own is State.RECEIPTED:
        return stepped(after, WANTED)
    return after


def passing(world: World) -> Iterator[tuple[str, World]]:
    if world.receipt is not None and not world.grace_over:
        yield "grace ends", world._replace(grace_over=True)
    if world.proof is not None and not world.old:
        yield "proof ages", world._replace(old=True)
    if world.step is not None and not world.waited:
        yield "hold time passes", world._replace(waited=True)
    if world.held:
        yield "hold lifted", world._replace(held=False)
    if world.doubt and world.doubt != "erred":
        yield "doubt ends", world._replace(doubt="")


def room(world: World) -> Iterator[tuple[str, World]]:
    """`releasable` under pressure."""
    if world.own is not State.RECEIPTED or not world.grace_over:
        return
    if world.step is CLEARED:
        may = world.waited and world.proof == world.epoch
    else:
        proof = world.receipt if world.proof is None else world.proof
        may = world.step is not CLEARING and (world.step is None or world.waited)
        may = may and proof == world.epoch
    if may:
        holds(world.step is not CLEARING, "I4 released while nobody knows", world)
        after = moved(world, State.RELEASED, spool="gone")
        if world.step is CLEARED:
            holds(world.waited, "I2 released before the hold time was over", world)
            holds(world.g_proved == "good", "I2 released without a proof that counts", world)
            yield "released", after
        else:
            yield "released", forgotten(after)


def session(world: World) -> Iterator[tuple[str, World]]:
    match world.at:
        case "away":
            yield "docked", world._replace(at="listed")
        case "listed":
            yield from listed(world)
            yield "undocked", world._replace(at="away", g_read="")
        case "reading":
            yield "copy read", copy_read(world)
        case "hashing":
            same = world.card == "good" and not world.swapped
            yield "hashed", world._replace(at="judging" if same else "listed")
        case "judging":
            yield "judged again, and the intent", intended(world)
        case "commanding":
            yield "command", commanded(world)
        case "looking":
            yield "looked", looked(world)


def seen(world: World) -> bool:
    """Whether the recorder lists an object with the clip's facts."""
    return world.card != "gone" and not world.swapped


def listed(world: World) -> Iterator[tuple[str, World]]:
    """After the pull: what was left open is looked at, then the rule is asked."""
    if world.own is State.DAMAGED and world.card == "good" and not world.swapped:
        seen_again = moved(world, State.SEEN)
        yield "pulled again", moved(seen_again, State.SPOOLED, spool="good")
    if world.step is CLEARING:
        yield "settled", settled(world)
    elif world.step is CLEARED and world.card == "good" and seen(world):
        yield "listed again", kept(world)
    elif seen(world):
        reasons = standing(case_of(world))
        if wants_proof(reasons) and world.step is not WANTED:
            after = stepped(world, WANTED, proof=None, old=False, g_proved="")
            yield "proof wanted", after
        elif not reasons:
            yield "may go", world._replace(at="reading")


def settled(world: World) -> World:
    """Witnesses tell whether the card is the one."""
    if seen(world):
        return kept(world)
    if world.swapped:
        return world
    return cleared(world)


def copy_read(world: World) -> World:
    if world.spool == "good":
        return world._replace(at="hashing", g_read="good")
    if world.own is State.RECEIPTED:
        released = forgotten(moved(world, State.RELEASED, spool="gone"))
        return released._replace(at="listed")
    return world._replace(at="listed")


def intended(world: World) -> World:
    """The last listing, then the rule within the transaction of the intent."""
    if not seen(world) or standing(case_of(world)):
        return world._replace(at="listed")
    holds(world.receipt is not None and world.proof == world.epoch, "I1", world)
    holds(world.g_proved == "good" and not world.old, "I1 the proof", world)
    holds(world.own is State.RECEIPTED, "I2", world)
    holds(not world.doubt and not world.swapped and not world.held, "I6", world)
    holds(world.grace_over, "grace", world)
    return stepped(world, CLEARING, at="commanding", waited=False)


def commanded(world: World) -> World:
    check_command(world)
    return world._replace(at="looking", card="gone", g_unseen=True)


def check_command(world: World) -> None:
    """What has to be true when a recorder is told to delete."""
    holds(world.step is CLEARING, "I4 no intent", world)
    holds(not world.g_unseen, "I4 repeated blindly", world)
    holds(world.g_read == "good", "I2 the dock's copy was not read", world)
    holds(world.card == "good" and not world.swapped, "I3 another object", world)
    good = (world.spool == "good") + (world.archive == "good")
    holds(good + world.g_struck >= 2, "I2 fewer than two other copies", world)


def looked(world: World) -> World:
    if world.swapped:
        return world._replace(at="away", g_read="")
    return kept(world) if seen(world) else cleared(world)


def cleared(world: World) -> World:
    holds(world.card == "gone" and not world.swapped, "I4 called cleared", world)
    return stepped(world, CLEARED, at="listed", g_unseen=False, waited=False)


def kept(world: World) -> World:
    holds(world.card != "gone", "I4 called kept", world)
    after = world._replace(at="listed", g_unseen=False, waited=False)
    if after.own is not State.RECEIPTED:
        return forgotten(after)
    return stepped(after, WANTED if after.proof is None else PROVED)


def faults(world: World) -> Iterator[tuple[str, World]]:
    if world.at != "away":
        yield "unplugged", world._replace(at="away", g_read="")
    yield "crash", world._replace(at="away", g_read="", message=None)
    if world.at == "commanding":
        check_command(world)
        gone: dict[str, Any] = {"at": "away", "g_read": "", "g_unseen": True}
        yield "unplugged in the command, done", world._replace(card="gone", **gone)
        yield "unplugged in the command, not done", world._replace(**gone)
        yield "error, not done", world._replace(at="looking", g_unseen=True)
        yield "says OK and keeps it", world._replace(at="looking", g_unseen=True)
        other: dict[str, Any] = {"at": "looking", "g_unseen": True, "doubt": "erred"}
        yield "deletes another too", world._replace(card="gone", **other)
        yield "deletes another instead", world._replace(**other)
    if world.at == "away" and world.card == "gone":
        yield "it lists again what it deleted", world._replace(card="good")
    yield from lost_copies(world)
    if not world.held:
        yield "hold set", world._replace(held=True)
    if not world.doubt:
        for doubt in DOUBTS:
            yield f"{doubt} in doubt", world._replace(doubt=doubt)
    if world.message is None or world.message[0] != "forged":
        yield "forged proof", world._replace(message=("forged", world.epoch))
    if world.at in {"away", "looking"}:
        yield "card swapped or back", world._replace(swapped=not world.swapped)


def lost_copies(world: World) -> Iterator[tuple[str, World]]:
    """Media fail: each takes one good copy, or none that was good."""
    struck = world.g_struck + 1
    if world.spool == "good":
        yield "spool copy damaged", world._replace(spool="bad", g_struck=struck)
    if world.archive == "good":
        yield "archive loses it", world._replace(archive="none", g_struck=struck)
        yield "archive alters it", world._replace(archive="bad", g_struck=struck)
        epoch = world.real_epoch + 1
        yield (
            "restored without it",
            world._replace(archive="none", g_struck=struck, real_epoch=epoch),
        )
    yield "restored with it", world._replace(real_epoch=world.real_epoch + 1)
    if world.card == "good" and world.at == "away":  # within a session it does not record
        yield "other footage under its name", world._replace(card="other", g_struck=struck)


def check_state(world: World) -> None:
    """What is true at every moment: two good copies until the dock's is released, but for what
    media took; one of them is never the recorder's alone."""
    good = sum(each == "good" for each in (world.spool, world.card, world.archive))
    if world.own is not State.RELEASED:
        holds(good + world.g_struck >= 2, "two good copies", world)
    else:
        holds(good + world.g_struck >= 1, "a good copy", world)
    if world.step is CLEARED:
        holds(world.receipt is not None or world.own is not State.RECEIPTED, "I1 receipt", world)
    if world.step in {WANTED, PROVED}:
        holds(world.own is State.RECEIPTED, "on its way without a copy or a receipt", world)
    if world.step is PROVED:
        holds(world.proof is not None, "proved without a proof", world)
    if world.g_unseen:
        holds(world.step is CLEARING, "I4 the intent was forgotten", world)


def explore(most: int) -> tuple[int, Counter[str]]:
    """Every state that up to `most` faults lead to; how many, and how often each step was taken.
    Raises `Violation` with the state for the first that breaks an invariant."""
    start = World(most)
    known, waiting, taken = {start}, deque([start]), Counter[str]()
    while waiting:
        world = waiting.popleft()
        check_state(world)
        for name, after in nexts(world):
            taken[name] += 1
            if after not in known:
                known.add(after)
                waiting.append(after)
    return len(known), taken


if __name__ == "__main__":
    number, taken = explore(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    for name, times in sorted(taken.items()):
        print(f"{times:9d} {name}")
    print(f"{number} states, {taken.total()} steps, no violation of I1 to I6")
