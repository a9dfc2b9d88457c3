"""Each device or network library has one door into the house."""

from __future__ import annotations

import sys

from packaging.requirements import Requirement

from .tree import PROJECT, modules

DOORS = {
    "apprise": {"agent.health"},
    "iotcore": {"hwsim"},
    "libusb_package": {"agent.link"},
    "mfusepy": {"hwsim.ports"},
    "paho": {"agent.link"},
    "pyrage": {"agent.spool", "agent.archive"},
    "pytsk3": {"agent.link"},
    "pyudev": {"agent.link"},
    "serial": {"agent.link"},
    "sqlite_utils": {"agent.spool", "agent.archive"},
    "usb": {"agent.link", "hwsim.ports"},
}
"""Library → the rooms that may have one door to it each. hwsim.ports plugs in beneath pyusb,
which takes a module for each thing that can be plugged in."""

TOOLS = {"blake3", "click", "cryptography", "pydantic", "rich", "tenacity"}
"""Libraries that touch nothing outside the process; anybody may import them."""

MANY_DOORS = {"hwsim.ports"}

MODULE_OF = {
    "libusb-package": "libusb_package",
    "paho-mqtt": "paho",
    "pyserial": "serial",
    "pyusb": "usb",
    "sqlite-utils": "sqlite_utils",
}
"""Where the package in pyproject.toml has another name than the module."""


def importers(library: str) -> list[str]:
    return [m.name for m in modules("agent", "hwsim") if library in m.foreign()]


def in_room(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def test_each_device_or_network_library_is_imported_by_one_module_of_its_room() -> None:
    wrong: list[str] = []
    for library, rooms in DOORS.items():
        names = importers(library)
        wrong += [f"{n} imports {library}" for n in names if not any(in_room(n, r) for r in rooms)]
        for room in rooms - MANY_DOORS:
            doors = [name for name in names if in_room(name, room)]
            if len(doors) > 1:
                wrong.append(f"{library} has {len(doors)} doors: {', '.join(doors)}")
    assert wrong == []


def test_every_library_is_known_to_this_file_and_declared() -> None:
    ours = {"agent", "hwsim", "__future__"} | sys.stdlib_module_names
    used = set().union(*(m.foreign() for m in modules("agent", "hwsim"))) - ours
    assert used - DOORS.keys() - TOOLS == set(), "say here which module may import it"
    assert used - declared() == set(), "declare it in pyproject.toml"


def test_every_declared_library_is_used() -> None:
    used = set().union(*(m.foreign() for m in modules("agent", "hwsim")))
    assert declared() - used == set()


def declared() -> set[str]:
    """The modules of the run-time dependencies and the extras."""
    project = PROJECT["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    names = [Requirement(each).name for each in (*project["dependencies"], *extras)]
    return {MODULE_OF.get(name, name) for name in names}
