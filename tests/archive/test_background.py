"""Slow work's results come back in the caller's thread, and no error gets lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from agent.archive.background import Worker
from agent.errors import BodydockError, StoreBroken


def outcome_of(work: Callable[[], int]) -> int | BodydockError:
    woken = threading.Event()
    worker = Worker(woken.set)
    results: list[int | BodydockError] = []
    threads: list[int] = []

    def then(outcome: int | BodydockError) -> None:
        results.append(outcome)
        threads.append(threading.get_ident())

    worker.submit(work, then)
    assert woken.wait(5)
    try:
        worker.finish()
    finally:
        worker.close()
    assert threads == [threading.get_ident()]
    return results[0]


def test_a_result() -> None:
    assert outcome_of(lambda: 7) == 7


def test_an_error_of_ours_is_a_result() -> None:
    error = StoreBroken("the disk")

    def work() -> int:
        raise error

    assert outcome_of(work) is error


def test_an_error_that_nobody_foresaw_ends_the_receiver() -> None:
    with pytest.raises(ZeroDivisionError):
        outcome_of(lambda: 1 // 0)


def test_jobs_run_one_after_the_other_and_those_left_at_the_end_never() -> None:
    worker = Worker(lambda: None)
    go, began, ran = threading.Event(), threading.Event(), list[int]()

    def job(number: int) -> int:
        began.set()
        go.wait(5)
        ran.append(number)
        return number

    for number in range(3):
        worker.submit(lambda number=number: job(number), lambda _: None)  # type: ignore[misc]
    assert began.wait(5)
    closing = threading.Thread(target=worker.close)
    closing.start()
    go.set()
    closing.join(5)
    assert ran[:1] == [0]
    assert ran == sorted(ran)
