"""Every family docks: from plug to spooled clips, two-phase where the family is."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from agent.bay.status import Doing
from hwsim.dialects import DIALECTS
from hwsim.two_phase import (
    BACK_IN_CONTROL,
    NEVER_LEAVES,
    NEVER_RETURNS,
    SOMETHING_ELSE,
    TWICE_A_DISK,
    WITHOUT_MEDIUM,
    Script,
)

from .yard import FAMILIES, Yard, held, hurried, recorder

PORT = "1-1.2"


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_from_plug_to_spooled_clips(yard: Yard, family: str) -> None:
    body = recorder("BC00042"[:7], 70_001, 300_000, 0)
    one = yard.make(family, PORT, body)
    one.plug()
    status = yard.until_doing(PORT, Doing.READY)
    assert status.profile == family
    assert status.pulled == 3
    # A plain disk has no name but its volume's serial number.
    serial = "2026-0804" if family == "mass-storage" else body.serial
    assert status.recorder == serial
    assert yard.spooled() == held(body, serial)
    one.unplug()
    yard.until(lambda: yard.status(PORT) is None)


MISBEHAVIOURS: list[tuple[Script, str]] = [
    (NEVER_LEAVES, "never became a disk"),
    (NEVER_RETURNS, "did not come back"),
    (BACK_IN_CONTROL, "came back as"),
    (SOMETHING_ELSE, "came back as"),
    (WITHOUT_MEDIUM, "perhaps it has no card"),
]


@pytest.mark.parametrize(("script", "words"), MISBEHAVIOURS)
def test_what_goes_wrong_at_the_unlock_is_said_in_words(
    tmp_path: Path, script: Script, words: str
) -> None:
    """A clear state and an alert-worthy reason; the next bay is served meanwhile, and a replug
    begins anew."""
    with hurried(tmp_path, "ambarella-a") as yard:
        body = recorder("BC00042", 70_001)
        bad = yard.make("ambarella-a", PORT, body, script=quick(script))
        good = yard.make("ambarella-a", "1-1.3", recorder("BC00043", 80_000))
        bad.plug()
        good.plug()
        status = yard.until_doing(PORT, Doing.TROUBLE)
        assert words in status.trouble
        assert yard.until_doing("1-1.3", Doing.READY).pulled == 1
        bad.unplug()
        if script is not NEVER_RETURNS:  # nobody sees that one go: it stays shown as lost
            yard.until(lambda: yard.status(PORT) is None)
        again = yard.make("ambarella-a", PORT, body)
        again.plug()
        assert yard.until_doing(PORT, Doing.READY).pulled == 1


def test_what_came_back_as_something_else_keeps_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when the dock looks again, and finds what no profile knows."""
    with hurried(tmp_path, "ambarella-a") as yard:
        script = quick(SOMETHING_ELSE)
        yard.make("ambarella-a", PORT, recorder("BC00042", 1), script=script).plug()
        yard.until_doing(PORT, Doing.TROUBLE)
        yard.until(lambda: "no profile knows" in caplog.text)
        assert "came back as" in yard.until_doing(PORT, Doing.TROUBLE).trouble


def test_a_disk_that_leaves_and_comes_again_is_not_taken_for_an_unplugging_unseen(
    tmp_path: Path,
) -> None:
    """Once pulled, or in mid-pull: what comes again is another contact, and every clip is there."""
    with hurried(tmp_path, "ambarella-a") as yard:
        body = recorder("BC00042", *[200_000] * 8)
        one = yard.make("ambarella-a", PORT, body, script=quick(TWICE_A_DISK))
        one.plug()
        yard.until(lambda: not one.disk or one.disk.pending is None)
        yard.until_doing(PORT, Doing.READY)
        names = {name for _, name in yard.spooled()}
        assert names == {name for _, name in held(body)}


def test_two_recorders_with_the_same_ids_are_never_confused(yard: Yard) -> None:
    """Ambarella A and B have the same USB ids and dock side by side, leaving and coming at once."""
    ports = [f"1-1.{number}" for number in range(1, 5)]
    families = ["ambarella-a", "ambarella-b"] * 2
    bodies = [recorder(f"BC0005{number}", 60_000 + number, 5_000) for number in range(4)]
    for port, family, body in zip(ports, families, bodies, strict=True):
        yard.make(family, port, body).plug()
    for port, family, body in zip(ports, families, bodies, strict=True):
        status = yard.until_doing(port, Doing.READY)
        assert (status.recorder, status.profile) == (body.serial, family)
    expected: dict[tuple[str, str], bytes] = {}
    for body in bodies:
        expected |= held(body)
    assert yard.spooled() == expected


@pytest.mark.parametrize("family", DIALECTS)
def test_a_second_docking_reads_nothing_again_and_the_image_stays_as_it_was(
    yard: Yard, family: str
) -> None:
    body = recorder("BC00042", 70_001, 300_000)
    one = yard.make(family, PORT, body)
    one.plug()
    yard.until_doing(PORT, Doing.READY)
    assert one.disk is not None
    assert one.disk.image is not None
    before = sha256(one.disk.image.read_bytes()).hexdigest()
    one.unplug()
    yard.until(lambda: yard.status(PORT) is None)
    one.plug()
    status = yard.until_doing(PORT, Doing.READY)
    assert (status.pulled, status.known) == (0, 2)
    assert sha256(one.disk.image.read_bytes()).hexdigest() == before
    assert one.dialect is not None
    assert one.dialect.dangers == []


def quick(script: Script) -> Script:
    """The same steps, sooner."""
    return tuple((min(seconds, 0.1), show) for seconds, show in script)
