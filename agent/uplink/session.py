"""What the uplink does, decided without a thread, a socket, a disk or a clock of its own.

Messages, ledger entries and moments (monotonic seconds) go in; actions and chunks come out. Rules:

1. Nothing here makes a clip count as archived: receipts are checked elsewhere, against the
   ledger, whatever this session believes. It only decides what is worth sending next.
2. At most `window` bytes are sent and not confirmed, over all clips; the newest grant says how
   many, and never more than ours.
3. Urgent clips first, then older ones; a clip that gets nowhere gives its place to others and
   returns.
4. Whatever is lost, silence finds it: the clip is offered again, and the archive's answer says
   what it holds.
5. Only the few clips on their way are in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from random import Random

from agent.model import CHUNK_BYTES, ClipId, printable
from agent.patience import delay_before
from agent.spool.entry import Entry
from agent.uplink.actions import Action, Offer, Postpone, Progressed, Refuse, Send, Suspect
from agent.uplink.delivery import Delivery, Stage, delivery_of
from agent.uplink.receivers import Receivers
from agent.uplink.settings import UplinkSettings
from agent.wire.contract import Answer, Grant, Presence, Progress

REFUSALS = 3
"""A chunk that the archive refused so often makes us doubt our own copy."""


class Session:
    """All deliveries of one dock.

    What takes a message returns why it was ignored, or nothing, and raises `Malformed` for one
    that contradicts itself or the clip.
    """

    def __init__(self, settings: UplinkSettings, random: Random) -> None:
        self._settings = settings
        self._random = random
        self._deliveries: dict[ClipId, Delivery] = {}
        self._actions: list[Action] = []
        self._connected = False
        self._window = 0
        self._mark = 0
        self._confirmed_mark = 0
        self._heard_at = -inf
        self._laters = 0
        self._pause_until = 0.0
        self.receivers = Receivers()

    # Outputs.

    def actions(self) -> list[Action]:
        """What is to be done since this was last asked, in order."""
        done, self._actions = self._actions, []
        return done

    def deliveries(self) -> list[Delivery]:
        """The clips on their way: urgent ones first, each oldest first."""
        waiting = self._deliveries.values()
        return sorted(waiting, key=lambda one: (not one.entry.urgent, one.entry.seq))

    def wants(self, now: float) -> int:
        """How many more clips may set out now."""
        if (
            not self._connected
            or now < self._pause_until
            or self._backlog() >= self._settings.window
        ):
            return 0
        welcome = self.receivers.any_online and not self._laters
        places = self._settings.clips if welcome else 1
        return max(0, places - len(self._deliveries))

    def next_moment(self, now: float) -> float:
        """When there will be something to do, should nothing arrive; inf for never."""
        pause = self._pause_until if self._pause_until > now else inf
        return min((one.deadline for one in self._deliveries.values()), default=pause)

    def next_chunk(self, now: float) -> Send | None:
        """The chunk that goes next, which counts as sent from here on."""
        for one in self.deliveries():
            if one.stage is not Stage.SENDING or (index := one.pieces.next_missing()) is None:
                continue
            if one.pieces.oldest_mark is None and now - one.touched > self._settings.stale_grant:
                self._offer(one, now)
                continue
            if self._in_flight() + one.pieces.length(index) > self._window:
                return None
            if one.pieces.oldest_mark is None:
                one.deadline = now + self._settings.progress_silence
            self._mark += 1
            one.pieces.send(index, self._mark)
            one.touched = now
            return Send(one.entry, one.receiver, index, index * CHUNK_BYTES)
        return None

    # Inputs.

    def connected(self, now: float) -> None:
        """A connection stands; word of receivers will come, or an offer tries its luck."""
        self._connected = True
        self._pause_until = now + self._settings.presence_wait

    def lost(self) -> None:
        """Whatever was under way may or may not arrive: all of it is offered again."""
        self._connected = False
        self._deliveries.clear()
        self._actions.clear()
        self.receivers.clear()
        self._window = self._laters = 0

    def take(self, entries: Iterable[Entry], now: float) -> None:
        """Offer these clips, as far as there are places; those on their way are passed over."""
        for entry in entries:
            one = delivery_of(entry)
            if one is not None and entry.clip not in self._deliveries and self.wants(now):
                self._deliveries[entry.clip] = one
                self._offer(one, now)

    def tick(self, now: float) -> None:
        """Find out what has been silent for too long."""
        for one in self.deliveries():
            if now >= one.deadline:
                self._silent(one, now)

    def moving(self, now: float) -> None:
        """The broker takes our bytes: what waits behind them is not silent yet."""
        self._not_silent(now)

    def receipted(self, clip: ClipId, now: float) -> None:
        """Its receipt is committed: this clip is done."""
        self._deliveries.pop(clip, None)
        self._heard_at = now
        self._laters = 0

    def drop(self, clip: ClipId) -> None:
        """This clip is not to be sent for now."""
        self._deliveries.pop(clip, None)

    def pause(self, now: float, seconds: float) -> None:
        """Nothing can be noted at the moment: begin anew later."""
        self._deliveries.clear()
        self._actions.clear()
        self._pause_until = now + seconds

    def presence(self, presence: Presence, now: float) -> str:
        before = self.receivers.update(presence)
        came = presence.online and not (before and before.online and before.since == presence.since)
        if came:
            self._laters = 0
            self._pause_until = now
        for one in self.deliveries():
            theirs = one.receiver in ("", presence.receiver)
            if theirs and (came or (not presence.online and one.receiver)):
                one.offers = 0
                self._offer(one, now)
        return ""

    def grant(self, grant: Grant, now: float) -> str:
        one = self._deliveries.get(ClipId(grant.clip))
        if one is None or one.sealed.file_digests.blake3 != grant.blake3:
            return "a grant for a clip that is not under way"
        presence = self.receivers.get(grant.receiver)
        if presence is None:
            return f"a grant by {grant.receiver}, of whom nothing else was heard"
        self._heard_at = now
        reason = printable(grant.reason) or f"receiver {grant.receiver} gives no reason"
        if grant.answer is Answer.NEVER:
            self._leave(one, Refuse(one.clip, reason))
        elif grant.answer is Answer.LATER:
            self._later(one, f"the archive says later: {reason}", now)
        elif 0 < presence.chunk_limit < CHUNK_BYTES:
            limit = presence.chunk_limit
            self._later(one, f"the archive takes chunks of {limit} bytes, ours have more", now)
        elif one.stage is Stage.SENDING:
            return "a grant for a clip that is being sent already"
        else:
            self._go(one, grant, now)
        return ""

    def progress(self, progress: Progress, now: float) -> str:
        one = self._deliveries.get(ClipId(progress.clip))
        if one is None or one.receiver != progress.receiver:
            return "progress of a clip that is not under way there"
        newest = one.pieces.confirm(progress.have)
        self._heard_at = now
        if newest is not None:
            self._confirmed(one, newest, now)
        for offset in progress.bad:
            if (index := one.pieces.refuse(offset)) is not None:
                one.refusals[index] = one.refusals.get(index, 0) + 1
                if one.refusals[index] >= REFUSALS:
                    reason = f"the archive refused chunk {index} {REFUSALS} times"
                    self._leave(one, Suspect(one.clip, reason))
                    break
        if one.stage is Stage.SENDING and one.pieces.complete:
            self._sent(one, now)
        return ""

    # Inside.

    def _backlog(self) -> int:
        return sum(one.backlog for one in self._deliveries.values())

    def _in_flight(self) -> int:
        return sum(one.pieces.flying_bytes for one in self._deliveries.values())

    def _delay(self, attempt: int) -> float:
        first, longest = self._settings.first_silence, self._settings.longest_silence
        return delay_before(attempt, random=self._random, first=first, longest=longest)

    def _offer(self, one: Delivery, now: float) -> None:
        one.stage = Stage.OFFERED
        one.offers += 1
        one.offered_at = now
        one.deadline = now + self._delay(one.offers)
        self._actions.append(Offer(one.entry))

    def _go(self, one: Delivery, grant: Grant, now: float) -> None:
        before = one.pieces.stored_bytes
        one.pieces.start(grant.have)
        if one.receiver and one.pieces.stored_bytes > before:
            self._got_somewhere(one)
        one.receiver = grant.receiver
        one.stage = Stage.SENDING
        one.touched = now
        one.deadline = now + self._settings.progress_silence
        self._window = min(grant.window, self._settings.window)
        self._laters = 0
        if one.pieces.complete:
            self._sent(one, now)

    def _sent(self, one: Delivery, now: float) -> None:
        one.stage = Stage.SENT
        one.deadline = now + self._delay(max(1, one.offers))

    def _confirmed(self, one: Delivery, newest: int, now: float) -> None:
        self._confirmed_mark = max(self._confirmed_mark, newest)
        one.touched = now
        one.deadline = now + self._settings.progress_silence
        self._not_silent(now)
        self._got_somewhere(one)

    def _got_somewhere(self, one: Delivery) -> None:
        one.offers = 0
        if one.troubled:
            one.troubled = False
            self._actions.append(Progressed(one.clip))

    def _not_silent(self, now: float) -> None:
        """Give more time to clips whose chunks lie behind the newest that was confirmed.

        Chunks arrive in the order in which they were sent. One that was overtaken is lost, and
        word of others says nothing about it.
        """
        for one in self._deliveries.values():
            oldest = one.pieces.oldest_mark
            if one.stage is Stage.SENDING and (oldest is None or oldest > self._confirmed_mark):
                one.deadline = now + self._settings.progress_silence

    def _silent(self, one: Delivery, now: float) -> None:
        """Offer it again; or, where that leads nowhere though an archive is there, others first."""
        if one.offers >= self._settings.tries:
            self._laters = 0  # let others try beside it
        others_are_heard = self._heard_at > one.offered_at
        tries = self._settings.tries if others_are_heard else self._settings.tries_alone
        if one.offers >= tries and (others_are_heard or self.receivers.any_online):
            seconds = self._delay(one.entry.attempts + 1)
            self._leave(one, Postpone(one.clip, seconds, f"no word while it {one.stage.value}"))
        else:
            self._offer(one, now)

    def _later(self, one: Delivery, reason: str, now: float) -> None:
        """Busy or full: only one clip at a time asks again, after growing pauses."""
        self._laters += 1
        pause = delay_before(self._laters, random=self._random, first=1.0, longest=60.0)
        self._pause_until = now + pause
        seconds = max(pause, self._delay(one.entry.attempts + 1))
        self._leave(one, Postpone(one.clip, seconds, reason))

    def _leave(self, one: Delivery, action: Action) -> None:
        del self._deliveries[one.clip]
        self._actions.append(action)
