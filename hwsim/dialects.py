"""Every control dialect by the id of its profile, and the line that it is spoken over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from hwsim.control_mode import ControlMode, SerialControl, TcpControl, UsbControl
from hwsim.faces.ambarella_a import AmbarellaA
from hwsim.faces.ambarella_b import AmbarellaB
from hwsim.faces.at_serial import AtSerial
from hwsim.faces.bc_plus import BcPlus
from hwsim.faces.e12 import E12
from hwsim.faces.jieli import JieLi
from hwsim.faces.zfy import Function, ZfyBody
from hwsim.faces.zzx import Zzx
from hwsim.faults import Faults
from hwsim.ports.pty_port import SerialFace
from hwsim.usb import UsbFace


class Talker(Protocol):
    """What `hwsim.faces.zfy.Dialect` shows to tests, whatever it is plugged into."""

    recorder: ZfyBody
    faults: Faults
    dangers: list[str]
    asked: Counter[Function]


class UsbTalker(Talker, UsbFace, Protocol):
    """A dialect over USB."""


class LineTalker(Talker, SerialFace, Protocol):
    """A dialect over a serial line or a TCP connection."""


OVER_USB: dict[str, Callable[[ZfyBody, Faults], UsbTalker]] = {
    "ambarella-a": AmbarellaA,
    "ambarella-b": AmbarellaB,
    "bc-plus": BcPlus,
    "jieli": JieLi,
}
OVER_TCP: dict[str, Callable[[ZfyBody, Faults], LineTalker]] = {
    "android-e12": E12,
    "android-zzx": Zzx,
}
OVER_SERIAL: dict[str, Callable[[ZfyBody, Faults], LineTalker]] = {"at-serial": AtSerial}
DIALECTS = (*OVER_USB, *OVER_TCP, *OVER_SERIAL)

_PASSWORDS = {"ambarella-b": "12345678"}


def password_of(family: str) -> str:
    """The one that its maker prints in the manual."""
    return _PASSWORDS.get(family, "000000")


def control_mode(family: str, who: ZfyBody, faults: Faults) -> tuple[ControlMode, Talker]:
    """A recorder of a family in control mode, and the face behind it.

    Raises KeyError for a family without a dialect.
    """
    if family in OVER_USB:
        face = OVER_USB[family](who, faults)
        return UsbControl(face), face
    if family in OVER_TCP:
        line = OVER_TCP[family](who, faults)
        return TcpControl(line), line
    line = OVER_SERIAL[family](who, faults)
    return SerialControl(line), line
