"""One port over one contact: waiting for nodes, and the change from control mode to a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bay.port import Port
from agent.errors import RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.attached import Attached, Disk

from .looks import PRINTER, HandClock, adapter, control, disk, storage, usb

HERE = "1-1.2"
T = TypeVar("T")
Looks = Sequence[Attached | None]


def everything(_node: Path) -> bool:
    return True


def port(shows: Attached, clock: HandClock | None = None) -> Port:
    return Port(shows, clock or HandClock(), everything)


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], T]], Future[T]]]:
    """Runs what waits in a thread, while the test feeds the port."""
    with ThreadPoolExecutor(4) as threads:
        yield threads.submit


def feed(one: Port, *looks: Attached | None) -> None:
    for look in looks:
        one.update(look)


def changed(before: Attached, looks: Looks) -> Disk:
    """Unlock it, let it do all this, and let the time be up."""
    clock = HandClock()
    one = port(before, clock)

    def unlock() -> None:
        feed(one, *looks)
        clock.tick = 31.0

    return one.change_to_disk(30.0, unlock)


class TestTheDisk:
    def test_is_there_already(self) -> None:
        assert port(storage(HERE, 5, 1)).await_disk(30) == disk(HERE, 1)

    def test_comes_a_moment_after_its_device(self, aside: Callable[..., Future[Disk]]) -> None:
        one = port(storage(HERE, 5))
        waiting = aside(one.await_disk, 30.0)
        one.update(storage(HERE, 5))
        one.update(storage(HERE, 5, 1))
        assert waiting.result(10) == disk(HERE, 1)
        assert not one.over.is_set()

    def test_never_comes(self) -> None:
        one = port(storage(HERE, 5), HandClock(tick=31))
        with pytest.raises(RecorderMisbehaved, match="no disk within 30 s"):
            one.await_disk(30)

    def test_is_waited_for_until_it_may_be_read(self, aside: Callable[..., Future[Disk]]) -> None:
        allowed: list[Path] = []
        one = Port(storage(HERE, 5, 1), HandClock(), allowed.__contains__)
        waiting = aside(one.await_disk, 30.0)
        one.update(storage(HERE, 5, 1))
        assert not waiting.done()
        allowed.append(disk(HERE, 1).node)
        one.update(storage(HERE, 5, 1))
        assert waiting.result(10) == disk(HERE, 1)

    def test_that_may_not_be_read_is_for_the_driver_to_complain_of(self) -> None:
        one = Port(storage(HERE, 5, 1), HandClock(tick=31), lambda _: False)
        assert one.await_disk(30) == disk(HERE, 1)

    def test_is_gone_with_its_recorder(self, aside: Callable[..., Future[Disk]]) -> None:
        one = port(storage(HERE, 5))
        waiting = aside(one.await_disk, 30.0)
        one.update(None)
        with pytest.raises(RecorderGone, match="unplugged"):
            waiting.result(10)

    def test_of_the_next_recorder_is_not_given_to_the_contact_before(self) -> None:
        one = port(storage(HERE, 5))
        one.update(storage(HERE, 6, 2))
        with pytest.raises(RecorderGone):
            one.await_disk(30)
        with pytest.raises(RecorderGone):
            one.now()

    def test_a_dock_that_stops_does_not_wait(self, aside: Callable[..., Future[Disk]]) -> None:
        one = port(storage(HERE, 5))
        waiting = aside(one.await_disk, 30.0)
        one.end()
        with pytest.raises(RecorderGone):
            waiting.result(10)


def test_a_serial_node_comes_a_moment_after_its_adapter() -> None:
    one = port(adapter(HERE, 5))
    one.update(adapter(HERE, 5, "ttyUSB0"))
    assert one.await_serial(5).node == Path("/dev/ttyUSB0")


def test_a_serial_node_never_comes() -> None:
    with pytest.raises(RecorderMisbehaved, match="no serial port within 5 s"):
        port(adapter(HERE, 5), HandClock(tick=6)).await_serial(5)


class TestTheContactIsOver:
    @pytest.mark.parametrize(
        ("before", "now"),
        [
            pytest.param(control(HERE, 5), None, id="unplugged"),
            pytest.param(control(HERE, 5), control(HERE, 6), id="re-plugged between two looks"),
            pytest.param(storage(HERE, 5, 1), storage(HERE, 5, 2), id="another card"),
            pytest.param(storage(HERE, 5, 1), storage(HERE, 5), id="card taken out"),
            pytest.param(storage(HERE, 5, 1), Attached(HERE, None, (disk(HERE, 1),)), id="leaving"),
            pytest.param(adapter(HERE, 5, "ttyUSB0"), adapter(HERE, 5, "ttyUSB1"), id="other node"),
        ],
    )
    def test_when(self, before: Attached, now: Attached | None) -> None:
        one = port(before)
        one.update(before)
        assert not one.over.is_set()
        one.update(now)
        assert one.over.is_set()
        one.update(before)
        assert one.over.is_set()

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            (storage(HERE, 5), storage(HERE, 5, 1)),
            (storage(HERE, 5, 1), storage(HERE, 5, 1, 2)),
            (adapter(HERE, 5), adapter(HERE, 5, "ttyACM0")),
            (Attached(HERE, None, (disk(HERE, 1),)), storage(HERE, 5, 1)),
        ],
    )
    def test_but_not_when_a_node_comes(self, before: Attached, now: Attached) -> None:
        one = port(before)
        one.update(now)
        assert not one.over.is_set()
        assert one.now() == now


class TestTheChange:
    def test_to_a_disk(self) -> None:
        looks = [control(HERE, 5), None, None, storage(HERE, 6), storage(HERE, 6, 1)]
        assert changed(control(HERE, 5), looks) == disk(HERE, 1)

    def test_that_no_look_saw_the_gap_of(self) -> None:
        assert changed(control(HERE, 5), [storage(HERE, 6, 1)]) == disk(HERE, 1)

    def test_is_waited_for(self, aside: Callable[..., Future[Disk]]) -> None:
        one = port(control(HERE, 5))
        waiting = aside(one.change_to_disk, 30.0, lambda: one.update(None))
        for look in (None, storage(HERE, 6), storage(HERE, 6, 1)):
            one.update(look)
        assert waiting.result(10) == disk(HERE, 1)

    def test_of_a_card_that_shows_without_a_new_enumeration(self) -> None:
        assert changed(storage(HERE, 5), [storage(HERE, 5, 1)]) == disk(HERE, 1)

    def test_of_the_tools_disk_into_the_footages(self) -> None:
        assert changed(storage(HERE, 5, 1), [None, storage(HERE, 6, 2)]) == disk(HERE, 2)

    def test_is_none_where_only_the_disk_from_before_is_there(self) -> None:
        with pytest.raises(RecorderMisbehaved, match="never became a disk"):
            changed(storage(HERE, 5, 1), [storage(HERE, 5, 1)])

    def test_leaves_the_contact_with_the_disk_until_the_next_change(self) -> None:
        one = port(control(HERE, 5))
        one.change_to_disk(30, lambda: feed(one, None, storage(HERE, 6, 1)))
        one.update(storage(HERE, 6, 1))
        assert not one.over.is_set()
        assert one.await_disk(1) == disk(HERE, 1)
        one.update(storage(HERE, 7, 2))
        assert one.over.is_set()

    @pytest.mark.parametrize(
        ("looks", "error", "words"),
        [
            pytest.param([control(HERE, 5)], RecorderMisbehaved, "never became a disk", id="never"),
            pytest.param([None, None], RecorderGone, "did not come back", id="gone"),
            pytest.param(
                [None, control(HERE, 6)],
                RecorderMisbehaved,
                r"came back as 4255:0001 \(vendor specific\) and not as a disk",
                id="control mode again",
            ),
            pytest.param(
                [None, Attached(HERE, usb(HERE, 6, PRINTER, vendor=0x03F0))],
                RecorderMisbehaved,
                r"came back as 03f0:0001 \(printer\)",
                id="something else",
            ),
            pytest.param(
                [None, adapter(HERE, 6, "ttyUSB0")],
                RecorderMisbehaved,
                r"came back as 0403:6001 \(communications\)",
                id="a serial adapter",
            ),
            pytest.param(
                [None, storage(HERE, 6), None, storage(HERE, 7, 1)],
                RecorderMisbehaved,
                "re-enumerated twice",
                id="twice",
            ),
            pytest.param(
                [storage(HERE, 6), storage(HERE, 7, 1)],
                RecorderMisbehaved,
                "re-enumerated twice",
                id="twice, and no look saw a gap",
            ),
            pytest.param([None, storage(HERE, 6), None], RecorderGone, "left again", id="left"),
            pytest.param(
                [None, storage(HERE, 6)], RecorderMisbehaved, "no disk within 30 s", id="no card"
            ),
        ],
    )
    def test_goes_wrong(self, looks: Looks, error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            changed(control(HERE, 5), looks)

    def test_that_the_recorder_refuses_is_no_change(self) -> None:
        one = port(control(HERE, 5))

        def refused() -> None:
            raise RecorderRefused("wrong password")

        with pytest.raises(RecorderRefused):
            one.change_to_disk(30, refused)
        one.update(control(HERE, 5))
        assert not one.over.is_set()
        one.update(None)
        assert one.over.is_set()

    def test_that_a_cut_answer_ends_is_over_when_nothing_comes_back(self) -> None:
        one = port(control(HERE, 5))

        def cut() -> None:
            one.update(None)
            raise RecorderGone("no answer")

        with pytest.raises(RecorderGone):
            one.change_to_disk(30, cut)
        one.update(None)
        assert one.over.is_set()

    def test_of_one_that_is_gone_tells_it_nothing(self) -> None:
        one = port(control(HERE, 5))
        one.update(None)
        told: list[int] = []
        with pytest.raises(RecorderGone):
            one.change_to_disk(30, lambda: told.append(1))
        assert told == []

    def test_ends_with_the_dock(self, aside: Callable[..., Future[Disk]]) -> None:
        one = port(control(HERE, 5))
        waiting = aside(one.change_to_disk, 30.0, lambda: one.update(None))
        one.end()
        with pytest.raises(RecorderGone):
            waiting.result(10)

    def test_that_fails_leaves_the_contact_until_the_next_change(self) -> None:
        one = port(control(HERE, 5), HandClock())
        with pytest.raises(RecorderMisbehaved):
            one.change_to_disk(30, lambda: feed(one, None, control(HERE, 6)))
        one.update(control(HERE, 6))
        assert not one.over.is_set()
        one.update(None)
        assert one.over.is_set()


class TestAPause:
    def test_ends_with_its_time(self) -> None:
        shows = storage(HERE, 5)
        port(shows, HandClock(tick=61)).pause(60, shows)

    def test_ends_when_something_shows(self, aside: Callable[..., Future[None]]) -> None:
        shows = storage(HERE, 5)
        one = port(shows)
        waiting = aside(one.pause, 600.0, shows)
        one.update(storage(HERE, 5, 1))
        waiting.result(10)

    def test_does_not_begin_when_something_showed_before(self) -> None:
        one = port(storage(HERE, 5))
        seen = one.now()
        one.update(storage(HERE, 5, 1))
        one.pause(600, seen)

    def test_ends_with_the_contact(self, aside: Callable[..., Future[None]]) -> None:
        shows = storage(HERE, 5)
        one = port(shows)
        waiting = aside(one.pause, 600.0, shows)
        one.end()
        waiting.result(10)


# Whatever a recorder does after its unlock.

addresses = st.integers(5, 8)
looks = st.one_of(
    st.none(),
    addresses.map(lambda address: control(HERE, address)),
    addresses.map(lambda address: storage(HERE, address)),
    addresses.map(lambda address: storage(HERE, address, 10 * address)),
    addresses.map(lambda address: Attached(HERE, usb(HERE, address, PRINTER))),
)


def enumerations(before: Attached, sequence: Looks) -> int:
    """How often something came, counted the plain way."""
    shown = [before.enumeration, *(look.enumeration if look else None for look in sequence)]
    return sum(1 for old, new in pairwise(shown) if new is not None and new != old)


@given(st.lists(looks, max_size=8))
def test_a_change_ends_in_its_own_disk_or_in_words(sequence: list[Attached | None]) -> None:
    before = control(HERE, 5)
    came = enumerations(before, sequence)
    last = sequence[-1] if sequence else before
    try:
        got = changed(before, sequence)
    except RecorderMisbehaved as error:
        misbehaved = str(error)
        assert "twice" in misbehaved if came > 1 else last is not None
    except RecorderGone:
        assert last is None
        assert came <= 1
    else:
        assert last is not None
        assert got in last.disks
        assert came <= 1


@given(st.lists(looks, max_size=8))
def test_a_contact_sees_one_docking_only(sequence: list[Attached | None]) -> None:
    """Without an expected change: what it sees is always what it began with, perhaps grown."""
    one = port(storage(HERE, 5))
    for look in sequence:
        one.update(look)
        if not one.over.is_set():
            assert one.now() == look
            assert look is not None
            assert look.enumeration == 5
    assert one.over.is_set() == any(
        (look is None or look.enumeration != 5)
        or (index > 0 and (old := sequence[index - 1]) is not None and old.disks and not look.disks)
        for index, look in enumerate(sequence)
    )


@given(st.lists(looks, max_size=8), st.booleans())
def test_no_wait_hangs(sequence: list[Attached | None], ends: bool) -> None:
    clock = HandClock()
    one = port(control(HERE, 5), clock)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(one.change_to_disk, 30.0, lambda: None)
        for look in sequence:
            one.update(look)
        clock.tick = 31.0
        one.end() if ends else one.update(sequence[-1] if sequence else None)
        assert isinstance(waiting.exception(10), RecorderGone | RecorderMisbehaved | None)
