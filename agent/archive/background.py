"""Slow work beside the receiver's loop: one thread, so that jobs never meet each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from agent.errors import BodydockError

T = TypeVar("T")


class Background(Protocol):
    """Does `work` somewhere else; `then` gets its result, or its error, in the caller's thread."""

    def submit(self, work: Callable[[], T], then: Callable[[T | BodydockError], None]) -> None: ...


class Worker:
    """A `Background` with one thread. `wake` is called there whenever `finish` has work."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake = wake

    def submit(self, work: Callable[[], T], then: Callable[[T | BodydockError], None]) -> None:
        def finished(future: Future[T]) -> None:
            self._done.put(lambda: then(_error(future) or future.result()))
            self._wake()

        self._pool.submit(work).add_done_callback(finished)

    def finish(self) -> None:
        """Hand over what is done. An error that nobody raised on purpose ends the receiver here."""
        while True:
            try:
                hand_over = self._done.get_nowait()
            except Empty:
                return
            hand_over()

    def close(self) -> None:
        """Wait for the job under way; those behind it are left for the next run."""
        self._pool.shutdown(cancel_futures=True)


def _error(future: Future[T]) -> BodydockError | None:
    error = future.exception()
    return error if isinstance(error, BodydockError) else None
