"""`python -m agent.offload.clearing.helper`: a request on standard input, an answer on standard
output. Ends with 0 where it answered, 3 where it is not sure what became of the card, 4 where the
card is gone and nothing was written.
"""

from __future__ import annotations

import resource
import sys

from agent.errors import BodydockError, Malformed, RecorderGone, RecorderRefused
from agent.offload.clearing.helper.remove import remove
from agent.offload.clearing.helper.request import (
    REQUEST_LIMIT,
    Answer,
    read_request,
    write_answer,
)

CPU_SECONDS = 300
MEMORY = 1 << 30
DESCRIPTORS = 64
UNSURE, GONE = 3, 4


def main() -> int:
    """One removal; the exit code."""
    _confine()
    try:
        answer = remove(read_request(sys.stdin.read(REQUEST_LIMIT)))
    except (RecorderRefused, Malformed) as error:
        answer = Answer(refused=str(error))
    except RecorderGone as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent reads it
        return GONE
    except BodydockError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return UNSURE
    sys.stdout.write(write_answer(answer))
    sys.stdout.flush()
    return 0


def _confine() -> None:
    """Little memory, a limited time, no core that holds a card's bytes."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    sys.exit(main())
