"""Two looks at one port: the same device, the same docking, or others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.bay.plugs import same_device, same_docking, shows_storage
from agent.link.attached import Attached

from .looks import adapter, control, disk, storage

HERE = "1-1"
USBLESS = Attached(HERE, None, (disk(HERE, 1),))

looks = st.one_of(
    st.integers(5, 6).map(lambda address: control(HERE, address)),
    st.builds(lambda a, s: storage(HERE, a, *s), st.integers(5, 6), st.sets(st.integers(1, 2))),
    st.sets(st.sampled_from(["ttyUSB0", "ttyUSB1"])).map(lambda names: adapter(HERE, 5, *names)),
    st.just(USBLESS),
)


def test_a_quick_replug_is_another_device() -> None:
    assert not same_device(storage(HERE, 5, 1), storage(HERE, 6, 1))


def test_another_card_is_the_same_device_and_another_docking() -> None:
    before, now = storage(HERE, 5, 1), storage(HERE, 5, 2)
    assert same_device(before, now)
    assert not same_docking(before, now)


def test_a_device_that_usb_shows_after_its_disk_is_the_same() -> None:
    assert same_docking(USBLESS, storage(HERE, 5, 1))
    assert not same_device(storage(HERE, 5, 1), USBLESS)


@given(looks, looks)
def test_a_docking_is_of_one_device_that_only_grows(before: Attached, now: Attached) -> None:
    assert same_docking(before, before)
    if same_docking(before, now):
        assert same_device(before, now)
        assert set(before.disks) <= set(now.disks)
        assert set(before.serials) <= set(now.serials)


def test_storage_says_so_before_its_disk_comes() -> None:
    assert shows_storage(storage(HERE, 5))
    assert shows_storage(USBLESS)
    assert not shows_storage(control(HERE, 5))
