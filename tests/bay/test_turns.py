"""A cap on parallel pulls, in the order of coming, and the priority bay beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import pytest

from agent.bay.turns import Turns
from agent.errors import RecorderGone


class Bay:
    """One bay that pulls in a thread of its own, until it is let go."""

    def __init__(
        self, turns: Turns, threads: ThreadPoolExecutor, *, priority: bool = False
    ) -> None:
        self.waits, self.pulls = threading.Event(), threading.Event()
        self.done, self.over = threading.Event(), threading.Event()
        self._turns, self._priority = turns, priority
        self.future: Future[None] = threads.submit(self._run)

    def _run(self) -> None:
        with self._turns.taken(priority=self._priority, over=self.over, on_wait=self.waits.set):
            self.pulls.set()
            assert self.done.wait(10)

    def end(self) -> None:
        self.done.set()
        self.future.result(10)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def test_as_many_as_may_pull_at_once(threads: ThreadPoolExecutor) -> None:
    turns = Turns(2)
    pulling = [Bay(turns, threads) for _ in range(2)]
    assert all(bay.pulls.wait(10) for bay in pulling)
    late = Bay(turns, threads)
    assert late.waits.wait(10)
    assert not late.pulls.is_set()
    pulling[0].end()
    assert late.pulls.wait(10)
    assert not any(bay.waits.is_set() for bay in pulling)
    late.end()
    pulling[1].end()


def test_turns_come_in_the_order_of_coming(threads: ThreadPoolExecutor) -> None:
    turns = Turns(1)
    bays = [Bay(turns, threads)]
    assert bays[0].pulls.wait(10)
    for _ in range(3):
        bays.append(Bay(turns, threads))
        assert bays[-1].waits.wait(10)
    for before, after in pairwise(bays):
        assert not after.pulls.is_set()
        before.end()
        assert after.pulls.wait(10)
    bays[-1].end()


def test_the_priority_bay_does_not_wait_and_takes_nobodys_turn(
    threads: ThreadPoolExecutor,
) -> None:
    turns = Turns(1)
    first = Bay(turns, threads)
    assert first.pulls.wait(10)
    urgent = Bay(turns, threads, priority=True)
    assert urgent.pulls.wait(10)
    assert not urgent.waits.is_set()
    first.end()
    second = Bay(turns, threads)
    assert second.pulls.wait(10)
    second.end()
    urgent.end()


def test_an_unplugged_bay_gives_up_its_place(threads: ThreadPoolExecutor) -> None:
    turns = Turns(1)
    first = Bay(turns, threads)
    assert first.pulls.wait(10)
    gone = Bay(turns, threads)
    assert gone.waits.wait(10)
    late = Bay(turns, threads)
    assert late.waits.wait(10)
    gone.over.set()
    assert isinstance(gone.future.exception(10), RecorderGone)
    first.end()
    assert late.pulls.wait(10)
    late.end()


def test_a_pull_that_fails_gives_its_turn_back() -> None:
    turns = Turns(1)
    over = threading.Event()
    over.set()  # who had to wait would be told so

    def fail() -> None:
        with turns.taken(priority=False, over=over, on_wait=lambda: None):
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail()
