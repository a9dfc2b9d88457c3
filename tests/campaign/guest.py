"""A real Linux kernel in QEMU, with nothing of ours in it: Debian's kernel, busybox and `usbip`.

The kernel's packages are fetched with `apt-get download` into a folder of the user's cache, once,
and unpacked there; nothing is installed. The guest sees the host's loopback as 10.0.2.2.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "usbip": "usbip",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
"""Program → Debian package."""

MODULES = (
    "e1000", "vhci-hcd", "usb-storage", "sd_mod", "vfat", "exfat", "nls_cp437", "nls_ascii",
    "nls_utf8",
)  # fmt: skip
FOLDERS = ("bin", "dev", "proc", "sys", "lib", "lib64", "mnt", "modules", "var", "var/run")
BOOT_SECONDS = 300
"""How long a boot with all its reading may take; emulated on a small machine it is slow."""

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in /modules/*; do insmod $module || echo "BODYDOCK broken $module"; done
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
sh /script
poweroff -f
"""


class NoGuest(OSError):
    """What is missing, in words."""


def missing() -> list[str]:
    """The Debian packages that this machine lacks."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return sorted({name for tool, name in NEEDED.items() if not shutil.which(tool, path=path)})


class Guest:
    """One kernel, unpacked below the user's cache."""

    def __init__(self) -> None:
        """Raises NoGuest where a program is missing or the kernel cannot be fetched."""
        if lacking := missing():
            raise NoGuest(f"install {' '.join(lacking)}")
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        self._root = cache / "bodydock" / "kernel"
        if not self._root.exists():
            _fetch_kernel(self._root)
        (self._kernel,) = (self._root / "boot").glob("vmlinuz-*")

    def run(self, script: str, folder: Path) -> Iterator[str]:
        """Boot, run the shell script, switch off: what the console says, line by line."""
        initial = folder / "initramfs"
        initial.write_bytes(_archive(self._files(script)))
        command = [
            "qemu-system-x86_64", "-accel", "tcg", "-m", "512",
            "-nographic", "-no-reboot", "-nic", "user,model=e1000",
            "-kernel", str(self._kernel), "-initrd", str(initial),
            "-append", "console=ttyS0 quiet panic=-1",
        ]  # fmt: skip
        with subprocess.Popen(
            ["timeout", str(BOOT_SECONDS), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as machine:
            try:
                yield from (line.strip() for line in machine.stdout or ())
            finally:
                machine.terminate()

    def _files(self, script: str) -> Iterator[tuple[str, int, bytes]]:
        """Path, mode, content."""
        for folder in FOLDERS:
            yield folder, 0o040755, b""
        yield "init", 0o100755, INIT.encode()
        yield "script", 0o100755, script.encode()
        yield "bin/busybox", 0o100755, _program("busybox").read_bytes()
        usbip = _program("usbip")
        yield "bin/usbip", 0o100755, usbip.read_bytes()
        for library in _libraries(usbip):
            yield f"lib/{library.name}", 0o100755, library.read_bytes()
            yield f"lib64/{library.name}", 0o100755, library.read_bytes()
        for place, module in enumerate(self._modules()):
            yield f"modules/{place:02}-{module.name}", 0o100644, module.read_bytes()

    def _modules(self) -> list[Path]:
        """The modules with what they depend on, in the order in which they load."""
        known = {path.stem.replace("-", "_"): path for path in self._root.rglob("*.ko")}
        ordered: dict[Path, None] = {}

        def load(name: str) -> None:
            path = known[name.replace("-", "_")]
            depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
            for other in depends[1].decode().split(",") if depends and depends[1] else ():
                load(other)
            ordered.setdefault(path)

        for name in MODULES:
            load(name)
        return list(ordered)


def _fetch_kernel(root: Path) -> None:
    """Into a folder beside it first, so that half a kernel is never taken for one."""
    half = root.with_name("fetching")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    told = _said("apt-cache", "depends", "linux-image-amd64", folder=half)
    found = re.search(r"Depends: (linux-image-\S+)", told)
    if found is None:
        raise NoGuest("apt-cache knows no linux-image-amd64; run apt-get update")
    _said("apt-get", "download", found[1], folder=half)
    (package,) = half.glob("linux-image-*.deb")
    _said("dpkg-deb", "-x", str(package), str(half), folder=half)
    package.unlink()
    half.rename(root)


def _said(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoGuest(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _program(name: str) -> Path:
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise NoGuest(f"no {name}")
    return Path(found).resolve()


def _libraries(program: Path) -> list[Path]:
    """What a program is linked against, its loader included."""
    told = _said("ldd", str(program), folder=program.parent)
    return [Path(each) for each in re.findall(r"(/\S+) \(0x", told)]


def _archive(files: Iterator[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive as the kernel reads it (Documentation/driver-api/early-userspace)."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)
