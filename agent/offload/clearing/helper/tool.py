"""Take one name away on a copy, by a stock tool.

FAT: `mdel` of GNU mtools, which needs no privilege. exFAT: the kernel's own driver where it has
one, else `mount.exfat-fuse`, in a mount namespace of its own (see `mounted`); that needs the right
to mount. Neither is given the card.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from agent.errors import RecorderRefused
from agent.model import printable
from agent.offload.clearing.helper.copy import Copy
from agent.offload.clearing.helper.inventory import Item, Part

SECONDS = 60.0
_WILD = {letter: f"[{letter}]" for letter in "*?["}
_MOUNTED = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from agent.offload.clearing.helper.mounted import main; main(sys.argv[2:])"
)


def take_away(copy: Copy, part: Part, item: Item) -> None:
    """Raises `RecorderRefused` where the tool is not installed, or does not do it."""
    if part.kind == "fat":
        _mdel(copy, part, item)
    else:
        _unlink(copy, part, item)


def _mdel(copy: Copy, part: Part, item: Item) -> None:
    image = f"/proc/self/fd/{copy.descriptor}@@{part.start}"
    name = "".join(_WILD.get(letter, letter) for letter in item.path)
    _run(copy, "mdel", "-i", image, f"::/{name}")


def _unlink(copy: Copy, part: Part, item: Item) -> None:
    facts = (str(copy.descriptor), str(part.start), str(item.size))
    home = str(Path(__file__).resolve().parents[4])
    inner = (sys.executable, "-I", "-S", "-c", _MOUNTED, home, *facts, item.path)
    alone = ("unshare", "--mount", "--propagation", "private", "--kill-child", "--fork", "--")
    _run(copy, *alone, *inner)


def _run(copy: Copy, *command: str) -> None:
    environment = {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/nonexistent",
        "MTOOLSRC": "/dev/null",
        "MTOOLS_SKIP_CHECK": "1",
    }
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(copy.descriptor,),
            env=environment,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RecorderRefused(f"{command[0]} does not come to its end") from error
    except OSError as error:
        raise RecorderRefused(
            f"{command[0]} cannot be started ({error.strerror})",
            do="install mtools, and exfat-fuse where the kernel has no exFAT",
        ) from error
    if done.returncode:
        said = printable(done.stdout.decode(errors="replace").strip()[-300:])
        raise RecorderRefused(f"{command[0]} does not take it away: {said or done.returncode}")
