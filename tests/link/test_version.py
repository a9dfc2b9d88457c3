"""Which version of MQTT is tried next, by what became of the connections before."""

from __future__ import annotations

import pytest

from agent.link.mqtt_version import Fate, Protocol, VersionChoice

UP, SILENT, WRONG, REFUSED, UNREACHED = (
    Fate.UP,
    Fate.SILENT,
    Fate.WRONG_VERSION,
    Fate.REFUSED,
    Fate.UNREACHED,
)


@pytest.mark.parametrize(
    ("fates", "tried"),
    [
        ([UP, UP], [5, 5, 5]),
        ([WRONG, UP, UP], [5, 4, 4, 4]),
        ([SILENT, UP, UP], [5, 4, 4, 4]),
        ([SILENT, SILENT, SILENT], [5, 4, 5, 4]),
        ([UNREACHED, REFUSED, UP], [5, 5, 5, 5]),
        ([UP, SILENT, SILENT], [5, 5, 5, 5]),
        ([UP, WRONG, UP], [5, 5, 4, 4]),
        ([SILENT, UP, SILENT, UP, SILENT], [5, 4, 4, 5, 5, 5]),
    ],
)
def test_auto(fates: list[Fate], tried: list[int]) -> None:
    choice = VersionChoice("auto")
    versions: list[int] = [choice.version]
    for fate in fates:
        choice.learn(fate)
        versions.append(choice.version)
    assert versions == tried


@pytest.mark.parametrize(("protocol", "version"), [("5", 5), ("3.1.1", 4)])
@pytest.mark.parametrize("fate", Fate)
def test_what_is_configured_stays(protocol: Protocol, version: int, fate: Fate) -> None:
    choice = VersionChoice(protocol)
    choice.learn(fate)
    assert choice.version == version
