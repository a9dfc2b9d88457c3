"""Unlink one file of an exFAT file system in memory, mounted where nobody else sees it.

Run in a mount namespace of its own, with a descriptor of the copy and nothing of the card. The
loop device goes with its last user (`LO_FLAGS_AUTOCLEAR`, Linux `include/uapi/linux/loop.h`), the
mount with the namespace: whenever this ends, nothing of it stays.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_LOOP_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR = 4
_SECTOR = 512
_CONFIG = struct.Struct("=II24xQ20xI240x")
"""`struct loop_config`: descriptor, block size, offset, flags."""
_TRIES = 20
_MOUNT_SECONDS = 20.0
_OPTIONS = "noexec,nosuid,nodev,sync"


class Failed(Exception):
    """The text says why; it goes to standard error."""


def main(arguments: list[str]) -> None:
    """`descriptor start file-size path`."""
    try:
        descriptor, start, length = map(int, arguments[:3])
        _remove(descriptor, start, length, arguments[3])
    except (Failed, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - the helper reads it
        sys.exit(1)


def _remove(descriptor: int, start: int, length: int, path: str) -> None:
    loop, node = _looped(descriptor, start)
    with tempfile.TemporaryDirectory(prefix="bodydock-") as folder:
        driver = _mounted(node, folder)
        try:
            _unlink(folder, path.split("/"), length)
        finally:
            subprocess.run(["umount", folder], check=False, stdin=subprocess.DEVNULL)
            if driver is not None:
                driver.wait(_MOUNT_SECONDS)
        if os.path.ismount(folder):
            raise Failed("the copy cannot be unmounted")
    os.fsync(loop)
    os.close(loop)
    os.fsync(descriptor)


def _looped(descriptor: int, start: int) -> tuple[int, str]:
    """A loop device over the file system in the copy, from its start to the copy's end."""
    config = _CONFIG.pack(descriptor, _SECTOR, start, _AUTOCLEAR)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_TRIES):
            node = f"/dev/loop{fcntl.ioctl(control, _LOOP_GET_FREE)}"
            loop = os.open(node, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(loop, _LOOP_CONFIGURE, config)
            except OSError:  # somebody else took it; the next
                os.close(loop)
                continue
            return loop, node
    finally:
        os.close(control)
    raise Failed("there is no free loop device")


def _mounted(node: str, folder: str) -> subprocess.Popen[bytes] | None:
    """Mount by the kernel's driver, or by the one for FUSE, of which the process is given."""
    if "exfat" in Path("/proc/filesystems").read_text("ascii").split():
        kernel = ["mount", "-t", "exfat", "-o", _OPTIONS, node, folder]
        subprocess.run(kernel, check=True, stdin=subprocess.DEVNULL)
        return None
    driver = subprocess.Popen(
        ["mount.exfat-fuse", "-d", "-o", "noexec,nosuid,nodev", node, folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + _MOUNT_SECONDS
    while not os.path.ismount(folder):
        if driver.poll() is not None or time.monotonic() > end:
            driver.kill()
            driver.wait()
            raise Failed("the copy cannot be mounted")
        time.sleep(0.002)
    return driver


def _unlink(root: str, steps: list[str], length: int) -> None:
    """By descriptors of folders, from the root, and never through a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(root, flags)
    try:
        for step in steps[:-1]:
            inner = os.open(step, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        facts = os.stat(steps[-1], dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != length:
            raise Failed("it is no file of that size")
        os.unlink(steps[-1], dir_fd=folder)
    finally:
        os.close(folder)
