"""Run a program that ends when the one who started it does.

Called as a script, with the parent's process id and the command. The kernel sends SIGKILL when
the parent's thread that started us ends (PR_SET_PDEATHSIG, prctl(2)), and the setting survives
exec, so that the program has our process id and nobody has to watch it.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def leashed(command: Sequence[str]) -> list[str]:
    """`command` for subprocess, on a leash; start it from a thread that lives as long as it."""
    return [sys.executable, "-P", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):  # it ended before we asked
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - becoming the program is the point
