"""What every driver has to keep of `agent.recorder.base.Recorder`, over a simulated recorder.

A driver's test inherits `RecorderContract`, says in `dock` how a body gets in front of the driver,
and gets these tests. `PatienceContract` and `RefusalContract` come on top for drivers whose
recorders can ask for patience or say no.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import RecorderBusy, RecorderGone, RecorderRefused
from agent.model import Clip
from agent.recorder.base import Recorder
from hwsim.body import Body, Card, HeldClip

CHINA = timedelta(hours=8)
START = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)


class TestClock:
    """Time that only a test moves, or a simulated wait."""

    __test__ = False

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def advance(self, seconds: float) -> None:
        self.passed += seconds


@dataclass(frozen=True, slots=True)
class Docked:
    """A recorder in a bay: the driver in front, the body behind, and a hand on the plug."""

    recorder: Recorder
    body: Body
    unplug: Callable[[], None]

    def clip(self, path: str) -> Clip:
        return next(clip for clip in self.recorder.clips() if clip.path == path)


def local(hour: int, minute: int) -> datetime:
    return datetime(2026, 8, 4, hour, minute, 30)  # noqa: DTZ001


LONG = Random(20260804).randbytes(700_001)


def small_card() -> list[Card]:
    """Video, audio and a photo, one of them marked, beside what is no footage."""
    return [
        Card(
            "SD",
            64_000_000,
            [
                HeldClip("DCIM/100BODY/CAM_0001.MP4", None, local(9, 0), False, LONG),
                HeldClip("DCIM/100BODY/CAM_0002_IMP.MP4", None, local(9, 5), True, LONG[:4096]),
                HeldClip("DCIM/100BODY/CAM_0001.THM", None, local(9, 0), False, b"thumbnail"),
                HeldClip("DCIM/101BODY/CAM_0001.MP4", None, local(9, 10), False, b"other"),
                HeldClip("DCIM/PHOTO/P_1.JPG", None, local(9, 20), False, LONG[:511]),
                HeldClip("AUDIO/A_1.WAV", None, local(9, 30), False, LONG[:512]),
                HeldClip("EMPTY.MP4", None, local(9, 40), False, b""),
                HeldClip("SYSTEM.LOG", None, local(9, 50), False, b"power on"),
            ],
        )
    ]


FOOTAGE = {
    clip.path: clip.content.read(0, clip.size)
    for clip in small_card()[0].clips
    if not clip.path.endswith((".THM", ".LOG"))
}


def small_body(**facts: object) -> Body:
    return Body(
        **{"maker": "北斗", "serial": "SN-42", "cards": small_card(), "clock": TestClock()} | facts  # type: ignore[arg-type]
    )


VERBS: dict[str, Callable[[Recorder, Clip], object]] = {
    "health": lambda recorder, _clip: recorder.health(),
    "clips": lambda recorder, _clip: list(recorder.clips()),
    "read": lambda recorder, clip: recorder.read(clip, 0, 10),
    "delete": lambda recorder, clip: recorder.delete(clip),
}
"""What has to reach the recorder itself; identity and clock may be remembered or absent."""


class RecorderContract(ABC):
    """Inherit, and name the class `Test…`."""

    deletes = True
    """Whether the driver deletes; one that does not says no, in words, and changes nothing."""
    described = ("北斗", "BW-7", "3.1")
    """Maker, model and firmware as the driver can have them of the body that is so described."""

    @abstractmethod
    def dock(self, body: Body) -> Docked:
        """`body` before the driver under test."""

    @property
    def expected(self) -> dict[str, bytes]:
        """The clips of `small_card` as this driver lists them."""
        return FOOTAGE

    def room(self, docked: Docked) -> tuple[int, int]:
        """Total and free bytes of the one storage, as the driver should tell them."""
        return 64_000_000, docked.body.cards[0].free

    # Who it is, how it is.

    def test_it_says_who_it_is(self) -> None:
        identity = self.dock(small_body(model="BW-7", firmware="3.1")).recorder.identify()
        assert identity.serial == "SN-42"
        assert (identity.maker, identity.model, identity.firmware) == self.described

    def test_it_tells_its_battery_and_its_storages(self) -> None:
        docked = self.dock(small_body(battery=37.0, charging=False))
        health = docked.recorder.health()
        assert health.battery_percent in (37, None)
        (storage,) = health.storages
        assert (storage.total, storage.free) == self.room(docked)

    def test_its_clock_is_read_beside_ours(self) -> None:
        docked = self.dock(small_body(clock_error=97.0))
        reading = docked.recorder.clock()
        if reading is None:
            return
        assert reading.dock.utcoffset() == timedelta()
        assert reading.round_trip >= 0
        shown = reading.recorder.replace(tzinfo=None)
        assert abs(shown - docked.body.now()) <= timedelta(seconds=1)

    def test_its_clock_is_set_or_it_says_no(self) -> None:
        docked = self.dock(small_body(clock_error=3600.0))
        now = START + CHINA
        try:
            docked.recorder.set_clock(now.replace(tzinfo=UTC))
        except RecorderRefused:
            assert docked.recorder.clock() is None
            return
        assert abs(docked.body.now() - now.replace(tzinfo=None)) <= timedelta(seconds=1)

    # What it holds.

    def test_it_lists_footage_and_nothing_else(self) -> None:
        clips = list(self.dock(small_body()).recorder.clips())
        assert {clip.path: clip.size for clip in clips} == {
            path: len(data) for path, data in self.expected.items()
        }

    def test_no_two_clips_have_one_id(self) -> None:
        clips = list(self.dock(small_body()).recorder.clips())
        assert len({clip.id_on("SN-42") for clip in clips}) == len(clips) == len(self.expected)

    def test_a_clip_is_the_same_at_every_docking(self) -> None:
        body = small_body()
        first = set(self.dock(body).recorder.clips())
        assert set(self.dock(body).recorder.clips()) == first

    def test_an_empty_card_lists_nothing(self) -> None:
        assert list(self.dock(small_body(cards=[Card()])).recorder.clips()) == []

    def test_a_card_can_be_listed_again_and_earlier_clips_stay_good(self) -> None:
        docked = self.dock(small_body())
        before = list(docked.recorder.clips())
        assert list(docked.recorder.clips()) == before
        assert docked.recorder.read(before[0], 0, 10**6) == self.expected[before[0].path]

    # Reading.

    def test_every_clip_is_read_as_it_was_recorded(self) -> None:
        recorder = self.dock(small_body()).recorder
        read = {clip.path: recorder.read(clip, 0, clip.size) for clip in recorder.clips()}
        assert read == self.expected

    @given(
        ranges=st.lists(
            st.tuples(st.integers(0, len(LONG) + 10), st.integers(0, 400_000)),
            min_size=1,
            max_size=6,
        )
    )
    # One test, inherited by a class for every make, each with examples of its own.
    @settings(max_examples=20, suppress_health_check=[HealthCheck.differing_executors])
    def test_any_part_is_read_in_any_order(self, ranges: list[tuple[int, int]]) -> None:
        docked = self.dock(small_body())
        path = max(self.expected, key=lambda path: len(self.expected[path]))
        clip, whole = docked.clip(path), self.expected[path]
        for offset, size in ranges:
            assert docked.recorder.read(clip, offset, size) == whole[offset : offset + size]

    @pytest.mark.parametrize("step", [511, 65_536, 240 * 1024])
    def test_steps_add_up_to_the_clip(self, step: int) -> None:
        docked = self.dock(small_body())
        for path, whole in self.expected.items():
            clip = docked.clip(path)
            steps = [docked.recorder.read(clip, at, step) for at in range(0, clip.size, step)]
            assert b"".join(steps) == whole

    def test_another_session_goes_on_where_the_last_one_stopped(self) -> None:
        body = small_body()
        path = max(self.expected, key=lambda path: len(self.expected[path]))
        first = self.dock(body)
        head = first.recorder.read(first.clip(path), 0, 300_000)
        first.recorder.close()
        second = self.dock(body)
        rest = second.recorder.read(second.clip(path), len(head), 10**9)
        assert head + rest == self.expected[path]

    def test_past_the_end_there_is_nothing(self) -> None:
        docked = self.dock(small_body())
        for clip in list(docked.recorder.clips()):
            assert docked.recorder.read(clip, clip.size, 4096) == b""
            assert docked.recorder.read(clip, clip.size + 10**12, 4096) == b""

    def test_clips_read_by_turns_keep_their_own_bytes(self) -> None:
        docked = self.dock(small_body())
        clips = [clip for clip in docked.recorder.clips() if clip.size]
        read = dict.fromkeys(clips, b"")
        for step in (100, 300, 5000, 10**6):
            for clip in clips:
                read[clip] += docked.recorder.read(clip, len(read[clip]), step)
        assert {clip.path: data for clip, data in read.items()} == {
            path: data for path, data in self.expected.items() if data
        }

    def test_other_verbs_between_two_readings_change_nothing(self) -> None:
        docked = self.dock(small_body())
        path = max(self.expected, key=lambda path: len(self.expected[path]))
        clip = docked.clip(path)
        head = docked.recorder.read(clip, 0, 100_000)
        docked.recorder.health()
        assert list(docked.recorder.clips())
        rest = docked.recorder.read(clip, 100_000, 10**9)
        assert head + rest == self.expected[path]

    # Deleting.

    def test_a_driver_that_does_not_delete_says_no(self) -> None:
        docked = self.dock(small_body())
        if self.deletes:
            return
        for clip in list(docked.recorder.clips()):
            with pytest.raises(RecorderRefused, match=r"\w+ \w+"):
                docked.recorder.delete(clip)
        assert {clip.path for clip in docked.recorder.clips()} == self.expected.keys()

    def test_only_the_one_clip_is_deleted(self) -> None:
        docked = self.dock(small_body())
        if not self.deletes:
            return
        before = {clip.path for clip in docked.body.clips}
        docked.recorder.delete(docked.clip("DCIM/100BODY/CAM_0001.MP4"))
        after = {clip.path for clip in docked.body.clips}
        assert before - after == {"DCIM/100BODY/CAM_0001.MP4"}
        assert "DCIM/100BODY/CAM_0001.MP4" not in {clip.path for clip in docked.recorder.clips()}

    def test_a_deleted_clip_is_gone(self) -> None:
        docked = self.dock(small_body())
        if not self.deletes:
            return
        clip = docked.clip("AUDIO/A_1.WAV")
        docked.recorder.delete(clip)
        for verb in ("read", "delete"):
            with pytest.raises(RecorderRefused):
                VERBS[verb](docked.recorder, clip)
        assert len(docked.body.clips) == len(small_card()[0].clips) - 1

    def test_a_clip_that_this_session_did_not_list_is_refused(self) -> None:
        docked = self.dock(small_body())
        stranger = Clip("1", "DCIM/100BODY/CAM_0001.MP4", len(LONG), "")
        for verb in ("read", "delete"):
            with pytest.raises(RecorderRefused):
                VERBS[verb](docked.recorder, stranger)
        assert len(docked.body.clips) == len(small_card()[0].clips)

    # The end.

    @pytest.mark.parametrize("verb", VERBS)
    def test_unplugged_it_is_gone(self, verb: str) -> None:
        docked = self.dock(small_body())
        clip = docked.clip("EMPTY.MP4" if verb == "delete" else "DCIM/100BODY/CAM_0001.MP4")
        docked.unplug()
        for _ in range(2):
            with pytest.raises(RecorderGone):
                VERBS[verb](docked.recorder, clip)
        docked.recorder.close()

    def test_closed_it_is_gone(self) -> None:
        docked = self.dock(small_body())
        clip = docked.clip("AUDIO/A_1.WAV")
        docked.recorder.close()
        docked.recorder.close()
        with pytest.raises(RecorderGone):
            docked.recorder.read(clip, 0, 1)


class PatienceContract(RecorderContract):
    """For recorders that can ask for patience."""

    @abstractmethod
    def make_busy(self, docked: Docked) -> None:
        """The next thing that it is asked for meets a request for patience, and no later one."""

    @pytest.mark.parametrize("verb", VERBS)
    def test_busy_is_busy_and_waiting_helps(self, verb: str) -> None:
        docked = self.dock(small_body())
        clip = docked.clip("DCIM/PHOTO/P_1.JPG")
        self.make_busy(docked)
        with pytest.raises(RecorderBusy) as raised:
            VERBS[verb](docked.recorder, clip)
        assert raised.value.retry
        if self.deletes or verb != "delete":
            VERBS[verb](docked.recorder, clip)


class RefusalContract(RecorderContract):
    """For recorders that can protect a clip from deletion."""

    @abstractmethod
    def protected(self) -> Body:
        """`small_body` of which the marked clip is protected."""

    def test_a_protected_clip_is_marked_and_stays(self) -> None:
        docked = self.dock(self.protected())
        (clip,) = [clip for clip in docked.recorder.clips() if clip.marked]
        with pytest.raises(RecorderRefused):
            docked.recorder.delete(clip)
        assert clip.path in {held.path for held in docked.body.clips}
        assert docked.recorder.read(clip, 0, 10**6) == self.expected[clip.path]
