"""How often and how long to try again.

`patiently` is for retries inside a process, `delay_before` for attempts whose next moment is
kept in the ledger and so outlives a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from agent.errors import BodydockError

T = TypeVar("T")


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, BodydockError) and error.retry


def patiently(
    call: Callable[[], T], *, tries: int, sleep: Callable[[float], None], longest: float = 60.0
) -> T:
    """Call until it works; only errors whose `retry` is true are worth another try.

    Waits between tries are random and grow up to `longest` seconds. The last error is raised
    as it came.
    """
    return Retrying(
        retry=retry_if_exception(_worth_it),
        stop=stop_after_attempt(tries),
        wait=wait_random_exponential(multiplier=0.2, max=longest),
        sleep=sleep,
        reraise=True,
    )(call)


def delay_before(attempt: int, *, random: Random, first: float, longest: float) -> float:
    """Seconds to wait before attempt number `attempt` (1 is the first repeat), with jitter.

    Doubles from `first` up to `longest` and keeps between half and all of it, so that a hundred
    docks that lost the same broker do not come back in the same second.
    """
    bound = min(longest, first * float(1 << min(attempt - 1, 30)))
    return bound * random.uniform(0.5, 1.0)
