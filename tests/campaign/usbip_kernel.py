"""A simulated disk on a real Linux kernel: vhci-hcd, usb-storage, sd, vfat and exfat read it.

Two disks are read whole, mounted read-only, and their files hashed; a third is unplugged at some
transfer while the kernel reads it; then the first is attached and read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from hwsim.body import Card, HeldClip, OnDisk
from hwsim.faces.bulk_only import BulkOnlyFace
from hwsim.faults import Faults, Unplug
from hwsim.images import Kind, make_image
from hwsim.ports.usb_memory import MemoryBus
from hwsim.ports.usbip_server import UsbipServer

from .guest import Guest
from .outcome import Run

MIB = 2**20
CUT = "1-1.4"

SCRIPT = """
say() {{ echo "BODYDOCK $*"; }}
attach() {{
    usbip --tcp-port {port} attach -r 10.0.2.2 -b $1 > /dev/null || say refused $1
    for try in $(seq 300); do
        disk=$(ls /sys/block | grep sd)
        [ -n "$disk" ] && [ "$(cat /sys/block/$disk/size)" != 0 ] && break
        sleep 0.1
    done
}}
detach() {{
    usbip detach -p 0 > /dev/null
    while ls /sys/block | grep -q sd; do sleep 0.1; done
}}
read_disk() {{
    attach $1
    say ro $1 $(cat /sys/block/$disk/ro)
    say disk $1 $(sha256sum < /dev/$disk)
    part=$(ls /sys/block/$disk | grep $disk)
    mount -t $2 -o ro /dev/$part /mnt || say unmountable $1
    cd /mnt
    find . -type f | sort | while read file; do say file $1 $(sha256sum $file); done
    cd /
    umount /mnt
    detach
}}
read_disk 1-1.2 vfat
read_disk 1-1.3 exfat
attach {cut}
dd if=/dev/$disk of=/dev/null bs=64k 2> /dev/null && say whole {cut}
while ls /sys/block | grep -q sd; do sleep 0.1; done
say gone {cut}
read_disk 1-1.2 vfat
say end
"""


def one_kernel(run: Run) -> None:
    random = Random(run.seed)
    kinds: dict[str, Kind] = {"1-1.2": "fat32", "1-1.3": "exfat", CUT: "fat16"}
    images = {port: _image(run.folder, port, kind, random) for port, kind in kinds.items()}
    cable = Faults(Unplug(at=random.randrange(60, 200)))
    bus = MemoryBus(live=True)
    faces = {
        port: BulkOnlyFace(OnDisk(image), cable if port == CUT else None)
        for port, (image, _) in images.items()
    }
    for port, face in faces.items():
        bus.plug(port, face)
    with UsbipServer(bus, tell=run.note) as server:
        script = SCRIPT.format(port=server.port, cut=CUT)
        heard = list(_heard(run, Guest().run(script, run.folder)))
    first, second = images["1-1.2"][1], images["1-1.3"][1]
    expected = [*first, *second, f"gone {CUT}", *first, "end"]
    run.must(heard == expected, f"the kernel said {heard}, not {expected}")
    run.must(cable.fired.total() == 1, "the cable was never pulled")
    run.must(not any(face.writes for face in faces.values()), "the kernel wrote")
    run.counts["disks"] += len(faces)
    run.counts["files"] += sum(line.startswith("file") for line in heard)


def _image(folder: Path, port: str, kind: Kind, random: Random) -> tuple[Path, list[str]]:
    """A card of a few clips, and what a kernel that reads it must say."""
    clips = {
        f"DCIM/100MEDIA/CLIP{n}.MP4": random.randbytes(random.randrange(4 * MIB)) for n in range(3)
    }
    card = Card(clips=[HeldClip(path, content=data) for path, data in clips.items()])
    image = make_image(folder / f"{port}.img", card, kind=kind)
    said = [f"ro {port} 1", f"disk {port} {_sha256(image.read_bytes())} -"]
    said += [f"file {port} {_sha256(data)} ./{path}" for path, data in clips.items()]
    return image, said


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _heard(run: Run, console: Iterator[str]) -> Iterator[str]:
    for line in console:
        run.note(line)
        if line.startswith("BODYDOCK "):
            yield line.removeprefix("BODYDOCK ")
